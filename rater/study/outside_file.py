"""Read a file of completions, in any format of a table: any generator can write one."""

import unicodedata
from pathlib import Path
from typing import NamedTuple

from rater.errors import StudyError, TableError, listed, nearest
from rater.names import normalise_name
from rater.tables import SUFFIXES, Dialect, Table, read_content

_NEEDED = ("prompt", "arm", "text")
_READ = (*_NEEDED, "sample")
_MOST_CHARACTERS = 20_000
"""Of a text that people are to read."""
_INVISIBLE = {"Cc", "Cf", "Zl", "Zp", "Zs"}
"""Unicode's categories of characters of which nobody sees anything: blanks, and those of no width."""


class Line(NamedTuple):
    """A completion of the file, with its place there."""

    where: str
    """The file and the place, for messages."""
    place: str
    """The place alone, such as "line 3"."""
    prompt: str
    text: str
    sample: int | None


def read_bytes(path: Path) -> bytes:
    """Read a file whose name says that it can hold completions.

    Raises:
        StudyError: it does not, or cannot be read.
    """
    if path.with_suffix("" if path.suffix == ".gz" else path.suffix).suffix.lower() not in SUFFIXES:
        msg = f"{path} is not a file of completions; valid: one that ends in {listed(SUFFIXES)}"
        raise StudyError(msg)
    try:
        return path.read_bytes()
    except OSError as error:
        close = sorted(file.name for suffix in SUFFIXES for file in path.parent.glob(f"*{suffix}"))
        hint = nearest(path.name, close) if close else ""
        msg = (
            f"The completions in {path} cannot be read: {error.strerror or error}.{hint} "
            "A path starts in the folder of the study file."
        )
        raise StudyError(msg) from error


def lines_of_arm(path: Path, content: bytes, arm: str) -> list[Line]:
    """Read the lines of one arm; those of others are left alone.

    Raises:
        StudyError: the content is not what a file of completions holds; with file and line.
    """
    try:
        table = read_content(str(path), content, Dialect(skips_blanks=False))
    except TableError as error:
        raise StudyError(str(error)) from error
    _require_columns(table)
    arm_name = normalise_name(arm)
    lines, others = [], dict[str, None]()
    columns = [table.columns.get(name, [None] * len(table)) for name in _READ]
    for row, (prompt, named, text, sample) in enumerate(zip(*columns, strict=True)):
        where = table.where(row)
        name = normalise_name(_require_text(where, "arm", named))
        if name != arm_name:
            others[name] = None
            continue
        read = [_require_text(where, column, value) for column, value in (("prompt", prompt), ("text", text))]
        lines.append(Line(where, table.place(row), read[0], read[1], _sample(where, sample)))
    if not lines:
        msg = f"{path} has no line for the arm {arm!r}.{nearest(arm_name, others)}"
        raise StudyError(msg)
    return lines


def _require_columns(table: Table) -> None:
    names = list(table.columns)
    for name in _NEEDED:
        if name not in names:
            close = nearest(name, [other for other in names if other not in _NEEDED])
            hint = close.replace("Did you mean", "Is it") if close.startswith(" Did you mean") else ""
            msg = (
                f"{table.source} has no {name!r}; valid: {', '.join(_NEEDED)} and, if you like, sample.{hint}"
            )
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
