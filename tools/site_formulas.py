"""Write the formulas of the documentation site as MathML, which browsers show without a script or a font.

A page has LaTeX between dollar signs. mkdocs.yml names this file as a hook; MkDocs calls `on_page_content`.
"""

import html
import re

from latex2mathml.converter import convert

_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def on_page_content(content: str, **_of_mkdocs: object) -> str:
    """Return a page's HTML with its formulas as MathML."""
    return _FORMULA.sub(_mathml, content)


def _mathml(formula: re.Match[str]) -> str:
    latex = html.unescape(formula[3]).strip()
    if formula[2] == "(":
        return str(convert(latex, display="inline"))
    # Browsers do not scroll <math> itself, so a wide formula scrolls in a box of its own.
    return f'<div class="formula">{convert(latex, display="block")}</div>'
