"""Decode a token a row on a plain Llama model, without what its modules do between the matrix products.

Measured with the embedded model and 60 rows, transformers' modules take a quarter of a step for work that is
not products: masks, copies, and some seventy small operations a block where twenty-five do.
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

from rater.steering.products import can_pack, pack

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
    """The weights of layers that are given the same input, packed below one another, and their biases."""

    packed: Tensor
    bias: Tensor | None


class _Turns(NamedTuple):
    """Rotary cosines and sines of the rows' positions, for queries and keys."""

    cos: Float[Tensor, "row head d_head"]
    sin: Float[Tensor, "row head half"]


class _Block(NamedTuple):
    attention_norm: modeling_llama.LlamaRMSNorm
    into_heads: _Weights
    out_of_heads: _Weights
    mlp_norm: modeling_llama.LlamaRMSNorm
    gate_and_up: _Weights
    down: _Weights


def is_plain_llama(model: nn.Module) -> bool:
    """Tell whether a model is a Llama in every part, with nothing hooked onto it or put in its place."""
    if type(model) is not modeling_llama.LlamaForCausalLM:
        return False
    config: Any = model.config
    return config._attn_implementation == "sdpa" and all(map(_is_plain, model.modules()))  # noqa: SLF001 (where transformers keeps it)


def _is_plain(module: nn.Module) -> bool:
    hooked = any(value for name, value in vars(module).items() if name.endswith("_hooks"))
    return type(module) in _KINDS and not hooked and "forward" not in vars(module)


class LlamaStep:
    """One step of decoding on a plain Llama model: its logits, up to float arithmetic.

    The weights are packed as `quicken_linear_layers` packs them, and kept but once for both.
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
    def suits(model: nn.Module) -> bool:
        """Tell whether a model is such a one, and its weights can be packed."""
        return is_plain_llama(model) and can_pack(model)

    def __call__(
        self,
        tokens: Int[Tensor, " row"],
        real: Bool[Tensor, "row pos"],
        positions: Int[Tensor, " row"],
        cache: Cache,
    ) -> Float[Tensor, "row d_vocab"]:
        """Run a token of each row, and append its keys and values to the cache.

        Args:
            tokens: the tokens.
            real: which columns of the cache, with the new one, are tokens, and not padding.
            positions: the tokens' positions.
            cache: of `RowLayer`, aligned at the right end.
        """
        residual = self._embedding(tokens)
        turns = self._turns(residual, positions)
        # Not infinity: a row that may attend to nothing, which is padding, would put NaN into the cache.
        barred = None
        if not bool(real.all()):
            barred = residual.new_zeros(real.shape).masked_fill_(~real, torch.finfo(residual.dtype).min)
            barred = barred[:, None, None, :]  # [row, kv_head, head of it, pos]
        for block, layer in zip(self._blocks, cache.layers, strict=True):
            made = _product(_normed(block.attention_norm, residual), block.into_heads)
            attended = self._attend(made, turns, barred, layer)
            residual = _added(attended, residual, block.out_of_heads)
            gate, up = _product(_normed(block.mlp_norm, residual), block.gate_and_up).chunk(2, -1)
            residual = _added(F.silu(gate).mul_(up), residual, block.down)
        return _product(_normed(self._norm, residual), self._head)

    def _turns(self, residual: Float[Tensor, "row d_model"], positions: Int[Tensor, " row"]) -> _Turns:
        """Give the positions' turns, with attention's scale in the queries'."""
        cos, sin = self._rotary(residual, positions[:, None])  # [row, 1, d_head]
        scale = residual.new_ones(self._n_heads + self._n_keys, 1)
        scale[: self._n_heads] = self._scaling
        return _Turns(cos * scale, sin[..., : self._d_head // 2] * scale)

    def _attend(
        self,
        made: Float[Tensor, "row d_qkv"],
        turns: _Turns,
        barred: Float[Tensor, "row 1 1 pos"] | None,
        layer: Any,
    ) -> Float[Tensor, "row d_heads"]:
        n_rows, half = len(made), self._d_head // 2
        heads = made.view(n_rows, -1, self._d_head)
        given = heads[:, : self._n_heads + self._n_keys]
        turned = given * turns.cos
        turned[..., :half].addcmul_(given[..., half:], turns.sin, value=-1)
        turned[..., half:].addcmul_(given[..., :half], turns.sin)
        keys, values = layer.update(
            turned[:, self._n_heads :, None], heads[:, self._n_heads + self._n_keys :, None]
        )
        # Heads that share keys stand together as the rows of one product, so that the keys are not repeated.
        grouped = turned[:, : self._n_heads].view(n_rows, self._n_keys, -1, self._d_head)
        scores = grouped @ keys.transpose(2, 3)  # [row, kv_head, head of it, pos]
        if barred is not None:
            scores += barred
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


def _normed(norm: modeling_llama.LlamaRMSNorm, residual: Float[Tensor, "row d"]) -> Float[Tensor, "row d"]:
    return F.rms_norm(residual, norm.weight.shape, norm.weight, norm.variance_epsilon)


def _product(given: Float[Tensor, "row d_in"], weights: _Weights) -> Float[Tensor, "row d_out"]:
    made: Tensor = torch.ops.mkldnn._linear_pointwise(given, *weights, "none", [], "")  # noqa: SLF001 (PyTorch's compiler's own)
    return made


def _added(
    given: Float[Tensor, "row d_in"], residual: Float[Tensor, "row d"], weights: _Weights
) -> Float[Tensor, "row d"]:
    """Add a product to the residual stream in the product's own pass over it."""
    made: Tensor = torch.ops.mkldnn._linear_pointwise.binary(given, residual, *weights, "add")  # noqa: SLF001 (as above)
    return made
