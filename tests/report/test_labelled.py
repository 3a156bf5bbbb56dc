"""Values beside their labels are printed as they are."""

import io

import pytest
from rich.console import Console

from rater.report.labelled import labelled, shorten_middle


def test_brackets_in_a_value_are_text_and_labels_stand_in_one_column() -> None:
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
