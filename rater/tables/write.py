"""Write tables as CSV, with spreadsheet formulas neutralised.

A spreadsheet takes a cell of a CSV that begins with =, +, - or @ for a formula, also after blanks and as a
full-width character; with it a comment can fetch an address or run a program (OWASP: CSV injection). Such a
cell is written with an apostrophe before it, which spreadsheets take as "this is text". A cell that has such
a beginning after apostrophes of its own gets one more, so that removing one always restores what was written.

UTF-8, commas, line feeds; whole numbers without decimals, times in ISO 8601 and UTC, empty for no value, and
texts so that no spreadsheet runs them (see `rater.tables.write`).
"""

import csv
import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rater.tables.table import SourceTable

# Description of text columns for a data dictionary.
NOTE = (
    "In CSV files, a text that a spreadsheet would run as a formula (it begins with =, +, -, @, a tab or a "
    "line end, blanks aside, and is not a number) has an apostrophe before it; remove one to have the text. "
    "JSON Lines and Parquet have the text itself."
)

_STARTS = frozenset("=+-@\u2212")  # the last one is the mathematical minus
_CONTROLS = frozenset("\t\r\n")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?", re.ASCII)


def neutralize(text: str) -> str:
    """Return a text as written to a CSV file: with an apostrophe before it if a spreadsheet would run it."""
    return f"'{text}" if _is_formula(text.lstrip("'")) else text


def restore(cell: str) -> str:
    """Return the original text of a cell that `neutralize` wrote."""
    return cell[1:] if cell.startswith("'") and _is_formula(cell.lstrip("'")) else cell


def restore_table(table: SourceTable) -> SourceTable:
    """Return a table with the original texts of its cells and column names."""
    if not table.is_delimited:
        return table
    columns = {
        restore(name): [restore(cell) if isinstance(cell, str) else cell for cell in column]
        for name, column in table.columns.items()
    }
    return replace(table, columns=columns)


def _is_formula(text: str) -> bool:
    if not text or (text[0].isascii() and text[0].isalnum()):
        return False
    if text[0] in _CONTROLS:
        return True
    invisible = {"Cc", "Cf", "Zs"}
    first = next((c for c in text if not c.isspace() and unicodedata.category(c) not in invisible), "")
    starts = unicodedata.normalize("NFKC", first)[:1] in _STARTS
    return starts and _NUMBER.fullmatch(text) is None


# The first columns of a CSV, by which its rows are sorted; other columns follow by name.
FIRST_COLUMNS = ("rater", "position", "item", "prompt", "arm", "dimension", "answer", "shown_ms")

# Whole floats below this are written exactly.
_MAX_WHOLE = 1e15
_MISSING = frozenset({"NAType", "NaTType"})
_OWNER_ONLY = 0o600


def order_columns(columns: Iterable[str]) -> list[str]:
    """Return the columns of ratings in the order in which they are written."""
    rest = set(columns)
    known = [column for column in FIRST_COLUMNS if column in rest]
    return [*known, *sorted(rest - set(known))]


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield a header and a line per row, each with its line end."""
    line = _Line()
    writer = csv.writer(line)  # its line end \r\n makes it quote cells with either of the two
    writer.writerow(map(neutralize, columns))
    yield line.text
    for row in rows:
        writer.writerow(map(csv_cell, row))
        yield line.text


def csv_cell(value: object) -> str:
    """Return a value as written to a CSV, before quoting."""
    if isinstance(value, str):
        return neutralize(value)
    if value is None or type(value).__name__ in _MISSING:
        return ""
    if isinstance(value, datetime):
        in_utc = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return in_utc.isoformat().replace("+00:00", "Z")
    if isinstance(value, float):
        if value != value:  # noqa: PLR0124 (NaN)
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < _MAX_WHOLE else repr(float(value))
    item = getattr(value, "item", None)
    return csv_cell(item()) if callable(item) else neutralize(str(value))


def write_csv_file(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table to a file that only its owner can read."""
    make_private(path)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(csv_lines(columns, rows))


def write_private(path: Path, text: str) -> None:
    """Write a text to a file that only its owner can read."""
    make_private(path)
    path.write_text(text, encoding="utf-8", newline="\n")


def make_private(path: Path) -> None:
    """Create a file that only its owner can read, or restrict an existing one, before it is written."""
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, _OWNER_ONLY)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):  # a pipe or a device stays what it is
            os.fchmod(descriptor, _OWNER_ONLY)
    finally:
        os.close(descriptor)


class _Line:
    """The line that a CSV writer wrote last."""

    text = ""

    def write(self, written: str) -> None:
        self.text = written.removesuffix("\r\n") + "\n"
