import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.effects import (
    entropy,
    focus,
    kl_divergence,
    next_token_effect,
    token_repetition,
)
from rater.study.arms import XVector

weights = st.lists(st.floats(0.01, 1), min_size=5, max_size=5)


def logs(probs: list[float]) -> torch.Tensor:
    return (torch.tensor(probs, dtype=torch.float64) / sum(probs)).log()


def test_the_divergence_is_in_nats() -> None:
    half, skew = logs([0.5, 0.5]), logs([0.75, 0.25])

    assert kl_divergence(half, skew) == pytest.approx(0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25))
    assert kl_divergence(half, half) == 0
    assert entropy(half) == pytest.approx(math.log(2))


def test_what_is_ruled_out_adds_nothing() -> None:
    certain, half = logs([1, 0]), logs([1, 1])

    assert kl_divergence(certain, half) == pytest.approx(math.log(2))
    assert kl_divergence(half, certain) == math.inf
    assert entropy(certain) == 0
    assert focus(logs([1, 1, 2]), logs([0, 1, 1]), [0]).disruption == pytest.approx(
        kl_divergence(half, logs([1, 2]))
    )


def test_focus_tells_what_was_meant_from_what_was_not() -> None:
    unsteered, meant, unintended = logs([1, 1, 1, 1]), logs([6, 2, 2, 2]), logs([1, 2, 1, 0.5])

    # Only token 0 became likelier, at the cost of all others alike.
    assert focus(unsteered, meant, [0]).effectiveness == pytest.approx(math.log(0.5 / 0.25))
    assert focus(unsteered, meant, [0]).disruption == pytest.approx(0, abs=1e-12)
    assert focus(unsteered, unintended, [0]).disruption > 0.05


@given(weights, weights)
def test_the_divergence_is_the_disruption_and_what_passes_between_set_and_rest(
    p: list[float], q: list[float]
) -> None:
    steered, unsteered = logs(p), logs(q)
    inside = [math.exp(each[:2].logsumexp(0).item()) for each in (steered, unsteered)]
    between = kl_divergence(logs([inside[0], 1 - inside[0]]), logs([inside[1], 1 - inside[1]]))

    found = focus(unsteered, steered, {0, 1})

    assert found.disruption + between == pytest.approx(kl_divergence(steered, unsteered), abs=1e-9)
    assert found.effectiveness == pytest.approx(math.log(inside[0] / inside[1]), abs=1e-9)


@pytest.mark.parametrize("tokens", [[], [0, 1, 2, 3], [4], [-1], ["1"], "love", [0.5]])
def test_a_set_that_is_none_is_refused(tokens: Any) -> None:
    with pytest.raises(ModelError, match="valid: some, not all, of the tokens 0 to 3, by their numbers"):
        focus(logs([1, 1, 1, 1]), logs([1, 1, 1, 1]), tokens)


@pytest.mark.parametrize("unsteered", [[0, 1, 1], [1, 0, 0]])
def test_a_set_that_was_impossible_or_certain_has_nothing_to_be_compared_with(unsteered: list[float]) -> None:
    with pytest.raises(ModelError, match="gives token_ids a probability of 0 or 1"):
        focus(logs(unsteered), logs([1, 1, 1]), [0])


def test_a_set_may_be_of_numpys_numbers_and_become_impossible() -> None:
    assert focus(logs([1, 1, 2]), logs([0, 1, 2]), np.array([0])).effectiveness == -math.inf


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([1, 2, 3, 4, 5], 0.0),
        ([7, 7, 7, 7, 7, 7], 0.75),
        ([1, 2, 3, 9, 1, 2, 3], 0.2),
        ([1, 2], None),
    ],
)
def test_repetition_is_the_share_of_runs_seen_before(tokens: list[int], expected: float | None) -> None:
    assert token_repetition(tokens) == pytest.approx(expected)


@pytest.mark.model
def test_the_largest_changes_of_the_next_token_come_first(embedded_model: TransformerBridge) -> None:
    effect = next_token_effect(
        embedded_model, "I hate you because", [XVector("Love", "Hate", coeff=5, at=6)], n_changes=4
    )

    changes = [abs(math.exp(each.steered) - math.exp(each.unsteered)) for each in effect.top_changes]
    assert changes == sorted(changes, reverse=True)
    assert len(changes) == 4
    assert " you" in [each.token for each in effect.top_changes]


@pytest.mark.model
def test_nothing_has_no_effect(embedded_model: TransformerBridge) -> None:
    effect = next_token_effect(embedded_model, "I hate you because", [XVector("Love", "Hate", coeff=0, at=6)])

    assert effect.kl_steered_unsteered == effect.kl_unsteered_steered == 0
    assert effect.entropy_steered == effect.entropy_unsteered
