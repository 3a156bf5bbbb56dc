"""Run prompts through a steered model once (prefill), with their additions."""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge
from transformers.cache_utils import Cache

from rater.errors import ModelError, listed
from rater.steering.activations import last_logits_only
from rater.steering.additions import resolve
from rater.steering.bridge import context_length, model_name, tokenize
from rater.steering.cache import empty_cache
from rater.steering.pairs import check_tokens
from rater.steering.positions import Window, adding, require_fit
from rater.steering.vectors import SteeringVector
from rater.study.additions import AnyAddition


@dataclass(frozen=True, eq=False)
class Prefilled:
    """Prompts that were run through the model: the state from which decoding continues."""

    logits: Float[Tensor, "prompt d_vocab"]
    cache: Cache
    lengths: tuple[int, ...]


# A text, several texts, or token ids with BOS first: a list, or a tensor or array of [pos] or [prompt, pos].
Prompts: TypeAlias = "str | Sequence[str] | Sequence[int] | Tensor | npt.NDArray[np.int_]"


def next_token_logprobs(
    model: TransformerBridge,
    prompt: Prompts,
    additions: Sequence[AnyAddition | SteeringVector] = (),
    *,
    at: Literal["last", "each"] = "last",
) -> Float[Tensor, "... d_vocab"]:
    """Return the natural-log probability of each next token: a forward pass, and one per addition.

    Args:
        model: The bridge.
        prompt: A text, a list of texts, or token ids, BOS first: a list, or a tensor or array of [pos] or
            [prompt, pos]. All have the same additions.
        additions: The additions.
        at: "last" for the token after a prompt; "each" for the token after each of its tokens.

    Returns:
        [d_vocab]; with "each" [pos, d_vocab]. With several prompts, one more dimension before these.

    Raises:
        ModelError: a prompt or an addition does not fit the model, or they do not fit each other; or prompts
            of unequal lengths are given with "each".
    """
    vectors = resolve(model, additions)
    rows, is_one = _rows(model, prompt)
    lengths = {len(row) for row in rows}
    if at not in {"last", "each"}:
        msg = f"at is {at!r}; valid: 'last' or 'each'."
        raise ModelError(msg)
    if at == "each" and len(lengths) > 1:
        msg = (
            f"at is 'each', but the prompts have {listed(map(str, sorted(lengths)))} tokens, so that "
            "they do not fit one tensor; valid: one prompt at a time, or prompts of one length."
        )
        raise ModelError(msg)
    for number, row in enumerate(rows):
        text = prompt if isinstance(prompt, str) else ""
        place = "The prompt" if is_one else f"prompt[{number}]"
        check_length(model, len(row), vectors, place=place, text=text)
    logits = run_rows(model, rows, [vectors] * len(rows), n_last=1 if at == "last" else len(rows[0]))
    logprobs = (logits[:, -1] if at == "last" else logits).log_softmax(-1)
    return logprobs[0] if is_one else logprobs


def _rows(model: TransformerBridge, prompt: object) -> tuple[list[list[int]], bool]:
    """Return the token ids of each prompt, and whether it is one prompt and not a list."""
    if isinstance(prompt, str):
        check_fits(model, prompt)
        return [tokenize(model, prompt)], True
    given = prompt.tolist() if isinstance(prompt, Tensor | np.ndarray) else prompt
    several = list(given) if isinstance(given, list | tuple) else []
    if several and all(isinstance(each, str) for each in several):
        for number, text in enumerate(several):
            check_fits(model, text, place=f"prompt[{number}]")
        return [tokenize(model, text) for text in several], False
    is_one = not several or not isinstance(several[0], list | tuple)
    rows: list[list[int]] = [several] if is_one else [list(row) for row in several]
    if not all(row and all(isinstance(token, Integral) for token in row) for row in rows):
        msg = f"prompt is {prompt!r}; valid: a text, a list of texts, or the token ids of one or several."
        raise ModelError(msg)
    for number, row in enumerate(rows):
        check_tokens(model, row, "prompt" if is_one else f"prompt[{number}]")
    return rows, is_one


def check_fits(
    model: TransformerBridge,
    prompt: str,
    vectors: Sequence[SteeringVector] = (),
    *,
    max_new_tokens: int = 0,
    place: str = "The prompt",
) -> None:
    """Check that a prompt has the tokens its additions need, and fits the context with its completion.

    Args:
        model: The model that will continue the prompt.
        prompt: The text.
        vectors: The vectors that will be added to it.
        max_new_tokens: The maximum number of new tokens.
        place: Where the prompt is declared, such as ``prompts[3]``, for error messages.

    Raises:
        ModelError: it does not.
    """
    if not isinstance(prompt, str):
        msg = f"{place} is {prompt!r}; valid: a text."
        raise ModelError(msg)
    if not prompt:
        msg = f"{place} is empty, but the model needs at least one character to continue."
        raise ModelError(msg)
    length = len(tokenize(model, prompt))
    check_length(model, length, vectors, max_new_tokens=max_new_tokens, place=place, text=prompt)


