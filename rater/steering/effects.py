"""Measure what steering does before people are asked: to the next token, and to texts."""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

import operator
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.activations import read_activations
from rater.steering.additions import resolve
from rater.steering.bridge import tokenize
from rater.steering.positions import Window, shift
from rater.steering.prefill import check_fits, next_token_logprobs
from rater.steering.vectors import SteeringVector
from rater.study.additions import AnyAddition


@dataclass(frozen=True)
class TokenChange:
    """How steering changed the probability of one next token."""

    token_id: int
    """Its number."""
    token: str
    """Its text."""
    unsteered: float
    """Natural-log probability without steering."""
    steered: float
    """Natural-log probability with it."""


@dataclass(frozen=True)
class NextTokenEffect:
    """How far steering moved the distribution of the token after a prompt."""

    kl_steered_unsteered: float
    """Kullback–Leibler divergence of the steered distribution from the unsteered one, in nats."""
    kl_unsteered_steered: float
    """The other way round, in nats."""
    entropy_unsteered: float
    """Entropy of the unsteered distribution, in nats."""
    entropy_steered: float
    """Entropy of the steered one, in nats."""
    top_changes: tuple[TokenChange, ...]
    """The tokens whose probability changed most, the largest change first."""


@dataclass(frozen=True)
class Focus:
    """Whether steering moved a set of tokens, and nothing else (Turner et al. 2023)."""

    effectiveness: float
    """log P(set) steered minus unsteered, in nats."""
    disruption: float
    """How much the distributions within the set and outside it changed: their KL divergence, weighted by the
    steered probabilities of set and rest, in nats."""


@dataclass(frozen=True)
class PositionNorm:
    """How long, at one token of a prompt, the addition and the unsteered residual stream are (L2)."""

    hook_point: str
    """Where both are, by its full name."""
    position: int
    """The token, counted from BOS = 0."""
    addition: float
    """Norm of all that is added there."""
    residual: float
    """Norm of the unsteered residual stream."""

    @property
    def ratio(self) -> float:
        """The addition's share of the residual."""
        return self.addition / self.residual


def next_token_effect(
    model: TransformerBridge,
    prompt: str,
    additions: Sequence[AnyAddition | SteeringVector],
    *,
    n_changes: int = 10,
) -> NextTokenEffect:
    """Compare the next token's distribution with and without steering: two forward passes.

    Raises:
        ModelError: prompt, additions and model do not fit.
    """
    unsteered = next_token_logprobs(model, prompt)
    steered = next_token_logprobs(model, prompt, additions)
    changes = (steered.exp() - unsteered.exp()).abs()
    changed = changes.topk(min(n_changes, len(changes))).indices.tolist()
    top_changes = [
        TokenChange(
            token, str(model.tokenizer.decode([token])), unsteered[token].item(), steered[token].item()
        )
        for token in changed
    ]
    return NextTokenEffect(
        kl_steered_unsteered=kl_divergence(steered, unsteered),
        kl_unsteered_steered=kl_divergence(unsteered, steered),
        entropy_unsteered=entropy(unsteered),
        entropy_steered=entropy(steered),
        top_changes=tuple(top_changes),
    )


def kl_divergence(p: Float[Tensor, " d_vocab"], q: Float[Tensor, " d_vocab"]) -> float:
    """Give KL(p‖q) = Σ p (log p − log q) of two distributions in natural-log probabilities, in nats.

    What p rules out adds nothing; the divergence is infinite where q rules out what p does not.
    """
    possible = p > -torch.inf
    p, q = p[possible].double(), q[possible].double()
    return float((p.exp() * (p - q)).sum())


def entropy(p: Float[Tensor, " d_vocab"]) -> float:
    """Give −Σ p log p of a distribution in natural-log probabilities, in nats."""
    possible = p[p > -torch.inf].double()
    return float(-(possible.exp() * possible).sum())


