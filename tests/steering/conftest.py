import torch

# Two threads of a shared machine; more would only wait for each other.
torch.set_num_threads(min(2, torch.get_num_threads()))
