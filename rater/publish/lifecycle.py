"""Open a study to raters, let it rest, and close it; each step is a row in the study's log."""

import contextlib
from datetime import datetime

from rater.errors import DatabaseError
from rater.store.engine import disposing, empty_wal, reading, writing
from rater.store.log import read_events
from rater.store.rating.open import open_rating
from rater.store.rating.schema import Event
from rater.store.rating.studies import get_study, move_study
from rater.study.state import State


def open_study(rating_url: str, name: str, *, now: datetime) -> str:
    """Let raters in; returns the log's new head.

    Raises:
        StateError: the study is not published, open already, or unblinded.
    """
    return _move(rating_url, name, State.OPEN, now=now)


def pause_study(rating_url: str, name: str, *, now: datetime) -> str:
    """Take no answers for now; returns the log's new head.

    Raises:
        StateError: the study is not open.
    """
    return _move(rating_url, name, State.PAUSED, now=now)


def close_study(rating_url: str, name: str, *, now: datetime) -> str:
    """Take no more answers; returns the log's new head.

    All answers are in a SQLite file itself then, unless the disk has no room for them: then they stay in its
    WAL, and the study is closed all the same.

    Raises:
        StateError: the study is not published, closed already, or unblinded.
    """
    head = _move(rating_url, name, State.CLOSED, now=now)
    with disposing(open_rating(rating_url)) as rating, contextlib.suppress(DatabaseError):
        empty_wal(rating)
    return head


def read_head(rating_url: str, name: str) -> str:
    """Read the head of a published study's log. Costs two queries.

    Raises:
        StateError: the study is not published.
    """
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        return read_events(session, Event, get_study(session, name).id)[-1].hash


def _move(rating_url: str, name: str, state: State, *, now: datetime) -> str:
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        return move_study(session, name, state, at=now)
