"""Draw the next token of each row: temperature, frequency penalty and top-p as the seed system means them."""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F  # noqa: N812 (the name PyTorch's own documentation uses)
from jaxtyping import Bool, Float, Int
from torch import Tensor

_FIRST_K = 64


@runtime_checkable
class Sampling(Protocol):
    """What the sampler needs of a study's `Sampling`, which fits as it is."""

    @property
    def max_new_tokens(self) -> int:
        """Where a completion is cut off."""

    @property
    def temperature(self) -> float:
        """What the logits are divided by; 0 takes the likeliest token."""

    @property
    def top_p(self) -> float:
        """The share of probability that the nucleus reaches."""

    @property
    def frequency_penalty(self) -> float:
        """What each occurrence of a token takes off its logit."""


@dataclass(frozen=True, eq=False)
class Nucleus:
    """The likeliest tokens of each row, in falling order; probabilities sum to 1, and are 0 after its end."""

    ids: Int[Tensor, "row rank"]
    probs: Float[Tensor, "row rank"]


def penalise(
    logits: Float[Tensor, "row d_vocab"],
    history: Int[Tensor, "row pos"],
    real: Bool[Tensor, "row pos"],
    *,
    temperature: float,
    frequency_penalty: float,
) -> Float[Tensor, "row d_vocab"]:
    """Divide by the temperature, then take the penalty off for each time a token occurred in the history.

    The order, and that the prompt counts as history, are TransformerLens' (`sample_logits`). With temperature
    0 nothing is divided, and the penalty, which TransformerLens then leaves out, is still taken off.
    """
    divided = logits if temperature in {0, 1} else logits / temperature  # a pass over the vocabulary less
    if frequency_penalty == 0:
        return divided
    return divided.scatter_add(1, history, real.to(divided) * -frequency_penalty)


def nucleus(logits: Float[Tensor, "row d_vocab"], top_p: float, k: int = _FIRST_K) -> Nucleus:
    """Find the smallest set of likeliest tokens whose probability exceeds top_p.

    A token belongs if those before it have at most top_p together, as in TransformerLens. Only the k
    likeliest are sorted, and more of them for the rows where these do not suffice.
    """
    k = min(k, logits.shape[1])
    ids = logits.topk(k).indices  # [row, rank]; by logit, since probabilities of near ones may be equal
    # One pass over the vocabulary; logsumexp would take four, and as many copies.
    probs = logits.softmax(-1).gather(1, ids)
    reached = probs.cumsum(-1)
    kept = torch.where(reached - probs <= top_p, probs, 0.0)
    lacking = reached[:, -1] <= top_p
    if k < logits.shape[1] and bool(lacking.any()):
        wider = nucleus(logits[lacking], top_p, k * 16)
        missing = wider.ids.shape[1] - k
        ids, kept = F.pad(ids, (0, missing)), F.pad(kept, (0, missing))
        ids[lacking], kept[lacking] = wider.ids, wider.probs
    return Nucleus(ids, kept / kept.sum(-1, keepdim=True))


def draw(
    logits: Float[Tensor, "row d_vocab"], uniform: Float[Tensor, " row"], top_p: float
) -> Int[Tensor, " row"]:
    """Draw a token for each row from one random number in [0, 1), by inverting the distribution function.

    Tokens stand in falling order of probability in a nucleus, and in the vocabulary's order without one, so
    that rows with near distributions and the same random number mostly draw the same token.
    """
    if top_p >= 1:
        reached = logits.softmax(-1).cumsum(-1, dtype=torch.float64)
        chosen = torch.searchsorted(reached, uniform.double()[:, None] * reached[:, -1:], right=True)
        return chosen[:, 0].clamp(max=logits.shape[1] - 1)
    found = nucleus(logits, top_p)
    below = (found.probs.cumsum(-1) <= uniform.to(found.probs)[:, None]).sum(-1)
    last = (found.probs > 0).sum(-1) - 1
    return found.ids.gather(1, torch.minimum(below, last)[:, None])[:, 0]
