"""Compare the spread of the answers to two arms: standard deviations, their ratio, and its meaning for means.

Steering can change how widely answers scatter, and not where they lie. At the end of a scale that shows as a
difference of means as well: where most answers are at the lowest point, answers can only scatter upwards.

The estimand is the log ratio of the standard deviations of single answers, over raters, prompts and texts
together. It is a smooth function of the answers, so each answer has a first-order influence on it,

    psi = ((y − mean)² / variance − 1) / (2 n)   in the first arm, and the same with a minus in the second,

and the sums of psi over rater × prompt cells are numbers on cells as any others: the two-way t on them gives
a standard error for crossed raters and prompts (the infinitesimal jackknife, by both factors at once).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from rater.analysis.crossed import About, CellScores, crossed_t
from rater.analysis.ratings import Ratings, cell_codes
from rater.analysis.results import Interval, NotEstimable, Outcome, Result
from rater.analysis.scales import Judged, ends_of

Floats = NDArray[np.float64]

TEST = "ratio of SDs, two-way t"
REFERENCE = "Jaeckel 1972, The Infinitesimal Jackknife, Bell Labs MM 72-1215-11"
AT_THE_END = 0.5
"""From this share of answers at one end of the scale on, spread alone moves the mean."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """How widely the answers to each arm scatter."""

    sds: tuple[tuple[str, float], ...]
    """By arm, of single answers (n − 1)."""
    log_ratio: Outcome
    """The log of the first arm's SD over the second's, over raters and prompts."""
    ratio: float | None
    ratio_interval: Interval | None
    reading: str
    """The meaning for the difference of means, where the arms differ in both at an end of the scale."""


def compare_spread(ratings: Ratings, judged: Judged, primary: Outcome, *, alpha: float) -> Spread:
    """Compare the spread of the two arms. Costs one two-way t.

    Args:
        ratings: The answers to the contrast.
        judged: What was judged, for the ends of its scale.
        primary: The test of the difference, which the reading is about.
        alpha: The interval covers 1 − alpha.
    """
    arms = (ratings.is_first, ~ratings.is_first)
    sds = tuple(
        (name, float(ratings.answer[arm].std(ddof=1)))
        for name, arm in zip(ratings.contrast, arms, strict=True)
        if arm.sum() > 1
    )
    found = _test(ratings, alpha)
    ratio = interval = None
    if isinstance(found, Result):
        ratio = float(np.exp(found.estimate))
        ends = found.interval
        interval = ends and Interval(float(np.exp(ends.low)), float(np.exp(ends.high)), ends.level)
    spread = Spread(sds=sds, log_ratio=found, ratio=ratio, ratio_interval=interval, reading="")
    return replace(spread, reading=_read(spread, ratings, judged, primary, alpha=alpha))


def _test(ratings: Ratings, alpha: float) -> Outcome:
    first, second = ratings.contrast
    n = ratings.count()
    for name, arm in ((first, ratings.is_first), (second, ~ratings.is_first)):
        values = ratings.answer[arm]
        if values.size < 2 or np.ptp(values) < 1e-9:
            reason = f'the answers to "{name}" do not vary'
            return NotEstimable(test=TEST, score="log_sd_ratio", reason=reason, n=n)
    estimate, influence = _linearise(ratings)
    codes, at, cell = np.unique(
        cell_codes(ratings.rater, ratings.prompt), return_index=True, return_inverse=True
    )
    summed = np.asarray(
        codes.size * np.bincount(cell, weights=influence, minlength=codes.size), dtype=np.float64
    )
    rater = np.unique(ratings.rater[at], return_inverse=True)[1]
    prompt = np.unique(ratings.prompt[at], return_inverse=True)[1]
    scores = CellScores(rater, prompt, summed, np.ones(codes.size), replace(n, cells=codes.size))
    estimand = f'log of the standard deviation of answers to "{first}" over that of answers to "{second}"'
    about = About(TEST, estimand, "log_sd_ratio", "influence on the ratio of SDs")
    found = crossed_t(scores, about, alpha=alpha)
    if isinstance(found, NotEstimable) or found.standard_error is None:
        return found
    return _recentre(found, estimate)


def _linearise(ratings: Ratings) -> tuple[float, Floats]:
    """Return the log ratio of the SDs, and each answer's first-order influence on it, which sum to 0."""
    influence = np.zeros(ratings.answer.size)
    estimate = 0.0
    for sign, arm in ((1.0, ratings.is_first), (-1.0, ~ratings.is_first)):
        values = ratings.answer[arm]
        squares = (values - values.mean()) ** 2
        influence[arm] = sign * (squares / squares.mean() - 1) / (2 * values.size)
        estimate += sign * 0.5 * float(np.log(values.var(ddof=1)))
    return estimate, influence


def _recentre(found: Result, estimate: float) -> Result:
    """Put the estimate in the place of the influences' mean, with the same standard error and df."""
    error, df = found.standard_error or 0.0, found.df or 0.0
    shift = estimate - found.estimate

    def moved(interval: Interval | None) -> Interval | None:
        return interval and Interval(interval.low + shift, interval.high + shift, interval.level)

    return replace(
        found,
        estimate=estimate,
        interval=moved(found.interval),
        unclipped_interval=moved(found.unclipped_interval),
        statistic=estimate / error,
        p=float(2 * stats.t.sf(abs(estimate) / error, df)),
        method=f"{found.method}, of the answers' influence on the log ratio of standard deviations",
        reference=f"{REFERENCE}; {found.reference}",
    )


def _read(spread: Spread, ratings: Ratings, judged: Judged, primary: Outcome, *, alpha: float) -> str:
    """Return what a difference in spread at an end of the scale means for the difference of means."""
    found = spread.log_ratio
    both_differ = all(isinstance(each, Result) and each.rejects(alpha) for each in (found, primary))
    if not both_differ or not judged.scale.has_known_ends:
        return ""
    assert isinstance(found, Result)  # noqa: S101 (so is primary)
    assert isinstance(primary, Result)  # noqa: S101
    low, high = ends_of(judged)
    wider_is_first = found.estimate > 0
    wider, narrower = ratings.contrast if wider_is_first else ratings.contrast[::-1]
    answers = ratings.answer[~ratings.is_first if wider_is_first else ratings.is_first]
    wider_is_higher = wider_is_first == (primary.estimate > 0)
    end, name = (low, "lowest") if wider_is_higher else (high, "highest")
    share = float((answers == end).mean())
    if share < AT_THE_END:
        return ""
    return (
        f'the arms differ in spread, and {share:.0%} of the answers to "{narrower}" are at the {name} point '
        f'of the scale: there a wider spread of the answers to "{wider}" moves their mean by itself, so the '
        "difference of means may come from the spread and not from a shift of all answers"
    )
