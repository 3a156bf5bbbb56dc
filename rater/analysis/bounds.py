"""Say where a quantity cannot go, and of an interval that goes there what that means.

STATISTICS.md takes t intervals as they are, whose coverage was measured; they know no bounds. Where one ends
beyond what is possible its end says how little so few answers say, so that it is explained and not cut off.
"""

from typing import NamedTuple

from rater.analysis.results import Interval, Score
from rater.analysis.scales import Judged, Numbers, ends_of, is_pairwise
from rater.analysis.wording import number


class Bounds(NamedTuple):
    """The least and the greatest that a quantity can be."""

    low: float
    high: float

    def __str__(self) -> str:
        """Write them as a range, as short as they are."""
        return f"{_short(self.low)} to {_short(self.high)}"


DIFFERENCE = Bounds(-1.0, 1.0)
"""Of two shares: net superiority, Bang's index."""
SHARE = Bounds(0.0, 1.0)
"""A probability, James's index."""


def bounds_of(score: Score, judged: Judged) -> Bounds | None:
    """Give the bounds of a difference in a score; None where it has none, or nobody knows them."""
    if score == "net_superiority":
        return DIFFERENCE
    if score != "scale_points" or isinstance(judged.scale, Numbers):  # whose ends are those of the answers
        return None
    low, high = ends_of(judged)
    return Bounds(low, high) if is_pairwise(judged) else Bounds(low - high, high - low)


def bounds_of_answers(judged: Judged) -> Bounds | None:
    """Give the bounds of a mean answer; None where nobody knows them."""
    return None if isinstance(judged.scale, Numbers) else Bounds(*ends_of(judged))


def covers_all(interval: Interval | None, bounds: Bounds | None) -> bool:
    """Say whether an interval holds everything that is possible."""
    if interval is None or bounds is None:
        return False
    return interval.low <= bounds.low and interval.high >= bounds.high


def goes_beyond(interval: Interval | None, bounds: Bounds | None) -> bool:
    """Say whether an interval ends where nothing can be."""
    if interval is None or bounds is None:
        return False
    return interval.low < bounds.low or interval.high > bounds.high


def say_beyond(interval: Interval | None, bounds: Bounds | None, factor: float = 1) -> str:
    """Say after an interval's ends that they are beyond what is possible; empty where they are not.

    ``factor`` turns the bounds into the unit in which the interval was written.
    """
    if bounds is None or not goes_beyond(interval, bounds):
        return ""
    possible = Bounds(factor * bounds.low, factor * bounds.high)
    how = "wider than all that" if covers_all(interval, bounds) else "beyond what"
    return f", {how} is possible, {possible}"


def _short(end: float) -> str:
    return number(end, 0 if end == round(end) else 2)
