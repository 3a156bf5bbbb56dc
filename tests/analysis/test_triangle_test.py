"""Compare the triangle test with published values, with a simulation of its model, and with its inverse."""

import numpy as np
import pytest

from rater.analysis.results import Interval
from rater.analysis.simulate import ModelSDs, difference_of, logits_of
from rater.analysis.triangle_test import (
    CHANCE,
    TriangleAnswers,
    d_prime_of,
    d_prime_with_interval,
    proportion_correct,
    sd_of_sensitivity,
)

ONE, TWO = 1.0, 2.0


@pytest.mark.parametrize(
    ("d_prime", "published"),
    # Ennis 1993, table 1; in R: sensR::psyfun(c(0, 1, 2), method = "triangle")
    [(0.0, 0.333), (1.0, 0.418), (2.0, 0.605)],
)
def test_the_proportion_correct_agrees_with_published_tables(d_prime: float, published: float) -> None:
    assert proportion_correct(np.array([d_prime]))[0] == pytest.approx(published, abs=5e-4)


@pytest.mark.parametrize("d_prime", [0.0, 0.5, 1.0, 2.5, 4.0])
def test_the_proportion_correct_is_that_of_the_model(d_prime: float) -> None:
    rng = np.random.default_rng(1)
    texts = rng.normal(size=(400_000, 3)) + np.array([0, 0, d_prime])
    same = np.abs(texts[:, 0] - texts[:, 1])
    others = [np.abs(texts[:, 2] - texts[:, place]) for place in (0, 1)]
    simulated = ((same < others[0]) & (same < others[1])).mean()

    assert proportion_correct(np.array([d_prime]))[0] == pytest.approx(simulated, abs=0.004)


def test_the_sign_of_d_prime_does_not_matter_and_shapes_are_kept() -> None:
    distances = np.linspace(-3, 3, 12).reshape(3, 4)

    assert proportion_correct(distances).shape == (3, 4)
    assert proportion_correct(-distances) == pytest.approx(proportion_correct(distances))


@pytest.mark.parametrize("d_prime", [0.3, 1.0, 2.0, 5.0])
def test_d_prime_is_the_inverse_of_the_proportion(d_prime: float) -> None:
    assert d_prime_of(float(proportion_correct(np.array([d_prime]))[0])) == pytest.approx(d_prime, abs=1e-6)


def test_d_prime_is_zero_below_chance_and_not_finite_where_all_are_correct() -> None:
    assert d_prime_of(CHANCE) == d_prime_of(0.1) == 0.0
    assert d_prime_of(1.0) is None


def test_the_ends_of_the_interval_are_those_of_the_proportion() -> None:
    low, high = proportion_correct(np.array([ONE, TWO])).tolist()

    found = d_prime_with_interval(0.5, Interval(low, high, 0.95))

    assert [found.low, found.high] == pytest.approx([ONE, TWO])
    assert d_prime_with_interval(0.5, None).low is None


def test_answers_are_at_chance_without_a_difference_whatever_raters_sensitivity() -> None:
    rng = np.random.default_rng(2)
    factors = rng.normal(size=200_000)

    assert TriangleAnswers().correct(0.0, factors, rng).mean() == pytest.approx(CHANCE, abs=0.005)


def test_a_planned_proportion_is_that_of_simulated_answers() -> None:
    spread, rng = ModelSDs(), np.random.default_rng(3)
    effect = logits_of(0.2, TriangleAnswers(), spread)

    simulated = (
        TriangleAnswers().correct(effect, rng.normal(0, sd_of_sensitivity(spread), 200_000), rng).mean()
    )

    assert difference_of(effect, TriangleAnswers(), spread) == pytest.approx(0.2, abs=1e-6)
    assert simulated - CHANCE == pytest.approx(0.2, abs=0.005)
