"""Automatic measures of a steering effect, on the next token and on texts."""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

import math
import operator
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.activations import read_activations, read_batch
from rater.steering.additions import resolve
from rater.steering.bridge import tokenize
from rater.steering.positions import Window, require_hook_point, shift
from rater.steering.prefill import check_fits, next_token_logprobs
from rater.steering.vectors import SteeringVector
from rater.study.additions import AnyAddition, hook_name


@dataclass(frozen=True)
class TokenChange:
    """The change of one next token's probability by steering."""

    token_id: int
    """Token id."""
    token: str
    """The token as text."""
    unsteered: float
    """Natural-log probability without steering."""
    steered: float
    """Natural-log probability with steering."""

    @property
    def kl(self) -> float:
        """The token's part of the KL divergence of the steered distribution from the unsteered, in nats."""
        return math.exp(self.steered) * (self.steered - self.unsteered) if self.steered > -math.inf else 0.0

    @property
    def ratio(self) -> float:
        """Its probability with steering, divided by that without; infinite where it was impossible."""
        if self.unsteered == -math.inf:
            return math.inf
        return math.exp(self.steered - self.unsteered)


@dataclass(frozen=True)
class NextTokenEffect:
    """The change of the next token's distribution by steering."""

    kl_steered_unsteered: float
    """Kullback–Leibler divergence of the steered distribution from the unsteered one, in nats."""
    kl_unsteered_steered: float
    """Kullback–Leibler divergence of the unsteered distribution from the steered one, in nats."""
    entropy_unsteered: float
    """Entropy of the unsteered distribution, in nats."""
    entropy_steered: float
    """Entropy of the steered distribution, in nats."""
    top_changes: tuple[TokenChange, ...]
    """The tokens that changed most, the largest change first."""


@dataclass(frozen=True)
class Focus:
    """The intended and unintended change of the next token's distribution (Turner et al. 2023)."""

    effectiveness: float
    """log P(set) steered minus unsteered, in nats."""
    disruption: float
    """KL divergences within the set and within the rest, weighted by their steered probabilities, in nats."""


@dataclass(frozen=True)
class PositionNorm:
    """L2 norms of the addition and of the unsteered residual stream at one token of a prompt."""

    hook_point: str
    """Full name of the hook point."""
    position: int
    """Position of the token; BOS is 0."""
    addition: float
    """Norm of the sum of all additions there."""
    residual: float
    """Norm of the unsteered residual stream."""

    @property
    def ratio(self) -> float:
        """Norm of the addition relative to that of the residual stream."""
        return self.addition / self.residual


def next_token_effect(
    model: TransformerBridge,
    prompt: str | Sequence[int] | Tensor,
    additions: Sequence[AnyAddition | SteeringVector],
    *,
    n_changes: int = 10,
    by: Literal["change", "kl", "ratio"] = "change",
    without: Collection[str] = (),
) -> NextTokenEffect:
    """Compare the next token's distribution with and without steering. Costs two forward passes.

    Args:
        model: The bridge.
        prompt: A text, or token ids, BOS first.
        additions: The additions.
        n_changes: The number of tokens that are listed.
        by: The tokens that are listed: those with the largest change of their probability; with the largest
            parts of the KL divergence; or with the largest ratio of both probabilities, in either direction.
        without: Tokens that are not listed, by their text, such as " wedding".

    Raises:
        ModelError: prompt, additions and model do not fit each other, or a text of ``without`` is not a
            single token.
    """
    if by not in _MEASURES:
        msg = f"by is {by!r}; valid: {', '.join(map(repr, _MEASURES))}."
        raise ModelError(msg)
    unsteered = next_token_logprobs(model, prompt)
    steered = next_token_logprobs(model, prompt, additions)
    if unsteered.ndim > 1:
        msg = f"prompt is {prompt!r}; valid: one text, or the token ids of one."
        raise ModelError(msg)
    changes = _MEASURES[by](steered.double(), unsteered.double())
    left_out = token_ids_of(model, without, argument="without")
    changes[left_out] = -torch.inf
    n_listed = min(n_changes, len(changes) - len(left_out))
    changed = changes.topk(n_listed).indices.tolist()
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


# The size of each token's change, by the steered and unsteered log-probabilities. A token that is impossible
# with and without steering has not changed.
_MEASURES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "change": lambda p, q: (p.exp() - q.exp()).abs(),
    "kl": lambda p, q: (p.exp() * (p - q)).nan_to_num(nan=0.0, posinf=torch.inf),
    "ratio": lambda p, q: (p - q).abs().nan_to_num(nan=0.0, posinf=torch.inf),
}


