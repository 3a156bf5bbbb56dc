"""Exports of ratings without arms.

An item's id is the same for all raters. With it and the positions, booklets can be compared, and so the texts
of a prompt can be sorted into its arms. A masked export has another id for each rater and item instead.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from sqlalchemy import select
from sqlalchemy.orm import Session

from rater.store.dictionary import Meaning, meanings_of
from rater.store.log import EventKind, append_event
from rater.store.rating.frame import (
    AnswerRow,
    GuessRow,
    read_comments,
    read_guesses,
    read_questionnaire,
)
from rater.store.rating.monitoring import watch_raters
from rater.store.rating.schema import (
    Comment,
    EventRow,
    Guess,
    Identifier,
    Item,
    QuestionnaireAnswer,
    Rater,
)
from rater.store.rating.statuses import RaterStatus
from rater.store.rating.studies import PublishedStudy
from rater.study.protocol import Protocol
from rater.study.questionnaire import name_given
from rater.study.scales import StudyScale

_ATTRIBUTES = {
    "rater": "rater_id",
    "position": "position",
    "prompt": "prompt",
    "dimension": "dimension",
    "answer": "answer",
    "not_applicable": "not_applicable",
    "confidence": "confidence",
    "comment": "comment",
    "is_repeat": "is_repeat",
    "n_revisions": "n_revisions",
    "shown_ms": "shown_ms",
    "first_render_ms": "first_render_ms",
    "hidden_ms": "hidden_ms",
    "answered_at": "answered_at",
}
_OWN_ID = (
    "Random id of the text for this rater alone, the same in each export: another rater has another id for "
    "it, so that booklets cannot be compared. An export with arms has the text's own id."
)


def item_columns(n_texts: int) -> list[str]:
    """Return the columns of a trial's texts: ``item``, ``other_item``, ``other_item_2`` and so on."""
    return ["item", "other_item", *(f"other_item_{number}" for number in range(2, n_texts))][:n_texts]


def item_meanings(n_texts: int, *, masked: bool) -> dict[str, Meaning]:
    """Return the meanings of the columns of a trial's texts in an export without arms."""
    own = _OWN_ID if masked else meanings_of(Item)["id"].description
    if n_texts == 1:
        return {"item": Meaning(own, "experimenter")}
    return {
        column: Meaning(f"{own} The text in place {place} of {n_texts}, from left to right.", "experimenter")
        for place, column in enumerate(item_columns(n_texts), start=1)
    }


def rank_columns(n_texts: int, *, has_ranks: bool = True) -> list[str]:
    """Return the columns of the ranks of a group of texts: ``rank``, ``other_rank`` and so on; else none."""
    if n_texts <= 2 or not has_ranks:
        return []
    return [name.replace("item", "rank") for name in item_columns(n_texts)]


def rank_meanings(n_texts: int) -> dict[str, Meaning]:
    """Return the meanings of the columns of the ranks of a group of texts."""
    words = (
        "Rank that the answer gives the text in place {place}, from 1 for the best; the worst of a best–worst"
        " answer has the last rank; empty for a text without a rank."
    )
    return {
        column: Meaning(words.format(place=place), "experimenter")
        for place, column in enumerate(rank_columns(n_texts), start=1)
    }


def columns(n_texts: int, *, has_ranks: bool = True) -> tuple[str, ...]:
    """Return the columns of ratings without arms, in their order."""
    ranks = rank_columns(n_texts, has_ranks=has_ranks)
    return ("rater", "position", *item_columns(n_texts), *list(_ATTRIBUTES)[2:], *ranks)


@dataclass(frozen=True)
class ExportTable:
    """Rows of plain values under their columns' names."""

    columns: tuple[str, ...]
    rows: list[tuple[object, ...]]


GIVEN_LABELS = {
    "chosen": Meaning("In a choice among labels, the label that was chosen.", "experimenter"),
    "options": Meaning(
        "In a choice among labels, the labels in the order in which the rater saw them, separated by “ | ”.",
        "experimenter",
    ),
}
"""The additional columns of a study with choices among labels; empty on other dimensions."""


def answer_table(rows: Sequence[AnswerRow], protocol: Protocol) -> ExportTable:
    """Return answers as a table: `columns`, labels that were chosen, a column for each field of the items."""
    fields, n_texts = sorted({name for row in rows for name in row.fields}), protocol.n_texts
    scales = {each.name: each.scale for each in protocol.dimensions}
    has_ranks = n_texts > 2 and protocol.has_ranks
    has_labels = any(scale.has_target for scale in scales.values())
    return ExportTable(
        (*columns(n_texts, has_ranks=has_ranks), *(GIVEN_LABELS if has_labels else ()), *fields),
        [
            (
                *_values(row),
                *(_ranks(row, scales[row.dimension]) if has_ranks else ()),
                *(_labels(row, scales[row.dimension]) if has_labels else ()),
                *(row.fields.get(name) for name in fields),
            )
            for row in rows
        ],
    )