def check_length(
    model: TransformerBridge,
    length: int,
    vectors: Sequence[SteeringVector] = (),
    *,
    max_new_tokens: int = 0,
    place: str = "The prompt",
    text: str = "",
) -> None:
    """Check that a prompt of some tokens fits its additions and, with its completion, the context.

    Args:
        model: The model that will continue the prompt.
        length: Number of tokens of the prompt, BOS included.
        vectors: The vectors that will be added to it.
        max_new_tokens: The maximum number of new tokens.
        place: Where the prompt is declared, for error messages.
        text: Its text, for error messages.

    Raises:
        ModelError: it does not.
    """
    context = context_length(model)
    if length + max_new_tokens > context:
        msg = (
            f"{place} is {length} tokens long and {max_new_tokens} are to follow, "
            f"but the context of {model_name(model)} is {context} tokens."
        )
        raise ModelError(msg)
    for vector in vectors:
        require_fit(vector, length, f"{place} ({text!r})" if text else place)
        # The last token is drawn but not run through the model.
        if vector.when == "generated" and max_new_tokens < 2:
            msg = (
                f"An addition is made to generated tokens, but {max_new_tokens} are generated, so that it "
                "touches none; valid: two or more, or when='prompt' or 'all'."
            )
            raise ModelError(msg)


def prefill(
    model: TransformerBridge,
    prompts: Sequence[Sequence[int]],
    vectors: Sequence[Sequence[SteeringVector]],
) -> Prefilled:
    """Run prompts, each with its own additions, through the bridge in one forward pass.

    Shorter prompts are padded on the left. Positions count from each prompt's own BOS, for attention and for
    additions, so that padding changes only the last bits of floating-point sums.

    Args:
        model: The bridge.
        prompts: Token ids, BOS first.
        vectors: The vectors of each prompt.
    """
    cache = empty_cache()
    logits = run_rows(model, prompts, vectors, cache=cache)
    return Prefilled(logits[:, -1], cache, tuple(len(prompt) for prompt in prompts))


@torch.no_grad()
def run_rows(
    model: TransformerBridge,
    rows: Sequence[Sequence[int]],
    vectors: Sequence[Sequence[SteeringVector]],
    *,
    prompt_lengths: Sequence[int] | None = None,
    n_last: int = 1,
    cache: Cache | None = None,
) -> Float[Tensor, "row last d_vocab"]:
    """Run whole sequences, each with its own additions, in one pass, aligned at the right end.

    Args:
        model: The bridge.
        rows: Token ids, BOS first.
        vectors: The vectors of each row.
        prompt_lengths: Number of prompt tokens of each row; None if all are.
        n_last: Number of columns at the end whose logits are returned.
        cache: The cache that keys and values are appended to.
    """
    aligned = align(rows, model.cfg.device)
    n_prompt = prompt_lengths or [len(row) for row in rows]
    cache_argument = {} if cache is None else {"past_key_values": cache}
    with adding(model, vectors, Window.of_mask(aligned.real, aligned.real.shape[1], n_prompt)):
        logits: Tensor = model(
            aligned.tokens,
            return_type="logits",
            attention_mask=aligned.real.long(),
            position_ids=aligned.positions,
            **cache_argument,
            **last_logits_only(model, n_last),
        )
    return logits[:, -n_last:].float()


class Aligned(NamedTuple):
    """Rows of tokens that end in the same column, padded on the left."""

    tokens: Int[Tensor, "row pos"]
    real: Bool[Tensor, "row pos"]
    positions: Int[Tensor, "row pos"]
    """Counted from each row's own BOS; 0 for padding."""


def align(rows: Sequence[Sequence[int]], device: torch.device | str | None) -> Aligned:
    """Align sequences of tokens at their right ends."""
    lengths = [len(row) for row in rows]
    width = max(lengths)
    pad = rows[0][0]  # any token: real tokens do not attend to it
    tokens = torch.tensor([[pad] * (width - len(row)) + list(row) for row in rows], device=device)
    real = real_columns(lengths, width, tokens.device)
    return Aligned(tokens, real, (real.long().cumsum(-1) - 1).clamp(min=0))


def real_columns(lengths: Sequence[int], width: int, device: torch.device) -> Bool[Tensor, "row pos"]:
    """Return which columns hold tokens and not padding, for rows aligned at the right end."""
    n_real: Int[Tensor, "row 1"] = torch.tensor(lengths, device=device)[:, None]
    return torch.arange(width, device=device) >= width - n_real