def token_ids_of(
    model: TransformerBridge, tokens: Collection[str | int], *, argument: str = "tokens"
) -> list[int]:
    """Return the ids of tokens that are given by their text or id.

    Raises:
        ModelError: a text is not one token to the model; with the name of the argument.
    """
    found = []
    for token in [tokens] if isinstance(tokens, str) else tokens:
        ids = [token] if isinstance(token, int) else tokenize(model, token)[1:]
        if len(ids) != 1:
            what = f"{argument} has {token!r}, which is {len(ids)} tokens to the model"
            msg = f"{what}; valid: texts of one token."
            raise ModelError(msg)
        found += ids
    return sorted(set(found))


def kl_divergence(p: Float[Tensor, " d_vocab"], q: Float[Tensor, " d_vocab"]) -> float:
    """Return KL(p‖q) = Σ p (log p − log q) of two distributions in natural-log probabilities, in nats.

    Tokens with p = 0 add nothing; the divergence is infinite where q = 0 and p > 0.
    """
    possible = p > -torch.inf
    p, q = p[possible].double(), q[possible].double()
    return float((p.exp() * (p - q)).sum())


def entropy(p: Float[Tensor, " d_vocab"]) -> float:
    """Return −Σ p log p of a distribution in natural-log probabilities, in nats."""
    possible = p[p > -torch.inf].double()
    return float(-(possible.exp() * possible).sum())


def focus(
    unsteered: Float[Tensor, " d_vocab"], steered: Float[Tensor, " d_vocab"], token_ids: Collection[int]
) -> Focus:
    """Split the change between two distributions into its intended and unintended parts.

    KL(steered‖unsteered) is the sum of the KL divergence between {set, rest}, which the effectiveness
    describes, and of those within the set and within the rest, which are the disruption (chain rule of the KL
    divergence).

    Args:
        unsteered: Natural-log probabilities of the next token.
        steered: The same under steering.
        token_ids: The tokens that steering should make likelier.

    Raises:
        ModelError: the set is empty, contains all tokens or an unknown one; or the unsteered model gives it
            the probability 0 or 1, so that no ratio exists.
    """
    within = torch.zeros(len(unsteered), dtype=torch.bool, device=unsteered.device)
    within[_require_some(token_ids, len(unsteered))] = True
    if unsteered[within].max() == -torch.inf or unsteered[~within].max() == -torch.inf:
        msg = (
            "The unsteered model gives token_ids a probability of 0 or 1, so that no change can be measured; "
            "valid: tokens with a probability between 0 and 1."
        )
        raise ModelError(msg)
    disruption = 0.0
    for part in (within, ~within):
        p, q = steered[part].double(), unsteered[part].double()
        share = p.logsumexp(0)
        if share > -torch.inf:  # otherwise 0 × log 0
            disruption += float(share.exp()) * kl_divergence(p - share, q - q.logsumexp(0))
    effectiveness = steered[within].double().logsumexp(0) - unsteered[within].double().logsumexp(0)
    return Focus(float(effectiveness), disruption)


def _require_some(token_ids: Collection[int], size: int) -> list[int]:
    """Check that token ids are integers, NumPy's included, and a proper subset of the vocabulary."""
    try:
        ids = sorted({operator.index(token) for token in token_ids})
    except TypeError:
        ids = []
    if not 0 < len(ids) < size or ids[0] < 0 or ids[-1] >= size:
        msg = (
            f"token_ids are {list(token_ids)[:10]}; valid: some, not all, of the tokens 0 to {size - 1}, by "
            "their numbers."
        )
        raise ModelError(msg)
    return ids


def position_norms(
    model: TransformerBridge, prompt: str, additions: Sequence[AnyAddition | SteeringVector]
) -> list[PositionNorm]:
    """Return the norms of addition and unsteered residual for each hook point and token of a prompt.

    Additions to generated tokens are left out. Costs a forward pass for each hook point.

    Raises:
        ModelError: prompt, additions and model do not fit each other.
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


def prompt_norms(
    model: TransformerBridge, prompts: Sequence[str], at: int | str
) -> list[Float[Tensor, " pos"]]:
    """Return the L2 norm of the unsteered residual stream at each token of some prompts, BOS first.

    Costs a forward pass for each 16 prompts.

    Args:
        model: The bridge.
        prompts: The prompts.
        at: A hook point, or a layer number n for ``blocks.n.hook_resid_pre``.

    Raises:
        ModelError: the model does not have the hook point, or a prompt is not a text or too long.
    """
    require_hook_point(model, at, "at")
    for number, prompt in enumerate(prompts):
        check_fits(model, prompt, place=f"prompts[{number}]")
    rows = read_batch(model, [tokenize(model, prompt) for prompt in prompts], hook_name(at))
    return [torch.linalg.vector_norm(row, dim=-1) for row in rows]


def token_repetition(token_ids: Sequence[int], n: int = 3) -> float | None:
    """Return the share of runs of n tokens that occurred before in the same completion; None without any run.

    0 for a text that never repeats itself; close to 1 for "love love love love".
    """
    runs = [tuple(token_ids[start : start + n]) for start in range(len(token_ids) - n + 1)]
    return 1 - len(set(runs)) / len(runs) if runs else None