def focus(
    unsteered: Float[Tensor, " d_vocab"], steered: Float[Tensor, " d_vocab"], token_ids: Collection[int]
) -> Focus:
    """Split the change between two distributions into what was meant and what was not.

    The KL divergence of the steered from the unsteered distribution is the sum of a part between the set and
    its rest, of which the effectiveness tells, and a part within the two, which is the disruption.

    Args:
        unsteered: natural-log probabilities of the next token.
        steered: the same under steering.
        token_ids: the tokens that were meant to become likelier.

    Raises:
        ModelError: the set is empty, has all tokens, or one that does not exist; or the unsteered model rules
            out all of it, or all else, so that there is nothing to compare with.
    """
    within = torch.zeros(len(unsteered), dtype=torch.bool, device=unsteered.device)
    within[_require_some(token_ids, len(unsteered))] = True
    if unsteered[within].max() == -torch.inf or unsteered[~within].max() == -torch.inf:
        msg = (
            "The unsteered model gives token_ids a probability of 0 or 1, with which none can be compared; "
            "valid: tokens that it may give, and not those alone."
        )
        raise ModelError(msg)
    disruption = 0.0
    for part in (within, ~within):
        p, q = steered[part].double(), unsteered[part].double()
        share = p.logsumexp(0)
        if share > -torch.inf:  # else nothing is weighted by nothing
            disruption += float(share.exp()) * kl_divergence(p - share, q - q.logsumexp(0))
    effectiveness = steered[within].double().logsumexp(0) - unsteered[within].double().logsumexp(0)
    return Focus(float(effectiveness), disruption)


def _require_some(token_ids: Collection[int], size: int) -> list[int]:
    """Refuse what are no tokens, such as their texts; NumPy's integers are."""
    try:
        found = sorted({operator.index(token) for token in token_ids})
    except TypeError:
        found = []
    if not 0 < len(found) < size or found[0] < 0 or found[-1] >= size:
        msg = (
            f"token_ids are {list(token_ids)[:10]}; valid: some, not all, of the tokens 0 to {size - 1}, by "
            "their numbers."
        )
        raise ModelError(msg)
    return found


def position_norms(
    model: TransformerBridge, prompt: str, additions: Sequence[AnyAddition | SteeringVector]
) -> list[PositionNorm]:
    """Report, for each hook point and token of a prompt, the norms of addition and unsteered residual.

    Additions to generated tokens are left out. A forward pass for each hook point.

    Raises:
        ModelError: prompt, additions and model do not fit.
    """
    vectors = resolve(model, additions)
    check_fits(model, prompt, [vector for vector in vectors if vector.when == "prompt"])
    tokens = tokenize(model, prompt)
    columns = torch.arange(len(tokens), device=model.cfg.device)[None]
    totals = shift([vectors], Window(columns, (len(tokens),)))
    report = []
    for hook_point, total in totals.items():
        residual = torch.linalg.vector_norm(read_activations(model, tokens, hook_point), dim=-1).tolist()
        added = torch.linalg.vector_norm(total[0], dim=-1).tolist()
        report += [PositionNorm(hook_point, at, added[at], residual[at]) for at in range(len(tokens))]
    return report


def token_repetition(token_ids: Sequence[int], n: int = 3) -> float | None:
    """Return the share of runs of n tokens that occurred before in the same completion; None without any run.

    0 for a text that never repeats itself; "love love love love" comes near 1.
    """
    runs = [tuple(token_ids[start : start + n]) for start in range(len(token_ids) - n + 1)]
    return 1 - len(set(runs)) / len(runs) if runs else None


def count_words(text: str, words: Collection[str] | None = None) -> int:
    """Count the words of a text, or how often any of some words occurs in it, whatever its case."""
    found = re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text.casefold())
    if words is None:
        return len(found)
    wanted = {word.casefold() for word in words}
    return sum(word in wanted for word in found)
