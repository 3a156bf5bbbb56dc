"""Parse separated text into columns strictly: every row as long as the first, every quote closed."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from rater.errors import TableError
from rater.tables.table import Decimal

if TYPE_CHECKING:
    from _csv import Reader

_N_JOINED = 65_536
"""Rows that are turned into columns at a time: few enough to be in memory twice."""
_CURE = "Put fields with quotes into quotes, and double the quotes in them"


class QuoteError(TableError):
    """A quote is not closed, not followed by a separator, or swallows whole rows."""


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a delimited file is written, where that is not to be found out from it."""

    decimal: Decimal | None = None
    """None: a comma where semicolons separate the columns, and otherwise a point."""
    has_quotes: bool = True
    """False: a quote is a character like any other, and no field has a line end."""
    skips_blanks: bool = True
    """Whether blanks after a separator are no part of the field."""


@dataclass(frozen=True)
class Source:
    """A text with what is known of it."""

    name: str
    text: str
    separator: str
    dialect: Dialect
    n_lines_before: int
    """Lines before the text begins."""

    def where(self, line: int) -> str:
        """Return the name with a line."""
        return f"{self.name}:{line}"

    def reader(self) -> "Reader":
        """Return a strict reader of the text; its line numbers are the text's."""
        return csv.reader(
            io.StringIO(self.text, newline=""),
            delimiter=self.separator,
            quoting=csv.QUOTE_MINIMAL if self.dialect.has_quotes else csv.QUOTE_NONE,
            skipinitialspace=self.dialect.skips_blanks,
            strict=True,
        )


class Row(NamedTuple):
    """A row's fields, and the lines where it begins and ends."""

    line: int
    last_line: int
    fields: list[str]


class Span(NamedTuple):
    """The lines of a row that has more than one, and its last column with a line end."""

    first: int
    last: int
    column: int


@dataclass
class Columns:
    """The fields of all rows by column, and where the rows begin."""

    values: list[list[str]] = field(default_factory=list)
    distinct: list[dict[str, str]] = field(default_factory=list)
    """Each column's different values: equal ones share their memory."""
    positions: list[int] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)

    def extend(self, rows: Sequence[Sequence[str]]) -> None:
        """Add rows, all as long as those before."""
        if not rows:
            return
        if not self.values:
            self.values = [[] for _ in rows[0]]
            self.distinct = [{} for _ in rows[0]]
        for column, distinct, fields in zip(self.values, self.distinct, zip(*rows, strict=True), strict=True):
            column.extend([distinct.setdefault(value, value) for value in fields])


def parse_rows(source: Source) -> Iterator[Row]:
    """Yield each row with its first and last line; blank lines are no rows."""
    reader = source.reader()
    line = 1 + source.n_lines_before
    try:
        for fields in reader:
            last_line = reader.line_num + source.n_lines_before
            if fields:
                yield Row(line, last_line, fields)
            line = last_line + 1
    except csv.Error as error:
        last_line = reader.line_num + source.n_lines_before
        raise QuoteError(_bad_quote(source, error, line, last_line)) from error


def _bad_quote(source: Source, error: csv.Error, line: int, last_line: int) -> str:
    if "end of data" in str(error):
        what = "a quote opens a field that is never closed"
    elif "field limit" in str(error):
        what = (
            f"a field has more than {csv.field_size_limit():,} characters, or a quote in it is never closed"
        )
    else:
        place = f" in line {last_line}" if last_line != line else ""
        what = f"a quote opens a field that is closed{place} without a separator after it"
    escapes = " (they seem to be escaped with \\)" if '\\"' in source.text else ""
    return f"{source.where(line)}: {what}. {_CURE}{escapes}."


def collect_columns(source: Source, rows: Iterator[Row], n_header: int) -> Columns:
    """Turn rows into columns, holding every row to the width of the first."""
    columns = Columns()
    joined: list[list[str]] = []
    width, first_line = 0, 0
    for line, last_line, fields in rows:
        if len(fields) != width:
            if width:
                wrong, n = (first_line, width) if width != n_header else (line, len(fields))
                raise TableError(wrong_width(source, wrong, n, n_header))
            width, first_line = len(fields), line
        joined.append(fields)
        columns.positions.append(line)
        if last_line != line:
            column = max(n for n, value in enumerate(fields) if "\n" in value or "\r" in value)
            columns.spans.append(Span(line, last_line, column))
        if len(joined) == _N_JOINED:
            columns.extend(joined)
            joined.clear()
    columns.extend(joined)
    return columns


def wrong_width(source: Source, line: int, n_fields: int, n_header: int) -> str:
    """Return why a row of another length than the header is refused."""
    sign = {"\t": "a tab", ",": "a comma", ";": "a semicolon"}.get(source.separator, source.separator)
    fields = "1 field" if n_fields == 1 else f"{n_fields} fields"
    hint = f"put a field with {sign} in it into quotes" if n_fields > n_header else "no field may be left out"
    return f"{source.where(line)} has {fields}, but the header has {n_header}; {hint}."


def refuse_swallowed_rows(source: Source, columns: Columns) -> None:
    """Refuse a field whose lines look like rows: between two stray quotes, all rows become one field.

    A line inside a row is taken for a row of its own if it and the line with the opening quote have as many
    fields as the rows, and at least half of its fields occur in their columns elsewhere or in that line.

    Raises:
        QuoteError: If there is such a line.
    """
    n_separators = len(columns.values) - 1
    lines = enumerate(io.StringIO(source.text, newline=""), start=1 + source.n_lines_before)
    for first, last, column in columns.spans:
        opening: list[str] = []
        for number, line in lines:
            if number >= first and line.count(source.separator) == n_separators:
                fields = [value.strip(' \t\r\n"') for value in line.split(source.separator)]
                own = fields[: column + 1] if number == last else fields  # the rest is the row's
                if number > first and opening and _is_known(own, opening, columns.distinct):
                    msg = (
                        f"{source.where(first)}: a quote opens a field that is closed in line {last}, and "
                        f"line {number} before it looks like a row of its own. {_CURE}."
                    )
                    raise QuoteError(msg)
                opening = fields if number == first else opening
            if number >= last:
                break


def _is_known(fields: Sequence[str], opening: Sequence[str], distinct: Sequence[dict[str, str]]) -> bool:
    known = [
        value in column or value in opening[index : index + 1]
        for index, (value, column) in enumerate(zip(fields, distinct, strict=False))
        if value
    ]
    return bool(known) and 2 * sum(known) >= len(known)
