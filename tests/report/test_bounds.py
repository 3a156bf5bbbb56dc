"""No interval is left to go where nothing can be without a word, and no figure is drawn there."""

import io
from dataclasses import replace

import pytest
from matplotlib.figure import Figure
from rich.console import Console

from rater.analysis.bounds import Bounds, bounds_of
from rater.analysis.planned import Planned
from rater.analysis.primary import Analysis, analyze
from rater.analysis.results import Interval
from rater.report.about import About
from rater.report.compose import compose
from rater.report.document import Bullets, Prose
from rater.report.figures.course import Course, sketch_positions
from rater.report.figures.forest import Effects, sketch_contrasts, sketch_units
from rater.report.figures.style import drawing
from rater.report.numbers import Bounded, remarks_on_bounds
from rater.report.sections.findings import Findings
from rater.report.terminal import Screen, print_analysis
from rater.study.scales import Likert, Pairwise
from tests.report.conftest import Made


@pytest.fixture(scope="module")
def few(make: Made, planned: Planned) -> Analysis:
    """Two raters, of three arms."""
    frame = make(2, 3, ("steered", "unsteered", "weak"))
    return analyze(frame, replace(planned, doses={"unsteered": 0.0, "weak": 1.0, "steered": 4.0}))


def test_a_scale_bounds_its_differences(planned: Planned) -> None:
    [judged] = planned.dimensions
    assert isinstance(judged.scale, Likert)

    assert bounds_of("net_superiority", judged) == (-1, 1)
    assert bounds_of("scale_points", judged) == (-4, 4)
    assert bounds_of("scale_points", judged.model_copy(update={"scale": Pairwise()})) == (-1, 1)  # type: ignore[union-attr] # a Dimension
    assert bounds_of("log_odds", judged) is None


def test_the_screen_says_in_words_where_an_interval_is_wider_than_all_that_is_possible(few: Analysis) -> None:
    shown = io.StringIO()
    print_analysis(few, Console(file=shown, width=100), Screen("Texts"))
    said = " ".join(shown.getvalue().split())

    assert "wider than all that is possible, −100 to 100, p =" in said
    assert "the interval of net superiority (−1 to 1) and of scale points (−4 to 4) is wider than" in said
    assert "wider than all that is possible, 0 to 1)" in said


def test_every_section_with_such_an_interval_says_so(few: Analysis) -> None:
    document = compose(Findings(few, About(title="t"), {}), "0123")

    said = {
        each.anchor: " ".join(
            " ".join(block.items) if isinstance(block, Bullets) else block.text
            for block in each.blocks
            if isinstance(block, Bullets | Prose)
        )
        for each in document.sections
    }
    wide = {anchor for anchor, text in said.items() if "is possible" in text}
    assert wide >= {"primary", "effects", "by-prompt", "contrasts", "doses", "blinding"}


def test_an_interval_within_bounds_is_not_remarked_on() -> None:
    within, over = Interval(-0.2, 1, 0.95), Interval(-0.2, 1.01, 0.95)

    assert remarks_on_bounds([Bounded("d", within, Bounds(-1, 1)), Bounded("d", None, Bounds(-1, 1))]) == []
    [remark] = remarks_on_bounds([Bounded("d", over, Bounds(-1, 1))])
    assert remark.startswith("the interval of d (−1 to 1) goes beyond what is possible")


def test_figures_end_where_the_scale_does_and_mark_what_goes_on(
    few: Analysis, make: Made, planned: Planned
) -> None:
    found, details = few.dimensions[0], few.dimensions[0].details
    rows = make(2, 3)
    with drawing():
        forest = sketch_units(Effects("prompt", details.prompts, found.primary, few.planned), "by-prompt")
        contrasts = sketch_contrasts(details.contrasts, few.planned, "contrasts")
        course = sketch_positions(
            Course(rows, ["steered", "unsteered"], Bounds(1, 5)), "positions", alpha=0.05
        )

    assert course is not None
    for sketch, upright, (low, high) in (
        (forest, False, (-1, 1)),
        (contrasts, False, (-1, 1)),
        (course, True, (1, 5)),
    ):
        start, end = limits(sketch.figure, upright=upright)
        assert low - 0.2 <= start < end <= high + 0.2, sketch.name
        assert "beyond" in sketch.caption, sketch.name


def limits(figure: Figure, *, upright: bool) -> tuple[float, float]:
    [axes] = figure.axes
    return axes.get_ylim() if upright else axes.get_xlim()
