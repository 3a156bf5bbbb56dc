"""Parse separated text into columns strictly: all rows are as long as the first, and all quotes closed."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from rater.errors import TableError
from rater.tables.table import Decimal

if TYPE_CHECKING:
    from _csv import Reader

# Rows that become columns at a time: few enough lists not to start a garbage collection, which is slow.
_N_JOINED = 256
_LINE_ENDS = re.compile(r"\r\n?|\n")
_CURE = "Put fields with quotes into quotes, and double the quotes in them"


class QuoteError(TableError):
    """A quote is not closed, not followed by a separator, or includes whole rows."""


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """Properties of a delimited file that cannot be recognised from it."""

    decimal: Decimal | None = None
    """None: a comma where semicolons separate the columns, and otherwise a point."""
    has_quotes: bool = True
    """If False, a quote is an ordinary character, and no field contains a line end."""
    skips_blanks: bool = True
    """If True, blanks after a separator do not belong to the field."""


@dataclass(frozen=True)
class TextSource:
    """A text and its known properties."""

    name: str
    text: str
    separator: str
    dialect: Dialect
    n_lines_before: int
    """Number of lines before the text."""

    def where(self, line: int) -> str:
        """Return the file's name with a line number."""
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


class RowSpan(NamedTuple):
    """The lines of a row with several, and its last column with a line end."""

    first: int
    last: int
    column: int


@dataclass
class ColumnFields:
    """The fields of all rows by column, and the lines where the rows begin."""

    values: list[list[str]] = field(default_factory=list)
    distinct: list[dict[str, str]] = field(default_factory=list)
    """Each column's different values: equal ones share their memory."""
    positions: list[int] = field(default_factory=list)
    spans: list[RowSpan] = field(default_factory=list)

    def extend(self, block: "RowBlock") -> None:
        """Add rows of the same length as the earlier ones."""
        if not block.rows:
            return
        if not self.values:
            self.values = [[] for _ in block.rows[0]]
            self.distinct = [{} for _ in block.rows[0]]
        for column, distinct, fields in zip(
            self.values, self.distinct, zip(*block.rows, strict=True), strict=True
        ):
            column.extend(map(distinct.setdefault, fields, fields))
        self.positions.extend(block.lines)
        self.spans.extend(block.spans)


class RowReader:
    """The rows of a text in blocks, with the lines where they begin; blank lines are skipped."""

    def __init__(self, source: TextSource) -> None:
        self._source, self._reader = source, source.reader()
        self._line = 1 + source.n_lines_before
        """The next line."""

    def read(self, n: int) -> "RowBlock | None":
        """Read up to n rows and blank lines; None at the end of the text.

        Raises:
            QuoteError: If a quote is not closed, or not followed by a separator.
        """
        first = self._line
        try:
            rows = list(islice(self._reader, n))
        except csv.Error:
            self._refuse_quote()
        self._line = 1 + self._source.n_lines_before + self._reader.line_num
        if not rows:
            return None
        if self._line - first == len(rows) and all(rows):
            return RowBlock(rows, range(first, self._line), [])
        return _locate(rows, first)

    def _refuse_quote(self) -> NoReturn:
        """Read the text again, row by row, up to the invalid quote."""
        reader, before = self._source.reader(), self._source.n_lines_before
        line = 1 + before
        try:
            for _ in reader:
                line = reader.line_num + 1 + before
        except csv.Error as error:
            raise QuoteError(_bad_quote(self._source, error, line, reader.line_num + before)) from error
        raise AssertionError(line)  # the first reader had an error


class RowBlock(NamedTuple):
    """Rows, the lines where they begin, and the lines of rows with several."""

    rows: Sequence[list[str]]
    lines: Sequence[int]
    spans: Sequence[RowSpan]


