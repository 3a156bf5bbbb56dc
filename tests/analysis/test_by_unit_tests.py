from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rater.analysis.by_unit_tests import (
    by_prompt_signed_rank,
    by_prompt_t,
    by_rater_sign_flip,
    by_rater_t,
    sign_flip,
    signed_rank,
    unit_differences,
)
from rater.analysis.contrast_data import Ratings, score_cells, select_ratings
from rater.analysis.results import NotEstimable, Result


def ratings_of(frame: pd.DataFrame) -> Ratings:
    return select_ratings(frame, ("steered", "unsteered"), "happiness")


@pytest.mark.parametrize("letter", ["a", "c"])
def test_the_by_rater_tests_are_those_of_r(
    load: Callable[[str], pd.DataFrame], reference: dict[str, Any], letter: str
) -> None:
    """R: t.test(d), and all 2^n signs of d, on the raters' mean differences."""
    ratings = ratings_of(load(letter))
    cells = score_cells(ratings)

    t = by_rater_t(ratings, cells, "scale_points")
    flip = by_rater_sign_flip(ratings, cells, "scale_points", rng=np.random.default_rng(0))

    theirs = reference[letter]["signedrank_by_rater"]
    assert isinstance(t, Result)
    assert isinstance(flip, Result)
    assert t.estimate == pytest.approx(theirs["mean"], abs=1e-9)
    assert t.statistic == pytest.approx(theirs["t"]["t"], abs=1e-8)
    assert t.df == theirs["t"]["df"]
    assert t.p == pytest.approx(theirs["t"]["p"], abs=1e-9)
    assert t.interval is not None
    assert [t.interval.low, t.interval.high] == pytest.approx(theirs["t"]["ci"], abs=1e-8)
    assert flip.p == theirs["signflip_exact"]["p_two.sided"]


@pytest.mark.parametrize("letter", ["a", "c", "e"])
def test_the_by_prompt_tests_are_those_of_r(
    load: Callable[[str], pd.DataFrame], reference: dict[str, Any], letter: str
) -> None:
    """R: t.test(d), and exactRankTests::wilcox.exact(d), on the prompts' mean differences."""
    ratings = ratings_of(load(letter))
    cells = score_cells(ratings)

    t = by_prompt_t(ratings, cells, "scale_points")
    ranked = by_prompt_signed_rank(ratings, cells, "scale_points")

    theirs = reference[letter]["signedrank_by_prompt"]
    assert isinstance(t, Result)
    assert isinstance(ranked, Result)
    assert t.statistic == pytest.approx(theirs["t"]["t"], abs=1e-8)
    assert t.p == pytest.approx(theirs["t"]["p"], abs=1e-9)
    assert ranked.statistic == theirs["V"]
    assert ranked.p == pytest.approx(theirs["exact_drop_zeros_p_two.sided"], rel=1e-12)


def test_differences_are_taken_from_all_answers_of_a_rater(
    load: Callable[[str], pd.DataFrame], reference: dict[str, Any]
) -> None:
    ratings = ratings_of(load("c"))

    differences = unit_differences(ratings, score_cells(ratings), "scale_points", "rater")

    theirs = list(reference["c"]["rater_mean_differences"].values())
    assert differences.values.tolist() == pytest.approx(theirs, abs=1e-9)


def test_net_superiority_by_rater_is_the_one_way_test_on_cell_scores(
    load: Callable[[str], pd.DataFrame], reference: dict[str, Any]
) -> None:
    ratings = ratings_of(load("a"))

    ours = by_rater_t(ratings, score_cells(ratings), "net_superiority")

    theirs = reference["a"]["twoway_cell_delta"]["by_rater_t"]
    assert isinstance(ours, Result)
    assert ours.standard_error == pytest.approx(theirs["se"], abs=1e-9)
    assert ours.p == pytest.approx(theirs["p"], abs=1e-9)


def test_the_claim_of_one_raters_test_names_its_scope(load: Callable[[str], pd.DataFrame]) -> None:
    ratings = ratings_of(load("e"))

    ours = by_prompt_t(ratings, score_cells(ratings), "scale_points")

    assert isinstance(ours, Result)
    assert ours.claim == (
        "The claim is about this one rater, over prompts like those of this study; it does not generalise to "
        "other raters."
    )


