from dataclasses import replace

from rater.analysis.choices import LabelChoices, label_choices
from rater.report.figures.confusion import MAX_PANELS, sketch_confusion
from rater.report.figures.style import drawing, render
from tests.analysis.test_choices import PLANNED, WHICH, simulate


def choices() -> LabelChoices:
    found = label_choices(simulate(), WHICH, PLANNED)
    assert isinstance(found, LabelChoices)
    return found


def test_every_count_is_in_the_heat_map_and_nothing_is_an_image() -> None:
    found = choices()

    with drawing():
        drawn = render(sketch_confusion(found, "confusion"), None)

    for matrix in found.by_arm:
        assert matrix.name in drawn.svg
        assert all(f">{n}<" in drawn.svg for row in matrix.counts for n in row)
    assert "<image" not in drawn.svg  # which the content security policy of a report refuses
    assert "Share of target choices: steered" in drawn.alt
    assert "chance is 25%" in drawn.caption


def test_further_arms_are_named_as_left_out() -> None:
    found = choices()
    many = replace(
        found, by_arm=tuple(replace(found.by_arm[0], name=f"arm {n}") for n in range(MAX_PANELS + 2))
    )

    with drawing():
        drawn = render(sketch_confusion(many, "confusion"), None)

    assert "2 further arms are in the tables" in drawn.caption
