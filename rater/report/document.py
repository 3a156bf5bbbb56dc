"""Hold a report as what it says, before it becomes HTML or Markdown: sections of text, tables and figures."""

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
    kind: ClassVar[str] = "table"

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


@dataclass(frozen=True, kw_only=True)
class Document:
    """A whole report; what stands before the sections is what two minutes are enough for."""

    title: str
    question: str
    """What raters were asked."""
    answer: str
    verdict: str
    sizes: str
    label: str | None
    """What every page says where this is no planned result."""
    notice: str
    """What else must be known first; empty where there is nothing."""
    top: Sequence[Block]
    sections: Sequence[Section] = field(default_factory=tuple)
    generator: str
    """Which program wrote it."""
