import numpy as np
import pytest

from rater.analysis.bounds import Bounds
from rater.analysis.shrunken import Predictions
from rater.analysis.units import unit_effects


def test_each_unit_is_tested_over_its_cells_and_adjusted_among_all() -> None:
    """R: t.test(c(1, 2, 3)) has p = .07418; of two p-values BH doubles the smaller."""
    code = np.array([0, 0, 0, 1, 1, 1, 2, 3, 3, 3])
    values = np.array([1.0, 2.0, 3.0, 0.5, -0.4, 0.1, 9.0, 2.0, 2.0, 2.0])

    first, second, single, equal = unit_effects(["a", "b", "c", "d"], code, values, None, alpha=0.05)

    assert (first.unit, first.n_cells, first.raw) == ("a", 3, 2.0)
    assert first.p == pytest.approx(0.07417990, abs=1e-7)
    assert first.p_adjusted == pytest.approx(2 * 0.07417990, abs=1e-7)
    assert first.interval is not None
    assert (first.interval.low, first.interval.high) == pytest.approx((-0.4841377, 4.4841377))
    assert second.p_adjusted == second.p
    assert (single.raw, single.p, single.interval, single.reason) == (9.0, None, None, "it has one cell")
    assert (equal.raw, equal.p, equal.reason) == (2.0, None, "its 3 cells are equal")


def test_shrunken_effects_have_intervals_of_their_own() -> None:
    shrunken = Predictions(np.array([1.5, 0.2]), np.array([0.5, 0.25]))

    first, second = unit_effects(
        ["a", "b"], np.array([0, 0, 1, 1]), np.array([1.0, 3.0, 0.0, 0.1]), shrunken, alpha=0.05
    )

    assert first.shrunken == 1.5
    assert first.shrunken_interval is not None
    assert first.shrunken_interval.high == pytest.approx(1.5 + 1.959964 * 0.5)
    assert second.shrunken == 0.2


def test_two_cells_give_no_interval_and_no_p() -> None:
    [unit] = unit_effects(["a"], np.array([0, 0]), np.array([1.0, 3.0]), None, alpha=0.05)

    assert (unit.raw, unit.interval, unit.p) == (2.0, None, None)
    assert "1 degree of freedom" in unit.reason


def test_intervals_of_units_end_where_the_possible_values_do() -> None:
    shrunken = Predictions(np.array([0.9]), np.array([0.5]))

    [unit] = unit_effects(
        ["a"], np.array([0, 0, 0]), np.array([1.0, 0.2, 0.9]), shrunken, alpha=0.05, bounds=Bounds(-1, 1)
    )

    assert unit.interval is not None
    assert unit.shrunken_interval is not None
    assert unit.interval.high == unit.shrunken_interval.high == 1
