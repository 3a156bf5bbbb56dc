"""One-token decoding of plain Llama models, without the overhead of transformers' modules.

Measured with the embedded model and 60 rows, transformers' modules spend a quarter of a step on masks, copies
and some seventy small operations per block. Twenty-five are enough.

Source of the computation: `transformers.models.llama.modeling_llama`.
"""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 (the name PyTorch's own documentation uses)
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers.activations import SiLUActivation
from transformers.cache_utils import Cache
from transformers.models.llama import modeling_llama

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


class _Rotation(NamedTuple):
    """Cosines and sines of the rotary position embedding at the rows' positions, for queries and keys."""

    cos: Float[Tensor, "row head d_head"]
    sin: Float[Tensor, "row head half"]


class _Block(NamedTuple):
    attention_norm: modeling_llama.LlamaRMSNorm
    qkv: _Weights
    attention_output: _Weights
    mlp_norm: modeling_llama.LlamaRMSNorm
    gate_and_up: _Weights
    down: _Weights


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

    It shares packed weights with `speed_up_linear_layers`.
    """

    def __init__(self, model: nn.Module) -> None:
        assert isinstance(model, modeling_llama.LlamaForCausalLM)  # noqa: S101 (our own guarantee)
        body: Any = model.model
        attention = body.layers[0].self_attn
        self._embedding: nn.Embedding = body.embed_tokens
        self._rotary: nn.Module = body.rotary_emb
        self._norm: modeling_llama.LlamaRMSNorm = body.norm
        self._head = _weights([model.lm_head])
        self._blocks = [_block(layer) for layer in body.layers]
        self._d_head, self._scaling = int(attention.head_dim), float(attention.scaling)
        self._n_keys = int(attention.k_proj.out_features) // self._d_head
        self._n_heads = int(attention.q_proj.out_features) // self._d_head

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
        residual = self._embedding(tokens)
        rotation = self._rotation(residual, positions)
        # Not infinity: for padding rows, which attend to nothing, softmax would put NaN into the cache.
        masked = None
        if not bool(real.all()):
            masked = residual.new_zeros(real.shape).masked_fill_(~real, torch.finfo(residual.dtype).min)
            masked = masked[:, None, None, :]  # [row, kv_head, head of it, pos]
        for block, layer in zip(self._blocks, cache.layers, strict=True):
            qkv = _linear(_normalise(block.attention_norm, residual), block.qkv)
            attended = self._attend(qkv, rotation, masked, layer)
            residual = _linear_add(attended, residual, block.attention_output)
            gate, up = _linear(_normalise(block.mlp_norm, residual), block.gate_and_up).chunk(2, -1)
            residual = _linear_add(F.silu(gate).mul_(up), residual, block.down)
        return _linear(_normalise(self._norm, residual), self._head)

    def _rotation(self, residual: Float[Tensor, "row d_model"], positions: Int[Tensor, " row"]) -> _Rotation:
        """Return the rotation at these positions; the queries' includes the scale of the attention scores."""
        cos, sin = self._rotary(residual, positions[:, None])  # [row, 1, d_head]
        scale = residual.new_ones(self._n_heads + self._n_keys, 1)
        scale[: self._n_heads] = self._scaling
        return _Rotation(cos * scale, sin[..., : self._d_head // 2] * scale)

    def _attend(
        self,
        qkv: Float[Tensor, "row d_qkv"],
        rotation: _Rotation,
        masked: Float[Tensor, "row 1 1 pos"] | None,
        layer: Any,
    ) -> Float[Tensor, "row d_heads"]:
        n_rows, half = len(qkv), self._d_head // 2
        heads = qkv.view(n_rows, -1, self._d_head)
        queries_and_keys = heads[:, : self._n_heads + self._n_keys]
        # Llama rotates pairs (x[i], x[i + half]): x[i] cos - x[i + half] sin, and x[i + half] cos + x[i] sin.
        rotated = queries_and_keys * rotation.cos
        rotated[..., :half].addcmul_(queries_and_keys[..., half:], rotation.sin, value=-1)
        rotated[..., half:].addcmul_(queries_and_keys[..., :half], rotation.sin)
        keys, values = layer.update(
            rotated[:, self._n_heads :, None], heads[:, self._n_heads + self._n_keys :, None]
        )
        # Heads that share keys are rows of one product, so that the keys are not repeated.
        grouped = rotated[:, : self._n_heads].view(n_rows, self._n_keys, -1, self._d_head)
        scores = grouped @ keys.transpose(2, 3)  # [row, kv_head, head of it, pos]
        if masked is not None:
            scores += masked
        attended: Tensor = scores.softmax(-1) @ values  # [row, kv_head, head of it, d_head]
        return attended.view(n_rows, -1)


def _block(layer: Any) -> _Block:
    attention, mlp = layer.self_attn, layer.mlp
    return _Block(
        layer.input_layernorm,
        _weights([attention.q_proj, attention.k_proj, attention.v_proj]),
        _weights([attention.o_proj]),
        layer.post_attention_layernorm,
        _weights([mlp.gate_proj, mlp.up_proj]),
        _weights([mlp.down_proj]),
    )


def _weights(layers: Sequence[nn.Linear]) -> _Weights:
    return _Weights(*pack(layers))


def _normalise(norm: modeling_llama.LlamaRMSNorm, residual: Float[Tensor, "row d"]) -> Float[Tensor, "row d"]:
    return F.rms_norm(residual, norm.weight.shape, norm.weight, norm.variance_epsilon)


def _linear(input: Float[Tensor, "row d_in"], weights: _Weights) -> Float[Tensor, "row d_out"]:  # noqa: A002 (torch's name)
    output: Tensor = torch.ops.mkldnn._linear_pointwise(input, *weights, "none", [], "")  # noqa: SLF001 (PyTorch's compiler's own)
    return output


def _linear_add(
    input: Float[Tensor, "row d_in"],  # noqa: A002 (torch's name)
    residual: Float[Tensor, "row d"],
    weights: _Weights,
) -> Float[Tensor, "row d"]:
    """Return the residual plus a linear layer, fused into one kernel."""
    output: Tensor = torch.ops.mkldnn._linear_pointwise.binary(input, residual, *weights, "add")  # noqa: SLF001 (as above)
    return output
