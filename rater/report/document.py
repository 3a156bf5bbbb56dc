"""The content of a report, and its rendering as HTML and Markdown.

The HTML is one self-contained file: style and figures are embedded, and its content security policy allows
neither scripts nor requests.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import ClassVar, TypeAlias

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from rater.report.figures.style import GRID, INK, MUTED, PAPER, Drawn
from rater.sanitize import sanitize_for_display


@dataclass(frozen=True)
class Prose:
    """A paragraph."""

    text: str
    is_warning: bool = False
    """Highlighted: to be read before the results."""
    kind: ClassVar[str] = "prose"


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: Sequence[str]
    kind: ClassVar[str] = "bullets"


@dataclass(frozen=True)
class Commands:
    """Shell commands, verbatim."""

    lines: Sequence[str]
    kind: ClassVar[str] = "commands"


@dataclass(frozen=True)
class Table:
    """A table; the first column names the row."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    n_text: int = 1
    """The number of text columns from the left; the others hold numbers and are right-aligned."""
    marked: Sequence[int] = ()
    """Indices of highlighted rows."""
    text_at: Sequence[int] = ()
    """Indices of further text columns; phones show only the first columns."""
    kind: ClassVar[str] = "table"

    def is_number(self, column: int) -> bool:
        """Return whether the column at an index holds numbers."""
        return column >= self.n_text and column not in self.text_at

    def __post_init__(self) -> None:
        assert all(len(row) == len(self.header) for row in self.rows), self.header  # noqa: S101 (our own rows)


@dataclass(frozen=True)
class Picture:
    """A figure with its caption."""

    drawn: Drawn
    kind: ClassVar[str] = "picture"


Block: TypeAlias = Prose | Bullets | Commands | Table | Picture


@dataclass(frozen=True)
class Section:
    """A part of the report with a heading."""

    anchor: str
    title: str
    blocks: Sequence[Block]
    kind: ClassVar[str] = "section"


@dataclass(frozen=True, kw_only=True)
class Document:
    """A report: the first two pages, and the sections that are collapsed below them."""

    title: str
    question: str
    """The question of the primary dimension."""
    design: str
    """The design in one or two sentences."""
    answer: str
    explanation: str
    """The meaning of the answer's score."""
    verdict: str
    sizes: str
    label: str | None
    """Shown on every page if this is not the planned result."""
    notice: str
    """A warning before the answer; empty if there is none."""
    top: Sequence[Block | Section]
    """Blocks after the answer: figure, arms, failed checks, example texts."""
    sections: Sequence[Section] = field(default_factory=tuple)
    """All further sections, collapsed in HTML."""
    generator: str
    """Name and version of the program."""


_COLOURS = {INK: "var(--ink)", MUTED: "var(--muted)", GRID: "var(--grid)", PAPER: "var(--paper)"}
_MARKDOWN = re.compile(r"[\\`*\[\]<>|~$]|(?<![^\W_])_|_(?![^\W_])|&(?=[#\w]+;)")
_BEGINS_A_BLOCK = re.compile(r"^(?:[#+=-]|\d+(?=[.)](?:\s|$)))")


def to_html(document: Document) -> str:
    """Render a report as one HTML file."""
    environment = _environment("block.html")
    # in a CSS string: all but letters, digits and blanks as code points
    label = "".join(
        each if each.isalnum() or each == " " else f"\\{ord(each):x} " for each in document.label or ""
    )
    style = Markup(environment.get_template("report.css").render(label_in_css=label))  # noqa: S704 (escaped)
    return environment.get_template("report.html").render(document=document, style=style) + "\n"


def blocks_to_html(blocks: Sequence[Block]) -> str:
    """Render some blocks of a report as HTML, such as a notebook shows."""
    template = _environment("block.html").get_template("block.html")
    return "\n".join(template.render(block=block).strip() for block in blocks)


def to_markdown(document: Document) -> str:
    """Render a report as GitHub Markdown, with figures in a folder next to it."""
    text = _environment("block.md").get_template("report.md").render(document=document)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _finalize(value: object) -> object:
    """Replace control characters in all text that a template outputs."""
    return sanitize_for_display(value) if isinstance(value, str) and not isinstance(value, Markup) else value


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
    """Return a text on one line, with Markdown and HTML escaped."""
    line = " ".join(sanitize_for_display(text).split())
    escaped = _MARKDOWN.sub(lambda found: "\\" + found[0], line)
    return _BEGINS_A_BLOCK.sub(
        lambda found: f"{found[0]}\\" if found[0].isdigit() else f"\\{found[0]}", escaped
    )


def inline_svg(drawn: Drawn) -> Markup:
    """Return a figure as inline SVG with unique ids, the colours of the page, and alternative text.

    matplotlib has escaped the texts in it.
    """
    svg = drawn.svg[drawn.svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\b(id="|href="#|url\(#)', rf"\g<1>{drawn.name}-", svg)
    for colour, variable in _COLOURS.items():
        svg = svg.replace(colour, variable)
    begin, rest = svg.split(">", 1)
    svg = re.sub(r' (width|height)="[^"]*"', "", begin) + ">" + rest  # as wide as the page
    words = escape(sanitize_for_display(f"{drawn.title}. {drawn.alt}"))
    return Markup(svg.replace("<svg ", f'<svg role="img" aria-label="{words}" ', 1))  # noqa: S704 (escaped above)
