"""Search the rating database for arms: every table, the bytes of the file, and fields that differ by arm.

Content is what a study shows (its protocol, dimensions, prompts with their fields, and texts), its name,
which raters never see, and the people and reasons in its log. Everything else is structure, including tables
and columns that this version does not know.

Rows are searched value by value. Then the bytes of the file are searched for deleted data: a mark counts
unless the bytes around it equal those around the same mark in a value of a present row. A value that SQLite
moved leaves fragments behind, so six equal bytes around a mark are enough.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import MetaData, Table, inspect, select, text
from sqlalchemy.orm import Session

from rater.audit.findings import Hit, Severity
from rater.audit.marks import AuditedPublication, Mark, Searcher
from rater.store.rating.schema import RatingBase
from rater.study.state import PUBLISHED_STATES

_CONTENT = {
    "amendment.protocol",
    "answer.comment",
    "answer.dimension",
    "attention_check.dimension",
    "comment.text",
    "item.fields",
    "item.prompt",
    "item.text",
    "study.name",
    "study.protocol",
    "trial.dimension",
}
_FROM_A_LIST = {
    "study.state",
    "rater.channel",
    "rater.left_why",
    "guess.choice",
    "tally.kind",
    "event.kind",
    "unfilled_parameter.reason",
}
_OWN_WORDS = {
    *PUBLISHED_STATES, "look", "web", "terminal", "commitment", "study_hash", "generation_log",
    "assignment_version", "digests", "protocol", "items", "booklets", "checks", "answers", "raters",
    "guesses", "n_answers", "last_answer_id", "interim", "declined", "first", "second", "unsure", "stopped",
    "withdrawn", "screened_out", "failed_practice", "amended", "forgotten", "redacted", "rater", "row", "n",
}  # fmt: skip
"""Words that the app writes for every study: states, channels, events and the names of their details."""
_WRITTEN_BY_PEOPLE = {"who", "why", "reason", "by"}
_REVISIONS = "alembic_version"
_BATCH = 10_000


@dataclass(frozen=True)
class TableScan:
    """The result of searching the tables."""

    hits: list[Hit]
    n_cells: int


def scan_tables(session: Session, study_id: int, searcher: Searcher) -> TableScan:
    """Search all tables; content only of this study. Costs one query a table, and reads every row once."""
    metadata = MetaData()
    metadata.reflect(session.connection())
    found: Counter[tuple[Severity, str, Mark]] = Counter()
    n_cells = 0
    tables = RatingBase.metadata.sorted_tables
    known = {name for table in tables for name in (table.name, *_places(table).values())}
    for table in metadata.sorted_tables:
        for name in sorted({table.name, *_places(table).values()} - known):
            found.update(("structure", f"the name {name}", mark) for mark in searcher.count(name))
        for place, value in _own_cells(session, table, study_id):
            n_cells += 1
            found.update((severity, place, mark) for severity, mark in _search(place, value, searcher))
    hits = [
        Hit(severity, mark.kind, mark.text, f"rating database: {place}", count)
        for (severity, place, mark), count in found.items()
    ]
    return TableScan([*_unknown_to_schema(session), *hits], n_cells)


def _unknown_to_schema(session: Session) -> list[Hit]:
    """List tables and columns that are not in the schema, so nothing is known of their content."""
    inspector = inspect(session.connection())
    known = {
        table.name: {column.name for column in table.columns} for table in RatingBase.metadata.sorted_tables
    }
    hits = []
    for name in sorted(set(inspector.get_table_names()) - {_REVISIONS}):
        columns = {column["name"] for column in inspector.get_columns(name)}
        strange = sorted(columns - known[name]) if name in known else [""]
        hits += [
            Hit("structure", "unknown to the schema", column or name, f"rating database: table {name}", 1)
            for column in strange
        ]
    return hits


def _own_cells(session: Session, table: Table, study_id: int) -> Iterator[tuple[str, object]]:
    """List a table's values by table and column; for other studies, structure only."""
    places = _places(table)
    owner = {"study": "id", "item": "study_id"}.get(table.name)
    rows = session.execute(select(table).execution_options(yield_per=_BATCH))
    for row in rows.mappings():
        is_own = owner is None or row[owner] == study_id
        for name, place in places.items():
            if row[name] is not None and (is_own or place not in _CONTENT):
                yield place, row[name]


def _search(place: str, value: object, searcher: Searcher) -> Iterator[tuple[Severity, Mark]]:
    """Search a value; the word "arm" may occur in content, and so may the study's name."""
    for severity, part in _parts(place, str(value)):
        for mark in searcher.count(part):
            if severity == "structure" or mark.kind not in {"word of the machinery", "study's name"}:
                yield severity, mark


