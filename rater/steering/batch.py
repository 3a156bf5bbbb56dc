"""Decode a batch of rows together: take rows in, draw a token for each, let the finished ones leave."""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge
from transformers.cache_utils import Cache

from rater.errors import ModelError
from rater.steering.bridge import context_length, model_name, plain_model, stop_tokens, to_text, tokenize
from rater.steering.cache import empty_cache, gather
from rater.steering.decoder import Step, make_step
from rater.steering.draw import Sampling, draw, penalise_, precise
from rater.steering.positions import decode_hooks
from rater.steering.prefill import prefill
from rater.steering.rows import Completion, Row, uniforms
from rater.steering.vectors import SteeringVector

K = TypeVar("K")
_MOST_PREFILLED = 4096
"""How many tokens, padding included, a forward pass over prompts may have; its attention takes, for each of
them, memory for a number per head and token of the longest prompt, and more than once."""


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
    def source(self) -> tuple[str, tuple[SteeringVector, ...]]:
        """The prompt and what is added to it, which rows may share."""
        return self.row.prompt, self.row.vectors

    @property
    def n_new(self) -> int:
        """How many tokens it has been given."""
        return len(self.ids) - self.n_prompt

    @property
    def to_draw_with(self) -> npt.NDArray[np.float64]:
        """Its random numbers, the next one first; a row that only waits to leave begins again."""
        return np.roll(self.random, -self.n_new)


