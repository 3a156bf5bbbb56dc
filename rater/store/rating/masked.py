"""Count what may be watched while raters rate; never by arm, which this database does not know."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from rater.store.rating.schema import Answer, Booklet, Item, Rater, Trial


@dataclass(frozen=True)
class RaterProgress:
    """How far one rater has come."""

    n_answered: int
    """Trials answered."""
    n_trials: int
    consented_at: datetime
    finished_at: datetime | None
    last_at: datetime | None
    """When they last answered."""


def read_raters(session: Session, study_id: int) -> list[RaterProgress]:
    """Read how far each rater has come. Costs one query."""
    rows = session.execute(
        select(
            func.count(func.distinct(Answer.position)),
            Booklet.n_trials,
            Rater.consented_at,
            Rater.finished_at,
            func.max(Answer.answered_at),
        )
        .join(Booklet, Booklet.id == Rater.booklet_id)
        .outerjoin(Answer, Answer.rater_id == Rater.id)
        .where(Rater.study_id == study_id)
        .group_by(Rater.id, Booklet.n_trials)
        .order_by(Rater.consented_at)
    )
    return [RaterProgress(*row) for row in rows]


def count_ratings_per_item(session: Session, study_id: int) -> dict[int, int]:
    """Count how many items have how many ratings, those with none included. Costs one query."""
    rated = (
        select(Trial.item_id, func.count(func.distinct(Answer.rater_id)).label("n"))
        .join(Answer, (Answer.booklet_id == Trial.booklet_id) & (Answer.position == Trial.position))
        .group_by(Trial.item_id)
        .subquery()
    )
    n = func.coalesce(rated.c.n, 0)
    rows = session.execute(
        select(n, func.count())
        .select_from(Item)
        .outerjoin(rated, rated.c.item_id == Item.id)
        .where(Item.study_id == study_id)
        .group_by(n)
    )
    return dict(sorted((int(ratings), int(items)) for ratings, items in rows))


def count_answers_since(session: Session, study_id: int, since: datetime) -> tuple[int, int]:
    """Count first answers: all, and those stored since a time. Costs one query."""
    recent = func.sum(case((Answer.answered_at >= since, 1), else_=0))
    row = session.execute(
        select(func.count(), func.coalesce(recent, 0))
        .select_from(Answer)
        .join(Rater, Rater.id == Answer.rater_id)
        .where(Rater.study_id == study_id, Answer.revision == 1)
    ).one()
    return int(row[0]), int(row[1])


def count_booklets(session: Session, study_id: int) -> int:
    """Count a study's booklets. Costs one query."""
    booklets = select(func.count()).select_from(Booklet).where(Booklet.study_id == study_id)
    return session.scalar(booklets) or 0
