import math

import pytest

from rater.report.figures.style import Sketch, drawing, render
from rater.report.figures.tokens import (
    NextToken,
    sketch_next_tokens,
    sketch_token_positions,
    sketch_token_table,
)

TOKENS = [
    NextToken(" wedding", math.log(0.02), math.log(0.3)),
    NextToken("\n", math.log(0.5), math.log(0.25)),
    NextToken(" $x$", -math.inf, math.log(0.1)),
]


def svg(sketch: Sketch) -> str:
    return render(sketch, None).svg


def test_each_token_is_labelled_and_its_white_space_visible() -> None:
    with drawing():
        scatter, table = svg(sketch_next_tokens(TOKENS, "To a")), svg(sketch_token_table(TOKENS, "To a"))

    for drawn in (scatter, table):
        assert all(token in drawn for token in ("␣wedding", "↵", "␣$x$"))


def test_the_table_has_both_probabilities_and_their_ratio() -> None:
    with drawing():
        sketch = sketch_token_table(TOKENS[:2], "To a")
        drawn = svg(sketch)

    assert all(number in drawn for number in ("2.00%", "30.00%", "50.00%", "25.00%", "0.5", "15"))
    assert "Table of 2 tokens" in sketch.alt


def test_the_scatter_counts_the_tokens_that_became_likelier() -> None:
    with drawing():
        assert "of which steering made 2 likelier" in sketch_next_tokens(TOKENS, "To a").alt


@pytest.mark.parametrize("n", [3, 200])
def test_positions_have_a_line_for_each_setting(n: int) -> None:
    tokens = ["<bos>", *[f" t{number}" for number in range(n - 1)]]
    with drawing():
        sketch = sketch_token_positions(
            tokens, {"prompted": [0.1] * n, "layer 6": [0.2] * n}, "KL (nats)", touched=[0, 1]
        )
        drawn = svg(sketch)

    assert "prompted" in drawn
    assert "layer 6" in drawn
    assert sketch.title == "KL (nats), by token"
    assert "Shaded" in sketch.caption
    assert 3 <= sum(f"␣t{number}<" in drawn for number in range(n - 1)) + 1 <= 49
