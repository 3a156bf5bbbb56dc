"""Effect sizes: differences in units that are comparable between studies.

All effects are the first arm minus the second. Intervals come from the two-way t where it has one, and from
the pigeonhole bootstrap otherwise. Formulas that take answers as independent (Cliff's, Cohen's) are not used
for intervals: they covered 73 to 85% (statistics.md section 3).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from rater.analysis.contrast_data import Ratings, why_confounded
from rater.analysis.intervals import (
    REFERENCE,
    ProgressCallback,
    draw,
    n_replicates,
    percentile_interval,
    too_few_replicates,
)
from rater.analysis.results import Estimate, Interval, NotEstimable, Outcome, Quantity, Setting

Floats = NDArray[np.float64]
NAMES = (
    "probability of superiority",
    "probability of superiority, by rater",
    "Cohen's d",
    "Cliff's delta, pooled",
)


def effect_sizes(
    ratings: Ratings,
    net_superiority: Outcome,
    *,
    alpha: float,
    rng: np.random.Generator,
    progress: ProgressCallback | None = None,
) -> tuple[Quantity, ...]:
    """Estimate every effect size of a contrast; costs up to 2,000 passes over the answers' counts.

    Where concepts are a factor, bootstraps resample concepts with all their prompts.
    """
    if reason := why_confounded(ratings):
        n = ratings.count()
        return tuple(NotEstimable(test=name, score="answers", reason=reason, n=n) for name in NAMES)
    overall, by_rater = rng.spawn(2)
    return (
        probability_of_superiority(net_superiority, ratings.contrast),
        superiority_by_rater(ratings.by_concept(), alpha=alpha, rng=by_rater, progress=progress),
        *pooled_effects(ratings.by_concept(), alpha=alpha, rng=overall, progress=progress),
    )


def probability_of_superiority(net_superiority: Outcome, contrast: tuple[str, str]) -> Quantity:
    """Turn net superiority d into A = (d + 1) / 2 = P(first > second) + P(equal) / 2, with its interval.

    Reference: Vargha & Delaney 2000, J. Educ. Behav. Stat. 25:101–132.
    """
    name, found = "probability of superiority", net_superiority
    if isinstance(found, NotEstimable):
        return NotEstimable(test=name, score="answers", reason=found.reason, n=found.n)
    halved, whole = (
        each and Interval((each.low + 1) / 2, (each.high + 1) / 2, each.level)
        for each in (found.interval, found.unclipped_interval)
    )
    return Estimate(
        name=name,
        estimand=_superiority_of(contrast, "rated by the same rater for the same prompt"),
        estimate=(found.estimate + 1) / 2,
        interval=halved,
        unclipped_interval=whole,
        n=found.n,
        method=f"(net superiority + 1) / 2; {found.method}",
        reference="Vargha & Delaney 2000, J. Educ. Behav. Stat. 25:101–132",
        warnings=found.warnings,
    )


def pooled_effects(
    ratings: Ratings, *, alpha: float, rng: np.random.Generator, progress: ProgressCallback | None = None
) -> tuple[Quantity, Quantity]:
    """Estimate Cohen's d and the pooled Cliff's delta from one set of replicates.

    Pooled Cliff's delta mixes the raters' own levels and is pulled towards 0; net superiority, its
    within-cell form, does not. In R: ``effectsize::cohens_d(first, second)``, ``effsize::cliff.delta``.
    """
    first, second = ratings.contrast
    d = _Pooled(
        "Cohen's d",
        f"mean answer to “{first}” minus mean answer to “{second}”, "
        "in standard deviations of single answers within an arm",
        _cohens_d,
        "Cohen 1988, Statistical Power Analysis, eq. 2.5.1",
    )
    delta = _Pooled(
        "Cliff's delta, pooled",
        f"how much more often an answer to “{first}” is above one to “{second}” than below, all pooled",
        lambda counts, _: cliffs_delta(counts),
        "Cliff 1993, Psychol. Bull. 114:494–509",
    )
    counts = _resample_counts(ratings, rng, progress)
    return _estimate(d, ratings, counts, alpha=alpha), _estimate(delta, ratings, counts, alpha=alpha)


def superiority_by_rater(
    ratings: Ratings, *, alpha: float, rng: np.random.Generator, progress: ProgressCallback | None = None
) -> Quantity:
    """Estimate the mean over raters of each one's own probability of superiority, over all their prompts."""
    name, n = "probability of superiority, by rater", ratings.count()
    _, shape, tables = _tables(ratings, by="rater")
    totals = np.asarray(tables.sum(axis=1), dtype=np.float64).reshape(*shape, 1)
    observed = _mean_rater_delta(totals, np.ones((shape[0], 1)))
    if not np.isfinite(observed[0]):
        return NotEstimable(test=name, score="answers", reason="no rater has answered both arms", n=n)
    n_prompts = tables.shape[1]
    found = [
        _mean_rater_delta((tables @ draws.other.T).reshape(*shape, -1), draws.rater.T)
        for draws in draw(
            rng,
            n_raters=shape[0],
            n_others=n_prompts,
            replicates=n_replicates(10.0 * tables.shape[0] + tables.nnz),
            numbers=4 * tables.shape[0],
            progress=progress,
        )
    ]
    interval, settings, warnings = _summarise(found, alpha)
    return Estimate(
        name=name,
        estimand=_superiority_of(ratings.contrast, "rated by the same rater"),
        estimate=(float(observed[0]) + 1) / 2,
        interval=interval and Interval((interval.low + 1) / 2, (interval.high + 1) / 2, interval.level),
        n=n,
        method=(
            "mean of the raters' (Cliff's delta + 1) / 2; pigeonhole bootstrap over raters and "
            f"{ratings.unit}s"
        ),
        reference=f"Vargha & Delaney 2000, J. Educ. Behav. Stat. 25:101–132; {REFERENCE}",
        settings=settings,
        warnings=warnings,
    )


