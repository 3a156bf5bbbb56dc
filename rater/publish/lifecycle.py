"""Open a study to raters and close it again; each step is a row in the study's log."""

from datetime import datetime

from rater.store.engine import disposing, writing
from rater.store.rating.open import open_rating
from rater.store.rating.studies import move_study


def open_study(rating_url: str, name: str, *, now: datetime) -> str:
    """Let raters in; returns the log's new head.

    Raises:
        StateError: the study is not published, open already, or unblinded.
    """
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        return move_study(session, name, "open", at=now)


def close_study(rating_url: str, name: str, *, now: datetime) -> str:
    """Take no more answers; returns the log's new head.

    Raises:
        StateError: the study is not published, closed already, or unblinded.
    """
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        return move_study(session, name, "closed", at=now)
