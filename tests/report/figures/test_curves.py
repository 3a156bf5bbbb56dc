import pytest

from rater.report.figures.curves import SweepCell, SweepLabels, sketch_sweep
from rater.report.figures.style import drawing, render

LABELS = SweepLabels(
    study="love_vs_hate",
    arm="steered",
    effect="words of love in a text",
    strength="coeff",
    unsteered_effect=0.5,
    unsteered_nll=1.3,
    n="6 prompts × 2 samples",
)
CELLS = [
    SweepCell(
        layer, coeff, f"{position} of the prompt", effect=layer + coeff, nll=1.5, is_degenerate=coeff > 10
    )
    for position in ("front", "back")
    for layer in (2, 6)
    for coeff in (-5.0, 5.0, 20.0)
]


def test_the_heat_map_shows_effect_and_fluency_of_every_setting() -> None:
    with drawing():
        drawn = render(sketch_sweep(CELLS, LABELS), None)

    assert all(f">{cell.effect:.2f}<" in drawn.svg for cell in CELLS)
    assert all(f"{place} of the prompt" in drawn.svg for place in ("Front", "Back"))
    assert "Effect of steered in love_vs_hate, by layer and coeff" in drawn.svg
    assert "8 of them without degenerate text" in drawn.alt
    assert "Unsteered: 0.50 and 1.30" in drawn.caption
    assert drawn.png.startswith(b"\x89PNG")


@pytest.mark.parametrize("damaged", [True, False])
def test_a_sweep_of_one_setting_is_drawn(*, damaged: bool) -> None:
    with drawing():
        drawn = render(sketch_sweep([SweepCell(2, 5.0, "front", 0.0, 2.0, damaged)], LABELS), None)

    assert ("url(#h" in drawn.svg) == damaged
