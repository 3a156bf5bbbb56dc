"""Tell a lack of memory from other failures, and say what a run will need of it."""

import torch

from rater.errors import ModelError

_SAYS_NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "STATUS_ALLOC_FAILED")
"""What PyTorch's RuntimeErrors say on Linux, Windows, Apple's GPUs, and where cuBLAS or cuDNN finds no room.

CUDA has an error of its own."""


def is_out_of_memory(error: RuntimeError | MemoryError) -> bool:
    """Tell whether an error says that memory ran out, on whatever device."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return any(words in str(error) for words in _SAYS_NO_MEMORY)


def no_memory(
    what: str, cure: str = "shorter prompts, fewer new tokens, a smaller model or another device"
) -> ModelError:
    """Say that memory does not suffice for the least that can be done, and what would help."""
    return ModelError(f"Memory does not suffice to {what}; use {cure}.")
