"""The ratio of standard deviations over raters and prompts, and what it means at an end of the scale."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rater.analysis.planned import Planned
from rater.analysis.primary import analyze
from rater.analysis.ratings import Ratings
from rater.analysis.results import Counts, NotEstimable, Result
from rater.analysis.spread import compare_spread
from tests.analysis.conftest import HAPPINESS

NO_COUNTS = Counts(raters=0, prompts=0, items=0, answers=0, cells=0)
NO_TEST = NotEstimable(test="x", score="answers", reason="x", n=NO_COUNTS)


def make(
    rng: np.random.Generator, n_raters: int, n_prompts: int, *, factor: float, cuts: tuple[float, ...]
) -> Ratings:
    """Draw answers on points, two texts a cell; ``factor`` multiplies the errors of the first arm."""
    rater, prompt, arm, text = (axis.ravel() for axis in np.indices((n_raters, n_prompts, 2, 2)))
    felt = rng.normal(0, 0.7, n_raters)[rater] + rng.normal(0, 0.5, n_prompts)[prompt]
    felt = felt + rng.logistic(size=rater.size) * np.where(arm == 0, factor, 1.0)
    answer = np.searchsorted(np.array(cuts), felt) + 1.0
    return Ratings(("steered", "unsteered"), rater, prompt, prompt * 4 + arm * 2 + text, arm == 0, answer)


MIDDLE = (-2.0, -0.7, 0.7, 2.0)
FLOOR = (1.7, 2.6, 3.4, 4.3)


def test_the_standard_error_is_that_of_a_two_way_jackknife() -> None:
    """By raters, by prompts and by cells: V = V_R + V_P − V_RP (Cameron, Gelbach & Miller 2011)."""
    ratings = make(np.random.default_rng(3), 40, 40, factor=1.5, cuts=MIDDLE)

    def log_ratio(keep: np.ndarray) -> float:
        used = ratings.take(keep)
        return float(np.log(used.answer[used.is_first].std(ddof=1) / used.answer[~used.is_first].std(ddof=1)))

    def variance(groups: np.ndarray) -> float:
        left = np.array([log_ratio(groups != group) for group in np.unique(groups)])
        return float((left.size - 1) / left.size * ((left - left.mean()) ** 2).sum())

    by_rater, by_prompt = variance(ratings.rater), variance(ratings.prompt)
    by_cell = variance(ratings.rater * 40 + ratings.prompt)

    found = compare_spread(ratings, HAPPINESS, NO_TEST, alpha=0.05).log_ratio

    assert isinstance(found, Result)
    assert found.estimate == pytest.approx(log_ratio(np.ones(ratings.answer.size, dtype=bool)))
    assert found.standard_error == pytest.approx(np.sqrt(by_rater + by_prompt - by_cell), rel=0.05)


def test_the_ratio_turns_round_with_the_arms() -> None:
    ratings = make(np.random.default_rng(3), 8, 9, factor=1.5, cuts=MIDDLE)
    turned = replace(ratings, contrast=ratings.contrast[::-1], is_first=~ratings.is_first)

    one, other = (compare_spread(each, HAPPINESS, NO_TEST, alpha=0.05) for each in (ratings, turned))

    assert one.ratio is not None
    assert other.ratio is not None
    assert one.ratio_interval is not None
    assert other.ratio_interval is not None
    assert one.ratio * other.ratio == pytest.approx(1)
    assert one.ratio_interval.low * other.ratio_interval.high == pytest.approx(1)


def as_frame(ratings: Ratings) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "rater": [f"r{code:02d}" for code in ratings.rater],
            "prompt": [f"p{code:02d}" for code in ratings.prompt],
            "item": [f"i{code}" for code in ratings.item],
            "arm": np.where(ratings.is_first, "steered", "unsteered"),
            "dimension": "happiness",
            "answer": ratings.answer,
        }
    )


def test_a_difference_of_means_that_comes_from_spread_at_the_floor_is_read_so(planned: Planned) -> None:
    """Equal latent means; four in five answers to the second arm are ones; errors × 3 in the first."""
    frame = as_frame(make(np.random.default_rng(1), 16, 12, factor=3.0, cuts=FLOOR))

    [found] = analyze(frame, planned).dimensions

    assert found.verdict == "higher"
    assert found.details.spread is not None
    assert found.details.spread.ratio is not None
    assert found.details.spread.ratio > 1.5
    assert "may come from the spread" in found.details.spread.reading
    assert 'answers to "unsteered" are at the lowest point' in found.details.spread.reading


def test_at_the_ceiling_it_is_read_the_other_way_round(planned: Planned) -> None:
    frame = as_frame(make(np.random.default_rng(1), 16, 12, factor=3.0, cuts=FLOOR))
    frame["answer"] = 6 - frame["answer"]

    [found] = analyze(frame, planned).dimensions

    assert found.verdict == "lower"
    assert found.details.spread is not None
    assert "are at the highest point" in found.details.spread.reading


def test_a_shift_in_the_middle_of_the_scale_has_no_such_reading(
    load: Callable[[str], pd.DataFrame], planned: Planned
) -> None:
    [found] = analyze(load("a"), planned).dimensions

    assert found.details.spread is not None
    assert found.details.spread.reading == ""
    assert dict(found.details.spread.sds) == pytest.approx({arm.arm: arm.sd for arm in found.arms})


def test_an_arm_whose_answers_do_not_vary_has_no_ratio() -> None:
    ratings = make(np.random.default_rng(3), 8, 9, factor=1.0, cuts=MIDDLE)
    ratings = replace(ratings, answer=np.where(ratings.is_first, 3.0, ratings.answer))

    found = compare_spread(ratings, HAPPINESS, NO_TEST, alpha=0.05)

    assert isinstance(found.log_ratio, NotEstimable)
    assert 'the answers to "steered" do not vary' in found.log_ratio.reason
    assert found.ratio is None


@pytest.mark.slow
@pytest.mark.parametrize("cuts", [MIDDLE, FLOOR])
def test_the_level_holds_over_raters_and_prompts(cuts: tuple[float, ...]) -> None:
    """At most 5 % + 3 Monte Carlo errors (1.1 points at 400 studies) without a difference in spread."""
    rng = np.random.default_rng(1)
    found = [
        compare_spread(make(rng, 12, 12, factor=1.0, cuts=cuts), HAPPINESS, NO_TEST, alpha=0.05).log_ratio
        for _ in range(400)
    ]

    assert np.mean([isinstance(each, Result) and each.rejects(0.05) for each in found]) < 0.083
