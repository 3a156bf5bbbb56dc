"""Read a table from a file of any supported format."""

import codecs
import gzip
import io
import re
import zlib
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import IO

from rater.errors import TableError, nearest
from rater.tables.delimited import read_delimited
from rater.tables.json_tables import looks_like_lines, read_json, read_json_lines
from rater.tables.separated_rows import Dialect
from rater.tables.table import SourceTable, require_unique_columns


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


SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet")
"""Endings of files that hold tables, each also with .gz after it."""
_JSON_LINES = (".jsonl", ".ndjson")
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
        return read_json_lines(name, text)
    if suffix == ".json" or _STARTS_AS_JSON.match(text):
        return read_json_lines(name, text) if looks_like_lines(text) else read_json(name, text)
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
