"""Dose–response analysis: linear and monotone trends over doses, and the isotonic dose–response curve.

A trend is one contrast score for each rater × prompt cell, so the levels of raters and prompts cancel. The
scores are tested with the crossed random-effects t test, which is valid for crossed raters and prompts.

The linear trend is the increase along a straight line over the range of the doses; a unit of dose may be far
outside of it. The monotone trend uses the contrast of Abelson and Tukey, which maximises the smallest
correlation with any non-decreasing response, so it also detects a step or a plateau. If the two contrasts
nearly coincide, as with two or three equally spaced doses, they are one test. The curve is the isotonic fit
to the differences from the lowest dose.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.sparse import csr_array

from rater.analysis.answer_kinds.kind import kind_of
from rater.analysis.answer_scale import Judged
from rater.analysis.cell_scores import CellScores, read_concepts
from rater.analysis.contrast_data import cell_codes
from rater.analysis.crossed import Compared, OutcomeLabels, compare, contrast_t, crossed_t, over_scope
from rater.analysis.intervals import (
    REFERENCE,
    Bounds,
    ProgressCallback,
    bounds_of,
    draw,
    n_replicates,
    percentile_interval,
)
from rater.analysis.results import Counts, Interval, NotEstimable, Outcome
from rater.analysis.sentences import SCOPES
from rater.study.analysis_plan import Scope

Floats = NDArray[np.float64]
LINEAR = "linear trend over doses"
MONOTONE = "monotone trend over doses"
# From this correlation of their contrasts on, the linear and the monotone trend are one test. For equally
# spaced doses it is 1 with two or three, .986 with four and .971 with five.
SAME_CONTRAST = 0.98
ISOTONIC = f"Barlow et al. 1972, Statistical Inference under Order Restrictions; {REFERENCE}"


@dataclass(frozen=True)
class DosePoint:
    """The answers at one dose."""

    dose: float
    arms: tuple[str, ...]
    n: int
    mean: float | None
    """The mean answer; None for choices between two texts, which have no level."""
    rise: Outcome | None
    """By how many points answers are above those at the lowest dose, within rater and prompt; None there."""
    fitted: float | None
    """The same on the isotonic curve; None where some rise is not estimable."""
    fitted_interval: Interval | None


@dataclass(frozen=True, kw_only=True)
class DoseResponse:
    """The trend over doses on one dimension, and its curve."""

    linear: Outcome
    """Scale points from the lowest dose to the highest along a straight line."""
    slope: float | None
    """The same for each unit of dose; None without a linear trend."""
    monotone: Outcome
    """Scale points from the lowest dose to the highest, however answers rise."""
    is_one_test: bool
    """True if the two contrasts correlate by `SAME_CONTRAST` or more over the doses, and are one test."""
    curve: tuple[DosePoint, ...]
    direction: Literal["rising", "falling"]
    """Of the curve; that of the monotone trend's estimate."""
    method: str = (
        "isotonic regression on the differences from the lowest dose, with pigeonhole bootstrap intervals"
    )
    reference: str = ISOTONIC


def dose_response(
    frame: pd.DataFrame,
    judged: Judged,
    doses: Mapping[str, float],
    *,
    alpha: float,
    rng: np.random.Generator,
    scope: Scope = "raters+prompts",
    progress: ProgressCallback | None = None,
) -> DoseResponse:
    """Analyse the trend over doses; costs up to 2,000 replicates for the curve.

    ``scope`` decides whether concepts are random. The trend is always over raters, and over prompts unless
    the scope is "raters+concepts".
    """
    scope = scope if "concepts" in scope else "raters+prompts"
    rows = _dosed(frame, judged, doses)
    levels = sorted(set(doses.values()))
    line, steps = linear_scores(levels), monotone_scores(levels)
    linear = trend(rows, judged, line, LINEAR, alpha=alpha, scope=scope)
    monotone = trend(rows, judged, steps, MONOTONE, alpha=alpha, scope=scope)
    correlation = np.corrcoef(list(line.values()), list(steps.values()))[0, 1]
    falls = monotone.estimate is not None and monotone.estimate < 0
    return DoseResponse(
        linear=linear,
        slope=None if linear.estimate is None else linear.estimate / (levels[-1] - levels[0]),
        monotone=monotone,
        is_one_test=bool(correlation >= SAME_CONTRAST),
        curve=_curve(rows, judged, doses, falls=falls, alpha=alpha, scope=scope, rng=rng, progress=progress),
        direction="falling" if falls else "rising",
    )


def linear_scores(levels: list[float]) -> dict[float, float]:
    """Give each of some ordered doses its place between the lowest, 0, and the highest, 1."""
    low, high = levels[0], levels[-1]
    return {level: (level - low) / (high - low) for level in levels}


