"""Values beside their labels are printed as they are."""

import io

from rich.console import Console

from rater.report.labelled import labelled


def test_brackets_in_a_value_are_text_and_labels_stand_in_one_column() -> None:
    stream = io.StringIO()

    Console(file=stream, width=60).print(labelled([("title", "[red]Texts[/red]"), ("arm of [b]", "x")]))

    assert [line.rstrip() for line in stream.getvalue().splitlines()] == [
        "title       [red]Texts[/red]",
        "arm of [b]  x",
    ]
