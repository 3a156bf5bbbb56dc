"""Hold the planner's model against what it must do, and its power against STATISTICS.md section 2."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rater.analysis.power import Spread, Trials, estimate_power, logits_of, points_of, simulate

FLAT = Spread(rater=0, prompt=0, item=0, rater_arm=0, prompt_arm=0)


def crossed(n_raters: int, n_prompts: int, n_samples: int) -> Trials:
    rater, prompt, arm, sample = (axis.ravel() for axis in np.indices((n_raters, n_prompts, 2, n_samples)))
    return Trials(rater, prompt, (prompt * 2 + arm) * n_samples + sample, arm == 0)


@given(st.floats(-3, 3), st.integers(2, 11))
@settings(max_examples=30)
def test_logits_and_points_convert_into_each_other(effect: float, n_points: int) -> None:
    assert logits_of(points_of(effect, n_points), n_points) == pytest.approx(effect, abs=1e-6)


def test_no_effect_is_no_points() -> None:
    assert points_of(0, 5) == pytest.approx(0, abs=1e-12)


def test_an_effect_that_no_scale_shows_is_refused() -> None:
    with pytest.raises(ValueError, match="9 points is too large for a scale of 5; valid: less than 3"):
        logits_of(9, 5)


def test_simulated_answers_differ_by_the_points_that_the_effect_stands_for() -> None:
    trials, rng = crossed(400, 100, 1), np.random.default_rng(1)

    ratings = simulate(trials, effect=1.0, n_points=5, rng=rng, spread=FLAT)

    first, second = ratings.answer[ratings.is_first], ratings.answer[~ratings.is_first]
    assert first.mean() - second.mean() == pytest.approx(points_of(1.0, 5, FLAT), abs=0.03)
    assert set(np.unique(ratings.answer)) == {1, 2, 3, 4, 5}


def test_power_is_what_the_reference_simulation_found() -> None:
    """12 raters × 12 prompts, 2 texts a cell, 1 logit: .87 in 2,000 simulations (STATISTICS.md section 2)."""
    power = estimate_power(
        crossed(12, 12, 2),
        effect=1.0,
        n_points=5,
        rng=np.random.default_rng(3),
        n_simulations=400,
        score="scale_points",
    )

    assert power.low < 0.87 < power.high


def test_without_an_effect_the_test_finds_one_in_few_studies_of_the_right_sign() -> None:
    power = estimate_power(
        crossed(12, 12, 1), effect=0.0, n_points=5, rng=np.random.default_rng(4), n_simulations=400
    )

    assert power.share < 0.09