def test_one_rater_cannot_be_tested_by_rater(load: Callable[[str], pd.DataFrame]) -> None:
    ratings = ratings_of(load("e"))

    ours = by_rater_t(ratings, score_cells(ratings), "scale_points")

    assert isinstance(ours, NotEstimable)
    assert ours.sentence == (
        "Not estimable, because only 1 rater has answers to both arms, "
        "and the by-rater test needs at least 2 raters."
    )


def test_raters_with_the_same_difference_refuse_t_but_not_the_sign_flip() -> None:
    rater, arm = (axis.ravel() for axis in np.indices((6, 2)))
    zeros = np.zeros(12, dtype=np.intp)
    ratings = Ratings(
        ("steered", "unsteered"), rater, zeros, np.arange(12), arm == 0, np.where(arm == 0, 4.0, 3.0)
    )
    cells = score_cells(ratings)

    t = by_rater_t(ratings, cells, "scale_points")
    flip = by_rater_sign_flip(ratings, cells, "scale_points", rng=np.random.default_rng(0))

    assert isinstance(t, NotEstimable)
    assert t.reason == "all 6 raters have the same difference (1), so its variance cannot be estimated"
    assert isinstance(flip, Result)
    assert flip.p == 2 / 2**6


def test_too_few_raters_for_a_small_p_are_warned_about(load: Callable[[str], pd.DataFrame]) -> None:
    frame = load("a")
    ratings = ratings_of(frame[frame["rater"].isin(["r01", "r02", "r03"])])

    flip = by_rater_sign_flip(ratings, score_cells(ratings), "scale_points", rng=np.random.default_rng(0))

    assert isinstance(flip, Result)
    assert flip.p == 0.25
    assert flip.warnings == ("3 raters with a difference: this test has no p-value below 0.25",)


# Data e, prompt by prompt.
DIFFERENCES = np.array([2, -1, 1, 0, 3, 1, 4, 1, 2, 0, 2, 1, 1, 0, -3], dtype=float)


def test_signed_ranks_of_data_e_are_exact_with_zeros_dropped() -> None:
    """R: exactRankTests::wilcox.exact(d) gives V = 64, p = 0.04541; scipy's default would give .0464."""
    found = signed_rank(DIFFERENCES)

    assert found.statistic == 64
    assert found.p == pytest.approx(0.04541015625, abs=1e-15)
    assert found.n == 12


def test_sign_flips_of_data_e_are_exact() -> None:
    found = sign_flip(DIFFERENCES, np.random.default_rng(0))

    assert found.statistic == 14
    assert found.p == 0.06884765625


def test_rounding_noise_does_not_break_ties() -> None:
    noisy = DIFFERENCES + np.linspace(-1, 1, 15) * 1e-14

    assert signed_rank(noisy) == signed_rank(DIFFERENCES)


@settings(deadline=None)
@given(st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=8))
def test_matching_two_halves_counts_the_same_as_every_sign_pattern(differences: list[float]) -> None:
    values = np.array(differences)

    found = sign_flip(values, np.random.default_rng(0))

    sums = [abs(np.dot(signs, values)) for signs in product([-1, 1], repeat=values.size)]
    assert found.p == pytest.approx(np.mean(np.array(sums) >= abs(values.sum()) - 1e-9), abs=1e-12)


def test_many_differences_are_flipped_at_random_and_repeatably() -> None:
    values = np.concatenate([np.full(30, 1.0), np.full(20, -1.0)])

    one, other = (sign_flip(values, np.random.default_rng(7)) for _ in range(2))

    assert one == other
    # 30 or more, or 20 or fewer, heads of 50: 0.2026 exactly.
    assert one.p == pytest.approx(0.2026, abs=0.02)


def test_many_ranks_are_compared_with_the_normal_distribution() -> None:
    """R: wilcox.test(c(-49:-1, 1:201), exact = FALSE)$p.value."""
    values = np.concatenate([np.arange(-49, 0), np.arange(1, 202)]).astype(float)

    found = signed_rank(values)

    assert found.how == "normal approximation, zeros dropped"
    assert found.p < 1e-20
