"""Read a table from a file of any supported format.

JSON and JSON Lines are read as tables here: an object for each row, or a list of values for each column.
"""

import codecs
import gzip
import io
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import IO

from rater.errors import TableError, nearest
from rater.tables.delimited import read_delimited
from rater.tables.separated_rows import Dialect
from rater.tables.table import SourceTable, require_unique_columns

_ROW = '{"prompt": "…", "arm": "…", …}'
SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")
"""Endings of files that hold tables, each also with .gz after it."""
_JSON_LINES = (".jsonl", ".ndjson")
# The key of a first line that describes the file.
HEADER = "header"
_STARTS_AS_JSON = re.compile(r'\s*(\{\s*"|\[\s*[\[{\]])')
_MAGIC = {
    b"PK\x03\x04": "an Excel workbook or a zip; save the table as CSV in UTF-8",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file; save the table as CSV in UTF-8",
    b"%PDF": "a PDF; give the table as CSV in UTF-8",
    b"SQLite format 3": "an SQLite database; export the table as CSV in UTF-8",
}
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LINE_ENDS = re.compile(r"\r\n?|\n")
_EXAMPLE = "give a table with a row for each answer: CSV, JSON or Parquet"


class _RepeatedKeyError(ValueError):
    """An object has a key twice."""


def read_parquet(source: str, content: bytes) -> SourceTable:
    """Read the content of a Parquet file; dictionaries (categoricals) are read as their values.

    Raises:
        TableError: If pyarrow is not installed, the file is damaged or empty, or two columns have one name.
    """
    if find_spec("pyarrow") is None:
        msg = f"Reading {source} needs pyarrow, which is not installed. Run: pip install pyarrow"
        raise TableError(msg)
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    try:
        read = parquet.ParquetFile(io.BytesIO(content)).read()
    except (arrow.ArrowException, OSError) as error:
        msg = f"{source} cannot be read as Parquet: {str(error).splitlines()[0]}"
        raise TableError(msg) from error
    if not read.num_rows or not read.num_columns:
        msg = f"{source} has no rows; a table has a row for each answer or text"
        raise TableError(msg)
    names = require_unique_columns(source, "in its schema", read.column_names)
    return SourceTable(
        source=source,
        file_format="Parquet",
        columns={name: column.to_pylist() for name, column in zip(names, read.columns, strict=True)},
        positions=range(1, read.num_rows + 1),
        unit="row",
    )


class EncodingError(TableError):
    """A text is not in the expected encoding."""

    def __init__(self, message: str, *, likely: str = "cp1252") -> None:
        super().__init__(message)
        self.likely = likely
        """The encoding that it may be in."""


def read_table(
    source: str | Path | IO[str] | IO[bytes], dialect: Dialect | None = None, *, encoding: str | None = None
) -> SourceTable:
    """Read a table from a file or an open stream.

    Args:
        source: The file. Text separated by commas, semicolons, tabs or vertical bars, JSON, JSON Lines, or
            Parquet; each may be compressed with gzip.
        dialect: Properties of a delimited file that cannot be recognised.
        encoding: The file's encoding; by default UTF-8 with or without a byte order mark.

    Raises:
        TableError: If the file does not exist, or is not such a table; with the line of the error.
    """
    if not isinstance(source, str | Path):
        content = source.read()
        name = str(getattr(source, "name", "the table"))
        if isinstance(content, str):
            return read_text(name, content.removeprefix("\ufeff"), dialect)
    else:
        name, content = str(source), _read_file(Path(source))
    return read_content(name, content, dialect, encoding=encoding)


def read_content(
    name: str, content: bytes, dialect: Dialect | None = None, *, encoding: str | None = None
) -> SourceTable:
    """Read a table from a file's content; the name is for messages, and its ending for the format.

    Raises:
        TableError: As for `read_table`.
    """
    if content.startswith(b"\x1f\x8b"):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            msg = f"{name} cannot be unpacked by gzip: {error}"
            raise TableError(msg) from error
    if content.startswith(b"PAR1"):
        return read_parquet(name, content)
    return read_text(name, _decode(name, content, encoding), dialect)


