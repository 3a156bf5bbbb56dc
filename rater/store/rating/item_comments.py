"""Texts with their number of ratings and the comments on them: what raters wrote, never what they chose.

No answer is read here, so that nobody can tell from this how texts are rated while a study is under way.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from rater.store.rating.frame import has_not_withdrawn
from rater.store.rating.schema import Answer, Item, Rater, TrialTextRow
from rater.study.fields import Fields, read_fields


@dataclass(frozen=True)
class ItemComment:
    """A comment on a text, or on all texts of a trial."""

    dimension: str
    text: str


@dataclass(frozen=True)
class CommentedItem:
    """A text with the comments on it."""

    prompt: str
    fields: Fields
    """The fields of the prompt, by name."""
    text: str
    n_raters: int
    """Raters who rated it."""
    comments: tuple[ItemComment, ...]


def count_items(session: Session, study_id: int, *, with_comments: bool) -> int:
    """Count the texts of a study, without attention checks. Costs one query."""
    items = _items(study_id, with_comments=with_comments).subquery()
    return session.scalar(select(func.count()).select_from(items)) or 0


def read_items_with_comments(
    session: Session, study_id: int, *, with_comments: bool, offset: int, limit: int
) -> list[CommentedItem]:
    """Read texts with their comments, by prompt. Costs three queries, whatever the study's size.

    Comments of raters who withdrew are left out, and of a changed comment its last version counts. The
    order of the texts of a prompt, and of the comments on a text, is random.

    Args:
        session: The database.
        study_id: The study.
        with_comments: Only texts with a comment.
        offset: The number of texts to leave out from the start.
        limit: The largest number of texts.
    """
    query = _items(study_id, with_comments=with_comments).order_by(Item.prompt, Item.id)
    rows = session.execute(query.offset(offset).limit(limit)).all()
    ids = [row.id for row in rows]
    n_raters, comments = _count_raters(session, ids), _read_comments(session, ids)
    return [
        CommentedItem(
            prompt=row.prompt,
            fields=read_fields(row.fields),
            text=row.text,
            n_raters=n_raters.get(row.id, 0),
            comments=tuple(comments.get(row.id, ())),
        )
        for row in rows
    ]


def _items(study_id: int, *, with_comments: bool) -> Select[str, str, str, str]:
    query = select(Item.id, Item.prompt, Item.fields, Item.text).where(
        Item.study_id == study_id, ~Item.is_check
    )
    if not with_comments:
        return query
    commented = (
        select(TrialTextRow.item_id)
        .join(Answer, _is_answer_to())
        .join(Rater, Rater.id == Answer.rater_id)
        .where(Answer.comment.is_not(None), _is_latest(), has_not_withdrawn())
    )
    return query.where(Item.id.in_(commented))


def _is_answer_to() -> ColumnElement[bool]:
    return (Answer.booklet_id == TrialTextRow.booklet_id) & (Answer.position == TrialTextRow.position)


def _is_latest() -> ColumnElement[bool]:
    """Match the last revision of an answer."""
    later = Answer.__table__.alias("later")
    return ~(
        select(later.c.id)
        .where(
            later.c.rater_id == Answer.rater_id,
            later.c.position == Answer.position,
            later.c.dimension == Answer.dimension,
            later.c.revision > Answer.revision,
        )
        .exists()
    )


def _count_raters(session: Session, ids: list[str]) -> Mapping[str, int]:
    rows = session.execute(
        select(TrialTextRow.item_id, func.count(func.distinct(Answer.rater_id)))
        .join(Answer, _is_answer_to())
        .where(TrialTextRow.item_id.in_(ids))
        .group_by(TrialTextRow.item_id)
    )
    return {item_id: n for item_id, n in rows}  # noqa: C416 (rows are not pairs to mypy)


def _read_comments(session: Session, ids: list[str]) -> Mapping[str, list[ItemComment]]:
    rows = session.execute(
        select(TrialTextRow.item_id, Answer.dimension, Answer.comment)
        .join(Answer, _is_answer_to())
        .join(Rater, Rater.id == Answer.rater_id)
        .where(TrialTextRow.item_id.in_(ids), Answer.comment.is_not(None), _is_latest(), has_not_withdrawn())
        .order_by(TrialTextRow.item_id, Answer.rater_id, Answer.dimension)
    )
    comments: dict[str, list[ItemComment]] = {}
    for item_id, dimension, text in rows:
        if text and text.strip():
            comments.setdefault(item_id, []).append(ItemComment(dimension, text))
    return comments
