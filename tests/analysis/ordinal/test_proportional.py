from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rater.analysis.ordinal.clmm import fit_clmm
from rater.analysis.ordinal.proportional import check_proportional_odds
from tests.analysis.ordinal.conftest import Columns


@pytest.mark.parametrize("letter", ["a", "c", "e"])
def test_the_check_is_r_s(columns: Callable[..., Columns], reference: dict[str, Any], letter: str) -> None:
    """R: nominal_test(clm(y ~ x)); on data e R warns that its Hessian is singular, the LRT is the same."""
    data = columns(letter, "prompt")

    check = check_proportional_odds(fit_clmm(data.answer, data.x, data.factors))

    theirs = reference[letter]["models"]["clm_nominal_test"]
    assert check is not None
    assert check.statistic == pytest.approx(theirs["LRT"], abs=1e-5)
    assert check.df == theirs["df"]
    assert check.p == pytest.approx(theirs["p"], rel=1e-3)


def test_each_cut_has_its_own_odds_ratio_and_an_infinite_one_is_none() -> None:
    x = np.repeat([-0.5, 0.5], 20)
    answer = np.repeat([1.0, 2, 3, 2, 3], [5, 10, 5, 10, 10])

    check = check_proportional_odds(fit_clmm(answer, x, {}))

    assert check is not None
    # P(y > 2) is 5/20 and 10/20; no answer to the first arm is 1.
    assert check.effects[0] is None
    assert check.effects[1] == pytest.approx(np.log(1) - np.log(5 / 15))


def test_with_two_categories_there_is_nothing_to_check() -> None:
    fit = fit_clmm(np.array([0.0, 1, 1, 0, 1, 1]), np.repeat([-0.5, 0.5], 3), {})

    assert check_proportional_odds(fit) is None