def read_text(name: str, text: str, dialect: Dialect | None = None) -> SourceTable:
    """Read a table from a text: JSON if it looks like it or is named so, otherwise separated columns.

    Raises:
        TableError: As for `read_table`.
    """
    suffix = PurePath(name.removesuffix(".gz")).suffix.lower()
    if not text.strip():
        msg = f"{name} is empty; {_EXAMPLE}"
        raise TableError(msg)
    if suffix in _JSON_LINES:
        return _read_json_lines(name, text)
    if suffix == ".json" or _STARTS_AS_JSON.match(text):
        return _read_json_lines(name, text) if _looks_like_lines(text) else _read_json(name, text)
    return read_delimited(name, text, dialect or Dialect())


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        folder = path.parent
        near = (
            [file.name for suffix in SUFFIXES for file in folder.glob(f"*{suffix}")]
            if folder.is_dir()
            else []
        )
        hint = nearest(path.name, near) if near else ""
        msg = f"There is no file {path}.{hint} {_EXAMPLE[0].upper()}{_EXAMPLE[1:]}."
        raise TableError(msg) from error
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        msg = f"{path} cannot be read: {reason}; {_EXAMPLE}"
        raise TableError(msg) from error


def _decode(name: str, content: bytes, encoding: str | None) -> str:
    """Decode a text.

    Raises:
        TableError: If it is binary, or not in its encoding; with the line.
    """
    for magic, what in _MAGIC.items():
        if content.startswith(magic):
            msg = f"{name} is {what}"
            raise TableError(msg)
    if encoding is None and content.startswith(_UTF_16):
        msg = f"{name} is in UTF-16; save it as UTF-8"
        raise EncodingError(msg, likely="utf-16")
    try:
        text = content.decode(encoding or "utf-8-sig")
    except LookupError as error:
        msg = f"encoding is {encoding!r}, which is unknown; valid: such as utf-8, utf-16, latin-1 or cp1252"
        raise TableError(msg) from error
    except UnicodeDecodeError as error:
        line = _count_lines(content[: error.start].decode("latin-1"))
        what = f"is not {(encoding or 'utf-8').upper()} (byte {content[error.start]:#04x})"
        msg = f"{name}:{line} {what}; save the file as UTF-8"
        raise EncodingError(msg) from error
    if "\0" in text:
        line = _count_lines(text[: text.index("\0")])
        msg = f"{name}:{line} has the character NUL, so that it is not a text; save the table as CSV in UTF-8"
        raise TableError(msg)
    return text.removeprefix("\ufeff")


def _count_lines(text: str) -> int:
    return len(_LINE_ENDS.findall(text)) + 1


def _read_json_lines(source: str, text: str) -> SourceTable:
    """Read a text with a JSON object in each line; blank lines are ignored, and so is a header.

    A header is a first line with the single key "header".

    Raises:
        TableError: If a line is not a JSON object, or has a key twice; with the line.
    """
    records, positions = [], []
    # By line feeds alone: splitlines would also split at characters that JSON allows inside a text.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            record = _parse(f"{source}:{number}", line)
            if number == 1 and isinstance(record, dict) and list(record) == [HEADER]:
                continue
            records.append(_require_object(f"{source}:{number}", record))
            positions.append(number)
    return _table(source, "JSON Lines", records, positions, is_by_line=True)


def _read_json(source: str, text: str) -> SourceTable:
    """Read a JSON document that is a table.

    Valid are a list of objects, an object with such a list under one of its keys, and columns: an object of
    lists of one length, of objects with the same keys (as pandas writes them), or of "columns" and "data".

    Raises:
        TableError: If it is none of these, or an object has a key twice.
    """
    document = _parse(source, text)
    records = _records(document)
    if records is None:
        msg = f"{source} is JSON, but not a table; valid: a list with an object for each row, [{_ROW}, …]"
        raise TableError(msg)
    rows = [_require_object(f"{source}, row {number}", row) for number, row in enumerate(records, start=1)]
    return _table(source, "JSON", rows, list(range(1, len(rows) + 1)), is_by_line=False)


