"""Hash-chained audit log of each study.

Each row contains the hash of the row before it, so changing, removing or inserting a row breaks the
chain. Cutting off the last rows does not break it: only a hash that was kept outside the database proves that
they were there (``rater verify --head``).
"""

import hashlib
import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import ClassVar, NamedTuple

from sqlalchemy import ForeignKey, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, declared_attr

from rater.store.dictionary import column
from rater.store.engine import UtcDateTime
from rater.study.state import State

# the previous hash of a study's first row
GENESIS = "0" * 64


class EventKind(StrEnum):
    """A kind of event. A change of state has no kind here: it is logged under the name of the new state."""

    # of the rating database
    AMENDED = "amended"
    EXPORTED = "exported"
    FORGOTTEN = "forgotten"
    """A rater's identifiers were deleted."""
    FREED = "freed"
    """The place of a rater was freed, by hand or by a rule other than inactivity."""
    GRANTED = "granted"
    """The role of a user of the desk in this study was set or removed."""
    LISTED = "listed"
    """Participants' identifiers were downloaded."""
    REDACTED = "redacted"
    """All data of a rater was deleted."""
    RECOVERED = "recovered"
    """Answers were imported that a rater had downloaded."""
    SHOWN = "shown"
    """The results of a look were shown."""
    # of both
    LOOK = "look"
    """Someone saw answers by arm while the study was open."""
    # of the sealed database
    FROZEN = "frozen"
    """The study's declaration was stored."""
    CHANGED = "changed"
    TAKEN = "taken"
    """External completions were read."""
    MEASURED = "measured"
    """A metric of the texts was measured, or the measurements were deleted with the completions."""


class EventColumns:
    """The columns of a log table; each database has its own log, next to its own study table."""

    __tablename__ = "event"

    kinds: ClassVar[frozenset[EventKind | State]]
    """Every kind of row that rater writes; `rater verify` reports rows of another kind."""

    id: Mapped[int] = column("Row number.", primary_key=True)
    sequence: Mapped[int] = column("Position in the study's hash chain, from 1.")
    kind: Mapped[str] = column("Kind of event: published, open, closed, unblinded …")
    detail: Mapped[str] = column("Canonical JSON with the details of the event.")
    at: Mapped[datetime] = column("Time of the event, in UTC.", UtcDateTime)
    previous_hash: Mapped[str] = column("Hash of the previous row; zeros in the first row.")
    hash: Mapped[str] = column("SHA-256 over this row and the previous hash.")

    @declared_attr
    def study_id(self) -> Mapped[int]:
        """Reference the study table of the same database."""
        return column("The study that the event belongs to.", ForeignKey("study.id"))

    @declared_attr.directive
    def __table_args__(self) -> tuple[UniqueConstraint, ...]:
        return (UniqueConstraint("study_id", "sequence", name="event_has_one_place"),)


class Event(NamedTuple):
    """One row of the log."""

    sequence: int
    kind: str
    detail: dict[str, object]
    at: datetime
    hash: str


def event_hash(previous_hash: str, sequence: int, *, kind: str, detail: str, at: datetime) -> str:
    """Return the SHA-256 of a row and the hash before it, as canonical JSON, in hexadecimal."""
    row = [previous_hash, sequence, kind, detail, at.astimezone(UTC).isoformat()]
    return hashlib.sha256(json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def append_event(
    session: Session,
    table: type[EventColumns],
    study_id: int,
    *,
    kind: EventKind | State,
    at: datetime,
    **detail: object,
) -> str:
    """Append a row to a study's chain and return its hash, the new head. Costs one query and one insert.

    Must run in a `writing` transaction; on PostgreSQL the caller locks the study's row. Otherwise two appends
    could follow the same row, and the unique constraint on the sequence would refuse the second.
    """
    assert kind in table.kinds, kind  # noqa: S101 (`rater verify` would report the row)
    last = session.scalars(
        select(table).where(table.study_id == study_id).order_by(table.sequence.desc()).limit(1)
    ).first()
    previous, sequence = (last.hash, last.sequence + 1) if last else (GENESIS, 1)
    text = json.dumps(detail, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    row = table()
    row.study_id, row.sequence, row.kind, row.detail, row.at = study_id, sequence, kind.value, text, at
    row.previous_hash, row.hash = previous, event_hash(previous, sequence, kind=kind, detail=text, at=at)
    session.add(row)
    session.flush()
    return row.hash


def read_events(session: Session, table: type[EventColumns], study_id: int) -> list[Event]:
    """Read a study's log in order. Costs one query."""
    rows = session.scalars(select(table).where(table.study_id == study_id).order_by(table.sequence))
    return [Event(row.sequence, row.kind, json.loads(row.detail), row.at, row.hash) for row in rows]


def broken_link(session: Session, table: type[EventColumns], study_id: int) -> int | None:
    """Return the position of the first row that breaks a study's chain; None if the chain is valid."""
    query = select(table).where(table.study_id == study_id).order_by(table.sequence)
    try:
        rows = session.scalars(query).all()
    except (TypeError, ValueError):
        # a value that was changed to another type cannot be read at all
        return 1
    previous = GENESIS
    for expected, row in enumerate(rows, start=1):
        recomputed = event_hash(previous, row.sequence, kind=row.kind, detail=row.detail, at=row.at)
        if (row.sequence, row.previous_hash, row.hash) != (expected, previous, recomputed):
            return expected
        previous = row.hash
    return None
