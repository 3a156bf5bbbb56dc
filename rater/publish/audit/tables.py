"""Search every table of the rating database: names, and values row by row.

What a study shows (its protocol, dimensions, prompts and texts) is content, as are its name, which raters
never see, and who looked at it and why. All else is structure, tables and columns that this version does not
know included.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import MetaData, Table, inspect, select
from sqlalchemy.orm import Session

from rater.publish.audit.findings import Hit, Severity
from rater.publish.audit.marks import Mark, Searcher
from rater.store.rating.schema import Base
from rater.study.state import PUBLISHED_STATES

_CONTENT = {
    "amendment.protocol",
    "answer.comment",
    "answer.dimension",
    "attention_check.dimension",
    "comment.text",
    "item.prompt",
    "item.text",
    "study.name",
    "study.protocol",
    "trial.dimension",
}
_FROM_A_LIST = {"study.state", "rater.channel", "rater.left_why", "guess.choice", "tally.kind", "event.kind"}
_OWN_WORDS = {
    *PUBLISHED_STATES, "look", "web", "terminal", "commitment",
    "study_hash", "generation_log", "digests", "protocol", "items", "booklets", "checks", "answers", "raters",
    "guesses", "n_answers", "last_answer_id", "interim", "declined", "first", "second", "unsure", "stopped",
    "withdrawn", "screened_out", "failed_practice", "amended", "forgotten", "redacted", "rater", "row", "n",
}  # fmt: skip
"""What the app itself writes for every study: states, channels, events and the names of their particulars."""
_SAID_BY_PEOPLE = {"who", "why", "reason", "by"}
_REVISIONS = "alembic_version"
_BATCH = 10_000


@dataclass(frozen=True)
class TableScan:
    """What searching the tables came to."""

    hits: list[Hit]
    n_cells: int


def scan_tables(session: Session, study_id: int, searcher: Searcher) -> TableScan:
    """Search all tables; content only of this study. Costs one query a table, and reads every row once."""
    metadata = MetaData()
    metadata.reflect(session.connection())
    found: Counter[tuple[Severity, str, Mark]] = Counter()
    n_cells = 0
    for table in metadata.sorted_tables:
        for name in sorted({table.name, *_places(table).values()} - _known_names()):
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
    """List tables and columns that the schema has not: nobody has thought about what is in them."""
    inspector = inspect(session.connection())
    known = {table.name: {column.name for column in table.columns} for table in Base.metadata.sorted_tables}
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
    """List a table's values by table and column; of other studies, what is not content."""
    places = _places(table)
    owner = {"study": "id", "item": "study_id"}.get(table.name)
    rows = session.execute(select(table).execution_options(yield_per=_BATCH))
    for row in rows.mappings():
        is_own = owner is None or row[owner] == study_id
        for name, place in places.items():
            if row[name] is not None and (is_own or place not in _CONTENT):
                yield place, row[name]


def _search(place: str, value: object, searcher: Searcher) -> Iterator[tuple[Severity, Mark]]:
    """Search a value; "arm" inside a text is about somebody's arm, and a study's name may be here."""
    for severity, text in _parts(place, str(value)):
        for mark in searcher.count(text):
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
    said: list[tuple[Severity, str]] = [
        ("content", str(value)) for name, value in fields.items() if name in _SAID_BY_PEOPLE
    ]
    rest = {name: value for name, value in fields.items() if name not in _SAID_BY_PEOPLE}
    return [*said, *(("structure", word) for word in _leaves(rest) if word not in _OWN_WORDS)]


def _leaves(value: object) -> Iterator[str]:
    """List the names and the values inside an event's particulars."""
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


def _known_names() -> set[str]:
    tables = Base.metadata.sorted_tables
    return {name for table in tables for name in (table.name, *_places(table).values())}
