"""Decode a batch of rows together: take rows in, draw a token for each, let the finished ones leave."""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from rater.steering.bridge import context_length, plain_model, stop_tokens, to_text, tokenize
from rater.steering.cache import empty_cache, gather
from rater.steering.decoder import Step, make_step
from rater.steering.draw import Sampling, draw, penalise_
from rater.steering.positions import decode_hooks
from rater.steering.prefill import prefill, real_columns
from rater.steering.rows import Completion, Row, uniforms

K = TypeVar("K")


@dataclass(eq=False)
class _Live(Generic[K]):
    """A row in the batch; one that is finished still takes its turns until rows are moved."""

    row: Row[K]
    ids: list[int]
    n_prompt: int
    random: npt.NDArray[np.float64]
    is_finished: bool = field(default=False)
    logprobs: list[float] = field(default_factory=list)
    """Of the tokens drawn, where they are measured."""

    @property
    def uniform(self) -> float:
        """The random number for the next token; one that only waits to leave uses its own again."""
        return float(self.random[(len(self.ids) - self.n_prompt) % len(self.random)])


class Batch(Generic[K]):
    """Rows that are decoded together, aligned at the right end: each round gives each of them one token.

    A round is `replace_finished` (where it is worth its copying), `draw` and `decode`. Any of them may run
    out of memory; `unfinished_rows` are then what is to be made again, in another batch.
    """

    def __init__(self, model: TransformerBridge, sampling: Sampling, *, measure: bool = False) -> None:
        self._model, self._sampling, self._measures = model, sampling, measure
        self._stops = stop_tokens(model)
        self._device = torch.device(str(model.cfg.device))
        self._live: list[_Live[K]] = []
        self._cache = empty_cache()
        self._logits: Tensor = torch.empty(0, device=self._device)
        self._tokens: Tensor = torch.empty(0, device=self._device)
        self._hooks: list[tuple[str, Callable[..., Tensor]]] = []

    def __len__(self) -> int:
        """Count the rows."""
        return len(self._live)

    @property
    def n_finished(self) -> int:
        """Count the rows that only wait to leave."""
        return sum(live.is_finished for live in self._live)

    @property
    def n_unfinished(self) -> int:
        """Count the rows that still need tokens."""
        return len(self) - self.n_finished

    @property
    def unfinished_rows(self) -> list[Row[K]]:
        """The rows that still need tokens."""
        return [live.row for live in self._live if not live.is_finished]

    @torch.inference_mode()
    def replace_finished(self, rows: Sequence[Row[K]]) -> None:
        """Let the finished rows leave, and take in new ones."""
        staying = [index for index, live in enumerate(self._live) if not live.is_finished]
        parts = [(self._cache, self._logits, staying)] if staying else []
        self._live = [self._live[index] for index in staying] + [self._enter(row) for row in rows]
        if rows:
            sources = list(dict.fromkeys((row.prompt, row.vectors) for row in rows))
            prompts = [tokenize(self._model, prompt) for prompt, _ in sources]
            made = prefill(self._model, prompts, [vectors for _, vectors in sources])
            copies = [sources.index((row.prompt, row.vectors)) for row in rows]
            parts.append((made.cache, made.logits, copies))
        chosen = [(cache, logits, self._index(indices)) for cache, logits, indices in parts]
        self._logits = torch.cat([logits[indices] for _, logits, indices in chosen])
        # The last token is drawn, but not run through the model.
        room = self._sampling.max_new_tokens - 1 - min(len(live.ids) - live.n_prompt for live in self._live)
        self._cache = gather([(cache, indices) for cache, _, indices in chosen], self._width, room)
        self._hooks = decode_hooks([live.row.vectors for live in self._live], self._device)

    @torch.inference_mode()
    def draw(self) -> list[Completion[K]]:
        """Draw a token for each row; gives what is finished by them."""
        finished = []
        measured = [at for at, live in enumerate(self._live) if self._measures and not live.row.vectors]
        logits = self._logits[measured]  # taken out before the draw, which changes them
        self._tokens = self._draw()
        self._note(measured, logits)
        for live, token in zip(self._live, self._tokens.tolist(), strict=True):
            live.ids.append(token)
            n_new = len(live.ids) - live.n_prompt
            if not live.is_finished and (token in self._stops or n_new == self._sampling.max_new_tokens):
                live.is_finished = True
                finished.append(self._complete(live))
        return finished

    @torch.inference_mode()
    def decode(self) -> None:
        """Run the tokens drawn through the model."""
        real = real_columns(self._lengths, self._width, self._device)
        # A finished row may run on past the context; what it attends to there is of no consequence.
        positions = self._index(self._lengths).sub(1).clamp(max=context_length(self._model) - 1)
        if not self._hooks:
            self._logits = self._step(self._tokens, real, positions, self._cache)
            return
        with self._model.hooks(fwd_hooks=self._hooks):  # only the bridge has hook points, and it is slower
            logits = self._model(
                self._tokens[:, None],
                return_type="logits",
                attention_mask=real.long(),
                position_ids=positions[:, None],
                past_key_values=self._cache,
            )
        self._logits = logits[:, -1].float()

    @cached_property
    def _step(self) -> Step:
        return make_step(plain_model(self._model))

    def _draw(self) -> Int[Tensor, " row"]:
        width, sampling = self._width, self._sampling
        padded = [[0] * (width - len(live.ids)) + live.ids for live in self._live]
        real = real_columns(self._lengths, width, self._device)
        logits = penalise_(self._logits, self._index(padded), real, sampling)
        if sampling.temperature == 0:
            return logits.argmax(-1)
        uniform = torch.tensor([live.uniform for live in self._live], device=self._device)
        return draw(logits, uniform, sampling.top_p, sampling.top_k)

    def _note(self, measured: Sequence[int], logits: Float[Tensor, "measured d_vocab"]) -> None:
        """Note how likely the tokens drawn were to the model itself, before temperature and penalties."""
        logprobs = logits.log_softmax(-1).gather(1, self._tokens[measured, None])[:, 0]
        for at, logprob in zip(measured, logprobs.tolist(), strict=True):
            self._live[at].logprobs.append(logprob)

    def _enter(self, row: Row[K]) -> _Live[K]:
        prompt_ids = tokenize(self._model, row.prompt)
        random = uniforms(row.seed, self._sampling.max_new_tokens)
        return _Live(row, prompt_ids, len(prompt_ids), random)

    def _complete(self, live: _Live[K]) -> Completion[K]:
        prompt_ids, new_ids = live.ids[: live.n_prompt], live.ids[live.n_prompt :]
        return Completion(
            key=live.row.key,
            prompt=live.row.prompt,
            token_ids=tuple(new_ids),
            text=to_text(self._model, prompt_ids, new_ids),
            stop_reason="eos" if new_ids[-1] in self._stops else "length",
            nll=-fmean(live.logprobs) if live.logprobs else None,
        )

    @property
    def _lengths(self) -> list[int]:
        return [len(live.ids) for live in self._live]

    @property
    def _width(self) -> int:
        return max(self._lengths)

    def _index(self, numbers: Sequence[int] | Sequence[Sequence[int]]) -> Int[Tensor, "..."]:
        return torch.tensor(numbers, dtype=torch.long, device=self._device)
