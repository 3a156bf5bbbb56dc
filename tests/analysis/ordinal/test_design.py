from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from rater.analysis.ordinal.design import CannotFitError, Factor, has_both_arms, lay_out, validate_and_lay_out
from rater.errors import RaterError

X = np.tile([-0.5, 0.5], 6)
LEVELS = {"rater": np.repeat(np.arange(3), 4)}


@pytest.mark.parametrize(
    ("answer", "x", "factors", "slopes", "message"),
    [
        (np.full(12, 3.0), X, LEVELS, (), r"all 12 answers are the same \(3\)"),
        (np.arange(12.0), np.full(12, 0.5), LEVELS, (), "the contrast is 0.5 for all 12 answers"),
        (X + 2, X, LEVELS, (), "the odds ratio is infinite"),
        (np.where(X > 0, 2.0, 3.0), X, LEVELS, (), "the odds ratio is infinite"),
        (np.arange(12.0) % 3, X, {"rater": np.zeros(12)}, (), "rater has 1 level in 12 answers"),
        (np.arange(12.0) % 3, X, {"item": np.arange(12)}, (), "item has 12 levels in 12 answers"),
        (np.arange(12.0) % 3, X, {"arm": X}, ("arm",), "no arm has answers to both arms"),
        (np.empty(0), np.empty(0), {}, (), "there are no answers"),
    ],
)
def test_answers_without_an_estimate_are_an_error(
    answer: Any, x: Any, factors: Any, slopes: tuple[str, ...], message: str
) -> None:
    with pytest.raises(CannotFitError, match=message):
        validate_and_lay_out(answer, x, factors, slopes=slopes, correlated=False)


def test_invalid_columns_are_an_error() -> None:
    with pytest.raises(RaterError, match=r"x has shape \(11,\), but there are 12 answers"):
        validate_and_lay_out(np.arange(12.0), X[:11], LEVELS, slopes=(), correlated=False)
    with pytest.raises(RaterError, match="unknown factor 'prompt'; the factors are rater"):
        validate_and_lay_out(np.arange(12.0), X, LEVELS, slopes=["prompt"], correlated=False)


def test_the_factor_with_most_random_effects_comes_first() -> None:
    level = np.arange(14) % 4
    factors = [
        Factor("four", np.arange(4), level, has_slope=True),
        Factor("six", np.arange(6), level),
        Factor("seven", np.arange(7), level, has_slope=True),
    ]

    design = lay_out(np.arange(14) % 3, np.tile([-0.5, 0.5], 7), factors)

    assert [factor.name for factor in design.factors] == ["seven", "four", "six"]
    assert design.n_effects == 14 + 8 + 6


def test_a_level_has_both_arms_only_with_answers_to_two() -> None:
    level, x = np.array([0, 0, 1, 1, 2]), np.array([-0.5, 0.5, 0.5, 0.5, -0.5])

    assert_array_equal(has_both_arms(level, x), [True, False, False])
