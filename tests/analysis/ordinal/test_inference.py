from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from rater.analysis.ordinal.clmm import fit_clmm
from rater.analysis.ordinal.inference import (
    check_proportional_odds,
    likelihood_ratio_test,
    profile_interval,
)
from tests.analysis.ordinal.conftest import Columns

ALL = ("rater", "prompt", "item")


@pytest.mark.parametrize("letter", ["a", "c"])
@pytest.mark.parametrize(("name", "slopes"), [("clmm_intercepts", ()), ("clmm_slopes", ("rater", "prompt"))])
def test_the_likelihood_ratio_equals_that_of_r(
    columns: Callable[..., Columns],
    reference: dict[str, Any],
    letter: str,
    name: str,
    slopes: tuple[str, ...],
) -> None:
    """R: anova(clmm(y ~ 1 + …), clmm(y ~ x + …))."""
    data = columns(letter, *ALL)
    fit = fit_clmm(data.answer, data.x, data.factors, slopes=slopes, correlated=True)

    ratio = likelihood_ratio_test(fit)

    theirs = reference[letter]["models"][name]["LRT_condition"]
    assert ratio.null_log_likelihood == pytest.approx(theirs["logLik_null"], abs=1e-5)
    assert ratio.statistic == pytest.approx(theirs["chisq"], abs=2e-5)
    assert ratio.p == pytest.approx(theirs["p"], rel=1e-3)
    assert ratio.has_converged


def test_the_likelihood_ratio_of_data_e_equals_that_of_r(
    columns: Callable[..., Columns], reference: dict[str, Any]
) -> None:
    """R: anova(clmm(y ~ 1 + (1|prompt)), clmm(y ~ x + (1|prompt)))."""
    data = columns("e", "prompt")

    ratio = likelihood_ratio_test(fit_clmm(data.answer, data.x, data.factors))

    theirs = reference["e"]["models"]["clmm_intercepts_default_control"]["LRT_condition"]
    assert ratio.p == pytest.approx(theirs["p"], rel=1e-3)


def test_a_component_of_0_can_be_above_0_without_the_effect(columns: Callable[..., Columns]) -> None:
    """Without β the slopes take its part: on data c their SDs are 0 with β, and above 0 without."""
    data = columns("c", *ALL)
    fit = fit_clmm(data.answer, data.x, data.factors, slopes=("rater", "prompt"))

    ratio = likelihood_ratio_test(fit)

    intercepts_only = -161.685745729413
    assert fit.components[0].slope_sd == 0.0
    assert ratio.null_log_likelihood > intercepts_only + 0.1


@pytest.mark.parametrize("letter", ["a", "c"])
def test_the_test_is_exactly_at_its_critical_value_at_the_ends_of_the_interval(
    columns: Callable[..., Columns], letter: str
) -> None:
    data = columns(letter, *ALL)
    fit = fit_clmm(data.answer, data.x, data.factors, slopes=("rater", "prompt"))

    interval = profile_interval(fit, 0.9)

    assert interval is not None
    limit = float(stats.chi2.ppf(0.9, 1))
    for end in (interval.low, interval.high):
        refit = fit.model.maximise(fixed_beta=end)
        assert 2 * (fit.log_likelihood + refit.value) == pytest.approx(limit, abs=1e-3)
    assert interval.low < fit.beta < interval.high


def test_without_random_effects_the_interval_equals_the_profile_of_r(columns: Callable[..., Columns]) -> None:
    """R: confint(clm(y ~ x)) on data a."""
    data = columns("a")

    interval = profile_interval(fit_clmm(data.answer, data.x, {}), 0.95)

    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((0.77789671, 1.31483634), abs=1e-4)


@pytest.mark.parametrize("letter", ["a", "c", "e"])
def test_the_proportional_odds_check_equals_that_of_r(
    columns: Callable[..., Columns], reference: dict[str, Any], letter: str
) -> None:
    """R: nominal_test(clm(y ~ x)); on data e R warns that its Hessian is singular, the LRT is the same."""
    data = columns(letter, "prompt")

    check = check_proportional_odds(fit_clmm(data.answer, data.x, data.factors))

    theirs = reference[letter]["models"]["clm_nominal_test"]
    assert check is not None
    assert check.statistic == pytest.approx(theirs["LRT"], abs=1e-5)
    assert check.df == theirs["df"]
    assert check.p == pytest.approx(theirs["p"], rel=1e-3)


def test_each_threshold_has_an_odds_ratio_and_an_infinite_one_is_none() -> None:
    x = np.repeat([-0.5, 0.5], 20)
    answer = np.repeat([1.0, 2, 3, 2, 3], [5, 10, 5, 10, 10])

    check = check_proportional_odds(fit_clmm(answer, x, {}))

    assert check is not None
    # P(y > 2) is 5/20 and 10/20; no answer to the first arm is 1.
    assert check.effects[0] is None
    assert check.effects[1] == pytest.approx(np.log(1) - np.log(5 / 15))


def test_with_two_categories_there_is_no_proportional_odds_check() -> None:
    fit = fit_clmm(np.array([0.0, 1, 1, 0, 1, 1]), np.repeat([-0.5, 0.5], 3), {})

    assert check_proportional_odds(fit) is None
