"""One-token decoding of plain Llama models, without the overhead of transformers' modules.

Measured with the embedded model and 60 rows, transformers' modules spend a quarter of a step on masks, copies
and some seventy small operations per block. Here a block is four products and four kernels.

Source of the computation: `transformers.models.llama.modeling_llama`.
"""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers.activations import SiLUActivation
from transformers.cache_utils import Cache
from transformers.models.llama import modeling_llama

from rater.steering.cpu_decoding import kernels
from rater.steering.cpu_decoding.packed_linear import can_pack, pack

_KINDS = frozenset(
    {
        modeling_llama.LlamaForCausalLM,
        modeling_llama.LlamaModel,
        modeling_llama.LlamaDecoderLayer,
        modeling_llama.LlamaAttention,
        modeling_llama.LlamaMLP,
        modeling_llama.LlamaRMSNorm,
        modeling_llama.LlamaRotaryEmbedding,
        nn.Embedding,
        nn.Linear,
        nn.ModuleList,
        SiLUActivation,
    }
)


class _Weights(NamedTuple):
    """The packed weights of layers with the same input, concatenated along the outputs, and their biases."""

    packed: Tensor
    bias: Tensor | None


class _Norm(NamedTuple):
    """The weight of a layer that normalises by the root mean square, and the number added to the square."""

    weight: Any
    epsilon: np.float32


class _Block(NamedTuple):
    qkv: _Weights
    attention_output: _Weights
    mlp_norm: _Norm
    gate_and_up: _Weights
    down: _Weights


class _Buffers:
    """Memory for the inputs of the products, which is used again in each block and each step.

    Allocating it anew takes longer than filling it. Each buffer is a tensor and an array that share memory.
    """

    def __init__(self, like: Float[Tensor, "row d_model"], d_heads: int, d_mlp: int) -> None:
        self.shape = like.shape
        self.normalised, self.attended, self.activated = (
            like.new_empty(len(like), size) for size in (like.shape[1], d_heads, d_mlp)
        )
        self.normalised_array, self.attended_array, self.activated_array = (
            kernels.view(each) for each in (self.normalised, self.attended, self.activated)
        )


def is_plain_llama(model: nn.Module) -> bool:
    """Return whether every module of a model is transformers' own Llama module, without hooks."""
    if type(model) is not modeling_llama.LlamaForCausalLM:
        return False
    config: Any = model.config
    return config._attn_implementation == "sdpa" and all(map(_is_plain, model.modules()))  # noqa: SLF001 (where transformers keeps it)


def _is_plain(module: nn.Module) -> bool:
    hooked = any(value for name, value in vars(module).items() if name.endswith("_hooks"))
    return type(module) in _KINDS and not hooked and "forward" not in vars(module)


class LlamaStep:
    """A step of decoding of a plain Llama model, which equals the model's own up to float arithmetic.

    In bfloat16 the products' inputs, the residual stream, keys and values are rounded, as the model's own
    are; the numbers between are not. It shares packed weights with `speed_up_linear_layers`.
    """

    def __init__(self, model: nn.Module) -> None:
        assert isinstance(model, modeling_llama.LlamaForCausalLM)  # noqa: S101 (our own guarantee)
        body: Any = model.model
        attention = body.layers[0].self_attn
        self._embedding: nn.Embedding = body.embed_tokens
        self._rotary: Any = body.rotary_emb
        # Of each block's input, and of the output layer's.
        self._norms = [_norm(each) for each in (*(layer.input_layernorm for layer in body.layers), body.norm)]
        self._head = _weights([model.lm_head])
        self._blocks = [_block(layer) for layer in body.layers]
        self._scaling = np.float32(attention.scaling)
        self._d_heads = int(attention.q_proj.out_features)
        self._d_mlp = int(body.layers[0].mlp.up_proj.out_features)
        self._buffers: _Buffers | None = None

    @staticmethod
    def supports(model: nn.Module) -> bool:
        """Return whether a model is a plain Llama whose weights can be packed."""
        return is_plain_llama(model) and can_pack(model)

    def __call__(
        self,
        tokens: Int[Tensor, " row"],
        real: Bool[Tensor, "row pos"],
        positions: Int[Tensor, " row"],
        cache: Cache,
    ) -> Float[Tensor, "row d_vocab"]:
        """Return the next tokens' logits, and append keys and values to the cache; see `DecodingStep`."""
        kernels.use_threads_of_torch()
        states = self._embedding(tokens)
        residual, buffers = kernels.view(states), self._room(states)
        cos, sin = (_halves(each) for each in self._rotary(states, positions[:, None]))
        rotation = (cos, sin, self._scaling)
        # Padding is on the left, so the columns of a row's tokens follow from their number.
        first = kernels.view(real.shape[1] - real.sum(1))
        normalised = buffers.normalised_array
        kernels.rms_norm(residual, self._norms[0], normalised)
        layers: Sequence[Any] = cache.layers  # each a RowLayer
        for block, next_norm, layer in zip(self._blocks, self._norms[1:], layers, strict=True):
            qkv = _linear(buffers.normalised, block.qkv)
            keys, values = layer.append_column()
            used = (kernels.view(keys), kernels.view(values), first, layer.n_used)
            kernels.attend(kernels.view(qkv), rotation, used, buffers.attended_array)
            change = _linear(buffers.attended, block.attention_output)
            # Addition fused into the product takes longer: measured with 60 rows, 3 % of generation.
            kernels.add_and_rms_norm(residual, kernels.view(change), block.mlp_norm, normalised)
            gate_and_up = _linear(buffers.normalised, block.gate_and_up)
            kernels.swiglu(kernels.view(gate_and_up), buffers.activated_array)
            change = _linear(buffers.activated, block.down)
            kernels.add_and_rms_norm(residual, kernels.view(change), next_norm, normalised)
        return _linear(buffers.normalised, self._head).float()

    def _room(self, residual: Float[Tensor, "row d_model"]) -> _Buffers:
        if self._buffers is None or self._buffers.shape != residual.shape:
            self._buffers = _Buffers(residual, self._d_heads, self._d_mlp)
        return self._buffers


def _halves(each: Float[Tensor, "row 1 d_head"]) -> Any:
    """Return cosines or sines of the rotary position embedding without their repetition."""
    return kernels.view(each[:, 0, : each.shape[-1] // 2].float().contiguous())


def _block(layer: Any) -> _Block:
    attention, mlp = layer.self_attn, layer.mlp
    return _Block(
        _weights([attention.q_proj, attention.k_proj, attention.v_proj]),
        _weights([attention.o_proj]),
        _norm(layer.post_attention_layernorm),
        _weights([mlp.gate_proj, mlp.up_proj]),
        _weights([mlp.down_proj]),
    )


def _weights(layers: Sequence[nn.Linear]) -> _Weights:
    return _Weights(*pack(layers))


def _norm(norm: modeling_llama.LlamaRMSNorm) -> _Norm:
    return _Norm(kernels.view(norm.weight.detach()), np.float32(norm.variance_epsilon))


def _linear(input: Float[Tensor, "row d_in"], weights: _Weights) -> Float[Tensor, "row d_out"]:  # noqa: A002 (torch's name)
    output: Tensor = torch.ops.mkldnn._linear_pointwise(input, *weights, "none", [], "")  # noqa: SLF001 (PyTorch's compiler's own)
    return output
