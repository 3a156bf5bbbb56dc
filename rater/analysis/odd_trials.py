"""Odd-one-out trials in a frame: which arms a trial compares, which text was odd, and which was chosen.

A frame has one row for each trial. ``arm`` is the arm of the odd text, ``other_arm`` that of the two
others, ``odd_place`` where the odd text was, from 1, ``chosen_place`` the place chosen, and ``answer`` is 1
if the two are the same, else 0.

A table of external ratings has the arm of the text in each place, ``arm_1``, ``arm_2`` and ``arm_3``, and
``chosen_place``.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from rater.analysis.answer_values import is_empty
from rater.errors import TableError
from rater.names import normalise_name
from rater.study.text_choices import N_IN_TRIANGLE
from rater.tables import SourceTable
from rater.tables.table import cell_text

CHOSEN_PLACE, ODD_PLACE = "chosen_place", "odd_place"
ARM_OF_PLACE = tuple(f"arm_{place}" for place in range(1, N_IN_TRIANGLE + 1))
"""Columns of a table with the arm of the text in each place."""
_PLACES = tuple(str(place) for place in range(1, N_IN_TRIANGLE + 1))


def is_odd_one_out(rows: pd.DataFrame) -> bool:
    """Return whether rows of one dimension are odd-one-out trials."""
    return ODD_PLACE in rows.columns and bool(rows[ODD_PLACE].notna().any())


def trials_between(rows: pd.DataFrame, contrast: tuple[str, str]) -> pd.DataFrame:
    """Keep the trials whose texts are of the two arms of a contrast, whichever is odd."""
    arms = rows["arm"].isin(contrast) & rows["other_arm"].isin(contrast)
    return rows[arms & (rows["arm"] != rows["other_arm"])]


def with_chosen_places(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose answers to odd-one-out trials are the places chosen, for straight-lining."""
    if CHOSEN_PLACE not in frame.columns:
        return frame
    place = frame[CHOSEN_PLACE].to_numpy(dtype=np.float64, na_value=np.nan)
    answer = frame["answer"].to_numpy(dtype=np.float64)
    return frame.assign(answer=np.where(np.isnan(place), answer, place))


def add_odd_trials(table: SourceTable, wanted: Mapping[str, str]) -> SourceTable:
    """Add the odd text's arm and place, and the answer, to a table with an arm for each place.

    Raises:
        TableError: If the arms of a row are not two of one and one of another, or no place was chosen.
    """
    if not {*ARM_OF_PLACE, CHOSEN_PLACE} <= set(table.columns):
        return table
    columns: dict[str, list[str]] = {wanted["arm"]: [], "other_arm": [], ODD_PLACE: [], wanted["answer"]: []}
    for row in range(len(table)):
        arms = [normalise_name(cell_text(table.columns[name][row]) or "") for name in ARM_OF_PLACE]
        chosen = (cell_text(table.columns[CHOSEN_PLACE][row]) or "").strip().removesuffix(".0")
        odd = next((place for place, arm in enumerate(arms) if arms.count(arm) == 1), None)
        if odd is None or len(set(arms)) != 2 or "" in arms:
            msg = (
                f"{', '.join(ARM_OF_PLACE)} are {', '.join(map(repr, arms))} in {table.place(row)}; valid: "
                "two of one arm and one of another"
            )
            raise TableError(msg)
        if chosen not in _PLACES and not is_empty(chosen):
            msg = f"{CHOSEN_PLACE} is {chosen!r} in {table.place(row)}; valid: {', '.join(_PLACES)}"
            raise TableError(msg)
        values = (
            arms[odd],
            arms[odd - 1],
            str(odd + 1),
            "" if is_empty(chosen) else str(int(chosen) == odd + 1),
        )
        for column, value in zip(columns.values(), values, strict=True):
            column.append({"True": "1", "False": "0"}.get(value, value))
    return replace(table, columns={**table.columns, **columns})