def _split(rows: Sequence[_Live[K]]) -> Iterator[list[_Live[K]]]:
    """Split rows that enter where their prompts, each but once, have too many tokens for one pass."""
    some: list[_Live[K]] = []
    for live in rows:
        lengths = {each.source: each.n_prompt for each in [*some, live]}
        if some and len(lengths) * max(lengths.values()) > _MOST_PREFILLED:
            yield some
            some = []
        some.append(live)
    if some:
        yield some


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
        # What every step reads lies on the device, so that none waits until Python's lists are copied there.
        self._logits: Float[Tensor, "row d_vocab"] = torch.empty(0, device=self._device)
        self._tokens: Int[Tensor, "row pos"] = torch.empty(0, device=self._device)
        self._n_padding: Int[Tensor, "row 1"] = torch.empty(0, device=self._device)
        self._random: Float[Tensor, "row step"] = torch.empty(0, device=self._device)
        self._n_steps = 0
        self._measured: Int[Tensor, " measured"] = torch.empty(0, device=self._device)
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
        entering = [self._enter(row) for row in rows]
        self._live = [self._live[index] for index in staying] + entering
        parts = [(self._cache, self._logits, staying)] if staying else []
        parts += [self._prefill(some) for some in _split(entering)]
        chosen = [(cache, logits, self._index(indices)) for cache, logits, indices in parts]
        self._logits = torch.cat([logits[indices] for _, logits, indices in chosen])
        lengths = [len(live.ids) for live in self._live]
        width = max(lengths)
        # The last token is drawn, but not run through the model.
        room = self._sampling.max_new_tokens - 1 - min(live.n_new for live in self._live)
        self._cache = gather([(cache, indices) for cache, _, indices in chosen], width, room)
        self._hooks = decode_hooks([live.row.vectors for live in self._live], self._device)
        padding = [width - length for length in lengths]
        self._n_padding = self._index(padding)[:, None]
        self._tokens = self._index([[0] * n + live.ids for n, live in zip(padding, self._live, strict=True)])
        drawn_with = torch.from_numpy(np.stack([live.to_draw_with for live in self._live]))
        self._random, self._n_steps = drawn_with.to(precise(self._device)).to(self._device), 0
        self._measured = self._index(
            [at for at, live in enumerate(self._live) if self._measures and not live.row.vectors]
        )

    @torch.inference_mode()
    def draw(self) -> list[Completion[K]]:
        """Draw a token for each row; gives what is finished by them."""
        logits = self._logits[self._measured]  # taken out before the draw, which changes them
        drawn = self._draw()
        self._require_numbers(drawn)
        self._tokens = torch.cat([self._tokens, drawn[:, None]], dim=1)
        self._n_steps += 1
        self._note(logits, drawn)
        for live, token in zip(self._live, drawn.tolist(), strict=True):
            live.ids.append(token)
        ended = [live for live in self._live if not live.is_finished and self._has_ended(live)]
        finished = [self._complete(live) for live in ended]
        for live in ended:  # only now: what fails on the way is made again
            live.is_finished = True
        return finished

    @torch.inference_mode()
    def decode(self) -> None:
        """Run the tokens drawn through the model."""
        tokens, real = self._tokens[:, -1], self._real
        # A finished row may run on past the context; what it attends to there is of no consequence.
        last = context_length(self._model) - 1
        positions = (self._tokens.shape[1] - 1 - self._n_padding[:, 0]).clamp(max=last)
        if not self._hooks:
            self._logits = self._step(tokens, real, positions, self._cache)
            return
        with self._model.hooks(fwd_hooks=self._hooks):  # only the bridge has hook points, and it is slower
            logits = self._model(
                tokens[:, None],
                return_type="logits",
                attention_mask=real.long(),
                position_ids=positions[:, None],
                past_key_values=self._cache,
            )
        self._logits = logits[:, -1].float()

    def _prefill(self, rows: Sequence[_Live[K]]) -> tuple[Cache, Float[Tensor, "prompt d_vocab"], list[int]]:
        """Run each prompt and arm among some rows once, and say which of them each row goes on from."""
        sources = {live.source: live for live in rows}
        made = prefill(
            self._model,
            [live.ids for live in sources.values()],
            [live.row.vectors for live in sources.values()],
        )
        numbers = {source: number for number, source in enumerate(sources)}
        return made.cache, made.logits, [numbers[live.source] for live in rows]

    @cached_property
    def _step(self) -> Step:
        return make_step(plain_model(self._model))

    def _draw(self) -> Int[Tensor, " row"]:
        sampling = self._sampling
        logits = penalise_(self._logits, self._tokens, self._real, sampling)
        if sampling.temperature == 0:
            return logits.argmax(-1)
        return draw(logits, self._random[:, self._n_steps], sampling.top_p, sampling.top_k)

    def _require_numbers(self, drawn: Int[Tensor, " row"]) -> None:
        are_numbers = self._logits.gather(1, drawn[:, None]).isfinite()[:, 0]  # of NaN none is likelier
        if not bool(are_numbers.all()):
            row = self._live[int(are_numbers.int().argmin())].row
            cause = (
                "what is added to it is too large for its dtype" if row.vectors else "its weights are damaged"
            )
            msg = (
                f"{row.place} ({row.prompt!r}) gives {model_name(self._model)} logits that are no finite "
                f"numbers: {cause}, or the model needs dtype float32."
            )
            raise ModelError(msg)

    def _note(self, logits: Float[Tensor, "measured d_vocab"], drawn: Int[Tensor, " row"]) -> None:
        """Note how likely the tokens drawn were to the model itself, before temperature and penalties."""
        logprobs = logits.log_softmax(-1).gather(1, drawn[self._measured, None])[:, 0]
        for at, logprob in zip(self._measured.tolist(), logprobs.tolist(), strict=True):
            self._live[at].logprobs.append(logprob)

    def _has_ended(self, live: _Live[K]) -> bool:
        return live.ids[-1] in self._stops or live.n_new == self._sampling.max_new_tokens

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
    def _real(self) -> Bool[Tensor, "row pos"]:
        """Which columns hold a token, and not padding."""
        return torch.arange(self._tokens.shape[1], device=self._device) >= self._n_padding

    def _index(self, numbers: Sequence[int] | Sequence[Sequence[int]]) -> Int[Tensor, "..."]:
        return torch.tensor(numbers, dtype=torch.long, device=self._device)
