"""Tables as in their files: columns of values, and the place of each row for messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rater.errors import TableError, nearest
from rater.names import normalise_name

Decimal = Literal[".", ","]
# Whole floats below this are written exactly.
_MAX_WHOLE = 1e15


@dataclass(frozen=True, kw_only=True)
class SourceTable:
    """The rows of a file in columns, all of them, in the file's order."""

    source: str
    """The file's name for messages."""
    file_format: str
    """The format in words, such as "CSV, separated by semicolons"."""
    columns: Mapping[str, Sequence[object]]
    """Values by column name: texts in a delimited file, otherwise the values of JSON or Parquet."""
    is_delimited: bool = False
    """True for text with separators, in which formulas of spreadsheets are escaped."""
    positions: Sequence[int]
    """For each row the line where it begins, or its number (from 1) in a format without lines."""
    unit: Literal["line", "row"] = "line"
    decimal: Decimal = "."
    """The decimal sign of its numbers: a comma where semicolons separate the columns."""
    ignored_columns: tuple[str, ...] = ()
    """Columns at the end that are empty in every row, and are left out."""
    has_row_names: bool = False
    """True if the header is one field shorter than the rows, whose first field is the row's name."""
    n_header_rows: int = 0
    """Number of further header rows, as Qualtrics writes them; they are not rows of the table."""

    cells: Sequence[str] = ()
    """For each row the column of its answer, where several columns hold answers."""

    def __len__(self) -> int:
        return len(self.positions)

    def place(self, row: int) -> str:
        """Return the place of a row (from 0) in words: ``line 13``, ``row 3``."""
        cell = f", column {self.cells[row]!r}" if self.cells else ""
        return f"{self.unit} {self.positions[row]}{cell}"

    def where(self, row: int) -> str:
        """Return the file and the place of a row: ``file.csv:13``, ``file.json, row 3``."""
        if self.unit == "line":
            return f"{self.source}:{self.positions[row]}"
        return f"{self.source}, {self.place(row)}"

    def column(self, name: str) -> Sequence[object]:
        """Return a column by its name, ignoring invisible differences.

        Raises:
            TableError: If the column does not exist.
        """
        wanted = normalise_name(name)
        if wanted not in self.columns:
            msg = f"{self.source} has no column {wanted!r}.{nearest(wanted, self.columns)}"
            raise TableError(msg)
        return self.columns[wanted]


def require_unique_columns(source: str, place: str, names: Sequence[str]) -> list[str]:
    """Return the columns' names, normalised for comparison.

    Raises:
        TableError: If two columns have one name, also if they differ in invisible characters or blanks only.
    """
    seen: dict[str, int] = {}
    for number, name in enumerate(map(normalise_name, names), start=1):
        if name and name in seen:
            msg = (
                f"{source}: the column {name!r} is there twice (columns {seen[name]} and {number}, {place}); "
                "rename one of them"
            )
            raise TableError(msg)
        seen.setdefault(name, number)
    return list(map(normalise_name, names))


def cell_text(value: object) -> str | None:
    """Return a cell's value as text, empty for a missing one; None for something other than a single value.

    A whole number is written without decimals: data frames and Parquet convert whole numbers to floats where
    a value is missing.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return _decoded(value)
    if isinstance(value, list | dict | tuple | set):
        return None
    item = getattr(value, "item", None)
    value = item() if callable(item) else value  # a scalar of numpy
    if value is None or type(value).__name__ in {"NAType", "NaTType"} or value != value:  # noqa: PLR0124 (NaN)
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < _MAX_WHOLE:
        return str(int(value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _decoded(value: bytes) -> str | None:
    """Decode bytes as text, since some programs write texts to Parquet without their type."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return None
