import copy

import pytest
import torch
from torch import Tensor, nn

from rater.steering import cpu_decoding
from rater.steering.cpu_decoding.packed_linear import speed_up_linear_layers


class Attention(nn.Module):
    """Three layers that transformers would name so, one of them without a bias, and one more."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj, self.k_proj = nn.Linear(16, 24), nn.Linear(16, 8, bias=False)
        self.v_proj, self.o_proj = nn.Linear(16, 8), nn.Linear(24, 16, bias=False)

    def forward(self, of: Tensor, other: Tensor) -> Tensor:
        mixed = self.k_proj(other) + self.v_proj(of)
        return torch.cat([self.o_proj(self.q_proj(of)), mixed, self.k_proj(of)], dim=-1)


def copied(model: Attention) -> Attention:
    """Copy the modules, and not the weights, as the decoder does."""
    return copy.deepcopy(model, {id(weight): weight for weight in model.parameters()})


@pytest.fixture
def attention() -> Attention:
    torch.manual_seed(0)
    return Attention()


@pytest.fixture
def inputs() -> tuple[Tensor, Tensor]:
    return torch.randn(5, 1, 16), torch.randn(5, 1, 16)


@pytest.mark.parametrize("max_bytes", [2**31, 0], ids=["packed", "not packed"])
@torch.no_grad()
def test_products_are_the_layers_own_whatever_the_order_and_the_inputs(
    max_bytes: int, attention: Attention, inputs: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu_decoding, "MAX_PACKED_BYTES", max_bytes)  # no model of such a size is at hand
    expected = [attention(*inputs), attention(inputs[0], inputs[0])]

    speed_up_linear_layers(attention)

    for before, now in zip(expected, [attention(*inputs), attention(inputs[0], inputs[0])], strict=True):
        assert torch.allclose(before, now, atol=1e-5)
    assert type(attention.q_proj) is not nn.Linear


@torch.no_grad()
def test_siblings_are_multiplied_once(attention: Attention, inputs: tuple[Tensor, Tensor]) -> None:
    speed_up_linear_layers(attention)

    with torch.profiler.profile() as profile:
        [layer(inputs[0]) for layer in (attention.q_proj, attention.k_proj, attention.v_proj)]

    counts = {event.key: event.count for event in profile.key_averages()}
    assert counts["mkldnn::_linear_pointwise"] == 1


@torch.no_grad()
def test_weights_that_were_changed_are_packed_anew(
    attention: Attention, inputs: tuple[Tensor, Tensor]
) -> None:
    first = copied(attention)
    speed_up_linear_layers(first)
    attention.q_proj.weight.data[3, 4] += 1  # through .data, of which PyTorch keeps no count

    second = copied(attention)
    speed_up_linear_layers(second)

    assert torch.allclose(second(*inputs), attention(*inputs), atol=1e-5)
    assert not torch.allclose(first(*inputs), attention(*inputs), atol=1e-5)


@torch.no_grad()
def test_hooks_on_a_layer_are_kept(attention: Attention, inputs: tuple[Tensor, Tensor]) -> None:
    attention.v_proj.register_forward_hook(lambda *_: torch.zeros(5, 1, 8))
    expected = attention(*inputs)

    speed_up_linear_layers(attention)

    assert torch.allclose(attention(*inputs), expected, atol=1e-5)
