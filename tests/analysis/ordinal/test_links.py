import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from rater.analysis.ordinal.links import END, LINKS, LinkName

BOTH: tuple[LinkName, ...] = ("logit", "probit")
DISTRIBUTIONS = {"logit": stats.logistic, "probit": stats.norm}
H = 1e-5


@pytest.mark.parametrize("name", BOTH)
@given(a=st.floats(-6, 6), width=st.floats(0.1, 8))
@settings(deadline=None)
def test_derivatives_equal_differences_of_the_log_probability(name: LinkName, a: float, width: float) -> None:
    differentiate = LINKS[name].differentiate
    upper, lower = np.array([a]), np.array([a - width])

    at = differentiate(upper, lower)

    up, down = differentiate(upper + H, lower), differentiate(upper - H, lower)
    assert_allclose(at.by_upper, (up.log_p - down.log_p) / (2 * H), rtol=1e-5, atol=1e-6)
    assert_allclose(at.slope_by_upper, (up.slope - down.slope) / (2 * H), rtol=1e-5, atol=1e-6)
    assert_allclose(at.weight_by_upper, (up.weight - down.weight) / (2 * H), rtol=1e-5, atol=1e-6)
    up, down = differentiate(upper, lower + H), differentiate(upper, lower - H)
    assert_allclose(at.by_lower, (up.log_p - down.log_p) / (2 * H), rtol=1e-5, atol=1e-6)
    assert_allclose(at.slope_by_lower, (up.slope - down.slope) / (2 * H), rtol=1e-5, atol=1e-6)
    assert_allclose(at.weight_by_lower, (up.weight - down.weight) / (2 * H), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", BOTH)
def test_the_log_probability_equals_that_of_scipy(name: LinkName) -> None:
    upper, lower = np.array([-1.0, 0.5, 3.0]), np.array([-2.0, -0.5, 2.0])

    result = LINKS[name].differentiate(upper, lower).log_p

    expected = np.log(DISTRIBUTIONS[name].cdf(upper) - DISTRIBUTIONS[name].cdf(lower))
    assert_allclose(result, expected, rtol=1e-12)


@pytest.mark.parametrize("name", BOTH)
def test_the_outermost_cuts_are_numerically_infinite(name: LinkName) -> None:
    result = LINKS[name].differentiate(np.array([0.3, END]), np.array([-END, 0.3]))

    assert_allclose(
        result.log_p, [DISTRIBUTIONS[name].logcdf(0.3), DISTRIBUTIONS[name].logsf(0.3)], rtol=1e-12
    )
    assert np.isfinite([result.slope, result.weight, result.weight_by_predictor]).all()


@pytest.mark.parametrize("name", BOTH)
def test_probabilities_far_in_a_tail_keep_their_digits(name: LinkName) -> None:
    above = LINKS[name].differentiate(np.array([21.0]), np.array([20.0]))
    below = LINKS[name].differentiate(np.array([-20.0]), np.array([-21.0]))

    assert_allclose(above.log_p, below.log_p, rtol=1e-12)
    assert_allclose(above.slope, -below.slope, rtol=1e-10)
    assert (above.weight > 0).all()


@pytest.mark.parametrize("name", BOTH)
def test_a_point_between_both_outermost_cuts_is_certain_without_a_warning(name: LinkName) -> None:
    result = LINKS[name].differentiate(np.array([END]), np.array([-END]))

    assert_allclose([result.log_p[0], result.by_upper[0], result.by_lower[0]], 0, atol=1e-12)
