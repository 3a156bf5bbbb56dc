"""Draw the next token of each row: temperature, penalties, top-k and top-p, as in llm-steering."""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F  # noqa: N812 (the name PyTorch's own documentation uses)
from jaxtyping import Bool, Float, Int
from torch import Tensor

_N_FIRST = 16
_N_TOGETHER = 8
# Number of neighbours in the vocabulary that share a maximum, by which the likeliest tokens are found.
_BLOCK = 64


@runtime_checkable
class SamplingParameters(Protocol):
    """The fields of a study's `Sampling` that the sampler reads."""

    @property
    def max_new_tokens(self) -> int:
        """Maximum number of new tokens."""

    @property
    def temperature(self) -> float:
        """Divisor of the logits; 0 for greedy decoding."""

    @property
    def top_p(self) -> float:
        """Probability mass of the nucleus."""

    @property
    def top_k(self) -> int | None:
        """Number of likeliest tokens that are kept, before top_p; None for all."""

    @property
    def frequency_penalty(self) -> float:
        """Penalty subtracted from a token's logit for each occurrence."""

    @property
    def presence_penalty(self) -> float:
        """Penalty subtracted once from the logit of a token that occurred."""


@dataclass(frozen=True, eq=False)
class Nucleus:
    """The likeliest tokens of each row in falling order; probabilities sum to 1, and are 0 after the end."""

    ids: Int[Tensor, "row rank"]
    probs: Float[Tensor, "row rank"]


def penalise_(
    logits: Float[Tensor, "row d_vocab"],
    history: Int[Tensor, "row pos"],
    real: Bool[Tensor, "row pos"],
    sampling: SamplingParameters,
) -> Float[Tensor, "row d_vocab"]:
    """Divide logits by the temperature and subtract the penalties for tokens of the history, in place.

    The order is TransformerLens' (`sample_logits`), as is that the prompt counts as history. With temperature
    0 nothing is divided, but the penalties, which TransformerLens then omits, are subtracted.

    Args:
        logits: The model's logits; changed in place, since copying 60 rows takes as long as the draw.
        history: Each row's tokens, including the prompt, aligned at the right end.
        real: True where the history has a token and not padding.
        sampling: Temperature and penalties.
    """
    if sampling.temperature not in {0, 1}:
        logits /= sampling.temperature
    if sampling.frequency_penalty:
        logits.scatter_add_(1, history, real.to(logits) * -sampling.frequency_penalty)
    if sampling.presence_penalty:
        # Padding is replaced by a token that occurred; every write for one token writes the same number.
        occurred = history.where(real, history[:, -1:])
        logits.scatter_(1, occurred, logits.gather(1, occurred) - sampling.presence_penalty)
    return logits


def nucleus(
    logits: Float[Tensor, "row d_vocab"], top_p: float, top_k: int | None = None, *, n_first: int = _N_FIRST
) -> Nucleus:
    """Return the smallest set of likeliest tokens whose probability exceeds top_p, for each row.

    A token belongs to it if the likelier ones have at most top_p together, as in TransformerLens. With top_k,
    all other tokens have probability 0 first, as in transformers. Only the likeliest tokens are sorted, and
    more of them in the rows where these are not enough.
    """
    if top_k is not None and top_k <= n_first:
        values, ids = logits.topk(min(top_k, logits.shape[1]))
        return _cut(ids, values.softmax(-1), top_p)
    n = min(n_first, logits.shape[1])
    ids = likeliest(logits, n)  # by logit, since similar logits may have equal probabilities
    if top_k is None or top_k >= logits.shape[1]:
        # One pass over the vocabulary; logsumexp takes four. On the CPU a few rows at a time:
        # allocating memory for the probabilities of 60 rows takes longer than computing them.
        n_together = _N_TOGETHER if logits.device.type == "cpu" else len(logits)
        parts = zip(torch.split(logits, n_together), torch.split(ids, n_together), strict=True)
        probs = torch.cat([part.softmax(-1).gather(1, own) for part, own in parts])
    else:
        log_total = logits.topk(top_k, sorted=False).values.logsumexp(-1, keepdim=True)
        probs = (logits.gather(1, ids) - log_total).exp()
    lacking = probs.sum(-1) <= top_p
    narrow = _cut(ids, probs, top_p)
    if n == logits.shape[1] or not bool(lacking.any()):
        return narrow
    wider = nucleus(logits[lacking], top_p, top_k, n_first=n * 8)
    missing = wider.ids.shape[1] - n
    ids, probs = F.pad(narrow.ids, (0, missing)), F.pad(narrow.probs, (0, missing))
    ids[lacking], probs[lacking] = wider.ids, wider.probs
    return Nucleus(ids, probs)


def likeliest(logits: Float[Tensor, "row d_vocab"], n: int) -> Int[Tensor, "row rank"]:
    """Return each row's n likeliest tokens in falling order, as `torch.topk` does, in a fifth of its time.

    On the CPU PyTorch sorts whole rows. Here only the n blocks of neighbours with the largest maxima are
    searched: a token of any other block has n maxima that are at least as large.
    """
    n_blocks = logits.shape[1] // _BLOCK
    if n >= n_blocks or logits.device.type != "cpu":
        return logits.topk(n).indices
    n_whole = n_blocks * _BLOCK
    blocks = logits[:, :n_whole].reshape(-1, n_blocks, _BLOCK)  # [row, block, place]
    chosen = blocks.amax(-1).topk(n, sorted=False).indices  # [row, n]
    within = blocks.gather(1, chosen[..., None].expand(-1, -1, _BLOCK)).flatten(1)  # [row, n * place]
    places = torch.cat([within, logits[:, n_whole:]], dim=1).topk(n).indices
    at_end = places - n * _BLOCK  # if not negative, one of the few tokens after the last whole block
    found = chosen.gather(1, (places // _BLOCK).clamp(max=n - 1)) * _BLOCK + places % _BLOCK
    return torch.where(at_end < 0, found, n_whole + at_end)


def _cut(ids: Int[Tensor, "row rank"], probs: Float[Tensor, "row rank"], top_p: float) -> Nucleus:
    masses = torch.where(probs.cumsum(-1) - probs <= top_p, probs, 0.0)
    return Nucleus(ids, masses / masses.sum(-1, keepdim=True))


def precise(device: torch.device) -> torch.dtype:
    """Return float64, which resolves small probabilities; float32 on Apple's GPUs, which have no other."""
    return torch.float32 if device.type == "mps" else torch.float64


def draw(
    logits: Float[Tensor, "row d_vocab"],
    uniform: Float[Tensor, " row"],
    top_p: float,
    top_k: int | None = None,
) -> Int[Tensor, " row"]:
    """Draw one token per row from a uniform number in [0, 1), by inverting the distribution function.

    Tokens are ordered by falling probability in a nucleus, and by their ids without one, so that rows with
    similar distributions and the same random number mostly draw the same token.
    """
    if top_p >= 1 and (top_k is None or top_k >= logits.shape[1]):
        exact = precise(logits.device)
        reached = logits.softmax(-1).cumsum(-1, dtype=exact)
        chosen = torch.searchsorted(reached, uniform.to(exact)[:, None] * reached[:, -1:], right=True)
        return chosen[:, 0].clamp(max=logits.shape[1] - 1)
    found = nucleus(logits, top_p, top_k)
    below = (found.probs.cumsum(-1) <= uniform.to(found.probs)[:, None]).sum(-1)
    last = ((found.probs > 0).sum(-1) - 1).clamp(min=0)  # where logits are NaN no probability is above 0
    return found.ids.gather(1, torch.minimum(below, last)[:, None])[:, 0]
