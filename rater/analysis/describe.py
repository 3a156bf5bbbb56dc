"""Describe what was answered in each arm: how many, the middle, the spread, and every point of the scale."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from rater.analysis.scales import Judged, is_pairwise


@dataclass(frozen=True)
class ArmSummary:
    """The answers to one arm on one dimension; what too few answers leave undefined is None."""

    arm: str
    n: int
    mean: float | None
    median: float | None
    sd: float | None
    """The standard deviation of single answers (n − 1), over raters, prompts and texts together."""
    counts: tuple[int, ...]
    """How many answers each point of the scale got, from point 1; empty for a scale without points."""
    wins: int | None = None
    """Where texts were chosen between: how often this arm's was preferred …"""
    ties: int | None = None
    """… neither was …"""
    losses: int | None = None
    """… and the other was; mean, median and sd are then of how strongly it was."""


def describe_arms(
    frame: pd.DataFrame,
    dimension: Judged,
    contrast: tuple[str, str],
    doses: Mapping[str, float] | None = None,
) -> tuple[ArmSummary, ...]:
    """Describe the arms of the contrast, then any others by name; arms with a dose first, in its order.

    One pass over the answers of each arm.
    """
    arms = _describe(frame, dimension, contrast)
    by_dose = doses or {}
    return tuple(sorted(arms, key=lambda each: by_dose.get(each.arm, math.inf))) if by_dose else arms


def _describe(frame: pd.DataFrame, dimension: Judged, contrast: tuple[str, str]) -> tuple[ArmSummary, ...]:
    rows = frame[frame["dimension"] == dimension.name]
    if is_pairwise(dimension):
        return _describe_choices(rows, contrast)
    others = sorted(set(rows["arm"]) - set(contrast))
    n_points = len(dimension.scale.levels)
    return tuple(
        _summarise(arm, rows.loc[rows["arm"] == arm, "answer"], n_points) for arm in [*contrast, *others]
    )


def _summarise(arm: str, answers: "pd.Series[float]", n_points: int) -> ArmSummary:
    values = answers.to_numpy(dtype=np.float64)
    counts = np.bincount(values.astype(int), minlength=n_points + 1)[1:].tolist() if n_points else ()
    return ArmSummary(
        arm=arm,
        n=values.size,
        mean=float(values.mean()) if values.size else None,
        median=float(np.median(values)) if values.size else None,
        sd=float(values.std(ddof=1)) if values.size > 1 else None,
        counts=tuple(counts),
    )


def _describe_choices(rows: pd.DataFrame, contrast: tuple[str, str]) -> tuple[ArmSummary, ...]:
    """Describe each arm by all choices that it was part of, turned to it."""
    answer = rows["answer"].to_numpy(dtype=np.float64)
    summaries = []
    for arm in [*contrast, *sorted({*rows["arm"], *rows["other_arm"]} - set(contrast))]:
        for_it = answer[(rows["arm"] == arm).to_numpy()]
        against_it = -answer[(rows["other_arm"] == arm).to_numpy()]
        values = np.concatenate([for_it, against_it]) + 0.0
        summaries.append(
            replace(
                _summarise(arm, pd.Series(values), 0),
                wins=int((values > 0).sum()),
                ties=int((values == 0).sum()),
                losses=int((values < 0).sum()),
            )
        )
    return tuple(summaries)
