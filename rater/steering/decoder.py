"""Make the model that decoding runs on: the plain one, with faster parts where the CPU has them.

Decoding gives each row one token at a time, a shape for which PyTorch's usual CPU kernels are slow.
"""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

import copy
from typing import Any, Protocol

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.cache_utils import Cache
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from rater.steering.llama import LlamaStep
from rater.steering.products import quicken_linear_layers

_ATTENTION = "rater_one_token"


class DecodingStep(Protocol):
    """One step of decoding: runs a token of each row, and appends its keys and values to the cache."""

    def __call__(
        self,
        tokens: Int[Tensor, " row"],
        real: Bool[Tensor, "row pos"],
        positions: Int[Tensor, " row"],
        cache: Cache,
    ) -> Float[Tensor, "row d_vocab"]:
        """Give the logits; ``real`` tells which columns, with the new one, are tokens, and not padding."""


def make_step(plain: nn.Module) -> DecodingStep:
    """Make a step of decoding on a transformers model: our own for a plain Llama, else the decoder's."""
    if _is_slow(plain) and LlamaStep.suits(plain):
        return LlamaStep(plain)
    decoder = make_decoder(plain)

    def step(tokens: Tensor, real: Tensor, positions: Tensor, cache: Cache) -> Float[Tensor, "row d_vocab"]:
        made = decoder(
            input_ids=tokens[:, None],
            attention_mask=real.long(),
            position_ids=positions[:, None],
            past_key_values=cache,
            use_cache=True,
        )
        logits: Tensor = made.logits[:, -1]
        return logits.float()

    return step


def make_decoder(plain: nn.Module) -> nn.Module:
    """Copy the modules of a transformers model, not its weights, and exchange what is slow at a token a row.

    Only for models in float32 on the CPU, and only exact `nn.Linear` layers and PyTorch's own attention; any
    other model or part is used as it is. Results agree with the plain model's up to float arithmetic.
    """
    if not _is_slow(plain):
        return plain
    tensors = [*plain.parameters(), *plain.buffers()]
    decoder = copy.deepcopy(plain, {id(tensor): tensor for tensor in tensors})
    quicken_linear_layers(decoder)
    config: Any = decoder.config
    if config._attn_implementation == "sdpa":  # noqa: SLF001 (where transformers keeps it)
        config._attn_implementation = _ATTENTION  # noqa: SLF001 (as above)
    return decoder


def _is_slow(model: nn.Module) -> bool:
    parameter = next(model.parameters())
    return parameter.device.type == "cpu" and parameter.dtype == torch.float32


def attend(  # noqa: PLR0917 (transformers' signature)
    module: nn.Module,
    query: Float[Tensor, "row head new d_head"],
    key: Float[Tensor, "row kv_head pos d_head"],
    value: Float[Tensor, "row kv_head pos d_head"],
    attention_mask: Bool[Tensor, "row 1 new pos"] | None,
    scaling: float | None = None,
    **options: Any,
) -> tuple[Float[Tensor, "row new head d_head"], None]:
    """Attend from one new token of each row, as two batched products; anything else goes to PyTorch's kernel.

    Heads that share keys stand together as the rows of one product, so that the keys are not repeated.
    """
    n_rows, n_heads, n_new, d_head = query.shape
    is_masked_by_columns = attention_mask is None or attention_mask.dtype == torch.bool
    is_plain = all(options.get(name) is None for name in ("softcap", "position_bias", "cache"))
    if n_new != 1 or not is_masked_by_columns or not is_plain:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **options)
    n_keys = key.shape[1]
    scaled = query * (d_head**-0.5 if scaling is None else scaling)
    grouped = scaled.reshape(n_rows, n_keys, n_heads // n_keys, d_head)
    scores = grouped @ key.transpose(2, 3)  # [row, kv_head, head of it, pos]
    if attention_mask is not None:
        # Not infinity: a row that may attend to nothing, which is padding, would put NaN into the cache.
        scores.masked_fill_(~attention_mask, torch.finfo(scores.dtype).min)
    attended = scores.softmax(-1) @ value  # [row, kv_head, head of it, d_head]
    return attended.reshape(n_rows, 1, n_heads, d_head), None


AttentionInterface.register(_ATTENTION, attend)
AttentionMaskInterface.register(_ATTENTION, sdpa_mask)
