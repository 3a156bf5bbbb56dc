"""Trials that show several texts: which rows are of one trial, which text was chosen, and counts by arm.

A frame has one row for each text of such a trial, with its ``place`` on the page (from 1) and as ``answer``
its score (`rater.study.rankings`): 1 for the text that was put first and −1 for the last.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rater.analysis.contrast_data import first_showings, judged_only
from rater.analysis.validation import opted_out
from rater.errors import RaterError
from rater.study.rankings import Response

PLACE, TRIAL = "place", "trial"
"""Columns of a frame: a text's place on the page, and the number of its trial where the table has one."""


def has_groups(frame: pd.DataFrame) -> bool:
    """Return whether the trials of a frame show several texts, a row each."""
    return PLACE in frame.columns or TRIAL in frame.columns


def trial_numbers(rows: pd.DataFrame) -> NDArray[np.intp]:
    """Number the trials of some rows: (rows,). A rater's trial has a position, or a number in the table."""
    key = TRIAL if TRIAL in rows.columns else "position"
    codes = rows.groupby(["rater", "dimension", key], sort=True).ngroup()
    return np.asarray(codes, dtype=np.intp)


def chosen_places(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each trial that was answered, with the place of the text put first as the answer."""
    chosen = rows[rows["answer"] == 1]
    return chosen.assign(answer=chosen[PLACE].astype(float))


def score_orders(frame: pd.DataFrame, dimension: str, response: Response) -> pd.DataFrame:
    """Turn the ranks of an external table, from 1 for the best, into scores; best–worst choices are scores.

    Raises:
        RaterError: If a row names no trial, or the answers of a trial are not an order of its texts.
    """
    of = (frame["dimension"] == dimension).to_numpy() & ~opted_out(frame)
    rows = frame[of]
    if rows[TRIAL].isna().any():
        row = rows[rows[TRIAL].isna()].iloc[0]
        msg = f"trial is missing (rater {row['rater']}, item {row['item']}); each text of {dimension} has one"
        raise RaterError(msg)
    trial = trial_numbers(rows)
    answers = rows["answer"].to_numpy(dtype=np.float64)
    is_ranking = response == "ranking"
    size = np.bincount(trial)[trial]
    order = np.lexsort((answers, trial))
    expected = np.arange(order.size) - np.searchsorted(trial[order], trial[order]) + 1.0  # 1, 2, … in a trial
    if not is_ranking:
        expected = np.where(expected == 1, -1.0, np.where(expected == size[order], 1.0, 0.0))
    wrong = order[answers[order] != expected]
    if wrong.size or (size < 2).any():
        row = rows.iloc[int(wrong[0]) if wrong.size else int(np.flatnonzero(size < 2)[0])]
        valid = "the ranks 1, 2, … once each" if is_ranking else "1 once, −1 once, and 0 for the others"
        msg = (
            f"answer is {row['answer']:g} (rater {row['rater']}, trial {row[TRIAL]}, item {row['item']}); "
            f"valid for the texts of a trial: {valid}, for at least two texts"
        )
        raise RaterError(msg)
    scores = frame["answer"].to_numpy(dtype=np.float64, copy=True)
    if is_ranking:
        scores[of] = (size + 1 - 2 * answers) / (size - 1)
    return frame.assign(answer=scores)


@dataclass(frozen=True)
class ArmCounts:
    """Counts of the texts of an arm that were put first and last."""

    arm: str
    n: int
    """The number of times that a text of the arm was shown and judged."""
    first: int
    last: int

    @property
    def best_minus_worst(self) -> float:
        """The share of trials in which its text was put first, minus the share in which it was put last."""
        return (self.first - self.last) / self.n


@dataclass(frozen=True)
class PlaceCounts:
    """Counts of the texts in a place on the page that were put first and last."""

    place: int
    n: int
    first: int
    last: int


@dataclass(frozen=True)
class GroupCounts:
    """Counts of first and last texts, by arm and by place."""

    n_trials: int
    n_together: int
    arms: tuple[ArmCounts, ...]
    """From the highest difference of shares to the lowest."""
    places: tuple[PlaceCounts, ...]
    """Empty where places are unknown."""


def count_groups(frame: pd.DataFrame, dimension: str) -> GroupCounts | None:
    """Count how often each arm and each place was put first and last; None without answers."""
    rows = judged_only(first_showings(frame))
    rows = rows[rows["dimension"] == dimension]
    if rows.empty:
        return None
    trial = trial_numbers(rows)
    counted = rows.assign(first=rows["answer"] == 1, last=rows["answer"] == -1)
    by_arm = counted.groupby("arm", sort=True).agg(
        n=("answer", "size"), first=("first", "sum"), last=("last", "sum")
    )
    arms = [ArmCounts(str(arm), *map(int, values)) for arm, *values in by_arm.itertuples()]
    places: list[PlaceCounts] = []
    if PLACE in rows.columns:
        by_place = counted.groupby(PLACE).agg(
            n=("answer", "size"), first=("first", "sum"), last=("last", "sum")
        )
        places = [PlaceCounts(*map(int, values)) for values in by_place.itertuples()]
    return GroupCounts(
        n_trials=np.unique(trial).size,
        n_together=int(np.bincount(trial).max()),
        arms=tuple(sorted(arms, key=lambda each: -each.best_minus_worst)),
        places=tuple(places),
    )
