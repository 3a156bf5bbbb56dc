"""Say which rows of both databases belong to a study, for its archive."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import ColumnElement, Table, select

from rater.store.rating import schema as rating
from rater.store.sealed import schema as sealed

# What these tables hold would let somebody continue as a rater or log in, or is deleted after a day.
LEFT_OUT = frozenset({"token", "invitation", "desk_user", "desk_session", "network_count"})
PERSONAL = "identifier"
"""Who raters are: archived only where that is asked for."""


class Own(NamedTuple):
    """A table, and which of its rows are a study's."""

    table: Table
    rows: ColumnElement[bool]


def rating_rows(study_id: int, *, with_identifiers: bool) -> Mapping[str, Own]:
    """Name a study's rows in the rating database, by table, in an order in which they can be inserted."""
    mine = select(rating.Rater.id).where(rating.Rater.study_id == study_id)
    booklets = select(rating.Booklet.id).where(rating.Booklet.study_id == study_id)
    items = select(rating.Item.id).where(rating.Item.study_id == study_id)
    rows: dict[str, ColumnElement[bool]] = {
        "study": rating.Study.id == study_id,
        "amendment": rating.Amendment.study_id == study_id,
        "item": rating.Item.study_id == study_id,
        "booklet": rating.Booklet.study_id == study_id,
        "trial": rating.Trial.booklet_id.in_(booklets),
        "attention_check": rating.AttentionCheck.item_id.in_(items),
        "rater": rating.Rater.study_id == study_id,
        "identifier": rating.Identifier.study_id == study_id,
        "answer": rating.Answer.rater_id.in_(mine),
        "guess": rating.Guess.rater_id.in_(mine),
        "comment": rating.Comment.rater_id.in_(mine),
        "tally": rating.Tally.study_id == study_id,
        "event": rating.Event.study_id == study_id,
    }
    if not with_identifiers:
        del rows[PERSONAL]
    return {name: Own(rating.Base.metadata.tables[name], where) for name, where in rows.items()}


def sealed_rows(study_id: int) -> Mapping[str, Own]:
    """Name a study's rows in the sealed database, as above."""
    publications = select(sealed.Publication.id).where(sealed.Publication.study_id == study_id)
    rows: dict[str, ColumnElement[bool]] = {
        "study": sealed.Study.id == study_id,
        "completion": sealed.Completion.study_id == study_id,
        "publication": sealed.Publication.study_id == study_id,
        "key_entry": sealed.KeyEntry.publication_id.in_(publications),
        "event": sealed.Event.study_id == study_id,
    }
    return {name: Own(sealed.Base.metadata.tables[name], where) for name, where in rows.items()}