def cliffs_delta(counts: Floats) -> Floats:
    """Compute Cliff's delta from counts (… × 2 arms × ordered values); NaN where an arm has none."""
    first, second = counts[..., 0, :], counts[..., 1, :]
    below = np.cumsum(second, axis=-1) - second
    above = second.sum(axis=-1, keepdims=True) - below - second
    pairs = first.sum(axis=-1) * second.sum(axis=-1)
    delta: Floats = np.divide(
        (first * (below - above)).sum(axis=-1), pairs, out=np.full(pairs.shape, np.nan), where=pairs > 0
    )
    return delta


@dataclass(frozen=True)
class _Pooled:
    """An effect size that is computed from how often each value was answered in each arm."""

    name: str
    estimand: str
    compute: Callable[[Floats, Floats], Floats]
    """From counts (replicate × arm × value) and the values to one number for each replicate."""
    reference: str


@dataclass(frozen=True)
class _Counts:
    values: Floats
    observed: Floats  # 1 arm value
    replicates: list[Floats]  # replicate arm value, in chunks


def _resample_counts(
    ratings: Ratings, rng: np.random.Generator, progress: ProgressCallback | None
) -> _Counts:
    values, shape, tables = _tables(ratings, by="prompt")
    n_raters = tables.shape[1]
    replicates = [
        np.einsum("pavb,bp->bav", (tables @ draws.rater.T).reshape(*shape, -1), draws.other)
        for draws in draw(
            rng,
            n_raters=n_raters,
            n_others=shape[0],
            replicates=n_replicates(2.0 * tables.shape[0] + tables.nnz),
            numbers=tables.shape[0],
            progress=progress,
        )
    ]
    observed = tables.sum(axis=1).reshape(shape).sum(axis=0)[None]
    return _Counts(values, observed, replicates)


def _tables(
    ratings: Ratings, *, by: Literal["rater", "prompt"]
) -> tuple[Floats, tuple[int, int, int], csr_array]:
    """Count answers by unit × arm × value (rows) and the other unit (columns)."""
    values, value = np.unique(ratings.answer, return_inverse=True)
    unit, other = (ratings.rater, ratings.prompt) if by == "rater" else (ratings.prompt, ratings.rater)
    units, unit = np.unique(unit, return_inverse=True)
    others, other = np.unique(other, return_inverse=True)
    shape = (units.size, 2, values.size)
    row = (unit * 2 + ~ratings.is_first) * values.size + value
    counted_once = np.ones(row.size)
    return values, shape, csr_array((counted_once, (row, other)), shape=(math.prod(shape), others.size))


def _mean_rater_delta(counts: Floats, weight: Floats) -> Floats:
    """Average Cliff's delta over raters; counts rater × arm × value × replicate, weight rater × replicate."""
    delta = cliffs_delta(np.moveaxis(counts, -1, 1))  # rater replicate
    has_both = np.isfinite(delta)
    total = (weight * has_both).sum(axis=0)
    summed = (weight * np.where(has_both, delta, 0.0)).sum(axis=0)
    mean: Floats = np.divide(summed, total, out=np.full(total.shape, np.nan), where=total > 0)
    return mean


def _cohens_d(counts: Floats, values: Floats) -> Floats:
    n = counts.sum(axis=-1)  # replicate arm
    with np.errstate(invalid="ignore", divide="ignore"):  # an arm that was not drawn has no mean
        mean = counts @ values / n
        squares = (counts * (values - mean[..., None]) ** 2).sum(axis=-1)
        sd = np.sqrt(squares.sum(axis=-1) / (n.sum(axis=-1) - 2))
        return np.asarray((mean[..., 0] - mean[..., 1]) / sd, dtype=np.float64)


def _estimate(effect: _Pooled, ratings: Ratings, counts: _Counts, *, alpha: float) -> Quantity:
    n = ratings.count()
    observed = float(effect.compute(counts.observed, counts.values)[0])
    if not np.isfinite(observed):
        reason = "the answers within an arm do not vary"
        return NotEstimable(test=effect.name, score="answers", reason=reason, n=n)
    replicates = [effect.compute(chunk, counts.values) for chunk in counts.replicates]
    interval, settings, warnings = _summarise(replicates, alpha)
    return Estimate(
        name=effect.name,
        estimand=effect.estimand,
        estimate=observed,
        interval=interval,
        n=n,
        method=f"all answers of both arms; pigeonhole bootstrap over raters and {ratings.unit}s",
        reference=f"{effect.reference}; {REFERENCE}",
        settings=settings,
        warnings=warnings,
    )


def _summarise(
    chunks: list[Floats], alpha: float
) -> tuple[Interval | None, dict[str, Setting], tuple[str, ...]]:
    """Take the interval of the replicates in chunks; give the reason where there is none."""
    if not chunks:
        return (
            None,
            {},
            ("no interval: too few raters or prompts, or too many different answers, to resample",),
        )
    replicates = np.concatenate(chunks)
    interval = percentile_interval(replicates, alpha)
    few = "no interval: too few answers of both arms to resample"
    why = () if interval else (too_few_replicates(replicates.size, alpha) or few,)
    return interval, {"replicates": replicates.size}, why


def _superiority_of(contrast: tuple[str, str], how: str) -> str:
    first, second = contrast
    return f"how often “{first}” is above “{second}”, {how}, an equal answer counting as half"
