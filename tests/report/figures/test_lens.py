from rater.report.figures.lens import LensCell, sketch_lens
from rater.report.figures.style import drawing, render


def cells(n_layers: int, n_tokens: int, *, plus: float = 0.0) -> list[LensCell]:
    return [
        LensCell(layer, at, f" t{at}", f"$top{layer}-{at}", layer + at + plus)
        for layer in range(n_layers)
        for at in range(n_tokens)
    ]


def test_unsteered_is_above_steered_with_the_top_tokens_in_the_cells() -> None:
    with drawing():
        sketch = sketch_lens(cells(4, 3), cells(4, 3, plus=2), "entropy (nats)")
        drawn = render(sketch, None).svg

    above, below = (drawn.index(f"{name}: layer") for name in ("unsteered", "steered"))
    assert above < below
    assert "$top3-2" in drawn
    assert "␣t2" in drawn
    assert "unsteered above steered; from 0 to 7" in sketch.alt


def test_a_long_text_has_no_words_in_its_cells() -> None:
    with drawing():
        sketch = sketch_lens(cells(2, 13), [], "KL divergence (nats)")
        drawn = render(sketch, None).svg

    assert "$top" not in drawn
    assert "steered: layer" in drawn
    assert "Words" not in sketch.caption
    assert "2 layers and 13 tokens, unsteered; from" in sketch.alt
