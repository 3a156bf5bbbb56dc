"""Hold the figure of metrics."""

from dataclasses import replace

from rater.report.figures.metrics import MAX_PANELS, sketch_metrics
from rater.report.figures.style import drawing, render
from tests.analysis.test_measures import compared, texts


def test_each_metric_has_a_panel_and_a_judge_the_line_of_equality() -> None:
    judge = compared(texts()["quality"], dimension="happiness")
    other = replace(compared(100 * texts()["quality"]), name="length")
    with drawing():
        sketch = sketch_metrics([other, judge], ("steered", "plain"), "metrics")
        assert sketch is not None
        drawn = render(sketch, None)

    titles = [axes.get_title(loc="left") for axes in sketch.figure.axes]
    assert titles[:2] == ["judge", "length"]
    assert [len(axes.lines) for axes in sketch.figure.axes[:2]] == [3, 2]
    assert "48 texts" in drawn.caption
    assert "length 0." in drawn.alt


def test_further_metrics_are_counted() -> None:
    one = compared(texts()["quality"])
    with drawing():
        sketch = sketch_metrics([one] * (MAX_PANELS + 2), ("steered", "plain"), "metrics")

    assert sketch is not None
    assert "2 more metrics not drawn" in sketch.caption


def test_nothing_is_drawn_without_rated_texts() -> None:
    unrated = replace(compared(texts()["quality"]), points=())

    assert sketch_metrics([unrated], ("steered", "plain"), "metrics") is None
