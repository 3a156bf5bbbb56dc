import io

import numpy as np
import pandas as pd
from PIL import Image

from rater.analysis.plan import Planned
from rater.analysis.primary import analyze
from rater.report.figures.draw import draw_figures
from rater.report.figures.style import INK, Drawn, Sketch, new_axes, render
from tests.report.conftest import Made


def draw(frame: pd.DataFrame, planned: Planned) -> dict[str, Drawn]:
    return draw_figures(analyze(frame, planned), frame, None, label=None)


def test_no_figure_is_empty_and_all_can_change_their_ink(make: Made, planned: Planned) -> None:
    for drawn in draw(make(4, 4), planned).values():
        pixels = np.asarray(Image.open(io.BytesIO(drawn.png)).convert("L"))
        assert len(np.unique(pixels)) > 20, drawn.name
        assert INK in drawn.svg, drawn.name
        assert "<dc:date>" not in drawn.svg, drawn.name


def test_a_label_covers_no_part_of_a_figure(make: Made, planned: Planned) -> None:
    frame = make(4, 4)

    for drawn in draw_figures(analyze(frame, planned), frame, None, label="Rehearsal: not a result").values():
        label = np.asarray(Image.open(io.BytesIO(drawn.png)).convert("RGB"))[:30, :, 0]
        assert label.min() > 170, drawn.name  # the label is red, and everything else is darker


def test_a_label_does_not_push_a_legend_into_the_axes() -> None:
    figure, axes = new_axes(2.2)
    axes.barh([0, 1], [1, 1], label="correct")
    figure.legend(loc="outside upper left")

    render(Sketch(name="x", title="x", caption="", alt="", figure=figure), "Rehearsal: not a result")

    legend, panel = figure.legends[0].get_window_extent(), axes.get_window_extent()
    assert panel.y1 <= legend.y0
    assert legend.y1 <= figure.texts[0].get_window_extent().y0 + 1
