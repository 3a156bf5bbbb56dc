from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from rater.analysis.intervals import Bounds
from rater.analysis.plan import Planned
from rater.analysis.primary import Analysis, analyze
from rater.report.figures.forest import Effects, sketch_contrasts, sketch_units
from rater.report.figures.raters import Course, sketch_positions
from rater.report.figures.style import drawing
from tests.report.conftest import Made

ARMS = ("steered", "unsteered", "weak")


DOSES = {"unsteered": 0.0, "weak": 1.0, "steered": 4.0}


@pytest.fixture(scope="module")
def wide(make: Made, planned: Planned) -> Analysis:
    """Three raters who differ much, of three arms: t intervals are wider than the scale."""
    frame = make(3, 4, ARMS)
    leaning = frame["rater"].map({"r0000": 2.0, "r0001": -2.0, "r0002": 0.0}) * (frame["arm"] == "steered")
    frame["answer"] = np.clip(frame["answer"] + leaning, 1, 5)
    return analyze(frame, replace(planned, doses=DOSES))


def test_figures_end_where_the_scale_does(wide: Analysis, make: Made) -> None:
    found, details = wide.dimensions[0], wide.dimensions[0].details
    with drawing():
        forest = sketch_units(Effects("prompt", details.prompts, found.primary, wide.planned), "by-prompt")
        contrasts = sketch_contrasts(details.contrasts, wide.planned, "contrasts")
        course = sketch_positions(
            Course(make(3, 3), ["steered", "unsteered"], Bounds(1, 5)), "positions", alpha=0.05
        )

    assert course is not None
    for sketch, upright, (low, high) in (
        (forest, False, (-1, 1)),
        (contrasts, False, (-1, 1)),
        (course, True, (1, 5)),
    ):
        start, end = limits(sketch.figure, upright=upright)
        assert low - 0.2 <= start < end <= high + 0.2, sketch.name


def limits(figure: Figure, *, upright: bool) -> tuple[float, float]:
    axes = figure.axes[0]
    return axes.get_ylim() if upright else axes.get_xlim()
