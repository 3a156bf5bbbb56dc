"""Export ratings while their study is blind: no arms, other ids of texts for each rater, a row in the log.

An item's id is the same for all raters. Whoever has it next to raters and positions can compare booklets, and
so sort the texts of a prompt into its arms. A masked export has another id for each rater and item instead.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from rater.store.dictionary import Meaning
from rater.store.log import append_event
from rater.store.rating.frame import AnswerRow, GuessRow
from rater.store.rating.schema import Event

_ATTRIBUTES = {
    "rater": "rater_id",
    "position": "position",
    "item": "item_id",
    "other_item": "other_item_id",
    "prompt": "prompt",
    "dimension": "dimension",
    "answer": "answer",
    "comment": "comment",
    "is_repeat": "is_repeat",
    "n_revisions": "n_revisions",
    "shown_ms": "shown_ms",
    "first_render_ms": "first_render_ms",
    "hidden_ms": "hidden_ms",
    "answered_at": "answered_at",
}

COLUMNS = tuple(_ATTRIBUTES)
"""The columns of ratings without arms, in their order."""

KIND = "exported"
"""The kind of the event in the log."""

_OWN_ID = (
    "Random id of the text for this rater alone, the same in each export: another rater has another id for "
    "it, so that booklets cannot be compared. An export with arms has the text's own id."
)
MEANINGS = {
    "item": Meaning(f"{_OWN_ID} The left one of a pair.", "experimenter"),
    "other_item": Meaning(f"{_OWN_ID} The right one of a pair.", "experimenter"),
}
"""What columns mean in a masked export, where that is not what the schema says of them."""


def values(row: AnswerRow) -> tuple[object, ...]:
    """Return an answer's values in the order of the columns."""
    return tuple(getattr(row, attribute) for attribute in _ATTRIBUTES.values())


def masked_id(rater_id: str, item_id: str) -> str:
    """Derive the id that a text has in one rater's rows: HMAC-SHA-256, 128 bits of it, in hexadecimal.

    The key is the item's own id. It is random, and no page and no masked export shows it, so that an export
    does not tell which of two raters' ids are one text. With the full ids, an export can be joined to them.
    """
    message = f"masked export of rater {rater_id}".encode()
    return hmac.new(item_id.encode(), message, hashlib.sha256).hexdigest()[:32]


def mask_answers(rows: Sequence[AnswerRow]) -> list[AnswerRow]:
    """Give each rater's items ids of their own."""
    return [
        replace(
            row,
            item_id=masked_id(row.rater_id, row.item_id),
            other_item_id=None if row.other_item_id is None else masked_id(row.rater_id, row.other_item_id),
        )
        for row in rows
    ]


def mask_guesses(rows: Sequence[GuessRow]) -> list[GuessRow]:
    """Give each rater's items ids of their own, the same as in their answers."""
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
    return append_event(session, Event, study_id, kind=KIND, at=now, who=who, by=by, n_answers=n_answers)
