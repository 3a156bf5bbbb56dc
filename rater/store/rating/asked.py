"""Tell what a booklet asks: the texts that the blinding question is about, and a dimension asked alone."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from rater.store.rating.schema import Item, Trial

ABOUT_ALL = 0
"""The position under which a guess about all texts together is kept."""


@dataclass(frozen=True)
class AskedText:
    """A text that a rater is asked about; of a pair, the left one."""

    position: int
    prompt: str
    text: str


def read_asked(session: Session, booklet_id: str, n_texts: int) -> list[AskedText]:
    """Choose texts spread evenly over a booklet; their order says nothing of arms, so neither do these.

    No attention check and no repeat is among them. Costs one query.
    """
    rows = session.execute(
        select(Trial.position, Item.prompt, Item.text)
        .join(Item, Item.id == Trial.item_id)
        .where(Trial.booklet_id == booklet_id, ~Item.is_check, ~Trial.is_repeat)
        .order_by(Trial.position)
    ).all()
    n = min(n_texts, len(rows))
    return [AskedText(*rows[(2 * place + 1) * len(rows) // (2 * n)]) for place in range(n)]


def read_only_dimension(session: Session, booklet_id: str) -> str | None:
    """Return the dimension that every trial of a booklet asks alone; None where they ask more than one.

    Costs one query.
    """
    dimensions = session.scalars(
        select(Trial.dimension).where(Trial.booklet_id == booklet_id).distinct()
    ).all()
    return dimensions[0] if len(dimensions) == 1 else None
