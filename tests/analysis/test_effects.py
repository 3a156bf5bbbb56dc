from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rater.analysis.contrast_data import Ratings, score_cells, select_ratings
from rater.analysis.crossed import contrast_t
from rater.analysis.effects import cliffs_delta, effect_sizes, pooled_effects, superiority_by_rater
from rater.analysis.results import Estimate, NotEstimable, Quantity

Load = Callable[[str], pd.DataFrame]


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def ratings_of(frame: pd.DataFrame) -> Ratings:
    return select_ratings(frame, ("steered", "unsteered"), "happiness")


def made(quantity: Quantity) -> Estimate:
    assert isinstance(quantity, Estimate), quantity
    return quantity


@pytest.mark.parametrize("letter", ["a", "c", "e"])
def test_cohens_d_and_pooled_cliffs_delta_are_those_of_r(
    load: Load, reference: dict[str, Any], letter: str
) -> None:
    """R: effectsize::cohens_d; the intervals of both are not R's, which take answers as independent."""
    d, delta = map(made, pooled_effects(ratings_of(load(letter)), alpha=0.05, rng=rng()))

    theirs = reference[letter]["effect_size_all_ratings"]
    assert d.estimate == pytest.approx(theirs["cohens_d"]["d"], abs=1e-9)
    assert delta.estimate == pytest.approx(theirs["delta"], abs=1e-9)


@pytest.mark.parametrize("letter", ["a", "c", "e"])
def test_superiority_by_rater_is_the_mean_of_each_raters_own(
    load: Load, reference: dict[str, Any], letter: str
) -> None:
    ours = made(superiority_by_rater(ratings_of(load(letter)), alpha=0.05, rng=rng()))

    deltas = list(reference[letter]["within_rater_delta"].values())
    assert ours.estimate == pytest.approx((np.mean(deltas) + 1) / 2, abs=1e-9)


def test_superiority_over_all_is_net_superiority_on_the_scale_of_probability(
    load: Load, reference: dict[str, Any]
) -> None:
    ratings = ratings_of(load("a"))

    first, *_ = effect_sizes(
        ratings, contrast_t(score_cells(ratings), "net_superiority"), alpha=0.05, rng=rng()
    )

    theirs = reference["a"]["twoway_cell_delta"]["quasiF_truncated_satterthwaite"]
    ours = made(first)
    assert ours.estimate == pytest.approx((reference["a"]["within_cell_delta_mean"] + 1) / 2, abs=1e-9)
    assert ours.interval is not None
    ends = [ours.interval.low, ours.interval.high]
    assert ends == pytest.approx([(end + 1) / 2 for end in theirs["ci"]], abs=1e-6)


def test_intervals_over_raters_and_prompts_are_wider_than_those_over_answers(
    load: Load, reference: dict[str, Any]
) -> None:
    d, delta = map(made, pooled_effects(ratings_of(load("a")), alpha=0.05, rng=rng()))

    theirs = reference["a"]["effect_size_all_ratings"]
    for ours, naive in [(d, theirs["cohens_d"]["ci"]), (delta, theirs["ci_asym_t_unbiased"])]:
        assert ours.interval is not None
        assert ours.settings["replicates"] == 2000
        assert ours.interval.low < naive[0] < ours.estimate < naive[1] < ours.interval.high


def test_one_rater_has_effects_and_no_interval(load: Load) -> None:
    found = pooled_effects(ratings_of(load("e")), alpha=0.05, rng=rng())

    assert [made(each).interval for each in found] == [None, None]
    assert all("no interval: too few raters or prompts" in made(each).warnings[0] for each in found)


def test_arms_that_swap_places_change_the_sign(load: Load) -> None:
    frame = load("c")
    other_way = select_ratings(frame, ("unsteered", "steered"), "happiness")

    there, _ = pooled_effects(ratings_of(frame), alpha=0.05, rng=rng())
    back, _ = pooled_effects(other_way, alpha=0.05, rng=rng())

    assert made(there).estimate == pytest.approx(-made(back).estimate)
    assert made(there).interval is not None


def test_answers_that_do_not_vary_within_an_arm_have_no_standardised_difference(load: Load) -> None:
    frame = load("a").assign(answer=lambda rows: rows["arm"].map({"steered": 5.0, "unsteered": 1.0}))

    d, delta = pooled_effects(ratings_of(frame), alpha=0.05, rng=rng())

    assert isinstance(d, NotEstimable)
    assert d.reason == "the answers within an arm do not vary"
    assert made(delta).estimate == 1.0


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=8), st.lists(st.integers(1, 5), min_size=1, max_size=8)
)
def test_cliffs_delta_of_counts_is_that_of_all_pairs(first: list[int], second: list[int]) -> None:
    counts = np.array([np.bincount(answers, minlength=6)[1:] for answers in (first, second)], float)

    pairs = np.sign(np.subtract.outer(first, second))

    assert cliffs_delta(counts) == pytest.approx(pairs.mean())
