"""Descriptive statistics of the answers by arm and by text."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from rater.analysis.answer_kinds.kind import kind_of
from rater.analysis.answer_scale import Judged
from rater.analysis.composites import add_composites, without_composites
from rater.analysis.contrast_data import first_showings, judged_only
from rater.analysis.sentences import number

RATED_COLUMNS = ("dimension", "mean_rating", "n_ratings", "mean_rating_kept", "n_ratings_kept")
"""The columns that `rate_texts` adds to the table of texts."""


def rate_texts(
    texts: pd.DataFrame, frame: pd.DataFrame, dimensions: Iterable[Judged], *, excluded: Collection[str] = ()
) -> pd.DataFrame:
    """Add the mean rating and the number of ratings of each text: one row for each text and dimension.

    First showings that were judged count. Of texts chosen between, the mean is that of the preferences for
    this text: above 0 where it was preferred more strongly than the others next to it. ``mean_rating`` and
    ``n_ratings`` are over all raters, ``mean_rating_kept`` and ``n_ratings_kept`` without excluded ones.

    Args:
        texts: one row for each text, with its ``item``.
        frame: one row for each answer; rows of composite scores are computed again.
        dimensions: what was judged.
        excluded: ids of raters who are excluded from the tests.
    """
    dimensions = tuple(dimensions)
    answers = without_composites(frame, dimensions)
    judged = judged_only(first_showings(add_composites(answers, dimensions)))
    included = judged[~judged["rater"].astype(str).isin(excluded)] if excluded else judged
    return pd.concat(
        [_rate(texts, judged, included, dimension) for dimension in dimensions], ignore_index=True
    )


def _rate(
    texts: pd.DataFrame, judged: pd.DataFrame, included: pd.DataFrame, dimension: Judged
) -> pd.DataFrame:
    everyone, without_excluded = (_by_item(rows, dimension) for rows in (judged, included))
    return texts.assign(
        dimension=dimension.name,
        mean_rating=texts["item"].map(everyone["mean"]).astype(float),
        n_ratings=texts["item"].map(everyone["size"]).fillna(0).astype("int64"),
        mean_rating_kept=texts["item"].map(without_excluded["mean"]).astype(float),
        n_ratings_kept=texts["item"].map(without_excluded["size"]).fillna(0).astype("int64"),
    )


def _by_item(judged: pd.DataFrame, dimension: Judged) -> pd.DataFrame:
    """Return the mean and the number of ratings of each item on a dimension."""
    rows = judged[judged["dimension"] == dimension.name]
    return kind_of(dimension).rate_texts(rows).groupby("item")["answer"].agg(["mean", "size"])


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
    """The number of answers at each point of the scale, from point 1; empty for a scale without points."""
    wins: int | None = None
    """For pairwise choices: how often this arm's text was preferred …"""
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
    rows = frame[frame["dimension"] == dimension.name]
    arms = kind_of(dimension).describe_arms(rows, dimension, contrast)
    by_dose = doses or {}
    return tuple(sorted(arms, key=lambda each: by_dose.get(each.arm, math.inf))) if by_dose else arms


def describe_scores(
    rows: pd.DataFrame, dimension: Judged, contrast: tuple[str, str]
) -> tuple[ArmSummary, ...]:
    """Describe the scores of the texts of each arm."""
    others = sorted(set(rows["arm"]) - set(contrast))
    points = [level.value for level in dimension.scale.levels]
    return tuple(
        _summarise(arm, rows.loc[rows["arm"] == arm, "answer"], points) for arm in [*contrast, *others]
    )


def _summarise(arm: str, answers: "pd.Series[float]", points: Sequence[int]) -> ArmSummary:
    values = answers.to_numpy(dtype=np.float64)
    counts = np.bincount(values.astype(int) - points[0], minlength=len(points)).tolist() if points else ()
    return ArmSummary(
        arm=arm,
        n=values.size,
        mean=float(values.mean()) if values.size else None,
        median=float(np.median(values)) if values.size else None,
        sd=float(values.std(ddof=1)) if values.size > 1 else None,
        counts=tuple(counts),
    )


def describe_choices(rows: pd.DataFrame, contrast: tuple[str, str]) -> tuple[ArmSummary, ...]:
    """Describe each arm by all choices that it was part of, turned to it."""
    answer = rows["answer"].to_numpy(dtype=np.float64)
    summaries = []
    for arm in [*contrast, *sorted({*rows["arm"], *rows["other_arm"]} - set(contrast))]:
        for_it = answer[(rows["arm"] == arm).to_numpy()]
        against_it = -answer[(rows["other_arm"] == arm).to_numpy()]
        values = np.concatenate([for_it, against_it]) + 0.0
        summaries.append(
            replace(
                _summarise(arm, pd.Series(values), ()),
                wins=int((values > 0).sum()),
                ties=int((values == 0).sum()),
                losses=int((values < 0).sum()),
            )
        )
    return tuple(summaries)


def tabulate_proportion(arm: ArmSummary) -> tuple[str, ...]:
    """Return the number of answers to an arm that are 0 or 1, the number of ones, and their proportion."""
    if arm.mean is None:
        return "0", "0", "–"
    return f"{arm.n:,}", f"{round(arm.mean * arm.n):,}", number(arm.mean)
