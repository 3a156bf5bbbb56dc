"""Read what a study collected next to its ratings as tables without arms, for `rater export` and the desk."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeAlias

from sqlalchemy import select
from sqlalchemy.orm import Session

from rater.store.dictionary import Meaning, meanings_of
from rater.store.rating.frame import read_comments, read_guesses
from rater.store.rating.masked_export import MEANINGS, mask_guesses
from rater.store.rating.schema import Comment, Guess, Identifier, Item, Rater
from rater.store.rating.studies import PublishedStudy
from rater.store.rating.watch import watch_raters

Columns: TypeAlias = dict[str, tuple[type, str]]

NAMES = ("raters", "guesses", "comments", "identifiers")
PERSONAL = "identifiers"

_RATER_COLUMNS: Columns = {
    name: (Rater, attribute)
    for name, attribute in {
        "rater": "id",
        "channel": "channel",
        "consented_at": "consented_at",
        "finished_at": "finished_at",
        "left_at": "left_at",
        "left_why": "left_why",
        "replaced_at": "replaced_at",
        "n_practice_attempts": "n_practice_attempts",
    }.items()
}
_COUNTED = {
    name: Meaning(text, "experimenter")
    for name, text in {
        "is_surplus": "Whether they finished a booklet that was dealt again since they had stayed away.",
        "standing": "Where they are: finished, under way, away (no answer for an hour), or how they left.",
        "n_rated": "How many trials they answered.",
        "n_texts": "How many trials their booklet has.",
        "seconds_a_text": "Median time for a trial in s: in view, or else between answers.",
        "n_checks": "How many attention checks they answered.",
        "n_checks_passed": "How many of those they passed.",
        "flags": "What is odd in how they answer: very fast, or always the same. Excludes nobody.",
    }.items()
}
_GUESS_COLUMNS: Columns = {"rater": (Guess, "rater_id"), "item": (Item, "id"), "choice": (Guess, "choice")}
_COMMENT_COLUMNS: Columns = {"rater": (Comment, "rater_id"), "text": (Comment, "text")}
_IDENTIFIER_COLUMNS: Columns = {
    "rater": (Identifier, "rater_id"),
    "name": (Identifier, "name"),
    "value": (Identifier, "value"),
}
_DECIMALS = 3


@dataclass(frozen=True)
class Table:
    """Rows of plain values under their columns' names."""

    columns: tuple[str, ...]
    rows: list[tuple[object, ...]]


class Options(NamedTuple):
    """What may be in the tables of an export."""

    masked: bool
    """Whether texts have ids of their own for each rater."""
    with_identifiers: bool


def read_export_tables(
    session: Session, study: PublishedStudy, options: Options, *, now: datetime
) -> dict[str, Table]:
    """Read the tables that go with the ratings, by name. Costs up to nine queries."""
    tables = {
        "raters": read_rater_table(session, study, now=now),
        "guesses": _read_guesses(session, study.id, masked=options.masked),
        "comments": Table(tuple(_COMMENT_COLUMNS), [*read_comments(session, study.id)]),
    }
    if options.with_identifiers:
        tables[PERSONAL] = _read_identifiers(session, study.id)
    return tables


def read_rater_table(session: Session, study: PublishedStudy, *, now: datetime) -> Table:
    """Read how each rater's visit went, one row each, by rater. Costs five queries."""
    watched = {rater.id: rater for rater in watch_raters(session, study, now=now)}
    raters = session.scalars(select(Rater).where(Rater.study_id == study.id).order_by(Rater.id))
    rows = []
    for rater in raters:
        own = watched[rater.id]
        seconds = own.seconds_a_text
        counted = (
            rater.replaced_at is not None and rater.finished_at is not None,
            own.standing,
            own.n_answered,
            own.n_trials,
            None if seconds is None else round(seconds, _DECIMALS),
            own.n_checks,
            own.n_checks_passed,
            "; ".join(own.flags),
        )
        rows.append((*(getattr(rater, attribute) for _, attribute in _RATER_COLUMNS.values()), *counted))
    return Table((*_RATER_COLUMNS, *_COUNTED), rows)


def _read_guesses(session: Session, study_id: int, *, masked: bool) -> Table:
    """Read what raters believe of their texts (no item: of all), one row each. Costs one query.

    What the two labels mean is sealed until unblinding.
    """
    guesses = read_guesses(session, study_id)
    rows = mask_guesses(guesses) if masked else guesses
    return Table(tuple(_GUESS_COLUMNS), [(row.rater_id, row.item_id, row.choice) for row in rows])


def _read_identifiers(session: Session, study_id: int) -> Table:
    """Read what recruitment sites say of who raters are, one row each; personal data. Costs one query."""
    query = (
        select(Identifier.rater_id, Identifier.name, Identifier.value)
        .where(Identifier.study_id == study_id)
        .order_by(Identifier.rater_id, Identifier.name)
    )
    return Table(tuple(_IDENTIFIER_COLUMNS), _rows(session.execute(query).all()))


def _rows(found: Sequence[Sequence[object]]) -> list[tuple[object, ...]]:
    return [tuple(row) for row in found]


def table_meanings(table: str, *, masked: bool) -> dict[str, Meaning]:
    """Look up what the columns of a table mean, in the words of the schema."""
    columns = {
        "raters": _RATER_COLUMNS,
        "guesses": _GUESS_COLUMNS,
        "comments": _COMMENT_COLUMNS,
        "identifiers": _IDENTIFIER_COLUMNS,
    }[table]
    meanings = {column: meanings_of(of)[attribute] for column, (of, attribute) in columns.items()}
    if table == "raters":
        return meanings | _COUNTED
    return {column: MEANINGS.get(column, own) if masked else own for column, own in meanings.items()}
