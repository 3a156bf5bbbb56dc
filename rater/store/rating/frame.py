"""Read a study's answers as rows without arms, for whoever joins them to the key."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rater.store.rating.schema import Answer, Item, Rater, Trial


@dataclass(frozen=True)
class AnswerRow:
    """The latest revision of one answer, with what it answered."""

    rater_id: str
    item_id: str
    prompt: str
    dimension: str
    position: int
    answer: float
    n_revisions: int
    shown_ms: int | None
    answered_at: datetime


def read_answers(session: Session, study_id: int) -> list[AnswerRow]:
    """Read the latest revision of every answer, in order of rater and position. Costs one query."""
    key = (Answer.rater_id, Answer.position, Answer.dimension)
    newest = select(*key, func.max(Answer.revision).label("revision")).group_by(*key).subquery()
    rows = session.execute(
        select(Answer, Trial.item_id, Item.prompt)
        .join(
            newest,
            (Answer.rater_id == newest.c.rater_id)
            & (Answer.position == newest.c.position)
            & (Answer.dimension == newest.c.dimension)
            & (Answer.revision == newest.c.revision),
        )
        .join(Rater, Rater.id == Answer.rater_id)
        .join(Trial, (Trial.booklet_id == Answer.booklet_id) & (Trial.position == Answer.position))
        .join(Item, Item.id == Trial.item_id)
        .where(Rater.study_id == study_id)
        .order_by(Answer.rater_id, Answer.position, Answer.dimension)
    )
    return [
        AnswerRow(
            rater_id=answer.rater_id,
            item_id=item_id,
            prompt=prompt,
            dimension=answer.dimension,
            position=answer.position,
            answer=answer.value,
            n_revisions=answer.revision,
            shown_ms=answer.shown_ms,
            answered_at=answer.answered_at,
        )
        for answer, item_id, prompt in rows
    ]
