"""Sealed studies: the declaration, the secret half of a publication, and the log of unblinding.

A look is first a row in the log of the ratings. That log goes back with the ratings when a copy of them is
put back, and has nothing of a look at another copy. No look goes without the key, so it is noted there too.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from rater.errors import NotGeneratedError, nearest
from rater.store.log import Event, EventKind, append_event, read_events
from rater.store.sealed.schema import KeyEntry, Publication, SealedEventRow, SealedStudyRow

_HEAD = "ratings_log"


def note_look(
    session: Session, study_id: int, *, head: str, detail: Mapping[str, object], now: datetime
) -> None:
    """Record a look, with the resulting head of the rating database's log.

    Must run in a `writing` transaction.
    """
    append_event(session, SealedEventRow, study_id, kind=EventKind.LOOK, at=now, **{**detail, _HEAD: head})


def looks_at_other_copies(session: Session, study_id: int, heads: Set[str]) -> list[Event]:
    """Find the looks whose heads are not among those of the log of the ratings at hand. Costs one query."""
    events = read_events(session, SealedEventRow, study_id)
    return [
        event for event in events if event.kind == EventKind.LOOK and event.detail.get(_HEAD) not in heads
    ]


@dataclass(frozen=True)
class SealedStudy:
    """A study in the sealed database."""

    id: int
    name: str
    hash: str
    canonical_json: str
    created_at: datetime


@dataclass(frozen=True)
class Secrets:
    """The secrets of a publication: the seed of its ids and booklets, and the salt of its commitment."""

    seed: str
    salt: str
    commitment: str
    published_at: datetime


def find_sealed_study(session: Session, name: str) -> SealedStudy | None:
    """Find a study by name. Costs one query."""
    row = session.scalars(select(SealedStudyRow).where(SealedStudyRow.name == name)).first()
    return SealedStudy(row.id, row.name, row.hash, row.canonical_json, row.created_at) if row else None


def get_sealed_study(session: Session, name: str) -> SealedStudy:
    """Find a study that was generated.

    Raises:
        NotGeneratedError: no study of that name has been generated; the nearest that have get named.
    """
    study = find_sealed_study(session, name)
    if study is None:
        names = session.scalars(select(SealedStudyRow.name)).all()
        hint = nearest(name, names) if names else " Run: rater generate FILE"
        msg = f"Study {name!r} has not been generated yet.{hint}"
        raise NotGeneratedError(msg)
    return study


def insert_sealed_study(
    session: Session, *, name: str, study_hash: str, canonical_json: str, now: datetime
) -> SealedStudy:
    """Freeze a study by its hash."""
    row = SealedStudyRow(name=name, hash=study_hash, canonical_json=canonical_json, created_at=now)
    session.add(row)
    session.flush()
    append_event(session, SealedEventRow, row.id, kind=EventKind.FROZEN, at=now, hash=study_hash)
    return SealedStudy(row.id, name, study_hash, canonical_json, now)


def replace_sealed_study(
    session: Session,
    study_id: int,
    *,
    study_hash: str,
    canonical_json: str,
    changes: list[str],
    now: datetime,
) -> None:
    """Freeze an unpublished study again; the log records which fields changed."""
    row = session.get_one(SealedStudyRow, study_id)
    row.hash, row.canonical_json = study_hash, canonical_json
    append_event(
        session, SealedEventRow, study_id, kind=EventKind.CHANGED, at=now, hash=study_hash, changes=changes
    )


def find_secrets(session: Session, study_id: int) -> Secrets | None:
    """Read the secret half of a study's publication; None before it. Costs one query."""
    row = session.scalars(select(Publication).where(Publication.study_id == study_id)).first()
    return Secrets(row.seed, row.salt, row.commitment, row.published_at) if row else None


def insert_secrets(session: Session, study_id: int, secrets: Secrets, *, key: dict[str, int]) -> None:
    """Insert the secret half of a publication; ``key`` maps item ids to completion ids."""
    row = Publication(
        study_id=study_id,
        seed=secrets.seed,
        salt=secrets.salt,
        commitment=secrets.commitment,
        published_at=secrets.published_at,
    )
    session.add(row)
    session.flush()
    entries = [
        {"item_id": item_id, "publication_id": row.id, "completion_id": completion_id}
        for item_id, completion_id in sorted(key.items())
    ]
    session.execute(insert(KeyEntry), entries)


def read_key(session: Session, study_id: int) -> dict[str, int]:
    """Read a study's key: item id → completion id. Costs one query."""
    rows = session.execute(
        select(KeyEntry.item_id, KeyEntry.completion_id)
        .join(Publication, Publication.id == KeyEntry.publication_id)
        .where(Publication.study_id == study_id)
    )
    return {row.item_id: row.completion_id for row in rows}
