"""Turn a report into HTML and Markdown, with everything from a study escaped.

The HTML is one file that asks nothing of any server: style and figures are in it, and its content security
policy allows neither scripts nor requests.
"""

import re
from html import escape

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from rater.harmless import harmless
from rater.report.document import Block, Document
from rater.report.figures.style import GRID, INK, MUTED, PAPER, Drawn

_COLOURS = {INK: "var(--ink)", MUTED: "var(--muted)", GRID: "var(--grid)", PAPER: "var(--paper)"}
_MARKDOWN = re.compile(r"[\\`*\[\]<>|~$]|(?<![^\W_])_|_(?![^\W_])|&(?=[#\w]+;)")
_BEGINS_A_BLOCK = re.compile(r"^(?:[#+=-]|\d+(?=[.)](?:\s|$)))")


def to_html(document: Document) -> str:
    """Render a report as one HTML file."""
    environment = _environment("block.html")
    label = _in_css(document.label or "")
    style = Markup(environment.get_template("report.css").render(label_in_css=label))  # noqa: S704 (escaped)
    return environment.get_template("report.html").render(document=document, style=style) + "\n"


def to_markdown(document: Document) -> str:
    """Render a report as GitHub's Markdown; its figures lie beside it."""
    text = _environment("block.md").get_template("report.md").render(document=document)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _finalize(value: object) -> object:
    """Replace what a browser would obey rather than show, in every text that a template writes."""
    return harmless(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _in_css(text: str) -> str:
    """Escape a text for a string in a style sheet: all but letters, digits and blanks by their numbers."""
    return "".join(each if each.isalnum() or each == " " else f"\\{ord(each):x} " for each in text)


def _environment(block_template: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("rater.report"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html"]),
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def show(block: Block) -> Markup:
        return Markup(environment.get_template(block_template).render(block=block))  # noqa: S704 (escaped there)

    environment.filters["md"] = escape_markdown
    environment.globals |= {"show": show, "inline_svg": inline_svg}
    return environment


def escape_markdown(text: str) -> str:
    """Put a text on one line on which no character of it is taken for Markdown or HTML."""
    line = " ".join(harmless(text).split())
    escaped = _MARKDOWN.sub(lambda found: "\\" + found[0], line)
    return _BEGINS_A_BLOCK.sub(
        lambda found: f"{found[0]}\\" if found[0].isdigit() else f"\\{found[0]}", escaped
    )


def inline_svg(drawn: Drawn) -> Markup:
    """Make a figure part of a page: ids of its own, the page's ink and paper, and words for who cannot see.

    matplotlib has escaped the texts in it.
    """
    svg = drawn.svg[drawn.svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\b(id="|href="#|url\(#)', rf"\g<1>{drawn.name}-", svg)
    for colour, variable in _COLOURS.items():
        svg = svg.replace(colour, variable)
    begin, rest = svg.split(">", 1)
    svg = re.sub(r' (width|height)="[^"]*"', "", begin) + ">" + rest  # as wide as the page
    words = escape(harmless(f"{drawn.title}. {drawn.alt}"))
    return Markup(svg.replace("<svg ", f'<svg role="img" aria-label="{words}" ', 1))  # noqa: S704 (escaped above)
