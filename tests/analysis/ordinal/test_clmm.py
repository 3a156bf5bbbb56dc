"""Fits equal those of R 4.2.2, ordinal 2022.11.16, default control (tests/data/stats/reference.json)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from rater.analysis.ordinal.clmm import ClmmFit, Component, fit_clmm
from rater.analysis.ordinal.design import CannotFitError
from tests.analysis.ordinal.conftest import Columns

ALL = ("rater", "prompt", "item")


def of(fit: ClmmFit, factor: str) -> Component:
    return next(component for component in fit.components if component.factor == factor)


def assert_equal_to_r(fit: ClmmFit, theirs: dict[str, Any], *, log_likelihood: float = 1e-5) -> None:
    """statistics.md section 4: its tolerances."""
    cuts = [name for name in theirs["coef"] if "|" in name]
    assert fit.log_likelihood == pytest.approx(theirs["logLik"], abs=log_likelihood)
    assert fit.beta == pytest.approx(theirs["coef"]["x"], abs=5e-4)
    assert fit.thresholds == pytest.approx([theirs["coef"][cut] for cut in cuts], abs=5e-4)
    assert fit.beta_error == pytest.approx(theirs["se"]["x"], rel=1e-3)
    assert fit.threshold_errors == pytest.approx([theirs["se"][cut] for cut in cuts], rel=1e-3)


def assert_spread(component: Component, theirs: dict[str, Any]) -> None:
    sd, correlation = theirs["sd"][component.factor], theirs["corr"][component.factor]
    assert component.intercept_sd == pytest.approx(sd["(Intercept)"], abs=1e-3)
    if "x" in sd:
        assert component.slope_sd == pytest.approx(sd["x"], abs=1e-3)
        assert component.correlation == pytest.approx(correlation, abs=0.02)


@pytest.mark.parametrize("letter", ["a", "c"])
def test_intercepts_equal_those_of_r(
    columns: Callable[..., Columns], reference: dict[str, Any], letter: str
) -> None:
    """R: clmm(y ~ x + (1|rater) + (1|prompt) + (1|item))."""
    data = columns(letter, *ALL)

    fit = fit_clmm(data.answer, data.x, data.factors)

    theirs = reference[letter]["models"]["clmm_intercepts_default_control"]
    assert_equal_to_r(fit, theirs)
    assert [component.factor for component in fit.components] == ["rater", "prompt", "item"]
    for component in fit.components:
        assert_spread(component, theirs)
    assert fit.n_parameters == theirs["edf"]


@pytest.mark.parametrize("letter", ["a", "c"])
def test_correlated_slopes_equal_those_of_r(
    columns: Callable[..., Columns], reference: dict[str, Any], letter: str
) -> None:
    """R: clmm(y ~ x + (1+x|rater) + (1+x|prompt) + (1|item)); both have a correlation of −1."""
    data = columns(letter, *ALL)

    fit = fit_clmm(data.answer, data.x, data.factors, slopes=("rater", "prompt"), correlated=True)

    theirs = reference[letter]["models"]["clmm_slopes"]
    assert_equal_to_r(fit, theirs)
    assert_equal_to_r(fit, {**theirs, "se": theirs["se_numDeriv"]})
    for component in fit.components:
        assert_spread(component, theirs)
    assert fit.n_parameters == theirs["edf"]


def test_uncorrelated_slopes_equal_those_of_r(columns: Callable[..., Columns]) -> None:
    """R: clmm(y ~ x + (1|rater) + (0+x|rater) + (1|prompt) + (0+x|prompt) + (1|item)) on data a.

    logLik -1066.14298000; x 1.258406505 (SE 0.2208521163); ranef and condVar of the first three raters.
    """
    data = columns("a", *ALL)

    fit = fit_clmm(data.answer, data.x, data.factors, slopes=("rater", "prompt"))

    assert fit.log_likelihood == pytest.approx(-1066.14298, abs=1e-5)
    assert fit.beta == pytest.approx(1.258406505, abs=5e-4)
    assert fit.beta_error == pytest.approx(0.2208521163, rel=1e-3)
    rater, prompt = of(fit, "rater"), of(fit, "prompt")
    assert (rater.intercept_sd, rater.slope_sd) == pytest.approx((0.70659623, 0.3743545), abs=1e-3)
    assert prompt.intercept_sd == pytest.approx(0.52436796, abs=1e-3)
    assert prompt.slope_sd == 0.0
    assert of(fit, "item").intercept_sd == pytest.approx(0.49986975, abs=1e-3)
    assert rater.correlation is None
    assert rater.levels[:3].tolist() == ["r01", "r02", "r03"]
    assert_allclose(rater.intercepts.effect[:3], [0.4198876479, 0.4838352803, -1.7217959], atol=5e-4)
    assert_allclose(rater.intercepts.error[:3] ** 2, [0.06087197753, 0.06599227576, 0.06434250516], rtol=2e-3)
    assert rater.slopes is not None
    assert_allclose(rater.slopes.effect[:3], [-0.1192046764, 0.1361215329, -0.08231300817], atol=5e-4)
    assert_allclose(rater.slopes.error[:3] ** 2, [0.08432941676, 0.0881456116, 0.08696086296], rtol=2e-3)


def test_probit_equals_r(columns: Callable[..., Columns]) -> None:
    """R: clmm(y ~ x + (1|rater) + (1|prompt) + (1|item), link = "probit") on data a."""
    data = columns("a", *ALL)

    fit = fit_clmm(data.answer, data.x, data.factors, link="probit")

    assert fit.log_likelihood == pytest.approx(-1069.18777561, abs=1e-5)
    assert fit.thresholds == pytest.approx(
        (-1.236006831, -0.5338890405, 0.2095163576, 0.9496525669), abs=5e-4
    )
    assert fit.beta == pytest.approx(0.7085017994, abs=5e-4)
    assert fit.beta_error == pytest.approx(0.1085719104, rel=1e-3)
    assert [component.intercept_sd for component in fit.components] == pytest.approx(
        [0.40984555, 0.29836065, 0.27549749], abs=1e-3
    )


def test_probit_with_correlated_slopes_equals_r(columns: Callable[..., Columns]) -> None:
    """R: clmm(y ~ x + (1+x|rater) + (1|prompt), link = "probit") on data c."""
    data = columns("c", "rater", "prompt")

    fit = fit_clmm(data.answer, data.x, data.factors, link="probit", slopes=["rater"], correlated=True)

    assert fit.log_likelihood == pytest.approx(-158.98969918, abs=1e-5)
    assert fit.beta == pytest.approx(0.37931625, abs=5e-4)
    assert fit.beta_error == pytest.approx(0.2403973909, rel=1e-3)
    rater = of(fit, "rater")
    assert (rater.intercept_sd, rater.slope_sd) == pytest.approx((0.63129646, 0.25998152), abs=1e-3)
    assert rater.correlation == pytest.approx(-1)
    assert any("correlation −1" in warning for warning in fit.warnings)


@pytest.mark.parametrize(("letter", "log_likelihood"), [("a", -1091.95008892), ("c", -165.49722691)])
def test_one_factor_equals_r_with_an_exact_mode(
    columns: Callable[..., Columns], reference: dict[str, Any], letter: str, log_likelihood: float
) -> None:
    """R: clmm(y ~ x + (1|rater), control = clmm.control(gradTol = 1e-9)); x within 1e-6 of the default's.

    With the default of 1e-4, as in the reference, R stops before the mode; its log-likelihood is off by 9e-5
    (a) and 2e-5 (c), and its standard error by 5e-4 (c).
    """
    data = columns(letter, "rater")

    fit = fit_clmm(data.answer, data.x, data.factors)

    assert fit.log_likelihood == pytest.approx(log_likelihood, abs=1e-6)
    theirs = reference[letter]["models"]["clmm_rater_only_laplace"]
    assert_equal_to_r(fit, theirs, log_likelihood=1e-4)
    assert_spread(fit.components[0], theirs)


@pytest.mark.parametrize("letter", ["a", "c"])
def test_laplace_is_close_to_adaptive_quadrature(
    columns: Callable[..., Columns], reference: dict[str, Any], letter: str
) -> None:
    """R: clmm(y ~ x + (1|rater), nAGQ = 15)."""
    data = columns(letter, "rater")

    fit = fit_clmm(data.answer, data.x, data.factors)

    assert fit.beta == pytest.approx(
        reference[letter]["models"]["clmm_rater_only_AGQ15"]["coef"]["x"], abs=1e-3
    )


@pytest.mark.parametrize("letter", ["a", "c", "e"])
@pytest.mark.parametrize(("link", "name"), [("logit", "clm"), ("probit", "clm_probit")])
def test_without_random_effects_the_fit_equals_clm(
    columns: Callable[..., Columns], reference: dict[str, Any], letter: str, link: Any, name: str
) -> None:
    """R: clm(y ~ x, link = …)."""
    data = columns(letter)

    fit = fit_clmm(data.answer, data.x, {}, link=link)

    assert_equal_to_r(fit, reference[letter]["models"][name])
    assert fit.components == ()
    assert fit.warnings == ()


def test_a_component_of_0_has_standard_errors_and_a_warning(
    columns: Callable[..., Columns], reference: dict[str, Any]
) -> None:
    """Data e, one rater: clmm(y ~ x + (1|prompt)) gives an SD of 6e-5 and, by default, no standard errors."""
    data = columns("e", "prompt")

    fit = fit_clmm(data.answer, data.x, data.factors)

    models = reference["e"]["models"]
    assert_equal_to_r(fit, {**models["clmm_intercepts_default_control"], "se": models["clm"]["se"]})
    assert fit.components[0].intercept_sd == 0.0
    assert fit.components[0].intercepts.effect.tolist() == [0.0] * 15
    assert len(fit.warnings) == 1
    assert "singular fit" in fit.warnings[0]


def test_answers_without_variance_between_levels_give_components_of_0() -> None:
    answer = np.tile([1.0, 2, 3, 2, 3, 3], 8)
    x = np.tile([-0.5, -0.5, -0.5, 0.5, 0.5, 0.5], 8)
    factors = {"rater": np.repeat(np.arange(8), 6), "prompt": np.tile(np.repeat(np.arange(4), 6), 2)}

    fit = fit_clmm(answer, x, factors, slopes=("rater", "prompt"), correlated=True)

    assert [(each.intercept_sd, each.slope_sd) for each in fit.components] == [(0.0, 0.0), (0.0, 0.0)]
    assert [each.correlation for each in fit.components] == [None, None]
    (warning,) = fit.warnings
    assert warning == (
        "the levels of raters, the effects of raters, the levels of prompts and the effects of prompts are "
        "estimated not to differ (a singular fit): these terms are kept, with standard deviations of 0"
    )
    assert fit.beta == pytest.approx(fit_clmm(answer, x, {}).beta, abs=1e-6)
    assert fit.beta_error == pytest.approx(fit_clmm(answer, x, {}).beta_error, rel=1e-5)


@given(seed=st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=5)
def test_neither_level_names_nor_the_order_of_answers_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    answer, x = rng.permutation(np.arange(72) % 4) + 1.0, np.tile([-0.5, 0.5], 36)
    rater, prompt = np.repeat(np.arange(6), 12), np.tile(np.repeat(np.arange(6), 2), 6)
    names, order = rng.permutation(6), rng.permutation(72)

    fit = fit_clmm(answer, x, {"rater": rater, "prompt": prompt}, slopes=["rater"])
    again = fit_clmm(
        answer[order] * 10,
        x[order],
        {"rater": names[rater][order], "prompt": prompt[order]},
        slopes=["rater"],
    )

    assert again.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-6)
    assert again.beta == pytest.approx(fit.beta, abs=1e-4)
    assert_allclose(
        of(again, "rater").intercepts.effect[names], of(fit, "rater").intercepts.effect, atol=1e-3
    )


def test_reversing_the_scale_reverses_the_effect(columns: Callable[..., Columns]) -> None:
    data = columns("c", *ALL)

    fit = fit_clmm(data.answer, data.x, data.factors, slopes=["rater"], correlated=True)
    turned = fit_clmm(6 - data.answer, data.x, data.factors, slopes=["rater"], correlated=True)

    assert turned.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-7)
    assert turned.beta == pytest.approx(-fit.beta, abs=1e-4)
    assert turned.thresholds == pytest.approx([-cut for cut in reversed(fit.thresholds)], abs=1e-4)
    assert turned.beta_error == pytest.approx(fit.beta_error, rel=1e-3)


def test_the_same_input_gives_identical_results(columns: Callable[..., Columns]) -> None:
    data = columns("c", *ALL)

    first, second = (fit_clmm(data.answer, data.x, data.factors, slopes=["rater"]) for _ in range(2))

    assert first.point.tobytes() == second.point.tobytes()
    assert (first.log_likelihood, first.beta_error) == (second.log_likelihood, second.beta_error)


def test_two_categories_are_a_logistic_model() -> None:
    answer = np.repeat([0.0, 1, 0, 1], [30, 10, 15, 25])
    x = np.repeat([-0.5, 0.5], 40)

    fit = fit_clmm(answer, x, {})

    assert fit.beta == pytest.approx(np.log(25 / 15) - np.log(10 / 30), abs=1e-5)
    assert fit.beta_error == pytest.approx(np.sqrt(1 / 25 + 1 / 15 + 1 / 10 + 1 / 30), rel=1e-4)


def test_infinite_estimates_are_an_error() -> None:
    """Every rater answers one point higher to the first arm, and raters are two points apart."""
    x, rater = np.tile([-0.5, 0.5], 6), np.repeat(np.arange(3), 4)

    with pytest.raises(CannotFitError, match="rater, arm together separate the answers almost completely"):
        fit_clmm(rater * 2 + x, x, {"rater": rater})
