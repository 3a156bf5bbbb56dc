"""Hold the values of metrics to their counts, repetitions and orders."""

import pandas as pd
import pytest

from rater.analysis.metric_values import VALUE_COLUMNS, MetricValues, count_values, measure_consistency


def metric(*rows: tuple[object, ...], n_planned: int = 0) -> MetricValues:
    frame = pd.DataFrame(rows, columns=list(VALUE_COLUMNS)).astype({"value": float, "is_swapped": bool})
    return MetricValues("judge", "judge", "happiness", "a judge", n_planned, frame)


def test_a_value_is_the_mean_over_repetitions_without_failures() -> None:
    found = metric(
        ("a", None, 0, False, 4.0, ""), ("a", None, 1, False, 5.0, ""), ("b", None, 0, False, None, "empty")
    )

    assert found.by_unit.to_dict() == {("a", ""): 4.5}
    assert not found.is_pairwise


def test_a_pair_has_a_value_only_if_both_orders_have_one() -> None:
    found = metric(
        ("a", "b", 0, False, 1.0, ""),
        ("a", "b", 0, True, -1.0, ""),
        ("c", "d", 0, False, 1.0, ""),
        ("c", "d", 0, True, None, "empty"),
        ("e", "f", 0, False, 1.0, ""),
    )

    assert found.by_unit.to_dict() == {("a", "b"): 0.0}


def test_pairs_of_one_order_have_no_value() -> None:
    assert metric(("a", "b", 0, False, 1.0, "")).by_unit.empty


def test_failures_are_counted_by_reason_and_by_arm() -> None:
    found = metric(
        ("a", None, 0, False, 4.0, ""),
        ("b", None, 0, False, None, "empty"),
        ("c", None, 0, False, None, "empty"),
        ("d", None, 0, False, None, "off"),
        n_planned=6,
    )

    counted = count_values(found, pd.Series({"a": "x", "b": "x", "c": "y", "d": "y"}))

    assert (counted.n_values, counted.n_failed, counted.n_not_measured) == (1, 3, 2)
    assert counted.failures == (("empty", 2), ("off", 1))
    assert [(each.arm, each.n, each.n_failed) for each in counted.by_arm] == [("x", 2, 1), ("y", 2, 2)]


def test_consistency_is_over_repetitions_of_one_text() -> None:
    (found,) = measure_consistency(
        metric(
            *(("a", None, repeat, False, 4.0, "") for repeat in range(3)),
            ("b", None, 0, False, 1.0, ""),
            ("b", None, 1, False, 3.0, ""),
            ("c", None, 0, False, 1.0, ""),
        )
    )

    assert (found.over, found.n, found.share_equal, found.mean_range) == ("repetitions", 2, 0.5, 1.0)


def test_a_judge_that_always_chooses_the_first_text_is_named() -> None:
    pairs = [
        (f"a{n}", f"b{n}", 0, swapped, -1.0 if swapped else 1.0, "") for n in range(4) for swapped in (0, 1)
    ]

    (found,) = measure_consistency(metric(*pairs))

    assert (found.over, found.n, found.share_equal) == ("orders", 4, 0.0)
    assert found.share_first == pytest.approx(1.0)
    assert set(metric(*pairs).by_unit) == {0.0}
