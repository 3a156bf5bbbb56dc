r"""Agreement of a metric or judge with raters: correlation by text, weighted kappa and Krippendorff's alpha.

Spearman's rank correlation is between a metric's value of a text and the mean rating of the text. A real
difference between the arms makes it large for any metric that differs between them, so it is given within
arms, too: the mean of the arms' own correlations, weighted by their numbers of texts. Intervals are from a
cluster bootstrap over prompts, since the texts of a prompt are alike.

A judge that answers on the raters' scale is compared with each single rater as two raters are compared with
each other. With a judge's answer x and the answer y of one rater to the same text, quadratic-weighted kappa
over their common texts is :math:`1 - \overline{(x-y)^2} / (s_x^2 + s_y^2 + (\bar x - \bar y)^2)` (Cohen
1968), averaged over raters. Against the mean rating the same formula is Lin's concordance correlation (Lin
1989, Biometrics 45:255). Krippendorff's alpha is that of two coders, the judge and a rater, over all answers.
Intervals are from the pigeonhole bootstrap over raters and texts. In R: ``psych::cohen.kappa(cbind(x, y))``,
``DescTools::CCC(x, y)``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from rater.analysis.agreement import ALPHA_REFERENCE, Pairs, interval, krippendorff_alpha, ordinal
from rater.analysis.intervals import DIFFERENCE, REFERENCE, clip, draw, percentile_interval
from rater.analysis.results import Counts, Estimate, NotEstimable, Quantity

Floats = NDArray[np.float64]
_REPLICATES = 1_000
_MIN_TEXTS = 3
_MIN_PROMPTS = 5
"""With fewer prompts a bootstrap over prompts has hardly any different samples."""


def correlate(points: pd.DataFrame, *, alpha: float, rng: np.random.Generator, within_arms: bool) -> Quantity:
    """Correlate a metric with the mean rating of each text.

    Args:
        points: One row for each text or pair: prompt, arm, value, mean_rating.
        alpha: The interval covers 1 − alpha.
        rng: What the bootstrap draws from.
        within_arms: Whether the correlation is within arms.
    """
    name = f"Spearman's rank correlation{' within arms' if within_arms else ''}"
    n = _count(points)
    x, y = (points[column].to_numpy(dtype=np.float64) for column in ("value", "mean_rating"))
    arm = pd.factorize(points["arm"])[0] if within_arms else np.zeros(x.size, dtype=np.intp)
    observed = _mean_correlation(x, y, arm)
    if not np.isfinite(observed):
        reason = f"fewer than {_MIN_TEXTS} texts{' of an arm' if within_arms else ''} have different values"
        return NotEstimable(test=name, score="answers", reason=reason, n=n)
    groups = list(points.reset_index(drop=True).groupby("prompt").indices.values())
    found, warnings = None, tuple[str, ...]()
    if len(groups) >= _MIN_PROMPTS:
        replicates = np.empty(_REPLICATES)
        for place in range(_REPLICATES):
            rows = np.concatenate([groups[at] for at in rng.integers(len(groups), size=len(groups))])
            replicates[place] = _mean_correlation(x[rows], y[rows], arm[rows])
        found = percentile_interval(replicates, alpha)
    if found is None:
        warnings = (f"no interval: {len(groups)} prompts are too few, or too alike, to resample",)
    return Estimate(
        name=name,
        estimand="how far texts with a higher mean rating have a higher value",
        estimate=observed,
        interval=found and clip(found, DIFFERENCE),
        n=n,
        method="rank correlation over texts; cluster bootstrap over prompts",
        reference="Spearman 1904, Am. J. Psychol. 15:72–101",
        warnings=warnings,
    )


def _mean_correlation(x: Floats, y: Floats, group: NDArray[np.intp]) -> float:
    """Average the rank correlations of groups, weighted by their sizes; NaN where no group has one."""
    found, sizes = [], []
    for each in range(int(group.max(initial=-1)) + 1):
        own = group == each
        if own.sum() < _MIN_TEXTS or np.ptp(x[own]) == 0 or np.ptp(y[own]) == 0:
            continue
        ranks = stats.rankdata(x[own]), stats.rankdata(y[own])
        found.append(float(np.corrcoef(*ranks)[0, 1]))
        sizes.append(int(own.sum()))
    return float(np.average(found, weights=sizes)) if found else float("nan")


def _count(points: pd.DataFrame) -> Counts:
    return Counts(
        raters=0, prompts=points["prompt"].nunique(), items=len(points), answers=len(points), cells=0
    )


@dataclass(frozen=True, kw_only=True)
class BaseRate:
    """The share of one answer among a judge's and among the raters' answers."""

    answer: float
    judge: float
    raters: float


@dataclass(frozen=True, kw_only=True)
class JudgeAgreement:
    """The agreement of a judge with the raters, on their scale."""

    kappa: Quantity
    """Mean over raters of quadratic-weighted kappa with the judge."""
    alpha: Quantity
    """Krippendorff's alpha of the judge and a single rater: ordinal on points, interval otherwise."""
    concordance: Quantity
    """With the mean rating of each text."""
    share_equal: float
    """The share of answers that equal the judge's."""
    share_equal_by_chance: float
    """The same if both answered independently at their base rates."""
    base_rates: tuple[BaseRate, ...]
    """Of every answer that was given; empty on a scale without points."""