def _looks_like_lines(text: str) -> bool:
    """Return whether the first line of a text is a JSON object by itself, and another one follows."""
    first, _, rest = text.strip().partition("\n")
    try:
        return isinstance(json.loads(first), dict) and bool(rest.strip())
    except (ValueError, RecursionError):
        return False


def _parse(where: str, text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_object)
    except _RepeatedKeyError as error:
        msg = f"{where} has the key {str(error)!r} twice in one object; rename one of them"
        raise TableError(msg) from error
    except (ValueError, RecursionError) as error:
        reason = (
            f"{error.msg}, line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "too deep"
        )
        reason = reason.removesuffix(", line 1")
        msg = f"{where} is not JSON ({reason}); valid: {_ROW}"
        raise TableError(msg) from error


def _object(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        raise _RepeatedKeyError(next(key for key in keys if keys.count(key) > 1))
    return found


def _require_object(where: str, row: object) -> Mapping[str, object]:
    if not isinstance(row, dict):
        msg = f"{where} is not a JSON object; valid: {_ROW}"
        raise TableError(msg)
    if any(isinstance(value, dict) for value in row.values()):
        return dict(_flat(row, ""))
    return row


def _flat(row: Mapping[str, object], prefix: str) -> list[tuple[str, object]]:
    """List values by their path, with points between the keys: ``rater.id``."""
    pairs = []
    for key, value in row.items():
        name = f"{prefix}{key}"
        pairs += _flat(value, f"{name}.") if isinstance(value, dict) and value else [(name, value)]
    return pairs


def _records(document: object) -> Sequence[object] | None:
    """Return the rows of a document; None if it is not a table."""
    if isinstance(document, list):
        return document
    if not isinstance(document, dict) or not document:
        return None
    if isinstance(document.get("columns"), list) and isinstance(document.get("data"), list):
        return _rows_of_values(document["columns"], document["data"])
    lists = [value for value in document.values() if isinstance(value, list)]
    tables = [value for value in lists if value and all(isinstance(row, dict) for row in value)]
    if tables:
        return tables[0] if len(tables) == 1 else None
    return _rows_of_columns(document)


def _rows_of_columns(document: Mapping[str, object]) -> Sequence[object] | None:
    """Convert columns, as lists of one length or objects with the same keys, to rows."""
    lists = [value for value in document.values() if isinstance(value, list)]
    if len(lists) == len(document) and len({len(value) for value in lists}) == 1:
        return [dict(zip(document, row, strict=True)) for row in zip(*lists, strict=True)]
    columns = {name: value for name, value in document.items() if isinstance(value, dict) and value}
    keys = [list(value) for value in columns.values()]
    if len(columns) == len(document) and all(each == keys[0] for each in keys):
        return [{name: value[key] for name, value in columns.items()} for key in keys[0]]
    return None


def _rows_of_values(columns: Sequence[object], data: Sequence[object]) -> Sequence[object] | None:
    names = [str(column) for column in columns]
    if len(set(names)) < len(names):
        return None
    if not all(isinstance(row, list) and len(row) == len(names) for row in data):
        return None
    return [dict(zip(names, row, strict=True)) for row in data if isinstance(row, list)]


def _table(
    source: str,
    file_format: str,
    records: Sequence[Mapping[str, object]],
    positions: Sequence[int],
    *,
    is_by_line: bool,
) -> SourceTable:
    columns: dict[str, list[object]] = {}
    for index, record in enumerate(records):
        for key, value in record.items():
            column = columns.get(key)
            if column is None:
                columns[key] = column = [None] * index
            column.append(value)
        if len(record) != len(columns):
            for column in columns.values():
                if len(column) == index:
                    column.append(None)
    if not columns:
        what = "has rows without any value" if records else "is empty"
        msg = f"{source} {what}; a table has a row for each answer or text"
        raise TableError(msg)
    names = require_unique_columns(source, "in its objects", list(columns))
    return SourceTable(
        source=source,
        file_format=file_format,
        columns=dict(zip(names, columns.values(), strict=True)),
        positions=positions,
        unit="line" if is_by_line else "row",
    )
