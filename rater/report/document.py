"""The content of a report before it becomes HTML or Markdown: sections of text, tables and figures."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from rater.report.figures.style import Drawn


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
