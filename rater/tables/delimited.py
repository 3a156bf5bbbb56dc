"""Read CSV and similar formats strictly: every row has the header's fields, and every quote is closed.

Two exceptions are allowed and reported by the table: columns at the end that are empty in every row are
ignored, and a header that is one field shorter than all rows means that each row begins with its name, as R
writes them.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from rater.errors import TableError, listed
from rater.tables.separated_rows import (
    ColumnFields,
    Dialect,
    RowReader,
    TextSource,
    collect_columns,
    refuse_swallowed_rows,
    wrong_width,
)
from rater.tables.table import SourceTable, require_unique_columns

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_N_SAMPLED = 50
_SAMPLED_CHARACTERS = 200_000
"""Rows, and characters at most, from which the separator is recognised."""
# A first line that declares the separator for Excel; it is not a row.
_DECLARED = re.compile(r'"?sep=([,;\t|])"?(\r\n?|\n)', re.IGNORECASE)
_COUNTERS = {"id", "index", "nr", "no", "number", "row"}
"""Names of a first column that counts the rows itself."""
_QUALTRICS_ID = '{"ImportId"'


class _Header(NamedTuple):
    """The names of the columns that are kept, and how the header differed from the rows."""

    names: list[str]
    ignored: tuple[str, ...] = ()
    has_row_names: bool = False


def read_delimited(name: str, text: str, dialect: Dialect) -> SourceTable:
    """Read a text with a header and separated columns. Costs about two seconds per million rows.

    Raises:
        TableError: If a row has another number of fields than the header, a quote is not closed, not followed
            by a separator, or includes whole rows, two columns have one name, or there are no rows.
    """
    declared = _DECLARED.match(text)
    text = text[declared.end() :] if declared else text
    separator = declared.group(1) if declared else choose_separator(text, dialect)
    source = TextSource(name, text, separator, dialect, 1 if declared else 0)
    reader = RowReader(source)
    head = reader.read(1)
    while head is not None and not head.rows:
        head = reader.read(1)
    if head is None:
        msg = f"{name} is empty; a table has a header and a row for each answer or text"
        raise TableError(msg)
    names = require_unique_columns(name, f"line {head.lines[0]}", head.rows[0])
    columns = collect_columns(source, reader, len(names))
    if not columns.positions:
        msg = f"{name} has a header ({listed(names)}) and no rows"
        raise TableError(msg)
    refuse_swallowed_rows(source, columns)
    n_header_rows = _drop_qualtrics_rows(columns)
    header = _fit(source, names, columns)
    return SourceTable(
        source=name,
        file_format=f"text with {SEPARATORS[separator]} between the columns",
        is_delimited=True,
        columns=dict(zip(header.names, columns.values, strict=False)),  # ignored ones are at the end
        positions=columns.positions,
        decimal=dialect.decimal or ("," if separator == ";" else "."),
        ignored_columns=header.ignored,
        has_row_names=header.has_row_names,
        n_header_rows=n_header_rows,
    )


def choose_separator(text: str, dialect: Dialect) -> str:
    """Return the separator that splits the first rows evenly, into most fields."""
    sample = text[:_SAMPLED_CHARACTERS]
    is_cut = len(sample) < len(text)

    def fit(separator: str) -> tuple[bool, bool, int]:
        widths = []
        try:
            for fields in islice(
                filter(None, TextSource("", sample, separator, dialect, 0).reader()), _N_SAMPLED
            ):
                widths.append(len(fields))  # noqa: PERF401 (those before an error count)
        except csv.Error:
            pass
        if is_cut and len(widths) < _N_SAMPLED:
            widths = widths[:-1] or widths
        n_header = widths[0] if widths else 0
        is_even = len(set(widths[1:])) <= 1 and all(width >= n_header for width in widths[1:])
        return n_header > 1, is_even, n_header

    return max(SEPARATORS, key=fit)


def _drop_qualtrics_rows(columns: ColumnFields) -> int:
    """Remove the questions' texts and ids, which Qualtrics writes below the header; return their number."""
    if len(columns.positions) < 3 or not columns.values[0][1].startswith(_QUALTRICS_ID):
        return 0
    for column in columns.values:
        del column[:2]
    del columns.positions[:2]
    columns.distinct = [dict.fromkeys(column, "") for column in columns.values]
    return 2


def _fit(source: TextSource, names: list[str], columns: ColumnFields) -> _Header:
    """Name the columns where the header has another number of fields than the rows.

    Raises:
        TableError: If the header does not fit the rows, or a column that is not the first has no name.
    """
    width = len(columns.values)
    has_row_names = width != len(names) and _have_row_names(source, names, columns)
    names = ["", *names] if has_row_names else [*names, *[""] * (width - len(names))]
    ignored: list[str] = []
    while len(names) > 1 and not names[-1] and _is_empty(columns.distinct[len(names) - 1]):
        ignored.insert(0, f"column {len(names)}")
        names.pop()
    if "" in names[1:]:
        msg = f"{source.name}: column {names.index('', 1) + 1} has values and no name in the header; name it"
        raise TableError(msg)
    return _Header(names, tuple(ignored), has_row_names)


def _have_row_names(source: TextSource, names: Sequence[str], columns: ColumnFields) -> bool:
    """Return whether rows that are longer than the header begin with their names; otherwise they end empty.

    Raises:
        TableError: If it is neither, or may be both.
    """
    n_header, width, first = len(names), len(columns.values), columns.values[0]
    wrong = wrong_width(source, columns.positions[0], width, n_header)
    is_swallowed = len(first) == 1 and bool(columns.spans)  # by a quote that is closed in the last row
    if width < n_header or is_swallowed:
        raise TableError(wrong)
    has_names = width == n_header + 1 and len(set(first)) == len(first) > 1 and "" not in columns.distinct[0]
    if all(map(_is_empty, columns.distinct[n_header:])):
        if has_names and first == [str(number) for number in range(1, len(first) + 1)]:
            msg = (
                f"{wrong} The first field may be the row's name, or the last one be too much: name every "
                "column, or remove the separator at the end of each row."
            )
            raise TableError(msg)
        return False
    # a blank after a separator outside quotes: a text whose comma is not quoted
    unquoted = re.sub(r'"[^"]*"', "", source.text[:_SAMPLED_CHARACTERS])
    if not has_names or names[0].casefold() in _COUNTERS or f"{source.separator} " in unquoted:
        raise TableError(wrong)
    return True


def _is_empty(distinct: Iterable[str]) -> bool:
    return not any(value.strip() for value in distinct)
