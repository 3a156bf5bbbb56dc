import pytest
import torch
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from rater.steering.activations import read_activations
from rater.steering.bridge import tokenize

pytestmark = pytest.mark.model


def test_reading_runs_no_block_behind_its_hook_point_and_leaves_the_model_as_it_was(
    embedded_model: TransformerBridge,
) -> None:
    tokens = tokenize(embedded_model, "I hate you")
    there, behind = list[Tensor](), list[Tensor]()
    hooks = [
        ("blocks.6.hook_resid_pre", lambda activations, hook: there.append(activations)),  # noqa: ARG005 (passed by name)
        ("blocks.7.hook_resid_pre", lambda activations, hook: behind.append(activations)),  # noqa: ARG005 (as above)
    ]

    with embedded_model.hooks(fwd_hooks=hooks):
        read = read_activations(embedded_model, tokens, "blocks.6.hook_resid_pre")
        n_passed = [len(there), len(behind)]
        embedded_model(torch.tensor([tokens]), return_type=None)

    assert n_passed == [1, 0]
    assert [len(there), len(behind)] == [2, 1]
    assert torch.equal(read, there[1][0])
