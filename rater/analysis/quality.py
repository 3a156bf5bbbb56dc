"""Say how each rater answered, blind to the arms: severity, use of the scale, time, agreement.

Nothing here may decide after the fact who is left out: exclusions are declared beforehand, and nobody is ever
excluded for seeing the arms otherwise than the rest (STATISTICS.md section 5).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rater.analysis.judgements import Judgements, first_judgements
from rater.analysis.trial_times import paces_of
from rater.study.trial_times import Pace

Floats = NDArray[np.float64]
BLIND = ("rater", "item", "prompt", "dimension", "answer", "position")
"""The only columns that are read, where they are there."""


@dataclass(frozen=True, kw_only=True)
class RaterQuality:
    """How one rater answered on one dimension; None is what cannot be said."""

    rater: str
    n: int
    mean: float
    sd: float | None
    severity: float | None
    """How far above the other raters of the same texts the answers are on average, in scale points."""
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
    """How well raters repeat their own answers to a text that they were shown twice."""

    n_pairs: int
    n_raters: int
    same: float
    """The share of pairs with the very same answer."""
    kappa: float | None
    """Quadratic-weighted kappa of first and second answers, all raters together; None if nothing varies."""


def rate_raters(
    frame: pd.DataFrame, dimension: str, points: int | None, paces: Mapping[str, Pace] | None = None
) -> tuple[RaterQuality, ...]:
    """Describe every rater on a dimension. Costs a few sorts of the answers; arms are not read.

    ``paces`` are the raters' times for a trial, where they are known already.

    Raises:
        RaterError: If a rater answered an item twice, and no column ``position`` says which came first.
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
    in_order = rows.sort_values(["rater", "position"], kind="stable")
    starts = (in_order["rater"] != in_order["rater"].shift()) | (
        in_order["answer"] != in_order["answer"].shift()
    )
    runs = in_order.groupby(["rater", starts.cumsum()]).size().groupby(level=0).max()
    return {str(rater): int(length) for rater, length in runs.items()}


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