def monotone_scores(levels: list[float]) -> dict[float, float]:
    """Give each of k ordered doses Abelson and Tukey's coefficient, scaled to rise by 1 in all.

    c_j = √((j − 1)(1 − (j − 1) / k)) − √(j (1 − j / k)), j = 1 … k: the contrast whose smallest correlation
    with any non-decreasing response is largest.
    """
    k = len(levels)
    j = np.arange(1, k + 1)
    raw = np.sqrt((j - 1) * (1 - (j - 1) / k)) - np.sqrt(j * (1 - j / k))
    scaled = (raw - raw[0]) / (raw[-1] - raw[0])
    return dict(zip(levels, scaled.tolist(), strict=True))


def trend(
    rows: pd.DataFrame,
    judged: Judged,
    scores: Mapping[float, float],
    test: str,
    *,
    alpha: float,
    scope: Scope = "raters+prompts",
) -> Outcome:
    """Test the mean slope of the answers on scores of their doses, in scale points a unit of score.

    Each rater × prompt cell with answers at two doses or more gives its least-squares slope, sum (s − s̄)(y −
    ȳ) / sum (s − s̄)², which weighs sum (s − s̄)² in the two-way t; choices between two texts have the
    difference of the two scores for s, and no mean to take off. Where the scope leaves concepts out, slopes
    are averaged over the concepts of a prompt: cells of one prompt share its effect.
    """
    cells = _slopes(rows, scores, is_preference=kind_of(judged).is_preference)
    if not cells.values.size:
        reason = "no rater has answered texts of the same prompt at two doses"
        return NotEstimable(test=test, score="scale_points", reason=reason, n=cells.n)
    how = "along a straight line" if test == LINEAR else "however it rises"
    unit = judged.scale.answer_unit
    estimand = f"how many {unit} the mean answer rises from the lowest dose to the highest, {how}"
    about = OutcomeLabels(
        test,
        estimand,
        "scale_points",
        "slope",
        claim=f"The claim is about {SCOPES[scope]}.",
        bounds=_bounds_of_rise(cells, judged),
    )
    return crossed_t(over_scope(cells, scope), about, alpha=alpha)


def _bounds_of_rise(cells: CellScores, judged: Judged) -> Bounds | None:
    """Return how far answers can rise: over the whole scale.

    The least-squares line through steps between its ends can be a little steeper; then as far as it does.
    """
    possible = bounds_of("scale_points", judged)
    if possible is None:
        return None
    mean = abs(float(np.average(cells.values, weights=cells.weight)))
    return Bounds(min(possible.low, -mean), max(possible.high, mean))


def _dosed(frame: pd.DataFrame, judged: Judged, doses: Mapping[str, float]) -> pd.DataFrame:
    """Keep the answers at a dose, with the dose in the place of the arm's name."""
    rows = frame[(frame["dimension"] == judged.name) & frame["arm"].isin(list(doses))]
    if kind_of(judged).is_preference:
        rows = rows[rows["other_arm"].isin(list(doses))]
        rows = rows.assign(other_arm=rows["other_arm"].map(dict(doses)))
    return rows.assign(arm=rows["arm"].map(dict(doses)))


def _slopes(rows: pd.DataFrame, scores: Mapping[float, float], *, is_preference: bool) -> CellScores:
    """Fit each cell's least-squares slope; cells with answers at one dose only have none."""
    rater, prompt = (pd.factorize(rows[column], sort=True)[0] for column in ("rater", "prompt"))
    score = rows["arm"].map(dict(scores)).to_numpy(dtype=np.float64)
    answer = rows["answer"].to_numpy(dtype=np.float64)
    codes, at, cell = np.unique(cell_codes(rater, prompt), return_index=True, return_inverse=True)
    if is_preference:
        centred = score - rows["other_arm"].map(dict(scores)).to_numpy(dtype=np.float64)
    else:
        size = np.bincount(cell, minlength=codes.size)
        centred = score - (np.bincount(cell, weights=score, minlength=codes.size) / np.maximum(size, 1))[cell]
    # The answers need no centring, since Σ (s − s̄) ȳ = 0. A slope has the variance σ² / Σ (s − s̄)², so that
    # sum is its weight.
    weight = np.bincount(cell, weights=centred**2, minlength=codes.size)
    used = weight > 1e-12
    slope = np.bincount(cell, weights=centred * answer, minlength=codes.size)[used] / weight[used]
    raters, rater = np.unique(rater[at][used], return_inverse=True)
    prompts, prompt = np.unique(prompt[at][used], return_inverse=True)
    n = Counts(
        raters=raters.size,
        prompts=prompts.size,
        items=rows["item"][used[cell]].nunique(),
        answers=int(used[cell].sum()),
        cells=slope.size,
    )
    concepts = read_concepts(rows)
    return CellScores(
        rater, prompt, slope, weight[used].astype(np.float64), n, concepts and concepts.take(prompts)
    )


