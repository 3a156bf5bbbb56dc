"""Describe what was answered in each arm: how many, the middle, the spread, and every point of the scale."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rater.analysis.scales import Judged, points_of


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


def describe_arms(
    frame: pd.DataFrame, dimension: Judged, contrast: tuple[str, str]
) -> tuple[ArmSummary, ...]:
    """Describe the arms of the contrast, then any others by name. One pass over the answers of each arm."""
    rows = frame[frame["dimension"] == dimension.name]
    others = sorted(set(rows["arm"]) - set(contrast))
    points = points_of(dimension)
    return tuple(
        _summarise(arm, rows.loc[rows["arm"] == arm, "answer"], points) for arm in [*contrast, *others]
    )


def _summarise(arm: str, answers: "pd.Series[float]", points: int | None) -> ArmSummary:
    values = answers.to_numpy(dtype=np.float64)
    return ArmSummary(
        arm=arm,
        n=values.size,
        mean=float(values.mean()) if values.size else None,
        median=float(np.median(values)) if values.size else None,
        sd=float(values.std(ddof=1)) if values.size > 1 else None,
        counts=tuple(np.bincount(values.astype(int), minlength=points + 1)[1:].tolist()) if points else (),
    )
