"""Labelled values are printed without markup."""

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from rater.analysis.intervals import Bounds, clip
from rater.analysis.plan import Planned
from rater.analysis.primary import Analysis, analyze
from rater.analysis.results import Interval, Result
from rater.report.numbers import interval_text, labelled, remarks_on_bounds, short_ids, shorten_middle
from tests.report.conftest import Made


def test_brackets_in_a_value_are_text_and_labels_are_in_one_column() -> None:
    stream = io.StringIO()

    Console(file=stream, width=60).print(labelled([("title", "[red]Texts[/red]"), ("arm of [b]", "x")]))

    assert [line.rstrip() for line in stream.getvalue().splitlines()] == [
        "title       [red]Texts[/red]",
        "arm of [b]  x",
    ]


@pytest.mark.parametrize(
    ("name", "width", "short"),
    [("dataset-random", 14, "dataset-random"), ("dataset-random", 10, "data…andom"), ("abc", 2, "ab")],
)
def test_a_long_name_loses_its_middle(name: str, width: int, short: str) -> None:
    assert shorten_middle(name, width) == short


def test_long_ids_are_shortened_where_they_stay_different() -> None:
    ada, bob = "0123456789abcdef0123456789abcdef", "f" * 32

    assert short_ids([ada, bob, ada, "r1"]) == {ada: "01234567", bob: "ffffffff", "r1": "r1"}
    assert short_ids([bob, "f" * 31 + "e"]) == {bob: bob, "f" * 31 + "e": "f" * 31 + "e"}
    assert short_ids(["two words of a prompt"]) == {"two words of a prompt": "two words of a prompt"}


def test_two_raters_give_no_verdict(make: Made, planned: Planned) -> None:
    """Two raters with nearly the same difference: t with 1 degree of freedom has p < .05."""
    frame = make(2, 3)
    frame["answer"] = np.where(frame["arm"] == "steered", 5.0, 1.0)
    frame.loc[(frame["rater"] == "r0000") & (frame["arm"] == "steered"), "answer"] = 4.0

    [found] = analyze(frame, replace(planned, score="scale_points", scope="raters", sesoi=None)).dimensions

    assert isinstance(found.primary, Result)
    assert (found.primary.df, found.primary.estimate) == (1, 3.5)
    assert found.verdict == "inconclusive"
    assert interval_text(found.primary) == "no usable interval"


def test_an_interval_within_bounds_is_not_remarked_on(analysis: Analysis) -> None:
    inside = replace_interval(analysis, Interval(-0.2, 1, 0.95))
    outside = replace_interval(analysis, Interval(-0.2, 1.01, 0.95))

    assert remarks_on_bounds([("d", inside)]) == []
    [remark] = remarks_on_bounds([("d", outside)])
    assert remark.startswith("the confidence interval of d is truncated at the bounds of the possible values")


def replace_interval(analysis: Analysis, whole: Interval) -> Result:
    primary = analysis.dimensions[0].primary
    assert isinstance(primary, Result)
    return replace(primary, interval=clip(whole, Bounds(-1, 1)), unclipped_interval=whole)
