"""Hold the lines of a sweep to their settings."""

from typing import Literal

import numpy as np
import pytest

from rater.report.figures.style import drawing, render
from rater.report.figures.sweep_lines import MAX_PANELS, LineLabels, LinePoint, sketch_lines

POINTS = [
    LinePoint(layer, coeff, "front of the prompt", layer + 10 * coeff, panel)
    for panel in ("First prompt", "Second prompt")
    for layer in (2, 4, 6)
    for coeff in (1.0, 2.0)
]


def labels(by: Literal["layer", "coeff"]) -> LineLabels:
    return LineLabels(
        study="tiny",
        arm="love",
        value="effect",
        strength="coeff",
        by=by,
        n="2 prompts",
    )


@pytest.mark.parametrize(("by", "n_lines", "x"), [("layer", 2, [2, 4, 6]), ("coeff", 3, [1, 2])])
def test_each_prompt_is_a_panel_with_a_line_for_each_value_of_the_other_axis(
    by: Literal["layer", "coeff"], n_lines: int, x: list[float]
) -> None:
    with drawing():
        sketch = sketch_lines(POINTS, {"First prompt": 5, "Second prompt": 7}, labels(by))
        drawn = render(sketch, None)

    first, second = sketch.figure.axes
    assert first.get_title(loc="left") == "First prompt"
    assert len(first.lines) == n_lines + 1
    assert np.asarray(first.lines[0].get_xdata()).tolist() == x
    assert np.asarray(second.lines[-1].get_ydata()).tolist() == [7, 7]  # the unsteered model
    assert "dotted: the unsteered model" in drawn.caption


def test_panels_that_are_not_drawn_are_counted() -> None:
    many = [LinePoint(1, 1.0, "front", 1.0, f"prompt {n}") for n in range(MAX_PANELS + 3)]
    with drawing():
        sketch = sketch_lines(many, {f"prompt {n}": 0.0 for n in range(MAX_PANELS + 3)}, labels("layer"))

    assert "3 more panels not drawn" in sketch.caption
