"""Make a model's matrix products quick at a token a row, through oneDNN on the CPU.

Measured on two cores with the embedded model and 60 rows: the linear layers of a step take 134 ms as PyTorch
computes them by itself, 123 through oneDNN, and 90 with packed weights and one product for layers that are
given the same input.
"""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.weak import WeakIdKeyDictionary

_SIBLINGS = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))
"""Names under which transformers keeps layers side by side that are given the same input."""
_MOST_PACKED_BYTES = 2 * 2**30
"""Packed weights are a copy; where it would be larger than this, the weights are read as they stand."""
_N_ROWS = 64
"""The number of rows that the packed layout is chosen for; any number runs on it."""


class _Packed(NamedTuple):
    """Weights in oneDNN's own layout, and what they were packed from."""

    mark: tuple[tuple[int, int], ...]
    weights: Tensor


_PACKED = WeakIdKeyDictionary()
"""What was packed, by the first of its weights: packing takes 0.2 s for a model of 135 million parameters."""


def quicken_linear_layers(model: nn.Module) -> None:
    """Let oneDNN compute each exact `nn.Linear` layer. CAUTION: mutates model.

    Nothing changes where PyTorch comes without these operators, which are its own business and not on every
    platform.
    """
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return
    layers = _exact(model)
    packs = can_pack(model)
    if packs:
        for parent in model.modules():
            for names in _SIBLINGS:
                siblings = [getattr(parent, name, None) for name in names]
                _exchange([layer for layer in siblings if type(layer) is nn.Linear], packs=True)
    for layer in layers:
        if type(layer) is nn.Linear:  # it has not found its siblings
            _exchange([layer], packs=packs)


def is_quick_in(dtype: str) -> bool:
    """Tell whether this processor computes products in a type about as fast as in float32.

    Where it does not, PyTorch goes without oneDNN: with the embedded model, float16 took four times as
    long as bfloat16 on a processor that has instructions for the latter only.
    """
    asked = {"bfloat16": "_is_mkldnn_bf16_supported", "float16": "_is_mkldnn_fp16_supported"}.get(dtype)
    supports = None if asked is None else getattr(torch.ops.mkldnn, asked, None)
    return supports is None or bool(supports())


def can_pack(model: nn.Module) -> bool:
    """Tell whether PyTorch comes with what packs weights, and the model's are not too large for a copy."""
    n_bytes = sum(layer.weight.nbytes for layer in _exact(model))
    return (
        hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and hasattr(torch, "hash_tensor")  # which came with torch 2.9
        and n_bytes <= _MOST_PACKED_BYTES
    )


def pack(layers: Sequence[nn.Linear]) -> tuple[Tensor, Tensor | None]:
    """Pack the weights of layers below one another, and join their biases; None where no layer has one.

    What was packed of the same weights before is given again.
    """
    return _pack([layer.weight for layer in layers]), _join_biases(layers)


def _exact(model: nn.Module) -> list[nn.Linear]:
    return [module for module in model.modules() if type(module) is nn.Linear]


def _join_biases(layers: Sequence[nn.Linear]) -> Tensor | None:
    biases: Sequence[Tensor | None] = [layer.bias for layer in layers]  # nn.Linear's own type knows no None
    if all(bias is None for bias in biases):
        return None
    each = [
        torch.zeros(layer.out_features) if bias is None else bias
        for layer, bias in zip(layers, biases, strict=True)
    ]
    return torch.cat(each).detach()


def _exchange(layers: Sequence[nn.Linear], *, packs: bool) -> None:
    """Exchange the layers' class, so that their weights and hooks stay what they are."""
    if not layers:
        return
    product = _Product(layers, packs=packs)
    for index, layer in enumerate(layers):
        layer.__class__ = _QuickLinear
        assert isinstance(layer, _QuickLinear)  # noqa: S101 (our own guarantee)
        layer.product, layer.index = product, index


class _QuickLinear(nn.Linear):
    """A linear layer as a part of a product; where gradients are asked for, one like any other."""

    product: "_Product"
    index: int

    def forward(self, input: Float[Tensor, "*row d_in"]) -> Float[Tensor, "*row d_out"]:  # noqa: A002 (nn.Linear's)
        if torch.is_grad_enabled():
            return super().forward(input)
        return self.product.part(self.index, input)


class _Product:
    """The product of an input with the weights of one or more layers, which are mostly given the same one."""

    def __init__(self, layers: Sequence[nn.Linear], *, packs: bool) -> None:
        self._sizes = [layer.out_features for layer in layers]
        self._weights: Tensor = _pack([layer.weight for layer in layers]) if packs else layers[0].weight
        self._bias = _join_biases(layers)
        self._kept: tuple[Tensor | None, Sequence[Tensor]] = (None, ())

    def part(self, index: int, given: Float[Tensor, "*row d_in"]) -> Float[Tensor, "*row d_out"]:
        """Give one layer's part, and keep the others' until the last or another input is asked for."""
        of, parts = self._kept
        if of is not given:
            made: Tensor = torch.ops.mkldnn._linear_pointwise(  # noqa: SLF001 (PyTorch's compiler's own)
                given, self._weights, self._bias, "none", [], ""
            )
            parts = (made,) if len(self._sizes) == 1 else torch.split(made, self._sizes, dim=-1)
        is_last = index == len(self._sizes) - 1
        self._kept = (None, ()) if is_last else (given, parts)
        return parts[index]


def _pack(weights: Sequence[Tensor]) -> Tensor:
    """Pack weights below one another, or give what was packed of them before if they are the same since."""
    mark = tuple((weight.data_ptr(), _hash(weight)) for weight in weights)
    known: _Packed | None = _PACKED.get(weights[0])  # type: ignore[no-untyped-call] # torch is partly untyped
    if known is None or known.mark != mark:
        joined = (
            torch.cat([weight.detach() for weight in weights]) if len(weights) > 1 else weights[0].detach()
        )
        known = _Packed(mark, torch.ops.mkldnn._reorder_linear_weight(joined, _N_ROWS))  # noqa: SLF001 (as above)
        _PACKED[weights[0]] = known
    return known.weights


def _hash(weight: Tensor) -> int:
    """Hash a weight's bits: a changed model must not go on with what was packed of it before."""
    bits = weight.detach()
    in_pairs = bits.is_contiguous() and bits.shape[1] % 2 == 0 and bits.storage_offset() % 2 == 0
    hashed = torch.hash_tensor(bits.view(torch.int64) if in_pairs else bits)  # in pairs it takes a third
    return int(hashed.view(torch.int64))
