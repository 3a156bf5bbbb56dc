from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rater.analysis.by_unit_tests import by_prompt_t, by_rater_sign_flip, by_rater_t
from rater.analysis.contrast_data import Ratings, score_cells, select_ratings
from rater.analysis.crossed import contrast_t
from rater.analysis.equivalence import Equivalence, two_one_sided_tests
from rater.analysis.results import NotEstimable, Outcome

Load = Callable[[str], pd.DataFrame]
SESOI = 0.3


def two_way(ratings: Ratings) -> Outcome:
    return contrast_t(score_cells(ratings), "scale_points")


def by_rater(ratings: Ratings) -> Outcome:
    return by_rater_t(ratings, score_cells(ratings), "scale_points")


def by_prompt(ratings: Ratings) -> Outcome:
    return by_prompt_t(ratings, score_cells(ratings), "scale_points")


@pytest.mark.parametrize(
    ("letter", "test", "name"),
    [
        ("a", two_way, "twoway"),
        ("a", by_rater, "by_rater"),
        ("a", by_prompt, "by_prompt"),
        ("c", by_rater, "by_rater"),
        ("c", by_prompt, "by_prompt"),
        ("e", by_prompt, "by_prompt"),
    ],
)
def test_both_one_sided_tests_are_those_of_r(
    load: Load, reference: dict[str, Any], letter: str, test: Callable[[Ratings], Outcome], name: str
) -> None:
    ratings = select_ratings(load(letter), ("steered", "unsteered"), "happiness")

    ours = two_one_sided_tests(test(ratings), SESOI, alpha=0.05)

    theirs = reference[letter]["tost"][name]
    assert isinstance(ours, Equivalence)
    assert ours.interval is not None
    assert (ours.t_lower, ours.t_upper) == pytest.approx((theirs["t_lower"], theirs["t_upper"]), rel=1e-6)
    assert (ours.p_lower, ours.p_upper) == pytest.approx((theirs["p_lower"], theirs["p_upper"]), rel=1e-6)
    assert ours.p == pytest.approx(theirs["p_tost"], rel=1e-6)
    assert (ours.interval.low, ours.interval.high) == pytest.approx(theirs["ci90"], abs=1e-6)
    assert ours.interval.level == 0.9


def test_it_is_equivalent_exactly_if_the_interval_lies_within_the_margin(load: Load) -> None:
    result = two_way(select_ratings(load("a"), ("steered", "unsteered"), "happiness"))

    too_narrow = two_one_sided_tests(result, 1.02, alpha=0.05)
    just_wide_enough = two_one_sided_tests(result, 1.03, alpha=0.05)

    assert isinstance(too_narrow, Equivalence)
    assert isinstance(just_wide_enough, Equivalence)
    assert too_narrow.interval is not None
    assert too_narrow.interval.high == pytest.approx(1.025039604)
    assert (too_narrow.is_equivalent, just_wide_enough.is_equivalent) == (False, True)


def test_what_has_no_result_or_no_standard_error_has_no_equivalence(load: Load) -> None:
    ratings = select_ratings(load("a"), ("steered", "unsteered"), "happiness")
    missing = two_way(select_ratings(load("a"), ("steered", "sung"), "happiness"))
    flipped = by_rater_sign_flip(ratings, score_cells(ratings), "scale_points", rng=np.random.default_rng(0))

    found = [two_one_sided_tests(each, SESOI, alpha=0.05) for each in (missing, flipped)]

    assert [each.reason for each in found if isinstance(each, NotEstimable)] == [
        "no rater has answered both “steered” and “sung” texts of the same prompt",
        "the by-rater sign-flip has no standard error",
    ]