def _ranks(row: AnswerRow, scale: StudyScale) -> list[int | None]:
    """List the ranks of the texts of a trial in the order of their places."""
    return [
        None if row.answer is None else scale.rank(row.answer, place) for place in range(len(row.item_ids))
    ]


def _labels(row: AnswerRow, scale: StudyScale) -> tuple[str | None, str | None]:
    """Return the label that was chosen and the labels in the order shown; nothing on another scale."""
    if not scale.has_target:
        return None, None
    return None if row.answer is None else scale.name_value(row.answer), scale.list_shown(row.rater_id)


def _values(row: AnswerRow) -> tuple[object, ...]:
    """Return an answer's values in the order of the columns."""
    rater, position, *rest = (getattr(row, attribute) for attribute in _ATTRIBUTES.values())
    return (rater, position, *row.item_ids, *rest)


def masked_id(rater_id: str, item_id: str) -> str:
    """Derive the id that a text has in one rater's rows: HMAC-SHA-256, 128 bits of it, in hexadecimal.

    The key is the item's own id. It is random, and no page and no masked export shows it, so that an export
    does not show which of two raters' ids are one text. With the full ids, an export can be joined to them.
    """
    message = f"masked export of rater {rater_id}".encode()
    return hmac.new(item_id.encode(), message, hashlib.sha256).hexdigest()[:32]


def mask_answers(rows: Sequence[AnswerRow]) -> list[AnswerRow]:
    """Replace item ids by ids that differ between raters."""
    return [
        replace(row, item_ids=tuple(masked_id(row.rater_id, item_id) for item_id in row.item_ids))
        for row in rows
    ]


def mask_guesses(rows: Sequence[GuessRow]) -> list[GuessRow]:
    """Replace item ids by the ids in each rater's masked answers."""
    return [
        row if row.item_id is None else replace(row, item_id=masked_id(row.rater_id, row.item_id))
        for row in rows
    ]


def log_masked_export(
    session: Session, study_id: int, *, who: str, by: str, n_answers: int, now: datetime
) -> str:
    """Add a masked export to the study's log, and return the new head. Costs one query and one insert.

    Args:
        session: Of the rating database.
        study_id: The study exported.
        who: Who exported it.
        by: ``command``, ``desk`` or ``permuted`` (an analysis under permuted arms).
        n_answers: How many answers it has.
        now: When.
    """
    return append_event(
        session, EventRow, study_id, kind=EventKind.EXPORTED, at=now, who=who, by=by, n_answers=n_answers
    )


ColumnSources: TypeAlias = dict[str, tuple[type, str]]

NAMES = ("raters", "guesses", "comments", "identifiers", "questionnaire")
PERSONAL = ("identifiers", "questionnaire")
"""The tables that are written on request only."""

_RATER_COLUMNS: ColumnSources = {
    name: (Rater, attribute)
    for name, attribute in {
        "rater": "person_id",
        "booklet_number": "booklet_number",
        "channel": "channel",
        "consented_at": "consented_at",
        "finished_at": "finished_at",
        "left_at": "left_at",
        "left_why": "left_why",
        "replaced_at": "replaced_at",
        "replaced_why": "replaced_why",
        "n_practice_attempts": "n_practice_attempts",
    }.items()
}
_COUNTED = {
    name: Meaning(text, "experimenter")
    for name, text in {
        "is_surplus": "Whether they finished a booklet after it could be assigned again.",
        "status": "Finished, failed checks, surplus, under way, silent (40 minutes), or how they left.",
        "n_rated": "How many trials they answered.",
        "n_texts": "How many trials their booklet has.",
        "seconds_a_text": "Median time for a trial in s: in view, or else between answers.",
        "n_checks": "How many attention checks they answered.",
        "n_checks_passed": "How many of those they passed.",
        "flags": "Unusual answering: very fast, or always the same. Excludes nobody.",
    }.items()
}
_GUESS_COLUMNS: ColumnSources = {
    "rater": (Guess, "rater_id"),
    "item": (Item, "id"),
    "choice": (Guess, "choice"),
}
_COMMENT_COLUMNS: ColumnSources = {"rater": (Comment, "rater_id"), "text": (Comment, "text")}
_IDENTIFIER_COLUMNS: ColumnSources = {
    "rater": (Identifier, "rater_id"),
    "name": (Identifier, "name"),
    "value": (Identifier, "value"),
}
_QUESTIONNAIRE_COLUMNS: ColumnSources = {
    "rater": (QuestionnaireAnswer, "rater_id"),
    "question": (QuestionnaireAnswer, "question"),
    "answer": (QuestionnaireAnswer, "value"),
}
_QUESTIONNAIRE_ANSWER = Meaning(
    "The answer in words; several options are separated by semicolons; empty if the rater declined.",
    "experimenter",
)
_DECIMALS = 3


