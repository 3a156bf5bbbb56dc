"""Read a publication as its rows stand: for whoever compares them with what they should be."""

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from rater.errors import StateError, nearest
from rater.store.rating.publication import NewBooklet, NewCheck, NewItem, NewTrial
from rater.store.rating.schema import AttentionCheck, Booklet, Item, Study, Trial
from rater.study.state import State


@dataclass(frozen=True)
class StudyRow:
    """A study's row, its protocol not parsed: it may have been altered to something that is none."""

    id: int
    name: str
    slug: str
    state: State
    protocol: str
    study_hash: str
    commitment: str
    published_at: datetime


def get_study_row(session: Session, name: str) -> StudyRow:
    """Read a study's row. Costs one query.

    Raises:
        StateError: no study of that name is published; the nearest that are get named.
    """
    columns = (
        Study.id,
        Study.name,
        Study.slug,
        Study.state,
        Study.protocol,
        Study.study_hash,
        Study.commitment,
        Study.published_at,
    )
    row = session.execute(select(*columns).where(Study.name == name)).first()
    if row is None:
        names = session.scalars(select(Study.name)).all()
        hint = nearest(name, names) if names else f" Run: rater publish {name}"
        msg = f"Study {name!r} is not published yet.{hint}"
        raise StateError(msg)
    return StudyRow(*row)


def read_items(session: Session, study_id: int) -> tuple[NewItem, ...]:
    """Read a study's items in the order in which the database keeps their rows. Costs one query."""
    by_row = text("item.ctid" if session.get_bind().dialect.name == "postgresql" else "item.rowid")
    rows = session.execute(
        select(Item.id, Item.prompt, Item.text, Item.is_check)
        .where(Item.study_id == study_id)
        .order_by(by_row)
    )
    return tuple(NewItem(*row) for row in rows)


def read_booklets(session: Session, study_id: int) -> tuple[NewBooklet, ...]:
    """Read a study's booklets by id. Costs one query."""
    trials = session.execute(
        select(Trial.booklet_id, Trial.item_id, Trial.other_item_id, Trial.dimension, Trial.is_repeat)
        .join(Booklet, Booklet.id == Trial.booklet_id)
        .where(Booklet.study_id == study_id)
        .order_by(Trial.booklet_id, Trial.position)
    )
    return tuple(
        NewBooklet(booklet_id, tuple(NewTrial(*trial[1:]) for trial in own))
        for booklet_id, own in groupby(trials, key=lambda trial: trial.booklet_id)
    )


def count_cut_booklets(session: Session, study_id: int) -> int:
    """Count booklets that say another number of trials than they have. Costs one query."""
    n_there = select(func.count()).select_from(Trial).where(Trial.booklet_id == Booklet.id).scalar_subquery()
    cut = select(Booklet.id).where(Booklet.study_id == study_id, Booklet.n_trials != n_there)
    return session.scalar(select(func.count()).select_from(cut.subquery())) or 0


def read_checks(session: Session, study_id: int) -> tuple[NewCheck, ...]:
    """Read the answers that pass a study's attention checks, by item. Costs one query."""
    rows = session.execute(
        select(
            AttentionCheck.item_id, AttentionCheck.dimension, AttentionCheck.lowest, AttentionCheck.highest
        )
        .join(Item, Item.id == AttentionCheck.item_id)
        .where(Item.study_id == study_id)
        .order_by(AttentionCheck.item_id, AttentionCheck.dimension)
    )
    return tuple(
        NewCheck(item_id, tuple((row.dimension, row.lowest, row.highest) for row in own))
        for item_id, own in groupby(rows, key=lambda row: row.item_id)
    )
