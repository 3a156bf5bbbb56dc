"""Find how far off missing answers would have to be for a result to lose its significance.

Delta adjustment of a pattern-mixture model: if the difference on the missing answers of an arm were delta
less favourable than on those that are there, the difference would be

    d − delta f,  with the variance  SE(d)² + delta² SE(f)²,

f being the mean share of missing answers of that arm over rater × prompt cells. The tipping point is the
smallest delta at which the interval reaches 0.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from scipy import stats

from rater.analysis.bounds import Bounds
from rater.analysis.results import Result

REFERENCE = (
    "Little 1993, J. Am. Stat. Assoc. 88:125–134; Carpenter & Kenward 2013, Multiple Imputation, ch. 10"
)


class Share(NamedTuple):
    """A mean share of missing answers, with its standard error."""

    mean: float
    error: float


@dataclass(frozen=True)
class TippingPoint:
    """How far the missing answers of one arm would have to be off for the result to lose its significance."""

    arm: str
    share: float
    """The mean share of missing answers over cells."""
    delta: float | None
    """By how much the difference on the missing answers would have to be less favourable than on the others,
    in units of the planned score; None where no value however far would do."""
    value: float | None
    """The difference on the missing answers themselves: the estimate less ``delta``, in its direction."""
    is_possible: bool
    """Whether that value is possible at all."""


def tip(arm: str, share: Share, primary: Result, bounds: Bounds | None, *, alpha: float) -> TippingPoint:
    """Find the tipping point of one arm; the primary result is significant."""
    quantile = float(stats.t.ppf(1 - alpha / 2, primary.df)) if primary.df else 0.0
    delta = tipping_delta(
        abs(primary.estimate),
        primary.standard_error or 0.0,
        share=share.mean,
        share_error=share.error,
        quantile=quantile,
    )
    if delta is None:
        return TippingPoint(arm, share.mean, None, None, is_possible=False)
    sign = 1.0 if primary.estimate > 0 else -1.0
    value = primary.estimate - sign * delta
    is_possible = bounds is None or bounds.low <= value <= bounds.high
    return TippingPoint(arm, share.mean, delta, value, is_possible=is_possible)


def tipping_delta(
    estimate: float, error: float, *, share: float, share_error: float, quantile: float
) -> float | None:
    """Solve (estimate − delta share)² = quantile² (error² + delta² share_error²) for the smallest delta > 0.

    None where no delta makes the interval reach 0. The estimate is positive and significant.
    """
    a = share**2 - (quantile * share_error) ** 2
    b = -2 * estimate * share
    c = estimate**2 - (quantile * error) ** 2
    if abs(a) < 1e-15:
        return -c / b if b else None
    discriminant = b**2 - 4 * a * c
    if discriminant < 0:
        return None
    roots = [(-b + sign * math.sqrt(discriminant)) / (2 * a) for sign in (-1, 1)]
    positive = [root for root in roots if root > 0]
    return min(positive) if positive else None
