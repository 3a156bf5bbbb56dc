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
_MANTISSA_BITS = {torch.float64: 53, torch.float32: 23}
# Constants of SplitMix64, as signed numbers.
_GOLDEN_GAMMA = 0x9E3779B97F4A7C15 - 2**64
_FIRST_FACTOR = 0xBF58476D1CE4E5B9 - 2**64
_SECOND_FACTOR = 0x94D049BB133111EB - 2**64


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
    """Draw one token per row: the largest of its log-probability plus Gumbel noise.

    The noise of a token follows from the row's random number and the token's id alone. So rows with similar
    distributions and the same random number mostly draw the same token. A difference in the last digits of
    the logits changes a draw only if two tokens are tied up to these digits. If instead the distribution
    function were inverted, a draw among unlikely tokens would depend on the rounding of the sum before them.

    Args:
        logits: Logits of the next token.
        uniform: A random number in [0, 1) for each row.
        top_p: Probability mass of the nucleus.
        top_k: Number of likeliest tokens that are kept, before top_p; None for all.
    """
    exact = precise(logits.device)
    row_bits = (uniform.to(exact) * 2.0 ** _MANTISSA_BITS[exact]).long()
    if top_p >= 1 and (top_k is None or top_k >= logits.shape[1]):
        return _draw_from_all(logits, row_bits, exact)
    found = nucleus(logits, top_p, top_k)
    scores = found.probs.to(exact).log() + gumbel(row_bits, found.ids, exact)
    return found.ids.gather(1, scores.argmax(-1, keepdim=True))[:, 0]


def _draw_from_all(
    logits: Float[Tensor, "row d_vocab"], row_bits: Int[Tensor, " row"], exact: torch.dtype
) -> Int[Tensor, " row"]:
    """Draw a block of neighbours in the vocabulary, then a token within it: noise for each would take longer.

    The probability of a token is that of its block, times that of the token within the block.
    """
    missing = -logits.shape[1] % _BLOCK
    padded = F.pad(logits, (0, missing), value=-torch.inf) if missing else logits
    blocks = padded.view(len(padded), -1, _BLOCK)  # [row, block, place]
    n_together = _N_TOGETHER if logits.device.type == "cpu" else len(logits)
    masses = torch.cat([part.logsumexp(-1) for part in torch.split(blocks, n_together)]).to(exact)
    numbers = torch.arange(blocks.shape[1], device=logits.device)
    # Blocks and tokens with the same number need different noise.
    chosen = (masses + gumbel(row_bits, ~numbers[None], exact)).argmax(-1)  # [row]
    within = blocks[torch.arange(len(blocks), device=logits.device), chosen].to(exact)  # [row, place]
    ids = chosen[:, None] * _BLOCK + torch.arange(_BLOCK, device=logits.device)
    return ids.gather(1, (within + gumbel(row_bits, ids, exact)).argmax(-1, keepdim=True))[:, 0]


def gumbel(
    row_bits: Int[Tensor, " row"], ids: Int[Tensor, "row n"], exact: torch.dtype
) -> Float[Tensor, "row n"]:
    """Return standard Gumbel noise that follows from a row's random bits and an id.

    The hash is the finalizer of SplitMix64 (Steele, Lea & Flood 2014, OOPSLA), applied to both in turn.
    """
    mixed = _mix(_mix(row_bits)[:, None] ^ ids)
    n_bits = _MANTISSA_BITS[exact]
    inside = (_shift(mixed, 64 - n_bits).to(exact) + 0.5) * 2.0**-n_bits  # in (0, 1)
    return -(-inside.log()).log()


def _mix(value: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
    value = value + _GOLDEN_GAMMA
    value = (value ^ _shift(value, 30)) * _FIRST_FACTOR
    value = (value ^ _shift(value, 27)) * _SECOND_FACTOR
    return value ^ _shift(value, 31)


def _shift(value: Int[Tensor, "..."], n: int) -> Int[Tensor, "..."]:
    """Shift to the right, with zeros from the left: 64 bits are signed in torch."""
    return (value >> n) & ((1 << (64 - n)) - 1)
