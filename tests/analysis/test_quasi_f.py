import numpy as np
import pytest

from rater.analysis.quasi_f import three_way, two_way


def test_a_stack_of_tables_has_the_variance_of_each_table() -> None:
    tables = np.random.default_rng(0).normal(size=(7, 5, 3, 4))

    stacked = three_way(tables)

    for table, variance, df in zip(tables, stacked.variance, stacked.df, strict=True):
        alone = three_way(table)
        assert (float(alone.variance), float(alone.df)) == pytest.approx((variance, df))


def test_the_variance_of_the_mean_is_unbiased_where_no_floor_applies() -> None:
    rng = np.random.default_rng(1)
    n, shape = 4_000, (6, 5, 7)
    effects = [(6, 1, 1), (1, 5, 1), (1, 1, 7), (6, 5, 1), (6, 1, 7), (1, 5, 7), shape]
    tables = sum((rng.normal(size=(n, *each)) for each in effects), start=np.zeros((n, *shape)))

    found = three_way(tables)

    expected = 1 / 6 + 1 / 5 + 1 / 7 + 1 / 30 + 1 / 42 + 1 / 35 + 1 / 210
    assert found.variance.mean() == pytest.approx(expected, rel=0.03)
    assert tables.mean(axis=(1, 2, 3)).var() == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_three_factors_have_at_least_the_variance_of_any_two(axis: int) -> None:
    tables = np.random.default_rng(2).normal(size=(200, 4, 3, 5))

    assert np.all(three_way(tables).variance >= two_way(tables.mean(axis=axis)).variance - 1e-12)


def test_two_factors_have_at_least_the_variance_of_either_one() -> None:
    tables = np.random.default_rng(3).normal(size=(200, 4, 5))
    floors = [tables.mean(axis=2).var(axis=1, ddof=1) / 4, tables.mean(axis=1).var(axis=1, ddof=1) / 5]

    found = two_way(tables)

    assert np.all(found.variance >= np.maximum(*floors) - 1e-12)
    at_floor = np.isclose(found.variance, floors[0])
    assert at_floor.any()
    assert np.all(found.df[at_floor] == 3)
