"""Read a file of completions, JSONL or CSV: any generator can write one."""

import csv
import io
import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rater.errors import StudyError, nearest

_NEEDED = ("prompt", "arm", "text")
_READ = (*_NEEDED, "sample")
_MOST_CHARACTERS = 20_000
"""Of a text that people are to read."""
_FORMATS = (".csv", ".jsonl")
_INVISIBLE = {"Cc", "Cf", "Zl", "Zp", "Zs"}
"""Unicode's categories of characters of which nobody sees anything: blanks, and those of no width."""
_EXAMPLE = '{"prompt": "…", "arm": "…", "text": "…"}'


class Line(NamedTuple):
    """A completion as it stands in the file, with the number of its (first) line there."""

    number: int
    prompt: str
    text: str
    sample: int | None


def read_bytes(path: Path) -> bytes:
    """Read a file whose name says that it can hold completions.

    Raises:
        StudyError: it does not, or cannot be read.
    """
    if path.suffix.lower() not in _FORMATS:
        msg = f"{path} is no file of completions that can be read; valid: one that ends in .jsonl or .csv."
        raise StudyError(msg)
    try:
        return path.read_bytes()
    except OSError as error:
        close = sorted(file.name for suffix in _FORMATS for file in path.parent.glob(f"*{suffix}"))
        hint = nearest(path.name, close) if close else ""
        msg = (
            f"The completions in {path} cannot be read: {error.strerror or error}.{hint} "
            "A path starts in the folder of the study file."
        )
        raise StudyError(msg) from error


def _decode(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        msg = f"{path}:{line} is not UTF-8 (byte {content[error.start]:#04x}); save the file as UTF-8."
        raise StudyError(msg) from error


def lines_of_arm(path: Path, content: bytes, arm: str) -> list[Line]:
    """Read the lines of one arm; those of others are left alone.

    Raises:
        StudyError: the content is not what a file of completions holds; with file and line.
    """
    read_rows = _json_rows if path.suffix.lower() == ".jsonl" else _csv_rows
    lines, others = [], dict[str, None]()
    for number, row in read_rows(path, _decode(path, content)):
        where = f"{path}:{number}"
        _require_columns(where, list(row))
        named = _require_text(where, "arm", row["arm"])
        if named != arm:
            others[named] = None
            continue
        prompt, text = (_require_text(where, name, row[name]) for name in ("prompt", "text"))
        lines.append(Line(number, prompt, text, _sample(where, row.get("sample"))))
    if not lines:
        what = "has no line for" if others else "is empty; it needs lines for"
        msg = f"{path} {what} the arm {arm!r}.{nearest(arm, list(others)) if others else ''}"
        raise StudyError(msg)
    return lines


def _json_rows(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    # By "\n" alone: splitlines would also split at characters that JSON allows inside a text.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else "it cannot be read"
            msg = f"{path}:{number} is not JSON ({reason}); valid: {_EXAMPLE}."
            raise StudyError(msg) from error
        if not isinstance(row, dict):
            msg = f"{path}:{number} is no JSON object; valid: {_EXAMPLE}."
            raise StudyError(msg)
        yield number, row


def _csv_rows(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    head: list[str] | None = None
    number = 1
    try:
        for row in reader:
            if head is None:
                head = [name.strip() for name in row]
                _require_columns(f"{path}:1", head)
                _require_one_of_each(f"{path}:1", head)
            elif row and len(row) != len(head):
                msg = f"{path}:{number} has {len(row)} columns, but line 1 names {len(head)}; quote commas."
                raise StudyError(msg)
            elif row:
                yield number, dict(zip(head, row, strict=True))
            number = reader.line_num + 1
    except csv.Error as error:
        msg = f"{path}:{number} is not CSV ({error}); quote texts, and double the quotes in them."
        raise StudyError(msg) from error


def _require_columns(where: str, names: Sequence[str]) -> None:
    for name in _NEEDED:
        if name not in names:
            close = nearest(name, [other for other in names if other not in _NEEDED])
            hint = close.replace("Did you mean", "Is it") if close.startswith(" Did you mean") else ""
            hint = " Separate columns by commas." if len(names) == 1 and ";" in names[0] else hint
            msg = f"{where} has no {name!r}; valid: {', '.join(_NEEDED)} and, if you like, sample.{hint}"
            raise StudyError(msg)


def _require_one_of_each(where: str, names: Sequence[str]) -> None:
    twice = next((name for name in names if name in _READ and names.count(name) > 1), None)
    if twice:
        msg = f"{where} names the column {twice!r} twice, so that it is not known which is meant; rename one."
        raise StudyError(msg)


def _require_text(where: str, name: str, value: object) -> str:
    if not isinstance(value, str):
        msg = f"{where} has the {name} {short(value)}; valid: a text, in quotes."
        raise StudyError(msg)
    if all(unicodedata.category(character) in _INVISIBLE for character in value):
        msg = f"{where} has an empty {name}; valid: a text that people can read."
        raise StudyError(msg)
    if len(value) > _MOST_CHARACTERS:
        msg = f"{where} has a {name} of {len(value):,} characters; valid: at most {_MOST_CHARACTERS:,}."
        raise StudyError(msg)
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        msg = f"{where} has a {name} with NUL or half a character in it; valid: whole Unicode characters."
        raise StudyError(msg)
    return value


def _sample(where: str, value: object) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value) if len(value) < 10 else value
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        msg = f"{where} has the sample {short(value)}; valid: a number from 0, or none."
        raise StudyError(msg)
    return value


def short(value: object) -> str:
    """Quote a value, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