@dataclass(frozen=True)
class _Rows:
    """The answers to texts that the judge has answered; arrays run over answers."""

    rater: NDArray[np.intp]
    unit: NDArray[np.intp]
    judge: Floats
    answer: Floats
    n: Counts
    levels: Floats
    is_ordinal: bool


def agree_with_raters(
    rows: pd.DataFrame, levels: Sequence[float], *, alpha: float, rng: np.random.Generator
) -> JudgeAgreement:
    """Measure the agreement of a judge with single raters and with the mean rating.

    Args:
        rows: One row for each answer: rater, unit (the text or pair), prompt, answer, value (the judge's).
        levels: The points of the scale, or its choices; empty on another scale.
        alpha: Intervals cover 1 − alpha.
        rng: What the bootstrap draws from.
    """
    given = _Rows(
        rater=pd.factorize(rows["rater"])[0],
        unit=pd.factorize(rows["unit"])[0],
        judge=rows["value"].to_numpy(dtype=np.float64),
        answer=rows["answer"].to_numpy(dtype=np.float64),
        n=Counts(
            raters=rows["rater"].nunique(),
            prompts=rows["prompt"].nunique(),
            items=rows["unit"].nunique(),
            answers=len(rows),
            cells=0,
        ),
        levels=np.unique(np.concatenate([rows["value"], rows["answer"]])),
        is_ordinal=bool(len(levels)),
    )
    streams = rng.spawn(3)
    distance = "ordinal" if given.is_ordinal else "interval"
    return JudgeAgreement(
        kappa=_quantity(
            given,
            _mean_kappa,
            name="weighted kappa with single raters (quadratic)",
            estimand="mean over raters of their agreement with the judge beyond chance",
            reference="Cohen 1968, Psychol. Bull. 70:213–220",
            alpha=alpha,
            rng=streams[0],
        ),
        alpha=_quantity(
            given,
            _alpha,
            name=f"Krippendorff's alpha with single raters ({distance})",
            estimand="agreement of the judge and a rater about a text beyond chance",
            reference=ALPHA_REFERENCE,
            alpha=alpha,
            rng=streams[1],
        ),
        concordance=_quantity(
            given,
            _concordance,
            name="weighted kappa with the mean rating (concordance correlation)",
            estimand="agreement of the judge with the mean rating of a text",
            reference="Lin 1989, Biometrics 45:255–268",
            alpha=alpha,
            rng=streams[2],
        ),
        share_equal=float((given.judge == given.answer).mean()) if given.answer.size else 0.0,
        share_equal_by_chance=_chance(given),
        base_rates=_base_rates(given, levels),
    )


