"""Search the bytes of a rating file, WAL and free pages included, for what no row holds any more.

Rows are searched value by value (`rater.publish.audit.tables`). Here the question is what else is in the
file: a mark counts unless the bytes around it are those around the same mark in a value that a row holds now.
A value that SQLite moved leaves pieces of itself behind, so six equal bytes around a mark are enough.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import MetaData, select, text
from sqlalchemy.orm import Session

from rater.publish.audit.findings import Hit
from rater.publish.audit.marks import Mark

_AROUND = 6
_LEAST_BYTES = 4
_BATCH = 10_000


@dataclass(frozen=True)
class RawScan:
    """What searching the bytes came to."""

    hits: list[Hit]
    n_bytes: int


class _Finder:
    """Finds marks among bytes; what surrounds them there is not looked at."""

    def __init__(self, marks: Iterable[bytes]) -> None:
        self._numbers = {mark for mark in marks if mark.isdigit()}
        self._lengths = sorted({len(number) for number in self._numbers})
        longest_first = sorted(set(marks) - self._numbers, key=len, reverse=True)
        # looked for ahead, so that a mark inside another one is found too
        phrases = b"|".join(map(re.escape, longest_first))
        self._pattern = re.compile(b"(?=(" + phrases + b"))") if longest_first else None

    def find(self, content: bytes) -> Iterator[tuple[int, int]]:
        """List where marks start and end."""
        if self._pattern is not None:
            for match in self._pattern.finditer(content):
                yield match.span(1)
        if self._numbers:
            # thousands of seeds would make a slow pattern
            for run in re.finditer(b"[0-9]{5,}", content):
                for length in self._lengths:
                    for start in range(run.start(), run.end() - length + 1):
                        if content[start : start + length] in self._numbers:
                            yield start, start + length


class _Known:
    """The surroundings that marks have in values which rows hold now."""

    def __init__(self, finder: _Finder) -> None:
        self._finder = finder
        self._split: dict[bytes, set[tuple[bytes, bytes]]] = defaultdict(set)
        self._whole: dict[bytes, set[tuple[bytes, bytes]]] = defaultdict(set)

    def learn(self, value: bytes) -> None:
        """Take in a value that a row holds."""
        for start, end in self._finder.find(value):
            mark = value[start:end]
            before, after = value[max(0, start - _AROUND) : start], value[end : end + _AROUND]
            if start + len(value) - end < _AROUND:
                self._whole[mark].add((value[:start], value[end:]))
            else:
                self._split[mark].update(_splits(before, after))

    def explains(self, content: bytes, start: int, end: int) -> bool:
        """Say whether what stands around a mark is what stands around it in some row's value."""
        mark = content[start:end]
        before, after = content[max(0, start - _AROUND) : start], content[end : end + _AROUND]
        if self._split[mark].intersection(_splits(before, after)):
            return True
        return any(before.endswith(left) and after.startswith(right) for left, right in self._whole[mark])


def _splits(before: bytes, after: bytes) -> Iterator[tuple[bytes, bytes]]:
    """List the ways to take six bytes around a mark, some before it and the rest behind it."""
    for n_before in range(_AROUND + 1):
        n_after = _AROUND - n_before
        if n_before <= len(before) and n_after <= len(after):
            yield before[len(before) - n_before :], after[:n_after]


def scan_bytes(session: Session, path: Path, marks: Iterable[Mark]) -> RawScan:
    """Search a SQLite file and its WAL. Reads every row once, and the file as a whole into memory."""
    by_bytes = {mark.text.lower().encode(): mark for mark in marks if _is_searchable(mark)}
    files = [file for file in (path, path.with_name(f"{path.name}-wal")) if file.is_file()]
    contents = {file.name: file.read_bytes().lower() for file in files}
    n_bytes = sum(map(len, contents.values()))
    finder = _Finder(by_bytes)
    known = _Known(finder)
    for value in _values(session):
        known.learn(value)
    found: Counter[tuple[str, bytes]] = Counter()
    for name, content in contents.items():
        for start, end in finder.find(content):
            if not known.explains(content, start, end):
                found[name, content[start:end]] += 1
    hits = [
        Hit("structure", by_bytes[mark].kind, by_bytes[mark].text, f"{name}, outside of every row", count)
        for (name, mark), count in found.items()
    ]
    return RawScan(hits, n_bytes)


def _is_searchable(mark: Mark) -> bool:
    """Say whether bytes equal to a mark mean it: short words turn up by chance."""
    is_long = len(mark.text.encode()) >= _LEAST_BYTES
    return mark.is_distinctive and is_long and mark.kind not in {"word of the machinery", "study's name"}


def _values(session: Session) -> Iterator[bytes]:
    """List all that the database knowingly holds: values of rows, and the statements of its tables."""
    connection = session.connection()
    for statement in connection.execute(
        text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
    ).scalars():
        yield str(statement).lower().encode()
    metadata = MetaData()
    metadata.reflect(connection)
    for table in metadata.sorted_tables:
        rows = session.execute(select(table).execution_options(yield_per=_BATCH))
        for row in rows:
            for value in row:
                if value is not None:
                    yield str(value).lower().encode()