class Options(NamedTuple):
    """The permitted content of an export's tables."""

    masked: bool
    """True if each rater's texts have their own ids."""
    with_identifiers: bool


def read_export_tables(
    session: Session, study: PublishedStudy, options: Options, *, now: datetime
) -> dict[str, ExportTable]:
    """Read the tables that go with the ratings, by name. Costs up to nine queries."""
    guesses = read_guesses(session, study.id)
    if options.masked:
        guesses = mask_guesses(guesses)
    tables = {
        "raters": read_rater_table(session, study, now=now),
        "guesses": ExportTable(
            tuple(_GUESS_COLUMNS), [(row.rater_id, row.item_id, row.choice.value) for row in guesses]
        ),
        "comments": ExportTable(tuple(_COMMENT_COLUMNS), [*read_comments(session, study.id)]),
    }
    if options.with_identifiers:
        tables["identifiers"] = _read_identifiers(session, study.id)
        tables["questionnaire"] = _read_questionnaire(session, study.id)
    return tables


def read_rater_table(session: Session, study: PublishedStudy, *, now: datetime) -> ExportTable:
    """Read the record of each rater's visit, a row for each booklet, by rater. Costs five queries."""
    watched = {rater.id: rater for rater in watch_raters(session, study, now=now)}
    raters = session.scalars(
        select(Rater).where(Rater.study_id == study.id).order_by(Rater.person_id, Rater.booklet_number)
    )
    rows = []
    for rater in raters:
        own = watched[rater.id]
        seconds = own.seconds_a_text
        counted = (
            own.status is RaterStatus.SURPLUS,
            own.status.value,
            own.n_answered,
            own.n_trials,
            None if seconds is None else round(seconds, _DECIMALS),
            own.n_checks,
            own.n_checks_passed,
            "; ".join(own.flags),
        )
        values = (getattr(rater, attribute) for _, attribute in _RATER_COLUMNS.values())
        stored = (value.value if isinstance(value, StrEnum) else value for value in values)
        rows.append((*stored, *counted))
    return ExportTable((*_RATER_COLUMNS, *_COUNTED), rows)


def _read_identifiers(session: Session, study_id: int) -> ExportTable:
    """Read raters' recruitment identifiers, one row each; personal data. Costs one query."""
    query = (
        select(Identifier.rater_id, Identifier.name, Identifier.value)
        .where(Identifier.study_id == study_id)
        .order_by(Identifier.rater_id, Identifier.name)
    )
    return ExportTable(tuple(_IDENTIFIER_COLUMNS), list(map(tuple, session.execute(query))))


def _read_questionnaire(session: Session, study_id: int) -> ExportTable:
    """Read the answers to the questionnaire, one row each; personal data. Costs one query."""
    rows = [
        (rater, question, name_given(given))
        for rater, question, given in read_questionnaire(session, study_id)
    ]
    return ExportTable(tuple(_QUESTIONNAIRE_COLUMNS), list(rows))


def table_meanings(table: str, *, masked: bool) -> dict[str, Meaning]:
    """Look up what the columns of a table mean, in the words of the schema."""
    columns = {
        "raters": _RATER_COLUMNS,
        "guesses": _GUESS_COLUMNS,
        "comments": _COMMENT_COLUMNS,
        "identifiers": _IDENTIFIER_COLUMNS,
        "questionnaire": _QUESTIONNAIRE_COLUMNS,
    }[table]
    meanings = {column: meanings_of(of)[attribute] for column, (of, attribute) in columns.items()}
    if table == "raters":
        return meanings | _COUNTED
    if table == "questionnaire":
        return meanings | {"answer": _QUESTIONNAIRE_ANSWER}
    own_id = item_meanings(1, masked=True) if masked else {}
    return {column: own_id.get(column, meaning) for column, meaning in meanings.items()}
