"""Hold functions of texts to what a metric is."""

from collections.abc import Callable
from typing import Any

import pytest

from rater.errors import StudyError
from rater.measure.metric import FunctionMetric, Shown


def values(function: Callable[[list[str]], Any], n: int = 2) -> list[tuple[float | None, str]]:
    units = [(Shown("a prompt", f"text {number}"),) for number in range(n)]
    found = dict(FunctionMetric(function, "mine").measure(units))
    return [(found[index].value, found[index].reason) for index in range(n)]


def test_a_function_is_given_texts_and_nothing_else() -> None:
    given: list[object] = []

    def lengths(texts: list[str]) -> list[int]:
        given.extend(texts)
        return [len(text) for text in texts]

    assert values(lengths) == [(6.0, ""), (6.0, "")]
    assert given == ["text 0", "text 1"]


def test_a_missing_value_has_a_reason_and_no_number() -> None:
    assert values(lambda _: [None, float("nan")]) == [
        (None, "the metric gave no value"),
        (None, "not a finite number"),
    ]


def test_a_mapping_gives_further_columns() -> None:
    metric = FunctionMetric(lambda texts: [{"value": 1, "label": "good"} for _ in texts], "mine")

    ((_, found),) = metric.measure([(Shown("", "t"),)])

    assert (found.value, found.columns) == (1.0, {"_label": "good"})


@pytest.mark.parametrize(
    ("function", "phrase"),
    [
        (lambda _: [1], "returned 1 values for 2 texts"),
        (lambda texts: [text + 1 for text in texts], "failed: TypeError"),
        (lambda texts: ["high" for _ in texts], "returned 'high'"),
    ],
)
def test_a_function_that_is_not_a_metric_is_refused(
    function: Callable[[list[str]], Any], phrase: str
) -> None:
    with pytest.raises(StudyError, match=phrase):
        values(function)


def test_more_texts_than_fit_in_one_call_keep_their_values() -> None:
    found = values(lambda texts: [int(text.split()[1]) for text in texts], n=600)

    assert [value for value, _ in found] == list(map(float, range(600)))
