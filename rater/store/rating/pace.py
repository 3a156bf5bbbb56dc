"""Say how fast a rater goes, from when their answers came."""

from datetime import datetime
from statistics import median

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rater.store.rating.schema import Answer
from rater.study.trial_times import gaps_between


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
    gaps = gaps_between(times)
    return median(gaps) if gaps else None
