"""Read what a study collected besides ratings, as tidy tables without arms: raters, guesses, comments."""

from collections.abc import Callable
from typing import TypeAlias

import pandas as pd
from sqlalchemy import select
from sqlalchemy.orm import Session

from rater.store.dictionary import Meaning, meanings_of
from rater.store.rating.frame import read_comments, read_guesses, read_visits
from rater.store.rating.schema import Comment, Guess, Identifier, Item, Rater

Read: TypeAlias = Callable[[Session, int], pd.DataFrame]

_RATER_COLUMNS = {
    "rater": "id",
    "channel": "channel",
    "consented_at": "consented_at",
    "finished_at": "finished_at",
    "left_at": "left_at",
    "left_why": "left_why",
    "replaced_at": "replaced_at",
    "n_practice_attempts": "n_practice_attempts",
}
"""Columns of the table of raters that are those of the schema, by name."""
_COUNTED = {
    "is_surplus": Meaning(
        "Whether they finished a booklet that was dealt again since they had stayed away.", "experimenter"
    ),
    "n_checks": Meaning("How many attention checks they answered.", "experimenter"),
    "n_checks_passed": Meaning("How many of those they passed.", "experimenter"),
}
_Columns: TypeAlias = dict[str, tuple[type, str]]
_GUESS_COLUMNS: _Columns = {"rater": (Guess, "rater_id"), "item": (Item, "id"), "choice": (Guess, "choice")}
_COMMENT_COLUMNS: _Columns = {"rater": (Comment, "rater_id"), "text": (Comment, "text")}
_IDENTIFIER_COLUMNS: _Columns = {
    "rater": (Identifier, "rater_id"),
    "name": (Identifier, "name"),
    "value": (Identifier, "value"),
}


def read_rater_table(session: Session, study_id: int) -> pd.DataFrame:
    """Read how each rater's visit went, one row each. Costs three queries."""
    visits = {visit.rater_id: visit for visit in read_visits(session, study_id)}
    raters = session.scalars(select(Rater).where(Rater.study_id == study_id).order_by(Rater.id))
    rows = [
        {
            **{column: getattr(rater, attribute) for column, attribute in _RATER_COLUMNS.items()},
            "is_surplus": rater.replaced_at is not None and rater.finished_at is not None,
            "n_checks": visits[rater.id].n_checks,
            "n_checks_passed": visits[rater.id].n_passed,
        }
        for rater in raters
    ]
    return pd.DataFrame(rows, columns=[*_RATER_COLUMNS, *_COUNTED])


def read_guess_table(session: Session, study_id: int) -> pd.DataFrame:
    """Read what raters believe of their texts (no item: of all), one row each. Costs one query.

    What the two labels mean is sealed until unblinding.
    """
    rows = [(row.rater_id, row.item_id, row.choice) for row in read_guesses(session, study_id)]
    return pd.DataFrame(rows, columns=list(_GUESS_COLUMNS))


def read_comment_table(session: Session, study_id: int) -> pd.DataFrame:
    """Read what raters wrote at the end, one row each. Costs one query."""
    return pd.DataFrame(read_comments(session, study_id), columns=list(_COMMENT_COLUMNS))


def read_identifier_table(session: Session, study_id: int) -> pd.DataFrame:
    """Read what recruitment sites say of who raters are, one row each; personal data. Costs one query."""
    query = (
        select(Identifier.rater_id, Identifier.name, Identifier.value)
        .where(Identifier.study_id == study_id)
        .order_by(Identifier.rater_id, Identifier.name)
    )
    return pd.DataFrame(map(tuple, session.execute(query)), columns=list(_IDENTIFIER_COLUMNS))


TABLES: dict[str, Read] = {
    "raters": read_rater_table,
    "guesses": read_guess_table,
    "comments": read_comment_table,
    "identifiers": read_identifier_table,
}
"""The tables beside the ratings, by name."""
PERSONAL = "identifiers"


def meanings(table: str) -> dict[str, Meaning]:
    """Say what the columns of a table mean, in the words of the schema."""
    if table == "raters":
        of_raters = meanings_of(Rater)
        return {column: of_raters[attribute] for column, attribute in _RATER_COLUMNS.items()} | _COUNTED
    columns = {"guesses": _GUESS_COLUMNS, "comments": _COMMENT_COLUMNS, "identifiers": _IDENTIFIER_COLUMNS}
    return {column: meanings_of(of)[attribute] for column, (of, attribute) in columns[table].items()}
