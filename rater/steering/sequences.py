"""Locate the tokens of a forward pass in their sequences, or refuse the pass if that is impossible."""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

import weakref
from collections.abc import Sequence
from typing import Any, NoReturn

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.bridge import model_name, stop_tokens
from rater.steering.positions import Window
from rater.steering.vectors import SteeringVector


class Sequences:
    """The sequences that forward passes run through, from BOS and through cached steps.

    The vectors determine what must be known: the end of the prompt for positions relative to it ("mid",
    "back", negative ones) and for "generated"; the end of the text for these and "all".
    """

    def __init__(
        self,
        model: TransformerBridge,
        vectors: Sequence[SteeringVector],
        prompt_lengths: int | Sequence[int] | None,
    ) -> None:
        self._model, self._given = model, prompt_lengths
        self._needs_prompt_end = any(_depends_on_prompt_end(vector) for vector in vectors)
        self._needs_text_end = self._needs_prompt_end or any(vector.when == "all" for vector in vectors)
        self._tokens: Int[Tensor, "row pos"] = torch.empty(0, 0, dtype=torch.long)
        self._real: Bool[Tensor, "row pos"] = torch.empty(0, 0, dtype=torch.bool)
        self._prompt_lengths: tuple[int, ...] = ()
        self._cache: weakref.ref[Any] | None = None

    def enter(self, tokens: object, mask: object, cache: Any) -> Window:
        """Return the window of a pass.

        Args:
            tokens: Its token ids, [row, col].
            mask: Its attention mask over cached and new columns, or None.
            cache: The keys and values of earlier columns, or None.

        Raises:
            ModelError: the positions cannot be known; the message states what would make them known.
        """
        if not isinstance(tokens, Tensor) or tokens.is_floating_point():
            self._refuse("the model is given no token ids, so their count is not known", "give it token ids")
        n_past = 0 if cache is None else int(cache.get_seq_length())
        is_known = n_past > 0 and self._cache is not None and self._cache() is cache
        real = self._find_real(tokens, mask, n_past, is_known=is_known)
        if n_past == 0:
            self._require_bos(tokens, real)
        self._prompt_lengths = self._find_prompt_lengths(tokens, real, n_past, is_known=is_known)
        self._real = real
        if n_past == 0:
            self._tokens = tokens
        return Window.of_mask(real, tokens.shape[1], self._prompt_lengths)

    def leave(self, cache: object) -> None:
        """Remember the cache that a pass filled, to recognise passes that continue it."""
        self._cache = None if cache is None else weakref.ref(cache)

    def _find_real(
        self, tokens: Tensor, mask: object, n_past: int, *, is_known: bool
    ) -> Bool[Tensor, "row pos"]:
        shape = (tokens.shape[0], n_past + tokens.shape[1])
        if isinstance(mask, Tensor):
            if mask.shape != shape:
                self._refuse(
                    f"the attention mask has the shape {tuple(mask.shape)}",
                    f"give one of [batch, cached and new tokens] = {shape}",
                )
            return mask.to(tokens.device).bool()  # as transformers moves it
        if n_past == 0:
            return self._real_by_pad_tokens(tokens)
        if is_known and self._real.shape == (shape[0], n_past):
            return torch.cat([self._real, torch.ones_like(tokens, dtype=torch.bool)], dim=1)
        return self._refuse(
            f"it continues {n_past} cached tokens that were not seen here", "give an attention mask"
        )

    def _real_by_pad_tokens(self, tokens: Tensor) -> Bool[Tensor, "row pos"]:
        tokenizer = self._model.tokenizer
        pad, bos = tokenizer.pad_token_id, tokenizer.bos_token_id
        real = torch.ones_like(tokens, dtype=torch.bool)
        if pad is None:
            return real
        is_pad = tokens == pad
        for row in range(len(tokens)):
            n_left = int(is_pad[row].long().cumprod(0).sum())
            n_right = int(is_pad[row].flip(0).long().cumprod(0).sum()) if n_left < len(is_pad[row]) else 0
            if n_right and self._needs_text_end and pad in {bos, *stop_tokens(self._model)}:
                self._refuse(
                    f"row {row} ends with {n_right} tokens {pad}, which may be padding or its own end",
                    "give an attention mask",
                )
            # If BOS is also the pad token, the last of a leading run is BOS itself.
            real[row, : n_left - (pad == bos)] = False
            real[row, len(real[row]) - n_right :] = False
        return real

    def _require_bos(self, tokens: Tensor, real: Tensor) -> None:
        bos = self._model.tokenizer.bos_token_id
        first = real.int().argmax(-1, keepdim=True)  # [row, 1]
        for row, token in enumerate(tokens.gather(1, first)[:, 0].tolist()):
            if token != bos:
                self._refuse(
                    f"row {row} begins with token {token}, but positions are counted from BOS ({bos})",
                    "put it first, and mask padding before it",
                )

    def _find_prompt_lengths(
        self, tokens: Tensor, real: Tensor, n_past: int, *, is_known: bool
    ) -> tuple[int, ...]:
        if self._given is not None:
            n_rows = len(tokens)
            given = [self._given] * n_rows if isinstance(self._given, int) else list(self._given)
            if len(given) != n_rows:
                self._refuse(
                    f"it has {n_rows} rows, but prompt_lengths {len(given)}", "give one for each row"
                )
            return tuple(given)
        if is_known:
            return self._prompt_lengths
        if self._needs_prompt_end and n_past:
            self._refuse("its prompt was not seen here, so its end is not known", "give prompt_lengths")
        if self._needs_prompt_end and self._continues(tokens):
            self._refuse(
                "it begins with all tokens of the previous pass, so that it may be a new prompt or "
                "that prompt with generated tokens",
                "generate with the KV cache, or give prompt_lengths",
            )
        return tuple(int(n) for n in real.sum(-1))

    def _continues(self, tokens: Tensor) -> bool:
        n_rows, width = self._tokens.shape
        is_longer = 0 < width < tokens.shape[1] and n_rows == len(tokens)
        return is_longer and torch.equal(tokens[:, :width], self._tokens)

    def _refuse(self, why: str, cure: str) -> NoReturn:
        msg = f"A pass through {model_name(self._model)} cannot be steered: {why}. To steer it, {cure}."
        raise ModelError(msg)


def _depends_on_prompt_end(vector: SteeringVector) -> bool:
    if isinstance(vector.position, str):
        return vector.when == "generated" or vector.position != "front"
    return min(vector.position) < 0
