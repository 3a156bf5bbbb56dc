"""Continuous batching: admit prompts, sample one token per sequence, evict finished sequences.

Sequences are aligned at their right end, with padding on the left, so that the next token of all of them is
in the same column. The cache of keys and values is copied only when sequences are admitted or evicted: a
finished sequence stays in the batch, decoded but ignored, until that copy is worth its cost.

A completion must not depend on the sequences that it shares a batch with. So every sequence has its own
stream of random numbers, derived from its seed, and takes the n-th number for its n-th token in any batch.

The continuous batching of transformers has neither activation additions nor random streams per sequence.
"""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean
from typing import Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge
from transformers.cache_utils import Cache

from rater.errors import ModelError
from rater.steering.activations import is_hooked
from rater.steering.bridge import context_length, model_name, plain_model, stop_tokens, to_text, tokenize
from rater.steering.cache import empty_cache, gather
from rater.steering.cpu_decoding import DecodingStep, fast_decoder
from rater.steering.draw import SamplingParameters, draw, penalise_, precise
from rater.steering.positions import decode_hooks
from rater.steering.prefill import prefill
from rater.steering.vectors import SteeringVector

K = TypeVar("K")
StopReason = Literal["eos", "length"]
# Maximum number of tokens, padding included, in one forward pass over prompts. Attention needs memory for one
# number per token, head and token of the longest prompt, several times over: with 4,096 tokens, 32 heads and
# prompts of 512 tokens 256 MiB in float32 for each copy.
_MAX_PREFILLED = 4096


@dataclass(frozen=True)
class Row(Generic[K]):
    """A completion to be generated."""

    key: K
    """The caller's key, returned with the completion."""
    prompt: str
    vectors: tuple[SteeringVector, ...]
    """Vectors added to the prompt. Rows with the identical tuple share a prefill."""
    seed: int
    """Seed of its own random stream."""
    place: str = "The prompt"
    """Place of the prompt in the study, such as ``prompts[3]``, for error messages."""


@dataclass(frozen=True)
class Completion(Generic[K]):
    """A generated completion."""

    key: K
    prompt: str
    """The text it continues, as in its row."""
    token_ids: tuple[int, ...]
    """New tokens, including the one that ended the completion."""
    text: str
    """New tokens as text, without the prompt and special tokens, with white space."""
    stop_reason: StopReason
    nll: float | None = None
    """Mean negative log-likelihood after its prompt under the unsteered model, in nats per token.

    None if it was steered or not measured.
    """


def completion_seed(study_seed: int, prompt: str, sample: int) -> int:
    """Return the seed of a completion's random stream: 63 bits of a SHA-256 of the three arguments.

    The arm is not an argument: the arms of a sample share their random numbers, which removes sampling noise
    from their differences (common random numbers, as in llm-steering).
    """
    name = f"{study_seed}/{sample}/{prompt}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) >> 1


def uniforms(seed: int, n: int) -> npt.NDArray[np.float64]:
    """Return a row's random numbers in [0, 1), one per token: Philox, the same on every machine."""
    return np.random.Generator(np.random.Philox(seed)).random(n)


@dataclass(eq=False)
class _Live(Generic[K]):
    """A sequence in the batch; a finished one is still decoded until sequences are next moved."""

    row: Row[K]
    ids: list[int]
    n_prompt: int
    random: npt.NDArray[np.float64]
    is_finished: bool = field(default=False)
    logprobs: list[float] = field(default_factory=list)
    """Of the sampled tokens, where the likelihood is measured."""

    @property
    def source(self) -> tuple[str, tuple[SteeringVector, ...]]:
        """The prompt and its activation additions, which several rows can share."""
        return self.row.prompt, self.row.vectors

    @property
    def n_new(self) -> int:
        """The number of sampled tokens."""
        return len(self.ids) - self.n_prompt

    @property
    def next_random(self) -> npt.NDArray[np.float64]:
        """Its random numbers, the next one first; those of a finished row start again, and are not used."""
        return np.roll(self.random, -self.n_new)


