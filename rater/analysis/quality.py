"""Quality of raters' answers, blind to the arms: severity, use of the scale, time, agreement.

Nothing here may decide after the fact who is left out: exclusions are declared beforehand, and nobody is ever
excluded for seeing the arms otherwise than the rest (statistics.md section 5).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rater.analysis.group_trials import PLACE, chosen_places
from rater.analysis.results import Counts
from rater.errors import RaterError
from rater.study.trial_times import Pace, TrialTime, pace_of

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Judgements:
    """One answer for each rater × item that has one; arrays run over answers."""

    rater: NDArray[np.intp]
    item: NDArray[np.intp]
    value: NDArray[np.intp]
    """The answer's place in `values`."""
    values: Floats
    """The points of the scale, or the different answers where it has no points; in order."""
    raters: tuple[str, ...]
    n_items: int
    n: Counts

    @property
    def answer(self) -> Floats:
        """The answers themselves."""
        return self.values[self.value]

    @property
    def n_raters(self) -> int:
        """The number of raters."""
        return len(self.raters)

    def among(self, n_raters: int, rng: np.random.Generator) -> "Judgements":
        """Return the answers of ``n`` raters drawn at random, or of all raters if there are no more."""
        if n_raters >= self.n_raters:
            return self
        drawn = np.sort(rng.choice(self.n_raters, n_raters, replace=False))
        kept = np.isin(self.rater, drawn)
        return Judgements(
            rater=np.searchsorted(drawn, self.rater[kept]),
            item=self.item[kept],
            value=self.value[kept],
            values=self.values,
            raters=tuple(self.raters[index] for index in drawn),
            n_items=self.n_items,
            n=self.n,
        )

    def table(self) -> Floats:
        """Spread the answers over rater × item; NaN where there is none."""
        table = np.full((self.n_raters, self.n_items), np.nan)
        table[self.rater, self.item] = self.answer
        return table


def first_judgements(frame: pd.DataFrame, dimension: str, points: Sequence[float]) -> Judgements:
    """Take each rater's first answer to each item on a dimension. Costs one sort of the rows.

    Args:
        frame: The tidy frame; its arms are not read.
        dimension: The dimension's name.
        points: The points of its scale, in order; empty for a scale without points.

    Raises:
        RaterError: If a rater answered an item twice, and the column ``position`` is missing.
    """
    rows = frame[frame["dimension"] == dimension]
    rows = rows.assign(rater=rows["rater"].astype(str), item=rows["item"].astype(str))
    if rows.duplicated(["rater", "item"]).any():
        if "position" not in rows.columns:
            again = rows[rows.duplicated(["rater", "item"])].sort_values(["rater", "item"]).iloc[0]
            msg = (
                f"rater {again['rater']} answered item {again['item']} more than once, and no column "
                "'position' has their order; name the column of the texts' ids as the item"
            )
            raise RaterError(msg)
        rows = rows.sort_values("position", kind="stable").drop_duplicates(["rater", "item"])
    answers = rows["answer"].to_numpy(dtype=np.float64)
    values = np.asarray(points, dtype=np.float64) if points else np.unique(answers)
    rater, raters = pd.factorize(rows["rater"], sort=True)
    item, items = pd.factorize(rows["item"], sort=True)
    n = Counts(
        raters=len(raters),
        prompts=rows["prompt"].nunique(),
        items=len(items),
        answers=answers.size,
        cells=answers.size,
    )
    value = np.searchsorted(values, answers)
    return Judgements(rater, item, value, values, tuple(raters), len(items), n)


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
    times: list[pd.Timestamp | None] = [None] * n
    if when is not None:
        # values of external tables that are not times become missing
        read = pd.to_datetime(rows[when], utc=True, errors="coerce")
        times = [None if missing else time for time, missing in zip(read, read.isna(), strict=True)]
    return map(TrialTime, shown, hidden, times)


def _numbers(rows: pd.DataFrame, column: str) -> list[float | None]:
    if column not in rows.columns:
        return [None] * len(rows)
    values = rows[column].astype("Float64")
    return [None if missing else float(value) for value, missing in zip(values, values.isna(), strict=True)]


BLIND = ("rater", "item", "prompt", "dimension", "answer", "position", "place")
"""The only columns that are read, where they are there."""


@dataclass(frozen=True, kw_only=True)
class RaterQuality:
    """Quality indicators of a rater on one dimension; None if not estimable."""

    rater: str
    n: int
    mean: float
    sd: float | None
    severity: float | None
    """The mean difference from the other raters of the same texts, in scale points."""
    points_used: int
    entropy: float
    """Of the rater's shares of answers, in bits; 0 is always the same answer."""
    longest_run: int | None
    """The most equal answers one after another, in the order shown."""
    median_s: float | None
    """The median time for a trial, of all the rater's trials, in seconds; see `rater.study.trial_times`."""
    agreement: float | None
    """Spearman's correlation with the mean of the other raters of the same texts."""


@dataclass(frozen=True)
class Retest:
    """Test–retest agreement on texts that were shown twice to a rater."""

    n_pairs: int
    n_raters: int
    same: float
    """The share of pairs with the very same answer."""
    kappa: float | None
    """Quadratic-weighted kappa of first and second answers, all raters together; None if nothing varies."""


