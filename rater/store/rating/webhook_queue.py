"""The queue of events for the operator's webhook, in the rating database: a server that is killed loses none.

An event of one kind and study is queued at most once in a period. An attempt to send it is claimed first, so
that of several servers one sends it. A server that is killed while it sends leaves an event that is sent
again: a receiver recognises it by its id.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from rater.store.rating.desk_schema import WebhookEvent

FIRST_WAIT = timedelta(seconds=30)
MAX_WAIT = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=2)
KEPT_FOR = timedelta(days=30)
# how long a claimed attempt may take; the sender waits for an answer for less
_CLAIMED_FOR = timedelta(minutes=2)
_ID_BYTES = 16


class WebhookKind(StrEnum):
    """A kind of event that is reported."""

    FULL = "full"
    """No place of an open study is free."""
    ATTRITION = "attrition"
    """More raters left an open study than the limit."""
    CHECKS_FAILING = "checks_failing"
    """More raters failed an attention check than the limit."""
    SERVER_ERRORS = "server_errors"
    """Requests were answered with a status of 500 or higher."""

    @property
    def period(self) -> timedelta:
        """The time in which an event of this kind is reported at most once for a study."""
        return timedelta(hours=1) if self is WebhookKind.SERVER_ERRORS else timedelta(days=1)


@dataclass(frozen=True)
class DueEvent:
    """An event to be sent now."""

    id: str
    body: str
    n_attempts: int
    """Attempts so far, with this one."""
    made_at: datetime


def queue_event(
    session: Session, kind: WebhookKind, study: str, numbers: Mapping[str, float], *, now: datetime
) -> bool:
    """Queue an event unless one of its kind and study was made within its period; return whether it was.

    Must run in a `writing` transaction. Costs a query and an insert.

    Args:
        session: The transaction.
        kind: The kind of event.
        study: The study's name; empty for an event of the server.
        numbers: What is reported: counts and proportions of the study, never by arm, never of one rater.
        now: The time.
    """
    recent = select(WebhookEvent.id).where(
        WebhookEvent.kind == kind.value, WebhookEvent.study == study, WebhookEvent.made_at > now - kind.period
    )
    if session.scalars(recent.limit(1)).first() is not None:
        return False
    body = {"event": kind.value, "study": study or None, "at": now.isoformat(), "numbers": dict(numbers)}
    event_id = secrets.token_hex(_ID_BYTES)
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    new = dialect.insert(WebhookEvent).values(
        id=event_id,
        kind=kind.value,
        study=study,
        period=_start_of_period(now, kind.period),
        body=json.dumps(body, sort_keys=True, separators=(",", ":")),
        made_at=now,
        n_attempts=0,
        next_at=now,
    )
    # another server may have queued it since the query
    session.execute(new.on_conflict_do_nothing())
    return session.scalars(select(WebhookEvent.id).where(WebhookEvent.id == event_id)).first() is not None


def claim_event(session: Session, *, now: datetime) -> DueEvent | None:
    """Claim the oldest event that is due, so that no other server sends it now; None if none is due.

    Must run in a `writing` transaction. Events that were not delivered for two days are not tried again.
    Costs a query and an update.
    """
    row = session.execute(
        select(WebhookEvent)
        .where(
            WebhookEvent.delivered_at.is_(None),
            WebhookEvent.next_at <= now,
            WebhookEvent.made_at > now - GIVE_UP_AFTER,
        )
        .order_by(WebhookEvent.made_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).scalar()
    if row is None:
        return None
    row.n_attempts += 1
    row.next_at = now + _CLAIMED_FOR
    return DueEvent(row.id, row.body, row.n_attempts, row.made_at)


def note_delivered(session: Session, event: DueEvent, *, now: datetime) -> None:
    """Record that the receiver confirmed an event."""
    session.execute(update(WebhookEvent).where(WebhookEvent.id == event.id).values(delivered_at=now))


def note_failed(session: Session, event: DueEvent, *, now: datetime) -> datetime:
    """Record that an attempt failed, and return the time of the next: after 30 s, 1 min, 2 min … 1 h."""
    n_doublings = min(event.n_attempts - 1, 20)
    next_at = now + min(timedelta(seconds=FIRST_WAIT.total_seconds() * 2.0**n_doublings), MAX_WAIT)
    session.execute(update(WebhookEvent).where(WebhookEvent.id == event.id).values(next_at=next_at))
    return next_at


def forget_old_events(session: Session, *, now: datetime) -> None:
    """Delete events that are older than thirty days."""
    session.execute(delete(WebhookEvent).where(WebhookEvent.made_at < now - KEPT_FOR))


def _start_of_period(now: datetime, period: timedelta) -> datetime:
    return now - timedelta(seconds=now.timestamp() % period.total_seconds())
