"""Run prompts through a steered model once: the only place where additions touch it."""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge
from transformers.cache_utils import Cache

from rater.errors import ModelError
from rater.steering.additions import SteeringVector, resolve
from rater.steering.bridge import context_length, model_name, tokenize
from rater.steering.cache import empty_cache
from rater.study.arms import ActivationAddition, XVector


@dataclass(frozen=True, eq=False)
class Prefilled:
    """Prompts that have gone through the model: what decoding goes on from."""

    logits: Float[Tensor, "prompt d_vocab"]
    cache: Cache
    lengths: tuple[int, ...]


def next_token_logprobs(
    model: TransformerBridge,
    prompt: str,
    additions: Sequence[ActivationAddition | XVector] = (),
) -> Float[Tensor, " d_vocab"]:
    """Give the natural-log probability of each token after the prompt: a forward pass, and one per addition.

    Raises:
        ModelError: the prompt or an addition does not fit the model, or they do not fit each other.
    """
    vectors = resolve(model, additions)
    check_fits(model, prompt, vectors)
    return prefill(model, [tokenize(model, prompt)], [vectors]).logits[0].log_softmax(-1)


def check_fits(
    model: TransformerBridge,
    prompt: str,
    vectors: Sequence[SteeringVector] = (),
    *,
    max_new_tokens: int = 0,
    place: str = "The prompt",
) -> None:
    """Check that a prompt holds the additions made to it, and that the context holds prompt and completion.

    Args:
        model: the model that will continue the prompt.
        prompt: the text.
        vectors: what will be added to it.
        max_new_tokens: how many tokens may follow.
        place: where the prompt is declared, such as ``prompts[3]``, for error messages.

    Raises:
        ModelError: it does not.
    """
    if not prompt:
        msg = f"{place} is empty, but the model needs at least one character to go on from."
        raise ModelError(msg)
    length, context = len(tokenize(model, prompt)), context_length(model)
    if length + max_new_tokens > context:
        msg = (
            f"{place} is {length} tokens long and {max_new_tokens} are to follow, "
            f"but the context of {model_name(model)} is {context} tokens."
        )
        raise ModelError(msg)
    for vector in vectors:
        if len(vector) > length:
            msg = (
                f"{place} ({prompt!r}) is {length} tokens long with BOS, but an addition made to it is "
                f"{len(vector)}; use a longer prompt or a shorter addition."
            )
            raise ModelError(msg)


@torch.no_grad()
def prefill(
    model: TransformerBridge,
    prompts: Sequence[Sequence[int]],
    vectors: Sequence[Sequence[SteeringVector]],
) -> Prefilled:
    """Run prompts, each with its own additions, through the bridge in one forward pass.

    Shorter prompts are padded on the left; positions count from each prompt's own BOS, for attention as for
    the additions, so that padding changes nothing but the last bits of floating-point sums.

    Args:
        model: the bridge.
        prompts: token ids, BOS first.
        vectors: what is added to each prompt.
    """
    lengths = [len(prompt) for prompt in prompts]
    width = max(lengths)
    device = model.cfg.device
    pad = prompts[0][0]  # any token will do: no real token attends to it
    tokens = torch.tensor([[pad] * (width - len(prompt)) + list(prompt) for prompt in prompts], device=device)
    real = real_columns(lengths, width, tokens.device)
    cache = empty_cache()
    with model.hooks(fwd_hooks=_hooks(vectors, lengths, width)):
        logits, _ = model(
            tokens,
            return_type="logits_and_cache",
            attention_mask=real.long(),
            position_ids=(real.long().cumsum(-1) - 1).clamp(min=0),
            past_key_values=cache,
            **_last_logits_only(model),
        )
    return Prefilled(logits[:, -1].float(), cache, tuple(lengths))


def real_columns(lengths: Sequence[int], width: int, device: torch.device) -> Bool[Tensor, "row pos"]:
    """Tell, for rows aligned at the right end, which columns hold a token and which are padding."""
    n_real: Int[Tensor, "row 1"] = torch.tensor(lengths, device=device)[:, None]
    return torch.arange(width, device=device) >= width - n_real


def _hooks(
    vectors: Sequence[Sequence[SteeringVector]], lengths: Sequence[int], width: int
) -> list[tuple[str, Callable[..., Tensor]]]:
    """Make one hook for each hook point, adding to every row what its own arm adds there."""
    shifts: dict[str, Tensor] = {}
    for row, (row_vectors, length) in enumerate(zip(vectors, lengths, strict=True)):
        for vector in row_vectors:
            n_pos, d_model = vector.activations.shape
            shift = shifts.setdefault(
                vector.hook_point, vector.activations.new_zeros(len(vectors), width, d_model)
            )
            bos = width - length
            shift[row, bos : bos + n_pos] += vector.activations
    return [(hook_point, _adding(shift)) for hook_point, shift in shifts.items()]


def _adding(shift: Float[Tensor, "row pos d_model"]) -> Callable[..., Tensor]:
    def add(activations: Tensor, hook: object) -> Tensor:  # noqa: ARG001 (transformer_lens passes it by name)
        # Not in place: at layer 0 the residual stream is the embedding's own output, which may be shared.
        return activations + shift.to(activations)

    return add


def _last_logits_only(model: TransformerBridge) -> dict[str, int]:
    # Logits of every position of a long prompt would take more memory than the model.
    accepted = inspect.signature(model.original_model.forward).parameters
    return {"logits_to_keep": 1} if "logits_to_keep" in accepted else {}
