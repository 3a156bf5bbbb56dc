import pandas as pd

from rater.analysis.intervals import Bounds
from rater.report.figures.raters import Course, sketch_positions
from rater.report.figures.style import drawing
from tests.report.conftest import Made


def test_bands_over_the_booklet_stay_on_the_scale(make: Made) -> None:
    rows = pd.concat([make(3, 3), make(3, 3).assign(answer=5.0)])
    with drawing():
        sketch = sketch_positions(Course(rows, ["steered"], Bounds(1, 5)), "positions", alpha=0.05)

    assert sketch is not None
    [axes] = sketch.figure.axes
    low, high = axes.dataLim.intervaly
    assert 1 <= low < high <= 5
