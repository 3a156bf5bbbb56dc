"""A CSV file of measurements that is continued where it stopped. Needs no torch."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from rater.errors import ModelError, TableError
from rater.tables import Dialect, read_table
from rater.tables.write import csv_lines, restore_table


class MeasurementFile:
    """A CSV file with a line for each measurement, and columns that describe what was measured.

    Args:
        path: the file; it is created if it is missing.
        columns: the names of the columns of a measurement.
        measured: what all lines were measured on, such as the model and the arm; a file with other values is
            refused.
        kind: what the file is called in error messages, such as "sweep".
    """

    def __init__(self, path: Path, columns: Sequence[str], measured: Mapping[str, str], kind: str) -> None:
        self._path, self._about, self._kind = path, dict(measured), kind
        self._columns = [*columns, *measured]

    def read(self) -> list[dict[str, str]]:
        """Return the lines in the file by column; a last line that a crash cut off is removed.

        Raises:
            ModelError: the file was measured on something else, is not of this kind, or cannot be read.
        """
        if not self._path.exists():
            return []
        try:
            text = self._path.read_text(encoding="utf-8")
            whole = text[: text.rfind("\n") + 1]
            if whole != text:
                self._path.write_text(whole, encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise self._unreadable(error) from error
        if whole.count("\n") < 2 and whole.strip() in {"", ",".join(self._columns)}:
            return []
        try:
            table = restore_table(read_table(io.StringIO(whole), Dialect(decimal=".")))
        except TableError as error:
            raise self._unreadable(error) from error
        if list(table.columns) != self._columns:
            msg = f"{self._path} is not a file of this kind of {self._kind}; name another file with --out."
            raise ModelError(msg)
        rows = zip(*(map(str, column) for column in table.columns.values()), strict=True)
        lines = [dict(zip(self._columns, row, strict=True)) for row in rows]
        for line in lines:
            self._require_same(line)
        return lines

    def append(self, lines: Sequence[Mapping[str, object]]) -> None:
        """Append lines, in one write.

        Raises:
            ModelError: the file cannot be written.
        """
        values = [[{**self._about, **line}[name] for name in self._columns] for line in lines]
        header, *rows = csv_lines(self._columns, values)
        try:
            is_new = not self._path.exists() or not self._path.stat().st_size
            with self._path.open("a", encoding="utf-8", newline="") as file:
                file.write("".join([header, *rows] if is_new else rows))
        except OSError as error:
            kept = " Earlier outcomes are kept in it." if self._path.exists() else ""
            msg = f"{self._path} cannot be written: {error.strerror or error}.{kept}"
            raise ModelError(msg) from error

    def damaged(self, error: Exception) -> ModelError:
        """Return the error for a line whose values are not those of a measurement."""
        return ModelError(
            f"{self._path} has a line that is not a {self._kind}'s: {error}; name another file with --out."
        )

    def _unreadable(self, error: Exception) -> ModelError:
        return ModelError(
            f"{self._path} cannot be read as a {self._kind} ({error}); name another file with --out."
        )

    def _require_same(self, line: Mapping[str, str]) -> None:
        for name, value in self._about.items():
            if line.get(name) != value:
                msg = (
                    f"{self._path} was measured with {name} {line.get(name)!r}, and this {self._kind} has "
                    f"{value!r}; name another file with --out, or remove it."
                )
                raise ModelError(msg)
