"""Name the columns of the ratings as they may be handed out while the study is blind."""

from rater.store.rating.frame import AnswerRow

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

BLIND_COLUMNS = tuple(_ATTRIBUTES)
"""The columns, in their order."""


def blind_values(row: AnswerRow) -> tuple[object, ...]:
    """Return an answer's values in the order of the columns."""
    return tuple(getattr(row, attribute) for attribute in _ATTRIBUTES.values())
