import io
from dataclasses import replace

import pandas as pd
import pytest
from PIL import Image

from rater.analysis.plan import Planned
from rater.analysis.primary import analyze
from rater.report.figures.draw import draw_figures
from rater.report.figures.style import Drawn
from tests.report.conftest import Made


def draw(frame: pd.DataFrame, planned: Planned) -> dict[str, Drawn]:
    return draw_figures(analyze(frame, planned), frame, None, label=None)


def test_one_rater_has_no_forest_of_raters_and_no_agreement(make: Made, planned: Planned) -> None:
    drawn = draw(make(1, 6).drop(columns="guess"), planned)

    assert sorted(drawn) == ["arms", "by-prompt", "positions"]


def test_equal_answers_are_drawn(make: Made, planned: Planned) -> None:
    drawn = draw(make(3, 3).drop(columns="guess").assign(answer=2.0), planned)

    assert "mean 2.00; 0% answered 1, 100% answered 2" in drawn["arms"].alt
    assert "by-rater" in drawn


def test_one_arm_and_nothing_else_is_drawn_as_far_as_it_goes(make: Made, planned: Planned) -> None:
    frame = make(3, 3)[["rater", "item", "prompt", "arm", "dimension", "answer"]]

    assert sorted(draw(frame[frame["arm"] == "steered"], planned)) == ["agreement", "arms"]


def test_doses_and_further_arms_get_figures_in_the_order_of_doses(make: Made, planned: Planned) -> None:
    doses = {"unsteered": 0.0, "weak": 1.0, "steered": 4.0}

    drawn = draw(make(5, 4, ("steered", "unsteered", "weak")), replace(planned, doses=doses))

    assert {"doses", "contrasts"} <= drawn.keys()
    places = [drawn["arms"].svg.index(f">{arm}<") for arm in doses]
    assert places == sorted(places)


@pytest.mark.parametrize("n_raters", [61, 301])
def test_many_raters_make_no_larger_a_figure(make: Made, planned: Planned, n_raters: int) -> None:
    drawn = draw(make(n_raters, 2).drop(columns=["guess", "shown_ms", "position"]), planned)

    image = Image.open(io.BytesIO(drawn["by-rater"].png))
    assert image.size[1] < 800
    assert len(drawn["by-rater"].svg) < 250_000
    assert f"{n_raters} raters" in drawn["by-rater"].caption
    assert "r0007" not in drawn["by-rater"].svg


def test_long_ids_are_shortened_to_a_unique_prefix(make: Made, planned: Planned) -> None:
    frame = make(3, 3).drop(columns=["guess", "shown_ms", "position"])
    ids = {"r0000": "0123456789abcdef0123456789abcdef", "r0001": "f" * 32, "r0002": "e" * 32}

    drawn = draw(frame.assign(rater=frame["rater"].map(ids)), planned)

    assert ">01234567<" in drawn["by-rater"].svg
    assert "0123456789abcdef" not in drawn["by-rater"].svg
