"""Labelled values are printed without markup."""

import io

import pytest
from rich.console import Console

from rater.report.numbers import labelled, short_ids, shorten_middle


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
