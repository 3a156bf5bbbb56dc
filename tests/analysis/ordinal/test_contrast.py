from collections.abc import Callable
from typing import Any

import pytest
from scipy import stats

from rater.analysis.ordinal.clmm import fit_clmm
from rater.analysis.ordinal.contrast import compare_with_none, profile_interval
from tests.analysis.ordinal.conftest import Columns

ALL = ("rater", "prompt", "item")


@pytest.mark.parametrize("letter", ["a", "c"])
@pytest.mark.parametrize(("name", "slopes"), [("clmm_intercepts", ()), ("clmm_slopes", ("rater", "prompt"))])
def test_the_likelihood_ratio_is_r_s(
    columns: Callable[..., Columns],
    reference: dict[str, Any],
    letter: str,
    name: str,
    slopes: tuple[str, ...],
) -> None:
    """R: anova(clmm(y ~ 1 + …), clmm(y ~ x + …))."""
    data = columns(letter, *ALL)
    fit = fit_clmm(data.answer, data.x, data.factors, slopes=slopes, correlated=True)

    ratio = compare_with_none(fit)

    theirs = reference[letter]["models"][name]["LRT_condition"]
    assert ratio.null_log_likelihood == pytest.approx(theirs["logLik_null"], abs=1e-5)
    assert ratio.statistic == pytest.approx(theirs["chisq"], abs=2e-5)
    assert ratio.p == pytest.approx(theirs["p"], rel=1e-3)
    assert ratio.has_settled


def test_data_e_has_r_s_likelihood_ratio(columns: Callable[..., Columns], reference: dict[str, Any]) -> None:
    """R: anova(clmm(y ~ 1 + (1|prompt)), clmm(y ~ x + (1|prompt)))."""
    data = columns("e", "prompt")

    ratio = compare_with_none(fit_clmm(data.answer, data.x, data.factors))

    theirs = reference["e"]["models"]["clmm_intercepts_default_control"]["LRT_condition"]
    assert ratio.p == pytest.approx(theirs["p"], rel=1e-3)


def test_a_component_of_0_may_grow_where_there_is_no_effect(columns: Callable[..., Columns]) -> None:
    """Without β its share falls to the slopes: on data c their SDs, 0 with β, then are not."""
    data = columns("c", *ALL)
    fit = fit_clmm(data.answer, data.x, data.factors, slopes=("rater", "prompt"))

    ratio = compare_with_none(fit)

    intercepts_only = -161.685745729413
    assert fit.components[0].slope_sd == 0.0
    assert ratio.null_log_likelihood > intercepts_only + 0.1


@pytest.mark.parametrize("letter", ["a", "c"])
def test_the_ends_of_the_interval_are_what_the_test_just_does_not_reject(
    columns: Callable[..., Columns], letter: str
) -> None:
    data = columns(letter, *ALL)
    fit = fit_clmm(data.answer, data.x, data.factors, slopes=("rater", "prompt"))

    interval = profile_interval(fit, 0.9)

    assert interval is not None
    limit = float(stats.chi2.ppf(0.9, 1))
    for end in (interval.low, interval.high):
        held = fit.model.search(held=end)
        assert 2 * (fit.log_likelihood + held.value) == pytest.approx(limit, abs=1e-3)
    assert interval.low < fit.beta < interval.high


def test_without_random_effects_the_interval_is_r_s_profile(columns: Callable[..., Columns]) -> None:
    """R: confint(clm(y ~ x)) on data a."""
    data = columns("a")

    interval = profile_interval(fit_clmm(data.answer, data.x, {}), 0.95)

    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((0.77789671, 1.31483634), abs=1e-4)