def _curve(
    rows: pd.DataFrame,
    judged: Judged,
    doses: Mapping[str, float],
    *,
    falls: bool,
    alpha: float,
    scope: Scope,
    rng: np.random.Generator,
    progress: ProgressCallback | None,
) -> tuple[DosePoint, ...]:
    levels = sorted(set(doses.values()))
    is_preference, bounds = kind_of(judged).is_preference, bounds_of("scale_points", judged)
    named = rows.assign(
        **{name: rows[name].map(str) for name in (("arm", "other_arm") if is_preference else ("arm",))}
    )
    compared = [compare(named, (str(level), str(levels[0])), judged) for level in levels[1:]]
    rises = [
        contrast_t(each.cells, "scale_points", alpha=alpha, bounds=bounds, scope=scope) for each in compared
    ]
    estimates = [outcome.estimate for outcome in rises]
    fitted: list[float | None] = [None] * len(levels)
    intervals: list[Interval | None] = [None] * len(levels)
    known = [estimate for estimate in estimates if estimate is not None]
    if len(known) == len(estimates):
        weights = np.array([1.0, *(each.cells.weight.sum() for each in compared)])
        # Every difference is one from the lowest dose, which so weighs as much as all others together.
        weights[0] = weights[1:].sum()
        fitted = list(_isotonic(np.array([0.0, *known]), weights, falls=falls))
        intervals = [
            None,
            *_resample(rows, compared, weights, falls=falls, alpha=alpha, rng=rng, progress=progress),
        ]
    means = {level: float(mean) for level, mean in rows.groupby("arm")["answer"].mean().items()}
    return tuple(
        DosePoint(
            dose=level,
            arms=tuple(sorted(arm for arm, dose in doses.items() if dose == level)),
            n=int((rows["arm"] == level).sum())
            + (int((rows["other_arm"] == level).sum()) if is_preference else 0),
            mean=None if is_preference else means.get(level),
            rise=None if index == 0 else rises[index - 1],
            fitted=fitted[index],
            fitted_interval=intervals[index],
        )
        for index, level in enumerate(levels)
    )


def _isotonic(rises: Floats, weights: Floats, *, falls: bool) -> Floats:
    """Fit the nearest curve that never turns, and start it at the lowest dose's own value of 0."""
    curve = isotonic_regression(rises, weights=weights, increasing=not falls).x
    return np.asarray(curve - curve[0], dtype=np.float64)


def _resample(
    rows: pd.DataFrame,
    compared: list[Compared],
    weights: Floats,
    *,
    falls: bool,
    alpha: float,
    rng: np.random.Generator,
    progress: ProgressCallback | None,
) -> list[Interval | None]:
    """Refit the curve on raters and prompts drawn anew; a dose's rise is the weighted mean of its cells."""
    raters, prompts = (
        {str(name): code for code, name in enumerate(sorted(rows[column].unique()))}
        for column in ("rater", "prompt")
    )
    shape = (len(prompts), len(raters))
    sums, totals = zip(*(_tables(each, raters, prompts) for each in compared), strict=True)
    size = sum(table.nnz for table in sums)
    curves = []
    for draws in draw(
        rng,
        n_raters=shape[1],
        n_others=shape[0],
        replicates=n_replicates(4.0 * (size + shape[0] * len(compared))),
        numbers=2 * shape[0],
        progress=progress,
    ):
        # A rise is Σ w d m_r m_p / Σ w m_r m_p over cells, with m the times that rater and prompt were drawn.
        means = [
            _weighted_mean(table @ draws.rater.T, total @ draws.rater.T, draws.other)
            for table, total in zip(sums, totals, strict=True)
        ]
        drawn = np.column_stack([np.zeros(draws.rater.shape[0]), *means])
        whole = [bool(np.isfinite(rises).all()) for rises in drawn]
        curves += [
            _isotonic(rises, weights, falls=falls) if made else np.full(rises.size, np.nan)
            for rises, made in zip(drawn, whole, strict=True)
        ]
    if not curves:
        return [None] * len(compared)
    table = np.array(curves)
    return [percentile_interval(table[:, index], alpha) for index in range(1, table.shape[1])]


def _tables(
    compared: Compared, raters: Mapping[str, int], prompts: Mapping[str, int]
) -> tuple[csr_array, csr_array]:
    """Spread the weighted differences of the cells, and their weights, over prompts × raters."""
    cells = compared.cells
    row = np.array([prompts[name] for name in compared.prompts], dtype=np.intp)[cells.prompt]
    column = np.array([raters[name] for name in compared.raters], dtype=np.intp)[cells.rater]
    shape = (len(prompts), len(raters))
    differences, weights = (
        csr_array((values, (row, column)), shape=shape)
        for values in (cells.weight * cells.scale_points, cells.weight.astype(np.float64))
    )
    return differences, weights


def _weighted_mean(sums: Floats, totals: Floats, of_prompt: Floats) -> Floats:
    """Add up prompts × replicates by how often each prompt was drawn; NaN where nothing was."""
    top, bottom = (np.einsum("pb,bp->b", table, of_prompt) for table in (sums, totals))
    mean: Floats = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
    return mean
