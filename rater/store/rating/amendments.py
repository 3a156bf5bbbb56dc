"""Store amendments: later versions of the protocol, each logged with its digest."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from rater.errors import StateError
from rater.store.log import EventKind, append_event, read_events
from rater.store.rating import schema
from rater.store.rating.digests import digest_published
from rater.store.rating.publication import NewBooklet, add_booklets
from rater.study.protocol import Protocol

"""The states in which a study can be amended."""
PUBLISHED_VERSION = 1


@dataclass(frozen=True)
class NewAmendment:
    """A change about to be made."""

    protocol: Protocol
    """The protocol that raters see from now on."""
    booklets: Sequence[NewBooklet]
    """Those added for more raters."""
    assignment_version: int | None
    """The version of the assignment that made them; None where there are none."""
    changes: Sequence[str]
    """The fields that differ from the version before."""
    study_hash: str
    """SHA-256 of the whole study as amended."""
    reason: str
    by: str


@dataclass(frozen=True)
class AmendmentRow:
    """A later version, as in its row."""

    version: int
    protocol: str
    reason: str
    amended_at: datetime


@dataclass(frozen=True)
class Amended:
    """An amendment as the log records it."""

    version: int
    protocol: str
    """SHA-256 of the protocol's JSON."""
    reason: str
    n_booklets_added: int
    booklets: str
    """The digest of all booklets, those added with them."""
    assignment_version: object
    """The version of the assignment that made the added booklets, as logged."""
    at: datetime


def read_amendments(session: Session, study_id: int) -> list[AmendmentRow]:
    """Read a study's later versions, in order. Costs one query."""
    rows = session.scalars(
        select(schema.Amendment)
        .where(schema.Amendment.study_id == study_id)
        .order_by(schema.Amendment.version)
    )
    return [AmendmentRow(row.version, row.protocol, row.reason, row.amended_at) for row in rows]


def read_logged_amendments(session: Session, study_id: int) -> list[Amended]:
    """Read a study's amendments from the log, in order. Costs one query."""
    return [
        Amended(
            version=int(str(event.detail["version"])),
            protocol=str(event.detail["protocol"]),
            reason=str(event.detail["reason"]),
            n_booklets_added=int(str(event.detail["n_booklets_added"])),
            booklets=str(event.detail["booklets"]),
            assignment_version=event.detail.get("assignment_version"),
            at=event.at,
        )
        for event in read_events(session, schema.EventRow, study_id)
        if event.kind == EventKind.AMENDED
    ]


def digest_protocol(written: str) -> str:
    """Digest a protocol's JSON."""
    return hashlib.sha256(written.encode()).hexdigest()


def require_amendable(session: Session, study_id: int) -> None:
    """Refuse a study that can no longer be amended, and lock its row until the commit.

    Raises:
        StateError: the study is closed.
    """
    row = session.get_one(
        schema.StudyRow, study_id, with_for_update={"key_share": True}, populate_existing=True
    )
    if not row.state.takes_raters:
        msg = f"Study {row.name!r} is {row.state}; only one that is published, open or paused can be amended."
        raise StateError(msg)


def insert_amendment(session: Session, study_id: int, new: NewAmendment, *, now: datetime) -> tuple[int, str]:
    """Insert a study's next version; return its number and the log's new head.

    Must run in a `writing` transaction, after `require_amendable`. Costs the digest of all booklets.
    """
    earlier = read_amendments(session, study_id)
    version = 1 + (earlier[-1].version if earlier else PUBLISHED_VERSION)
    protocol = new.protocol.model_dump_json()
    session.add(
        schema.Amendment(
            study_id=study_id, version=version, protocol=protocol, reason=new.reason, amended_at=now
        )
    )
    add_booklets(session, study_id, new.booklets, protocol=new.protocol)
    session.flush()
    head = append_event(
        session,
        schema.EventRow,
        study_id,
        kind=EventKind.AMENDED,
        at=now,
        version=version,
        protocol=digest_protocol(protocol),
        study_hash=new.study_hash,
        reason=new.reason,
        by=new.by,
        changes=list(new.changes),
        n_booklets_added=len(new.booklets),
        assignment_version=new.assignment_version,
        booklets=digest_published(session, study_id).booklets,
    )
    return version, head
