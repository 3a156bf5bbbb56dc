"""Say how fast a rater goes, from when their answers came."""

from datetime import datetime
from itertools import pairwise
from statistics import median

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rater.store.rating.schema import Answer

_LONGEST_S = 600.0
"""Whoever takes longer for a text was away."""


def read_seconds_per_text(session: Session, rater_id: str) -> float | None:
    """Return a rater's median time from one answer to the next; None before the second. Costs one query."""
    rows = session.scalars(
        select(func.min(Answer.answered_at))
        .where(Answer.rater_id == rater_id, Answer.revision == 1)
        .group_by(Answer.position)
        .order_by(Answer.position)
    )
    return seconds_between(list(rows))


def seconds_between(times: list[datetime]) -> float | None:
    """Return the median time between neighbours, without those who were away; None where there is none."""
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    counted = [gap for gap in gaps if 0 <= gap <= _LONGEST_S]
    return median(counted) if counted else None
