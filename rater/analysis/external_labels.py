"""Choices among labels in a table of external ratings: their scores, and the labels among which was chosen.

The columns are ``chosen``, the label that a rater chose, ``target``, the correct one, and, if it is known,
``options``, the labels in the order shown, separated by " | ". The score, 1 if both are the same and 0
otherwise, is computed unless the table has a column of answers.
"""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from rater.analysis.answer_values import is_empty
from rater.analysis.choices import CHOSEN, OPTIONS, TARGET
from rater.errors import StudyError
from rater.names import normalise_name
from rater.study.label_choice import SEPARATOR, TargetScore
from rater.tables import SourceTable
from rater.tables.table import cell_text

MIN_OPTIONS = 2


def add_scores(table: SourceTable, wanted: Mapping[str, str]) -> SourceTable:
    """Add the column of answers to a table that has labels chosen and targets, but no such column."""
    answer = wanted["answer"]
    if answer in table.columns or not {CHOSEN, TARGET} <= set(table.columns):
        return table
    chosen, targets = (
        [normalise_name(cell_text(cell) or "") for cell in table.columns[name]] for name in (CHOSEN, TARGET)
    )
    pairs = zip(chosen, targets, strict=True)
    scores = ["" if is_empty(label) else str(int(label == target)) for label, target in pairs]
    return replace(table, columns={**table.columns, answer: scores})


def label_scale(rows: pd.DataFrame) -> TargetScore | None:
    """Return the scale of the answers on one dimension; None if they are not choices among labels.

    The options are those of the column ``options``, or else the labels that were chosen or are targets. A
    label that is always last in the orders shown, while others change places, and never the target, is "none
    of these".

    Raises:
        StudyError: If an answer is not the score of its label, or there are fewer than two options.
    """
    if not {CHOSEN, TARGET} <= set(rows.columns) or rows[TARGET].isna().all():
        return None
    incomplete = rows[[CHOSEN, TARGET]].isna().any(axis=1)
    if incomplete.any():
        msg = f"{_place(rows[incomplete])} has an answer, but not both chosen and target; give both"
        raise StudyError(msg)
    wrong = rows["answer"] != (rows[CHOSEN] == rows[TARGET]).astype(float)
    if wrong.any():
        row = rows[wrong].iloc[0]
        msg = (
            f"{_place(rows[wrong])} has the answer {row['answer']:g}, but chosen is {row[CHOSEN]!r} and "
            f"target is {row[TARGET]!r}; valid: 1 where they are the same, else 0, or a table without answers"
        )
        raise StudyError(msg)
    options, none = _options(rows)
    if len(options) < MIN_OPTIONS:
        msg = (
            f"the labels chosen and the targets are all {options[0]!r}; valid: at least {MIN_OPTIONS} labels"
        )
        raise StudyError(msg)
    return TargetScore(options, none)


def _place(rows: pd.DataFrame) -> str:
    row = rows.iloc[0]
    return f"rater {row['rater']}, item {row['item']}"


def _options(rows: pd.DataFrame) -> tuple[tuple[str, ...], str | None]:
    """Return the labels in alphabetical order, and that of "none of these"."""
    used = set(rows[CHOSEN]) | set(rows[TARGET])
    if OPTIONS not in rows.columns or rows[OPTIONS].isna().all():
        return tuple(sorted(used)), None
    orders = {tuple(map(normalise_name, str(text).split(SEPARATOR))) for text in rows[OPTIONS].dropna()}
    labels = used.union(*orders)
    last = {order[-1] for order in orders}
    is_none = len(orders) > 1 and len(last) == 1 and not last <= set(rows[TARGET])
    none = next(iter(last)) if is_none else None
    return tuple(sorted(labels - {none})), none
