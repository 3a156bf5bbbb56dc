"""Formulas of the documentation site become MathML, and all other HTML stays as it is."""

import importlib.util
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parent.parent.parent


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_formulas", ROOT / "tools" / "site_formulas.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


site_formulas = _load()


def test_a_formula_in_a_line_becomes_mathml() -> None:
    html = '<p>if <span class="arithmatex">\\(p &lt; \\alpha\\)</span>.</p>'

    written = site_formulas.on_page_content(html, page=None, config=None, files=None)

    assert written.startswith('<p>if <math xmlns="http://www.w3.org/1998/Math/MathML" display="inline">')
    assert "<mo>&#x0003C;</mo><mi>&#x003B1;</mi>" in written
    assert written.endswith("</math>.</p>")


def test_a_formula_of_its_own_is_displayed_as_a_block_that_can_scroll() -> None:
    html = '<div class="arithmatex">\\[\nt = d / s\n\\]</div>'

    written = site_formulas.on_page_content(html)

    assert written.startswith('<div class="formula"><math ')
    assert 'display="block"' in written


def test_code_with_dollar_signs_stays() -> None:
    html = "<code>$ rater check</code> costs $5"

    assert site_formulas.on_page_content(html) == html
