import pytest

from rater.report.figures.corpus import CorpusLabels, CorpusPoint, CorpusReference, sketch_corpus
from rater.report.figures.style import drawing, render

LABELS = CorpusLabels("weddings", "steered", "coeff", "All tokens count", {"wedding": 8, "shipping": 1})
POINTS = [
    CorpusPoint(label, layer, coeff, 0.9 + layer / 10, interval)
    for label, interval in (("wedding", (0.8, 1.2)), ("shipping", None))
    for layer in (0, 6)
    for coeff in (1.0, 2.0)
]


def test_there_is_a_panel_for_each_coefficient_with_a_line_for_each_label() -> None:
    with drawing():
        sketch = sketch_corpus(POINTS, [CorpusReference("wedding", "prompted", 0.7)], LABELS)
        drawn = render(sketch, None)

    assert len(sketch.figure.axes) == 2
    assert all(text in drawn.svg for text in ("coeff 1", "coeff 2", "wedding, prompted", "shipping"))
    assert "8 texts of wedding, 1 text of shipping" in sketch.caption
    # a single text has no band
    assert [len(axes.collections) for axes in sketch.figure.axes] == [1, 1]


@pytest.mark.parametrize("coeffs", [(1.0, 2.0), (1.0,)])
def test_a_single_layer_is_drawn_over_coefficients(coeffs: tuple[float, ...]) -> None:
    points = [point for point in POINTS if point.layer == 6 and point.coeff in coeffs]
    with drawing():
        sketch = sketch_corpus(points, [], LABELS)
        drawn = render(sketch, None)

    assert len(sketch.figure.axes) == 1
    assert "layer 6" in drawn.svg
    assert sketch.figure.axes[0].get_xlabel() == "coeff"
