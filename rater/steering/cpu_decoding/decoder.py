"""Decoders of transformers models: the plain model, with faster parts where the CPU has them."""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

import copy
from functools import cached_property
from typing import Any, Protocol

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.cache_utils import Cache
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from rater.steering.cpu_decoding.packed_linear import speed_up_linear_layers, supports_dtype

_ATTENTION = "rater_one_token"


class DecodingStep(Protocol):
    """A step of decoding: computes one token of each row, and appends its keys and values to the cache."""

    def __call__(
        self,
        tokens: Int[Tensor, " row"],
        real: Bool[Tensor, "row pos"],
        positions: Int[Tensor, " row"],
        cache: Cache,
    ) -> Float[Tensor, "row d_vocab"]:
        """Return the logits of the next tokens.

        Args:
            tokens: The tokens.
            real: True for the columns of the cache, including the new one, that are tokens and not padding.
            positions: The tokens' positions.
            cache: Keys and values so far, aligned at the right end; changed in place.
        """


class FastDecoder:
    """A transformers model with faster parts; results agree with the plain model's up to float arithmetic.

    Both parts are made when they are first needed, since each packs the weights (0.2 s for 135 million
    parameters; the second finds them packed).
    """

    def __init__(self, plain: nn.Module) -> None:
        self._plain = plain

    @cached_property
    def module(self) -> nn.Module:
        """A copy of the model's modules that shares its weights, with faster linear layers and attention.

        Only exact `nn.Linear` layers and PyTorch's own attention are replaced, and only of float32 models on
        the CPU. Any other model is returned as it is.
        """
        if not _is_on_cpu(self._plain, torch.float32):
            return self._plain
        tensors = [*self._plain.parameters(), *self._plain.buffers()]
        module = copy.deepcopy(self._plain, {id(tensor): tensor for tensor in tensors})
        speed_up_linear_layers(module)
        config: Any = module.config
        if config._attn_implementation == "sdpa":  # noqa: SLF001 (where transformers keeps it)
            config._attn_implementation = _ATTENTION  # noqa: SLF001 (as above)
        return module

    @cached_property
    def step(self) -> DecodingStep:
        """A step of decoding: without transformers' modules for a plain Llama, with them for other models.

        Also in bfloat16, if the processor has instructions for it.
        """
        # Imported here, since it imports numba: vLLM 0.32 on a CPU does not start in a process that has it.
        from rater.steering.cpu_decoding.llama import LlamaStep  # noqa: PLC0415 (as above)

        dtypes = [torch.float32, *([torch.bfloat16] if supports_dtype("bfloat16") else [])]
        if _is_on_cpu(self._plain, *dtypes) and LlamaStep.supports(self._plain):
            return LlamaStep(self._plain)
        return _module_step(self.module)


def fast_decoder(plain: nn.Module) -> FastDecoder:
    """Return the decoder of a transformers model. Costs nothing until one of its parts is used."""
    return FastDecoder(plain)


def _module_step(module: nn.Module) -> DecodingStep:
    def step(tokens: Tensor, real: Tensor, positions: Tensor, cache: Cache) -> Float[Tensor, "row d_vocab"]:
        output = module(
            input_ids=tokens[:, None],
            attention_mask=real.long(),
            position_ids=positions[:, None],
            past_key_values=cache,
            use_cache=True,
        )
        logits: Tensor = output.logits[:, -1]
        return logits.float()

    return step


def _is_on_cpu(model: nn.Module, *dtypes: torch.dtype) -> bool:
    """Return whether all parameters are on the CPU, and of the same one of some types."""
    found = {(parameter.device.type, parameter.dtype) for parameter in model.parameters()}
    return len(found) == 1 and found <= {("cpu", dtype) for dtype in dtypes}


def attend(  # noqa: PLR0917 (transformers' signature)
    module: nn.Module,
    query: Float[Tensor, "row head new d_head"],
    key: Float[Tensor, "row kv_head pos d_head"],
    value: Float[Tensor, "row kv_head pos d_head"],
    attention_mask: Bool[Tensor, "row 1 new pos"] | None,
    scaling: float | None = None,
    **options: Any,
) -> tuple[Float[Tensor, "row new head d_head"], None]:
    """Compute the attention of one new token of each row as two batched products.

    Several new tokens, other masks and other options go to PyTorch's own kernel. Heads that share keys are
    rows of one product, so that the keys are not repeated.
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
        # Not infinity: for padding rows, which attend to nothing, softmax would put NaN into the cache.
        scores.masked_fill_(~attention_mask, torch.finfo(scores.dtype).min)
    attended = scores.softmax(-1) @ value  # [row, kv_head, head of it, d_head]
    return attended.reshape(n_rows, 1, n_heads, d_head), None


AttentionInterface.register(_ATTENTION, attend)
AttentionMaskInterface.register(_ATTENTION, sdpa_mask)