def _split(rows: Sequence[_Live[K]]) -> Iterator[list[_Live[K]]]:
    """Split admitted rows into groups whose distinct prompts fit into one forward pass."""
    some: list[_Live[K]] = []
    for live in rows:
        lengths = {each.source: each.n_prompt for each in [*some, live]}
        if some and len(lengths) * max(lengths.values()) > _MAX_PREFILLED:
            yield some
            some = []
        some.append(live)
    if some:
        yield some


class Batch(Generic[K]):
    """Rows that are decoded together; each round samples one token for each of them.

    A round is `replace_finished` (where it is worth the copying), `draw` and `decode`. Any of them can run
    out of memory; `unfinished_rows` must then be generated again, in another batch.
    """

    def __init__(
        self, model: TransformerBridge, sampling: SamplingParameters, *, measure: bool = False
    ) -> None:
        self._model, self._sampling, self._measures = model, sampling, measure
        self._stops = stop_tokens(model)
        self._device = torch.device(str(model.cfg.device))
        self._live: list[_Live[K]] = []
        self._cache = empty_cache()
        # Everything that a step reads is kept on the device: copying Python lists there would make it wait.
        self._logits: Float[Tensor, "row d_vocab"] = torch.empty(0, device=self._device)
        self._tokens: Int[Tensor, "row pos"] = torch.empty(0, device=self._device)
        self._n_padding: Int[Tensor, "row 1"] = torch.empty(0, device=self._device)
        self._random: Float[Tensor, "row step"] = torch.empty(0, device=self._device)
        self._n_steps = 0
        self._measured: Int[Tensor, " measured"] = torch.empty(0, device=self._device)
        self._hooks: list[tuple[str, Callable[..., Tensor]]] = []
        self._needs_bridge = False

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._live)

    @property
    def n_finished(self) -> int:
        """The number of finished rows, which wait to be evicted."""
        return sum(live.is_finished for live in self._live)

    @property
    def n_unfinished(self) -> int:
        """The number of rows that need more tokens."""
        return len(self) - self.n_finished

    @property
    def unfinished_rows(self) -> list[Row[K]]:
        """The rows that need more tokens."""
        return [live.row for live in self._live if not live.is_finished]

    @torch.inference_mode()
    def replace_finished(self, rows: Sequence[Row[K]]) -> None:
        """Evict the finished rows and admit new ones.

        Costs a forward pass over the distinct prompts of the new rows, and a copy of the cache.
        """
        remaining = [index for index, live in enumerate(self._live) if not live.is_finished]
        admitted = []
        for row in rows:
            prompt_ids = tokenize(self._model, row.prompt)
            drawn = uniforms(row.seed, self._sampling.max_new_tokens)
            admitted.append(_Live(row, prompt_ids, len(prompt_ids), drawn))
        self._live = [self._live[index] for index in remaining] + admitted
        parts = [(self._cache, self._logits, remaining)] if remaining else []
        parts += [self._prefill(some) for some in _split(admitted)]
        chosen = [(cache, logits, self._index(indices)) for cache, logits, indices in parts]
        self._logits = torch.cat([logits[indices] for _, logits, indices in chosen])
        lengths = [len(live.ids) for live in self._live]
        width = max(lengths)
        # The cache needs no entry for the last token, which is sampled but not run through the model.
        room = self._sampling.max_new_tokens - 1 - min(live.n_new for live in self._live)
        self._cache = gather([(cache, indices) for cache, _, indices in chosen], width, room)
        self._hooks = decode_hooks([live.row.vectors for live in self._live], self._device)
        self._needs_bridge = bool(self._hooks) or is_hooked(self._model)
        padding = [width - length for length in lengths]
        self._n_padding = self._index(padding)[:, None]
        self._tokens = self._index([[0] * n + live.ids for n, live in zip(padding, self._live, strict=True)])
        random = torch.from_numpy(np.stack([live.next_random for live in self._live]))
        self._random, self._n_steps = random.to(precise(self._device)).to(self._device), 0
        self._measured = self._index(
            [at for at, live in enumerate(self._live) if self._measures and not live.row.vectors]
        )

    @torch.inference_mode()
    def draw(self) -> list[Completion[K]]:
        """Sample a token for each row, and return the completions that it finishes."""
        logits = self._logits[self._measured]  # a copy: sampling changes the logits in place
        drawn = self._draw()
        self._require_finite(drawn)
        self._tokens = torch.cat([self._tokens, drawn[:, None]], dim=1)
        self._n_steps += 1
        # Log-probabilities of the sampled tokens, before temperature and penalties.
        logprobs = logits.log_softmax(-1).gather(1, drawn[self._measured, None])[:, 0]
        for at, logprob in zip(self._measured.tolist(), logprobs.tolist(), strict=True):
            self._live[at].logprobs.append(logprob)
        for live, token in zip(self._live, drawn.tolist(), strict=True):
            live.ids.append(token)
        most = self._sampling.max_new_tokens
        running = [live for live in self._live if not live.is_finished]
        ended = [live for live in running if live.ids[-1] in self._stops or live.n_new == most]
        finished = [self._complete(live) for live in ended]
        # Marked last: if decoding a text fails, its row counts as unfinished and is generated again.
        for live in ended:
            live.is_finished = True
        return finished

    @torch.inference_mode()
    def decode(self) -> None:
        """Run the sampled tokens through the model, for the logits of the next ones."""
        tokens, real = self._tokens[:, -1], self._real
        # A finished row can run past the context length; its output is not used, so its position is clamped.
        last = context_length(self._model) - 1
        positions = (self._tokens.shape[1] - 1 - self._n_padding[:, 0]).clamp(max=last)
        if not self._needs_bridge:
            self._logits = self._step(tokens, real, positions, self._cache)
            return
        with self._model.hooks(fwd_hooks=self._hooks):  # only the bridge has hook points; it is slower
            logits = self._model(
                tokens[:, None],
                return_type="logits",
                attention_mask=real.long(),
                position_ids=positions[:, None],
                past_key_values=self._cache,
            )
        self._logits = logits[:, -1].float()

    def _prefill(self, rows: Sequence[_Live[K]]) -> tuple[Cache, Float[Tensor, "prompt d_vocab"], list[int]]:
        """Run each distinct prompt and arm of some rows once; also return which of them each row uses."""
        sources = {live.source: live for live in rows}
        prefilled = prefill(
            self._model,
            [live.ids for live in sources.values()],
            [live.row.vectors for live in sources.values()],
        )
        numbers = {source: number for number, source in enumerate(sources)}
        return prefilled.cache, prefilled.logits, [numbers[live.source] for live in rows]

    @cached_property
    def _step(self) -> DecodingStep:
        return fast_decoder(plain_model(self._model)).step

    def _draw(self) -> Int[Tensor, " row"]:
        sampling = self._sampling
        logits = penalise_(self._logits, self._tokens, self._real, sampling)
        if sampling.temperature == 0:
            return logits.argmax(-1)
        return draw(logits, self._random[:, self._n_steps], sampling.top_p, sampling.top_k)

    def _require_finite(self, drawn: Int[Tensor, " row"]) -> None:
        # With a NaN among the logits, the sampled one is NaN too, so the others need no reading.
        are_finite = self._logits.gather(1, drawn[:, None]).isfinite()[:, 0]
        if not bool(are_finite.all()):
            row = self._live[int(are_finite.int().argmin())].row
            cause = (
                "its activation additions overflow the dtype" if row.vectors else "the weights are damaged"
            )
            msg = (
                f"{row.place} ({row.prompt!r}): the logits of {model_name(self._model)} are not finite. "
                f"Either {cause}, or the model needs dtype float32."
            )
            raise ModelError(msg)

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
        """True if a column holds a token rather than padding."""
        return torch.arange(self._tokens.shape[1], device=self._device) >= self._n_padding

    def _index(self, numbers: Sequence[int] | Sequence[Sequence[int]]) -> Int[Tensor, "..."]:
        return torch.tensor(numbers, dtype=torch.long, device=self._device)
