"""Keep spreadsheets from running a rater's words as a formula, and read such words back.

A spreadsheet takes a cell of a CSV that begins with =, +, - or @ for a formula, also after blanks and as a
full-width character; with it a comment can fetch an address or run a program (OWASP: CSV injection). Such a
cell is written with an apostrophe before it, which spreadsheets take as "this is text". A cell that has such
a beginning after apostrophes of its own gets one more, so that removing one always restores what was written.
"""

import re
import unicodedata
from dataclasses import replace

from rater.tables.table import Table

NOTE = (
    "In CSV files, a text that a spreadsheet would run as a formula (it begins with =, +, -, @, a tab or a "
    "line end, blanks aside, and is not a number) has an apostrophe before it; remove one to have the text. "
    "JSON Lines and Parquet have the text itself."
)
"""What a data dictionary states of columns of text."""

_STARTS = frozenset("=+-@\u2212")  # the last one is the mathematical minus
_CONTROLS = frozenset("\t\r\n")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?", re.ASCII)


def neutralize(text: str) -> str:
    """Return a text as a CSV file has it: with an apostrophe before it if a spreadsheet would run it."""
    return f"'{text}" if _is_formula(text.lstrip("'")) else text


def restore(cell: str) -> str:
    """Return the text that was written as a cell."""
    return cell[1:] if cell.startswith("'") and _is_formula(cell.lstrip("'")) else cell


def restore_table(table: Table) -> Table:
    """Return a table with the texts that were written as its cells and its columns' names."""
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
    first = next((character for character in text if not _is_invisible(character)), "")
    starts = unicodedata.normalize("NFKC", first)[:1] in _STARTS
    return starts and _NUMBER.fullmatch(text) is None


def _is_invisible(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in {"Cc", "Cf", "Zs"}
