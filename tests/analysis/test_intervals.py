import numpy as np
import pytest

from rater.analysis.intervals import Bounds, bounds_of, clip, draw, n_replicates, percentile_interval
from rater.analysis.plan import Planned
from rater.analysis.results import Interval
from rater.study.scales import Likert, Pairwise


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_draws_do_not_depend_on_the_size_of_the_chunks() -> None:
    few = list(draw(rng(), n_raters=4, n_others=3, replicates=10, numbers=1))
    many = list(draw(rng(), n_raters=4, n_others=3, replicates=10, numbers=2_000_000))

    assert (len(few), len(many)) == (1, 10)
    np.testing.assert_array_equal(few[0].rater, np.concatenate([chunk.rater for chunk in many]))
    np.testing.assert_array_equal(few[0].other, np.concatenate([chunk.other for chunk in many]))


def test_a_replicate_draws_as_many_raters_as_there_are() -> None:
    (draws,) = draw(rng(), n_raters=5, n_others=7, replicates=50, numbers=1)

    assert set(draws.rater.sum(axis=1)) == {5.0}
    assert set(draws.other.sum(axis=1)) == {7.0}


def test_two_raters_are_not_resampled() -> None:
    assert list(draw(rng(), n_raters=2, n_others=7, replicates=50, numbers=1)) == []


def test_large_data_get_fewer_replicates_but_never_too_few() -> None:
    assert [n_replicates(work) for work in (720, 2e6, 1e9)] == [2000, 500, 200]


def test_an_interval_needs_nearly_all_replicates() -> None:
    values = np.linspace(0, 1, 101)
    sparse = np.where(np.arange(101) < 10, np.nan, values)

    interval = percentile_interval(values, 0.1)

    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((0.05, 0.95))
    assert percentile_interval(sparse, 0.1) is None


def test_a_scale_bounds_its_differences(planned: Planned) -> None:
    [judged] = planned.dimensions
    assert isinstance(judged.scale, Likert)

    assert bounds_of("net_superiority", judged) == (-1, 1)
    assert bounds_of("scale_points", judged) == (-4, 4)
    assert bounds_of("scale_points", judged.model_copy(update={"scale": Pairwise()})) == (-1, 1)  # type: ignore[union-attr] # a Dimension
    assert bounds_of("log_odds", judged) is None


def test_a_clipped_interval_keeps_the_ends_that_are_possible() -> None:
    assert clip(Interval(-0.2, 1.02, 0.95), Bounds(-1, 1)) == Interval(-0.2, 1, 0.95)
    assert clip(Interval(-6.6, 6.9, 0.95), Bounds(-1, 1)) == Interval(-1, 1, 0.95)
    assert clip(Interval(-6.6, 6.9, 0.95), None) == Interval(-6.6, 6.9, 0.95)
