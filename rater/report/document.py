"""The content of a report, and its rendering as HTML and Markdown.

The HTML is one file that asks nothing of any server: style and figures are in it, and its content security
policy allows neither scripts nor requests.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import ClassVar, TypeAlias

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from rater.harmless import harmless
from rater.report.figures.style import GRID, INK, MUTED, PAPER, Drawn


@dataclass(frozen=True)
class Prose:
    """A paragraph."""

    text: str
    is_warning: bool = False
    """Whether it must be read before the numbers are used."""
    kind: ClassVar[str] = "prose"


@dataclass(frozen=True)
class Bullets:
    """Sentences one under the other."""

    items: Sequence[str]
    kind: ClassVar[str] = "bullets"


@dataclass(frozen=True)
class Commands:
    """What can be run, to the letter."""

    lines: Sequence[str]
    kind: ClassVar[str] = "commands"


@dataclass(frozen=True)
class Table:
    """A table; the first column names the row."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    n_text: int = 1
    """How many columns from the left hold words; the others hold numbers and are set to the right."""
    marked: Sequence[int] = ()
    """The rows that matter most, from 0."""
    text_at: Sequence[int] = ()
    """Further columns with words, from 0: the first columns are the ones that a phone shows."""
    kind: ClassVar[str] = "table"

    def is_number(self, column: int) -> bool:
        """Return whether a column, from 0, holds numbers."""
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
    """A part of the report under a heading of its own."""

    anchor: str
    title: str
    blocks: Sequence[Block]
    kind: ClassVar[str] = "section"


@dataclass(frozen=True, kw_only=True)
class Document:
    """A whole report: the first two pages, and the sections that are folded behind them."""

    title: str
    question: str
    """The question that raters were asked."""
    design: str
    """The design in one or two sentences."""
    answer: str
    explanation: str
    """The meaning of the answer's score."""
    verdict: str
    sizes: str
    label: str | None
    """Shown on every page where this is not the planned result."""
    notice: str
    """A warning to read before the answer; empty where there is none."""
    top: Sequence[Block | Section]
    """The first pages after the answer: figure, arms, failed checks, examples."""
    sections: Sequence[Section] = field(default_factory=tuple)
    """All further sections, folded in HTML."""
    generator: str
    """The program that wrote it."""


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