def _parts(place: str, value: str) -> list[tuple[Severity, str]]:
    if place == "event.detail":
        return _split_detail(value)
    if place in _FROM_A_LIST and value in _OWN_WORDS:
        return []
    return [("content" if place in _CONTENT else "structure", value)]


def _split_detail(detail: str) -> list[tuple[Severity, str]]:
    try:
        fields = json.loads(detail)
    except json.JSONDecodeError:
        return [("structure", detail)]
    if not isinstance(fields, dict):
        return [("structure", detail)]
    written: list[tuple[Severity, str]] = [
        ("content", str(value)) for name, value in fields.items() if name in _WRITTEN_BY_PEOPLE
    ]
    rest = {name: value for name, value in fields.items() if name not in _WRITTEN_BY_PEOPLE}
    return [*written, *(("structure", word) for word in _leaves(rest) if word not in _OWN_WORDS)]


def _leaves(value: object) -> Iterator[str]:
    """List the names and the values in an event's details."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield str(value)


def _places(table: Table) -> dict[str, str]:
    return {column.name: f"{table.name}.{column.name}" for column in table.columns}


_AROUND = 6
_MIN_BYTES = 4


@dataclass(frozen=True)
class RawScan:
    """The result of searching the bytes."""

    hits: list[Hit]
    n_bytes: int


class _Finder:
    """Finds marks among bytes, without regard to word boundaries."""

    def __init__(self, marks: Iterable[bytes]) -> None:
        self._numbers = {mark for mark in marks if mark.isdigit()}
        self._lengths = sorted({len(number) for number in self._numbers})
        longest_first = sorted(set(marks) - self._numbers, key=len, reverse=True)
        # a lookahead, so that a mark inside another one is found too
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
    """The surroundings of marks in the values of present rows."""

    def __init__(self, finder: _Finder) -> None:
        self._finder = finder
        self._split: dict[bytes, set[tuple[bytes, bytes]]] = defaultdict(set)
        self._whole: dict[bytes, set[tuple[bytes, bytes]]] = defaultdict(set)

    def learn(self, value: bytes) -> None:
        """Add the value of a row."""
        for start, end in self._finder.find(value):
            mark = value[start:end]
            before, after = value[max(0, start - _AROUND) : start], value[end : end + _AROUND]
            if start + len(value) - end < _AROUND:
                self._whole[mark].add((value[:start], value[end:]))
            else:
                self._split[mark].update(_splits(before, after))

    def explains(self, content: bytes, start: int, end: int) -> bool:
        """Return whether the bytes around a mark equal those around it in the value of a row."""
        mark = content[start:end]
        before, after = content[max(0, start - _AROUND) : start], content[end : end + _AROUND]
        if self._split[mark].intersection(_splits(before, after)):
            return True
        return any(before.endswith(left) and after.startswith(right) for left, right in self._whole[mark])


def _splits(before: bytes, after: bytes) -> Iterator[tuple[bytes, bytes]]:
    """List the ways to take six bytes around a mark: some before it, the rest after it."""
    for n_before in range(_AROUND + 1):
        n_after = _AROUND - n_before
        if n_before <= len(before) and n_after <= len(after):
            yield before[len(before) - n_before :], after[:n_after]


def scan_bytes(session: Session, path: Path, marks: Iterable[Mark]) -> RawScan:
    """Search a SQLite file and its WAL. Reads every row once, and the file as a whole into memory."""
    # Short words occur in bytes by chance.
    by_bytes = {
        mark.text.lower().encode(): mark
        for mark in marks
        if mark.is_distinctive
        and len(mark.text.encode()) >= _MIN_BYTES
        and mark.kind not in {"word of the machinery", "study's name"}
    }
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


def _values(session: Session) -> Iterator[bytes]:
    """List the present content of the database: values of rows, and the SQL of its tables."""
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


def find_separating_fields(audited: AuditedPublication) -> list[Hit]:
    """Find fields of items whose values differ between arms, and so reveal them.

    Every item has texts of all arms, in equal numbers. So each value of a field is as frequent in one arm as
    in any other; where it is not, raters could tell arms apart by it, and the study is not published.
    """
    arms = sorted(set(audited.arms.values()))
    counts: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for item in audited.rated:
        for name, value in item.fields.items():
            counts[name, value][audited.arms[item.id]] += 1
    return [
        Hit(
            severity="structure",
            what="field that differs between arms",
            mark=f"{name} {value!r}",
            place="rating database: item.fields",
            count=max(by_arm.values()) - min(by_arm[arm] for arm in arms),
        )
        for (name, value), by_arm in sorted(counts.items())
        if len({by_arm[arm] for arm in arms}) > 1
    ]
