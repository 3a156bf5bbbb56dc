from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from rater.analysis.ordinal.optimum import differentiate_twice, minimise


@dataclass(frozen=True)
class At:
    value: float
    gradient: NDArray[np.float64]


def well(point: NDArray[np.float64]) -> At:
    """(a² − 1)² + 10 (b − a)²: minima at ±(1, 1), a saddle at 0."""
    a, b = point
    return At(
        (a**2 - 1) ** 2 + 10 * (b - a) ** 2,
        np.array([4 * a * (a**2 - 1) - 20 * (b - a), 20 * (b - a)]),
    )


def never(_: NDArray[np.float64]) -> bool:
    return False


@pytest.mark.parametrize("start", [(0.5, -2.0), (3.0, 3.0), (0.0, 0.0)])
def test_a_minimum_is_found_also_from_a_saddle(start: tuple[float, float]) -> None:
    found = minimise(well, np.array(start), stop=never)

    assert found.is_minimum
    assert_allclose(np.abs(found.point), 1, atol=1e-5)
    assert_allclose(found.hessian, [[28, -20], [-20, 20]], rtol=1e-4)


def test_without_a_minimum_the_search_says_so() -> None:
    found = minimise(
        lambda point: At(float(np.exp(-point[0])), -np.exp(-point)), np.zeros(1), stop=lambda p: p[0] > 5
    )

    assert not found.is_minimum
    assert found.point[0] > 5


def test_the_hessian_is_the_gradients_derivative() -> None:
    # ∂²/∂a² = 12 a² − 4 + 20.
    assert_allclose(
        differentiate_twice(well, np.array([0.3, 0.1])), [[17.08, -20.0], [-20.0, 20.0]], rtol=1e-6
    )
