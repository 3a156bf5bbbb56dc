import base64
import io
from typing import TYPE_CHECKING

import pytest

from rater.errors import ModelError
from rater.explore.measure import run
from rater.explore.settings import read_form

if TYPE_CHECKING:
    from transformer_lens.model_bridge import TransformerBridge

pytestmark = pytest.mark.model


def test_a_run_has_llm_steerings_numbers(embedded_model: "TransformerBridge") -> None:
    """Love − Hate, 5, layer 6: KL 0.823 after the text, on a position of norm 92 (llm-steering's code)."""
    result = run(embedded_model, read_form({"new_tokens": "5"}, n_layers=30))

    assert [row.effect.is_touched for row in result.tokens] == [True, True, True, False, False]
    assert result.tokens[-1].effect.kl == pytest.approx(0.8232, abs=5e-4)
    assert result.next_token.kl_steered_unsteered == pytest.approx(result.tokens[-1].effect.kl, abs=1e-5)
    assert result.tokens[1].norm.addition == pytest.approx(2838, rel=1e-3)
    assert result.tokens[1].norm.ratio == pytest.approx(30.8, rel=1e-2)
    last = result.tokens[-1]
    assert last.kl_per_entropy == pytest.approx(last.effect.kl / last.effect.entropy_unsteered)


def test_the_python_lines_compute_what_the_page_shows(embedded_model: "TransformerBridge") -> None:
    settings = read_form(
        {"new_tokens": "4", "strength": "relative", "amount": "2", "position": "back"}, n_layers=30
    )
    result = run(embedded_model, settings)
    *lines, last = settings.python_lines("the model").splitlines()
    code = "\n".join(lines).replace("load_model('the model')", "given")
    names: dict[str, object] = {"given": embedded_model}

    exec(code.replace("load_model,", ""), names)  # noqa: S102 (our own lines)
    made = eval(last, names)  # noqa: S307 (as above)
    effects = eval("token_effects(model, text, additions)", names)  # noqa: S307 (as above)

    pairs = [(made[at], made[at + 3]) for at in range(3)]
    assert [(a.text, b.text) for a, b in pairs] == [(a.text, b.text) for a, b in result.comparisons]
    assert [each.kl for each in effects] == [row.effect.kl for row in result.tokens]


def test_figures_are_svg_without_scripts_and_in_plain_numbers(embedded_model: "TransformerBridge") -> None:
    result = run(embedded_model, read_form({"new_tokens": "2"}, n_layers=30))

    for picture in result.pictures:
        kind, _, data = picture.address.partition(",")
        svg = base64.b64decode(data).decode()
        assert kind == "data:image/svg+xml;base64"
        assert "<script" not in svg
        assert "mathdefault" not in svg
        assert io.StringIO(svg).readline().startswith("<?xml")


def test_a_text_that_is_too_short_or_too_long_is_refused(embedded_model: "TransformerBridge") -> None:
    with pytest.raises(ModelError, match="use a longer prompt"):
        run(embedded_model, read_form({"text": "I", "plus": "to be or not to be"}, n_layers=30))
    with pytest.raises(ModelError, match="201 tokens; valid: at most 200"):
        run(embedded_model, read_form({"text": "a" + " b" * 199}, n_layers=30))
