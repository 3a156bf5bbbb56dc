"""Fast linear layers for single-token decoding on the CPU: oneDNN kernels with packed weights.

Measured on two cores with the embedded model and 60 rows: the linear layers of a step take 134 ms with
PyTorch's own kernels, 123 ms with oneDNN, and 90 ms with packed weights and one product for layers that have
the same input.

The operators are those that PyTorch's compiler uses (`torch/_inductor/mkldnn_ir.py`). They are not a public
interface, so each use checks that they exist.
"""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.weak import WeakIdKeyDictionary

from rater.steering import cpu_decoding

# Attributes under which transformers' modules hold layers that have the same input.
_SIBLINGS = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))
# The number of rows that the packed layout is optimised for; any number of rows can use it.
_N_ROWS = 64


class _Packed(NamedTuple):
    """Weights in oneDNN's own layout, with the addresses and hashes of the weights that were packed."""

    source: tuple[tuple[int, int], ...]
    weights: Tensor


# Packed weights by the first of their sources: packing takes 0.2 s for a model of 135 million parameters.
_PACKED = WeakIdKeyDictionary()


def speed_up_linear_layers(model: nn.Module) -> None:
    """Make oneDNN compute each exact `nn.Linear` layer; changes the model in place.

    Does nothing if this build of PyTorch has no such operators.
    """
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return
    layers = _exact(model)
    packs = can_pack(model)
    if packs:
        for parent in model.modules():
            for names in _SIBLINGS:
                siblings = [getattr(parent, name, None) for name in names]
                _replace([layer for layer in siblings if type(layer) is nn.Linear], packs=True)
    for layer in layers:
        if type(layer) is nn.Linear:  # not replaced yet, together with its siblings
            _replace([layer], packs=packs)


def supports_dtype(dtype: str) -> bool:
    """Return whether this processor has instructions for products in a type, such as "bfloat16".

    Without them PyTorch does not use oneDNN: with the embedded model, float16 took four times as long as
    bfloat16 on a processor that has instructions for bfloat16 only. True for float32 and unknown types.
    """
    probe = {"bfloat16": "_is_mkldnn_bf16_supported", "float16": "_is_mkldnn_fp16_supported"}.get(dtype)
    supports = None if probe is None else getattr(torch.ops.mkldnn, probe, None)
    return supports is None or bool(supports())


def can_pack(model: nn.Module) -> bool:
    """Return whether PyTorch can pack weights, and the model's linear layers fit `MAX_PACKED_BYTES`."""
    n_bytes = sum(layer.weight.nbytes for layer in _exact(model))
    return (
        hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and hasattr(torch, "hash_tensor")  # since torch 2.9
        and n_bytes <= cpu_decoding.MAX_PACKED_BYTES
    )


def pack(layers: Sequence[nn.Linear]) -> tuple[Tensor, Tensor | None]:
    """Return the packed weights of layers, concatenated along the outputs, and their biases.

    The biases are None if no layer has one. Weights that were packed before are not packed again.
    """
    return _pack([layer.weight for layer in layers]), _join_biases(layers)


def _exact(model: nn.Module) -> list[nn.Linear]:
    return [module for module in model.modules() if type(module) is nn.Linear]


def _join_biases(layers: Sequence[nn.Linear]) -> Tensor | None:
    biases: Sequence[Tensor | None] = [
        layer.bias for layer in layers
    ]  # nn.Linear's annotation leaves out None
    if all(bias is None for bias in biases):
        return None
    each = [
        layer.weight.new_zeros(layer.out_features) if bias is None else bias
        for layer, bias in zip(layers, biases, strict=True)
    ]
    return torch.cat(each).detach()


def _replace(layers: Sequence[nn.Linear], *, packs: bool) -> None:
    """Change the class of the layers, which keeps their weights and hooks."""
    if not layers:
        return
    product = _Product(layers, packs=packs)
    for index, layer in enumerate(layers):
        layer.__class__ = _FastLinear
        assert isinstance(layer, _FastLinear)  # noqa: S101 (our own guarantee)
        layer.product, layer.index = product, index


class _FastLinear(nn.Linear):
    """A linear layer as a part of a product; with gradients enabled, an ordinary linear layer."""

    product: "_Product"
    index: int

    def forward(self, input: Float[Tensor, "*row d_in"]) -> Float[Tensor, "*row d_out"]:  # noqa: A002 (nn.Linear's)
        if torch.is_grad_enabled():
            return super().forward(input)
        return self.product.part(self.index, input)


class _Product:
    """The product of an input with the weights of one or more layers, which usually have the same input."""

    def __init__(self, layers: Sequence[nn.Linear], *, packs: bool) -> None:
        self._sizes = [layer.out_features for layer in layers]
        self._weights: Tensor = _pack([layer.weight for layer in layers]) if packs else layers[0].weight
        self._bias = _join_biases(layers)
        self._last: tuple[Tensor | None, Sequence[Tensor]] = (None, ())

    def part(self, index: int, input: Float[Tensor, "*row d_in"]) -> Float[Tensor, "*row d_out"]:  # noqa: A002 (nn.Linear's)
        """Return one layer's output, and keep the others' until the last one is requested."""
        last_input, parts = self._last
        if last_input is not input:
            output: Tensor = torch.ops.mkldnn._linear_pointwise(  # noqa: SLF001 (PyTorch's compiler's own)
                input, self._weights, self._bias, "none", [], ""
            )
            parts = (output,) if len(self._sizes) == 1 else torch.split(output, self._sizes, dim=-1)
        is_last = index == len(self._sizes) - 1
        self._last = (None, ()) if is_last else (input, parts)
        return parts[index]


def _pack(weights: Sequence[Tensor]) -> Tensor:
    """Return weights concatenated and packed, from the cache if they have not changed since."""
    source = tuple((weight.data_ptr(), _hash(weight)) for weight in weights)
    known: _Packed | None = _PACKED.get(weights[0])  # type: ignore[no-untyped-call] # torch is partly untyped
    if known is None or known.source != source:
        joined = (
            torch.cat([weight.detach() for weight in weights]) if len(weights) > 1 else weights[0].detach()
        )
        known = _Packed(source, torch.ops.mkldnn._reorder_linear_weight(joined, _N_ROWS))  # noqa: SLF001 (as above)
        _PACKED[weights[0]] = known
    return known.weights


def _hash(weight: Tensor) -> int:
    """Return a hash of a weight's bits: a model that was changed must not use weights packed before."""
    bits = weight.detach()
    n_together = 8 // bits.element_size()
    is_even = bits.shape[1] % n_together == 0 and bits.storage_offset() % n_together == 0
    hashed = torch.hash_tensor(
        bits.view(torch.int64) if is_even and bits.is_contiguous() else bits
    )  # in eight bytes it takes a third of the time
    return int(hashed.view(torch.int64))