def _quantity(
    given: _Rows,
    compute: Callable[[_Rows, Floats, Floats], float],
    *,
    name: str,
    estimand: str,
    reference: str,
    alpha: float,
    rng: np.random.Generator,
) -> Quantity:
    n_raters, n_units = given.n.raters, given.n.items
    observed = compute(given, np.ones(n_raters), np.ones(n_units)) if given.answer.size else float("nan")
    if not np.isfinite(observed):
        reason = "the judge and the raters gave no different answers to compare"
        return NotEstimable(test=name, score="answers", reason=reason, n=given.n)
    replicates = [
        compute(given, rater, unit)
        for draws in draw(
            rng,
            n_raters=n_raters,
            n_others=n_units,
            replicates=_REPLICATES,
            numbers=4 * given.answer.size,
        )
        for rater, unit in zip(draws.rater, draws.other, strict=True)
    ]
    found = percentile_interval(np.array(replicates), alpha) if replicates else None
    return Estimate(
        name=name,
        estimand=estimand,
        estimate=observed,
        interval=found and clip(found, DIFFERENCE),
        n=given.n,
        method="pairs of the judge's and a rater's answer; bootstrap over texts and raters",
        reference=f"{reference}; {REFERENCE}",
        warnings=() if found else ("no interval: too few raters or texts to resample",),
    )


def _weights(given: _Rows, rater: Floats, unit: Floats) -> Floats:
    return np.asarray(rater[given.rater] * unit[given.unit], dtype=np.float64)


def _mean_kappa(given: _Rows, rater: Floats, unit: Floats) -> float:
    """Average kappa over raters, as often as each was drawn."""
    weight, size = unit[given.unit], given.n.raters

    def mean_of(values: Floats) -> Floats:
        return np.asarray(np.bincount(given.rater, weights=weight * values, minlength=size) / total)

    total = np.bincount(given.rater, weights=weight, minlength=size).astype(np.float64)
    x, y = given.judge - given.answer.mean(), given.answer - given.answer.mean()
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_x, mean_y = mean_of(x), mean_of(y)
        # the expected squared difference of independent answers: both variances and the squared difference
        by_chance = mean_of(x**2) + mean_of(y**2) - 2 * mean_x * mean_y
        kappa = 1 - mean_of((x - y) ** 2) / by_chance
    used = (total > 0) & (by_chance > 1e-12)
    weights = rater * used
    return float(np.sum(weights * np.where(used, kappa, 0.0)) / weights.sum()) if weights.sum() else np.nan


def _alpha(given: _Rows, rater: Floats, unit: Floats) -> float:
    size = given.levels.size
    at_judge, at_answer = (np.searchsorted(given.levels, each) for each in (given.judge, given.answer))
    counts = np.bincount(
        at_judge * size + at_answer, weights=_weights(given, rater, unit), minlength=size * size
    )
    table = counts.reshape(size, size).astype(np.float64)
    both = (table + table.T)[None]
    pairs = Pairs(given.levels, coincidences=both, agreement=both, prevalence=both.sum(axis=-1))
    return float(krippendorff_alpha(pairs, ordinal if given.is_ordinal else interval)[0])


def _concordance(given: _Rows, rater: Floats, unit: Floats) -> float:
    weight = rater[given.rater]
    size = given.n.items
    total = np.bincount(given.unit, weights=weight, minlength=size)
    with np.errstate(invalid="ignore", divide="ignore"):
        rated = np.bincount(given.unit, weights=weight * given.answer, minlength=size) / total
    judged = np.bincount(given.unit, weights=given.judge, minlength=size) / np.bincount(
        given.unit, minlength=size
    )
    used = (total > 0) & (unit > 0)
    if not used.any():
        return float("nan")
    x, y, w = judged[used], rated[used], unit[used]
    mean_x, mean_y = np.average(x, weights=w), np.average(y, weights=w)
    by_chance = (
        np.average((x - mean_x) ** 2, weights=w)
        + np.average((y - mean_y) ** 2, weights=w)
        + (mean_x - mean_y) ** 2
    )
    return float(1 - np.average((x - y) ** 2, weights=w) / by_chance) if by_chance > 1e-12 else float("nan")


def _chance(given: _Rows) -> float:
    return float(
        sum(
            (given.judge == level).mean() * (given.answer == level).mean()
            for level in given.levels
            if given.answer.size
        )
    )


def _base_rates(given: _Rows, levels: Sequence[float]) -> tuple[BaseRate, ...]:
    if not len(levels) or not given.answer.size:
        return ()
    # the judge's answer to a text counts once, however many raters answered it
    first = np.unique(given.unit, return_index=True)[1]
    return tuple(
        BaseRate(
            answer=float(level),
            judge=float((given.judge[first] == level).mean()),
            raters=float((given.answer == level).mean()),
        )
        for level in sorted({*map(float, levels), *given.judge.tolist()})
    )
