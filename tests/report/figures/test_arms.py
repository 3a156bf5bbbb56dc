from dataclasses import replace

import pandas as pd

from rater.analysis.answer_scale import Numbers, Rated
from rater.analysis.plan import Planned
from rater.analysis.primary import analyze
from rater.report.figures.draw import draw_figures
from rater.report.figures.style import Drawn
from tests.report.conftest import Made


def draw(frame: pd.DataFrame, planned: Planned) -> dict[str, Drawn]:
    return draw_figures(analyze(frame, planned), frame, None, label=None)


def test_numbers_are_drawn_as_densities(make: Made, planned: Planned) -> None:
    frame = make(4, 4)
    slider = (Rated("happiness", "How happy?", Numbers(0.0, 100.0)),)

    drawn = draw(frame.assign(answer=20 * frame["answer"] + 0.5 - 1.0), replace(planned, dimensions=slider))

    assert drawn["arms"].alt.startswith("Densities.")
