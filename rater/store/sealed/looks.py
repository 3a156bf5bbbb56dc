"""Note every look beside the key too, so that an older state of the ratings hides none.

A look is first a row in the log of the ratings. That log goes back with the ratings when a copy of them is
put back, and has nothing of a look at another copy. No look goes without the key, so it is noted there too.
"""

from collections.abc import Mapping, Set
from datetime import datetime

from sqlalchemy.orm import Session

from rater.store.log import Event as LoggedEvent
from rater.store.log import append_event, read_events
from rater.store.sealed.schema import Event

_KIND = "look"
_HEAD = "ratings_log"


def note_look(
    session: Session, study_id: int, *, head: str, detail: Mapping[str, object], now: datetime
) -> None:
    """Note a look, with the head that it left in the log of the ratings.

    Must run in a `writing` transaction.
    """
    append_event(session, Event, study_id, kind=_KIND, at=now, **{**detail, _HEAD: head})


def looks_elsewhere(session: Session, study_id: int, heads: Set[str]) -> list[LoggedEvent]:
    """Find the looks whose heads are not among those of the log of the ratings at hand. Costs one query."""
    events = read_events(session, Event, study_id)
    return [event for event in events if event.kind == _KIND and event.detail.get(_HEAD) not in heads]
