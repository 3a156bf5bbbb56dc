"""Take each rater's time for a trial out of a tidy frame."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from rater.study.trial_times import Pace, TrialTime, pace_of

COLUMNS = ("rater", "position", "shown_ms", "hidden_ms", "answered_at", "first_answered_at")
"""The only columns that are read, where they are there."""


def paces_of(frame: pd.DataFrame) -> dict[str, Pace]:
    """Return how long each rater takes for a trial, repeated trials included; arms are not read.

    A trial with several questions counts once. Every rater of the frame has an entry.
    """
    rows = frame[[column for column in COLUMNS if column in frame.columns]].assign(
        rater=lambda given: given["rater"].astype(str)
    )
    if "position" in rows.columns:
        by_time = [column for column in ("shown_ms",) if column in rows.columns]
        rows = rows.sort_values(["rater", "position", *by_time], kind="stable", na_position="last")
        rows = rows.drop_duplicates(["rater", "position"])
    else:
        rows = rows.sort_values("rater", kind="stable")
    if rows.empty:
        return {}
    raters = rows["rater"].to_numpy()
    starts = np.flatnonzero(np.r_[True, raters[1:] != raters[:-1]])
    trials = list(_trials(rows))
    ends = [*starts[1:], raters.size]
    return {str(raters[start]): pace_of(trials[start:end]) for start, end in zip(starts, ends, strict=True)}


def _trials(rows: pd.DataFrame) -> Iterator[TrialTime]:
    n = len(rows)
    shown, hidden = (_numbers(rows, column) for column in ("shown_ms", "hidden_ms"))
    when = next((name for name in ("first_answered_at", "answered_at") if name in rows.columns), None)
    times = [None] * n if when is None else _times(rows[when])
    return map(TrialTime, shown, hidden, times)


def _numbers(rows: pd.DataFrame, column: str) -> list[float | None]:
    if column not in rows.columns:
        return [None] * len(rows)
    values = rows[column].astype("Float64")
    return [None if missing else float(value) for value, missing in zip(values, values.isna(), strict=True)]


def _times(values: "pd.Series[pd.Timestamp]") -> list[pd.Timestamp | None]:
    """Read times; what is no time in a table of somebody else is none."""
    read = pd.to_datetime(values, utc=True, errors="coerce")
    return [None if missing else time for time, missing in zip(read, read.isna(), strict=True)]
