import numpy as np
import pytest
from scipy import stats

from rater.analysis.d_prime import DPrime, d_prime_of, d_prime_with_interval, proportion_correct
from rater.analysis.results import Interval


def test_two_alternatives_have_a_closed_form() -> None:
    for d_prime in (-1.0, 0.0, 0.7, 3.0):
        assert proportion_correct(d_prime, 2) == pytest.approx(
            stats.norm.cdf(d_prime / np.sqrt(2)), abs=1e-12
        )


@pytest.mark.parametrize("n_options", range(2, 13))
def test_no_difference_is_chance(n_options: int) -> None:
    assert proportion_correct(0, n_options) == pytest.approx(1 / n_options, abs=1e-10)
    assert d_prime_of(1 / n_options, n_options) == pytest.approx(0, abs=1e-6)


def test_three_alternatives_are_those_of_published_tables() -> None:
    """The 3-AFC column of the tables of sensory science (ASTM E2262): .63 at d' = 1, .87 at 2.

    In R: ``sensR::psyfun(c(1, 2), method = "threeAFC")``.
    """
    assert proportion_correct(1, 3) == pytest.approx(0.6337, abs=1e-4)
    assert proportion_correct(2, 3) == pytest.approx(0.8658, abs=1e-4)


def test_the_integral_is_that_of_the_greatest_of_normal_strengths() -> None:
    strengths = np.random.default_rng(1).normal(size=(400_000, 5))
    strengths[:, 0] += 0.8

    # 400,000 draws: SE 0.0008
    assert proportion_correct(0.8, 5) == pytest.approx((strengths.argmax(axis=1) == 0).mean(), abs=0.003)


def test_d_prime_comes_back_from_its_proportion() -> None:
    for d_prime in (-2.0, -0.3, 0.5, 4.0):
        assert d_prime_of(proportion_correct(d_prime, 6), 6) == pytest.approx(d_prime, abs=1e-8)


def test_an_interval_is_transformed_and_an_end_at_1_is_infinite() -> None:
    found = d_prime_with_interval(0.5, Interval(0.25, 1.0, 0.95), 4)

    assert found.estimate == pytest.approx(0.8368, abs=1e-4)
    assert found.low == pytest.approx(0, abs=1e-6)
    assert found.high is None
    assert d_prime_with_interval(1.0, None, 4) == DPrime(None, None, None)