def _locate(rows: Sequence[list[str]], line: int) -> RowBlock:
    """Return the lines of rows, from their fields, which include line ends."""
    filled, lines, spans = [], [], []
    for fields in rows:
        ends = [len(_LINE_ENDS.findall(value)) if "\n" in value or "\r" in value else 0 for value in fields]
        last = line + sum(ends)
        if fields:
            filled.append(fields)
            lines.append(line)
        if last > line:
            spans.append(RowSpan(line, last, max(n for n, count in enumerate(ends) if count)))
        line = last + 1
    return RowBlock(filled, lines, spans)


def _bad_quote(source: TextSource, error: csv.Error, line: int, last_line: int) -> str:
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


def collect_columns(source: TextSource, reader: RowReader, n_header: int) -> ColumnFields:
    """Convert rows to columns, checking that every row is as long as the first.

    Raises:
        TableError: If a row has another number of fields.
        QuoteError: If a quote is invalid.
    """
    columns = ColumnFields()
    width = 0
    while block := reader.read(_N_JOINED):
        for fields, line in zip(block.rows, block.lines, strict=True):
            width = width or len(fields)
            if len(fields) != width:
                first = columns.positions[0] if columns.positions else block.lines[0]
                wrong, n = (first, width) if width != n_header else (line, len(fields))
                raise TableError(wrong_width(source, wrong, n, n_header))
        columns.extend(block)
    return columns


def wrong_width(source: TextSource, line: int, n_fields: int, n_header: int) -> str:
    """Return the error for a row of another length than the header."""
    sign = {"\t": "a tab", ",": "a comma", ";": "a semicolon"}.get(source.separator, source.separator)
    fields = "1 field" if n_fields == 1 else f"{n_fields} fields"
    hint = f"put a field with {sign} in it into quotes" if n_fields > n_header else "no field may be left out"
    return f"{source.where(line)} has {fields}, but the header has {n_header}; {hint}."


def refuse_swallowed_rows(source: TextSource, columns: ColumnFields) -> None:
    """Refuse a field whose lines look like rows: two stray quotes turn all rows between them into one field.

    A line inside a row is taken for a row of its own if it and the line with the opening quote have as many
    fields as the rows, and at least half of its fields occur in their columns in other rows or in that line.
    In tables of four columns and more it is enough that every line of every such row has this number of
    fields, as in a file that is written without quoting.

    Raises:
        QuoteError: If there is such a line.
    """
    n_separators = len(columns.values) - 1
    lines = enumerate(io.StringIO(source.text, newline=""), start=1 + source.n_lines_before)
    is_without_quoting = n_separators >= 3 and bool(columns.spans)
    for span in columns.spans:
        inside = [(number, line) for number, line in _until(lines, span.last) if number >= span.first]
        fields = {
            number: [value.strip(' \t\r\n"') for value in line.split(source.separator)]
            for number, line in inside
            if line.count(source.separator) == n_separators
        }
        is_without_quoting &= len(fields) == len(inside)
        opening = fields.pop(span.first, None)
        for number, values in fields.items() if opening else ():
            own = values[: span.column + 1] if number == span.last else values  # the rest is the row's
            if _is_known(own, opening or (), columns.distinct):
                raise QuoteError(_swallowed(source, span, number))
    if is_without_quoting:
        raise QuoteError(_swallowed(source, columns.spans[0], columns.spans[0].first + 1))


def _until(lines: Iterator[tuple[int, str]], last: int) -> Iterator[tuple[int, str]]:
    for number, line in lines:
        yield number, line
        if number >= last:
            return


def _swallowed(source: TextSource, span: RowSpan, line: int) -> str:
    return (
        f"{source.where(span.first)}: a quote opens a field that is closed in line {span.last}, and line "
        f"{line} in it looks like a row of its own. {_CURE}."
    )


def _is_known(fields: Sequence[str], opening: Sequence[str], distinct: Sequence[dict[str, str]]) -> bool:
    known = [
        value in column or value in opening[index : index + 1]
        for index, (value, column) in enumerate(zip(fields, distinct, strict=False))
        if value
    ]
    return bool(known) and 2 * sum(known) >= len(known)
