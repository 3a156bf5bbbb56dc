"""Bounds of quantities, and intervals that end there.

A t interval knows no bounds. Cut at what is possible it covers the true value as often as before, since that
is never beyond; and it excludes 0, or lies within a margin, exactly where the t test says so, which an
interval on a transformed scale would not. `Result.unclipped_interval` keeps it as computed.
"""

from typing import NamedTuple

from rater.analysis.results import Estimate, Interval, Result, Score
from rater.analysis.scales import Judged, ends_of, is_pairwise
from rater.analysis.wording import number


class Bounds(NamedTuple):
    """The least and the greatest that a quantity can be."""

    low: float
    high: float

    def __str__(self) -> str:
        """Return them as a range in words."""
        return f"{_short(self.low)} to {_short(self.high)}"


DIFFERENCE = Bounds(-1.0, 1.0)
"""Of two shares: net superiority, Bang's index."""
SHARE = Bounds(0.0, 1.0)
"""A probability, James's index."""


def bounds_of(score: Score, judged: Judged) -> Bounds | None:
    """Give the bounds of a difference in a score; None where it has none, or nobody knows them."""
    if score == "net_superiority":
        return DIFFERENCE
    if score != "scale_points" or not judged.scale.has_known_ends:
        return None
    low, high = ends_of(judged)
    return Bounds(low, high) if is_pairwise(judged) else Bounds(low - high, high - low)


def bounds_of_answers(judged: Judged) -> Bounds | None:
    """Give the bounds of a mean answer; None where nobody knows them."""
    return Bounds(*ends_of(judged)) if judged.scale.has_known_ends else None


def clip(interval: Interval, bounds: Bounds | None) -> Interval:
    """Cut an interval at what is possible."""
    if bounds is None:
        return interval
    low, high = (min(max(end, bounds.low), bounds.high) for end in (interval.low, interval.high))
    return Interval(low, high, interval.level)


def is_clipped(found: Result | Estimate) -> bool:
    """Return whether an interval was cut at what is possible."""
    whole = found.unclipped_interval
    return found.interval is not None and whole is not None and found.interval != whole


def covers_all(interval: Interval | None, bounds: Bounds | None) -> bool:
    """Return whether an interval holds everything that is possible."""
    if interval is None or bounds is None:
        return False
    return interval.low <= bounds.low and interval.high >= bounds.high


def _short(end: float) -> str:
    return number(end, 0 if end == round(end) else 2)