def rate_raters(
    frame: pd.DataFrame, dimension: str, points: Sequence[float], paces: Mapping[str, Pace] | None = None
) -> tuple[RaterQuality, ...]:
    """Describe every rater on a dimension. Costs a few sorts of the answers; arms are not read.

    ``paces`` are the raters' times for a trial, where they are known already.

    Raises:
        RaterError: If a rater answered an item twice, and the column ``position`` is missing.
    """
    blind = frame[[column for column in BLIND if column in frame.columns]]
    judged = first_judgements(blind, dimension, points)
    rows = blind[blind["dimension"] == dimension].assign(rater=lambda r: r["rater"].astype(str))
    severity, agreement = _against_others(judged)
    runs, paces = _longest_runs(rows), paces_of(frame) if paces is None else paces
    shares = _shares(judged)
    n = np.bincount(judged.rater, minlength=judged.n_raters)
    mean = np.bincount(judged.rater, weights=judged.answer, minlength=judged.n_raters) / n
    squares = np.bincount(judged.rater, weights=(judged.answer - mean[judged.rater]) ** 2)
    with np.errstate(divide="ignore", invalid="ignore"):  # no share, no surprise: 0 log 0 is 0
        entropy = -np.nansum(shares * np.log2(shares), axis=1)
    return tuple(
        RaterQuality(
            rater=rater,
            n=int(n[index]),
            mean=float(mean[index]),
            sd=float(np.sqrt(squares[index] / (n[index] - 1))) if n[index] > 1 else None,
            severity=_or_none(severity[index]),
            points_used=int(np.count_nonzero(shares[index])),
            entropy=abs(float(entropy[index])),
            longest_run=runs.get(rater),
            median_s=paces[rater].median_s if rater in paces else None,
            agreement=_or_none(agreement[index]),
        )
        for index, rater in enumerate(judged.raters)
    )


def retest(frame: pd.DataFrame, dimension: str) -> Retest | None:
    """Compare first and second answers of the same rater to the same text; None where there are none."""
    if "position" not in frame.columns:
        return None
    rows = frame[frame["dimension"] == dimension].sort_values(["rater", "item", "position"], kind="stable")
    rows = rows[rows.groupby(["rater", "item"]).cumcount() < 2]
    twice = rows[rows.duplicated(["rater", "item"], keep=False)]
    if twice.empty:
        return None
    answers = twice["answer"].to_numpy(dtype=np.float64).reshape(-1, 2)
    first, second = answers.T
    by_chance = first.var() + second.var() + (first.mean() - second.mean()) ** 2
    kappa = 1 - float(((first - second) ** 2).mean() / by_chance) if by_chance > 0 else None
    same = float((first == second).mean())
    return Retest(len(answers), int(twice["rater"].nunique()), same, kappa)


def _against_others(judged: Judgements) -> tuple[Floats, Floats]:
    """Compare each rater with the mean of the others: mean difference, and Spearman's correlation."""
    n = np.bincount(judged.item, minlength=judged.n_items)
    total = np.bincount(judged.item, weights=judged.answer, minlength=judged.n_items)
    shared = n[judged.item] > 1
    rater, item, answer = judged.rater[shared], judged.item[shared], judged.answer[shared]
    others = (total[item] - answer) / (n[item] - 1)
    ranks = pd.DataFrame({"rater": rater, "own": answer, "others": others.round(9)}).groupby("rater").rank()
    size = judged.n_raters
    count = np.bincount(rater, minlength=size)
    with np.errstate(divide="ignore", invalid="ignore"):  # a rater with nothing shared stays NaN
        severity = np.bincount(rater, weights=answer - others, minlength=size) / count
        centred = [
            values - (np.bincount(rater, weights=values, minlength=size) / count)[rater]
            for values in (ranks[column].to_numpy() for column in ("own", "others"))
        ]
        products = [
            np.bincount(rater, weights=one * other, minlength=size)
            for one, other in (centred, (centred[0],) * 2, (centred[1],) * 2)
        ]
        return severity, products[0] / np.sqrt(products[1] * products[2])


def _shares(judged: Judgements) -> Floats:
    """The share of every value among a rater's answers: rater value."""
    counts = np.zeros((judged.n_raters, judged.values.size))
    np.add.at(counts, (judged.rater, judged.value), 1)
    shares: Floats = counts / counts.sum(axis=1, keepdims=True)
    return shares


def _longest_runs(rows: pd.DataFrame) -> dict[str, int]:
    if "position" not in rows.columns:
        return {}
    if PLACE in rows.columns:  # of an order of texts, the place of the text put first
        rows = chosen_places(rows)
    in_order = rows.sort_values(["rater", "position"], kind="stable")
    starts = (in_order["rater"] != in_order["rater"].shift()) | (
        in_order["answer"] != in_order["answer"].shift()
    )
    runs = in_order.groupby(["rater", starts.cumsum()]).size().groupby(level=0).max()
    return {str(rater): int(length) for rater, length in runs.items()}


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
