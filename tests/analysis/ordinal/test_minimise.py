from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from rater.analysis.ordinal.minimise import central_hessian, descend, minimise, remember


@dataclass(frozen=True)
class At:
    value: float
    gradient: NDArray[np.float64]


def well(point: NDArray[np.float64]) -> At:
    """(a² − 1)² + 10 (b − a)²: minima at ±(1, 1), a saddle point at 0."""
    a, b = point
    return At(
        (a**2 - 1) ** 2 + 10 * (b - a) ** 2,
        np.array([4 * a * (a**2 - 1) - 20 * (b - a), 20 * (b - a)]),
    )


def never(_: NDArray[np.float64]) -> bool:
    return False


@pytest.mark.parametrize("start", [(0.5, -2.0), (3.0, 3.0), (0.0, 0.0)])
def test_a_minimum_is_found_even_from_a_saddle_point(start: tuple[float, float]) -> None:
    result = minimise(well, np.array(start), stop=never)

    assert result.is_minimum
    assert_allclose(np.abs(result.point), 1, atol=1e-5)
    assert_allclose(result.hessian, [[28, -20], [-20, 20]], rtol=1e-4)


def test_a_search_that_diverges_ends_without_a_minimum() -> None:
    result = minimise(
        lambda point: At(float(np.exp(-point[0])), -np.exp(-point)), np.zeros(1), stop=lambda p: p[0] > 5
    )

    assert not result.is_minimum
    assert result.point[0] > 5


@pytest.mark.parametrize("edge", [-1.0, 0.0, 1e-5])
def test_a_search_that_ends_where_the_function_is_not_finite_finds_no_minimum(edge: float) -> None:
    """The function falls until the edge, and has no value beyond it."""

    def cliff(point: NDArray[np.float64]) -> At:
        if point[0] > edge:
            return At(np.nan, np.array([np.nan]))
        return At(-float(point[0]), np.array([-1.0]))

    assert not minimise(cliff, np.zeros(1), stop=never).is_minimum


def test_the_hessian_is_the_derivative_of_the_gradient() -> None:
    # ∂²/∂a² = 12 a² − 4 + 20.
    assert_allclose(central_hessian(well, np.array([0.3, 0.1])), [[17.08, -20.0], [-20.0, 20.0]], rtol=1e-6)


def test_a_search_backs_off_where_the_function_overflows() -> None:
    """−log x + x²/2 has its minimum at 1, and no value at 0 and below."""

    def barrier(point: NDArray[np.float64]) -> At:
        with np.errstate(invalid="ignore", divide="ignore"):
            return At(float(point[0] ** 2 / 2 - np.log(point[0])), point - 1 / point)

    result = minimise(barrier, np.array([12.0]), stop=never)

    assert result.is_minimum
    assert_allclose(result.point, 1, atol=1e-6)


def test_a_point_is_evaluated_once() -> None:
    calls: list[float] = []

    def count(point: NDArray[np.float64]) -> At:
        calls.append(float(point[0]))
        return At(float(point[0] ** 2), 2 * point)

    function = remember(count)

    assert function(np.array([3.0])) == function(np.array([3.0]))
    assert calls == [3.0]


def test_a_step_beyond_the_range_of_the_function_turns_back_without_a_warning() -> None:
    def edge(point: NDArray[np.float64]) -> At:
        """50 (x + 0.95)² + log(1 + x) / 100, which is not defined below −1; the first step ends at −1.01."""
        return At(
            float(50 * (point[0] + 0.95) ** 2 + np.log1p(point[0]) / 100),
            100 * (point + 0.95) + 0.01 / (1 + point),
        )

    end = descend(edge, np.array([0.0]), np.array([[1e-9]]), stop=never)

    assert_allclose(end, -0.95, atol=0.01)
