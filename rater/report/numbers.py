"""Write the numbers of results the same way on the screen, in tables and in sentences."""

from collections.abc import Sequence
from typing import NamedTuple

from rater.analysis.bounds import Bounds, bounds_of, covers_all, goes_beyond, say_beyond
from rater.analysis.results import Estimate, Interval, NotEstimable, Outcome, Quantity, Result
from rater.analysis.scales import Judged
from rater.analysis.wording import coverage, number, p_value

SCORE_LABELS = {
    "net_superiority": "net superiority",
    "scale_points": "scale points",
    "answers": "single answers",
    "log_odds": "log odds ratio",
}


def optional(value: float | None, digits: int = 2) -> str:
    """Round a number, or write a dash where there is none."""
    return "–" if value is None else number(value, digits)


def ends(interval: Interval | None, digits: int = 2) -> str:
    """Write an interval's ends, or a dash where there is none."""
    return "–" if interval is None else f"{number(interval.low, digits)} to {number(interval.high, digits)}"


def bare_p(p: float | None) -> str:
    """Write a p-value for a column that is headed p."""
    return "–" if p is None else p_value(p).removeprefix("p ").removeprefix("= ")


def statistic(result: Result) -> str:
    """Write a test's statistic with its degrees of freedom, where it has some."""
    if result.df is None:
        return f"{result.symbol} = {number(result.statistic, 1).removesuffix('.0')}"
    return f"{result.symbol}({number(result.df).removesuffix('.00')}) = {number(result.statistic)}"


def level(alpha: float) -> str:
    """Head a column of intervals."""
    return f"{coverage(1 - alpha)} CI"


def interval_of(found: Outcome | Quantity) -> Interval | None:
    """Take the interval of what has one."""
    return None if isinstance(found, NotEstimable) else found.interval


def with_interval(found: Outcome | Quantity, bounds: Bounds | None = None) -> str:
    """Write an estimate with its interval in brackets, as far as there are such.

    Where the interval ends beyond ``bounds``, that is said in the brackets.
    """
    if found.estimate is None:
        return "–"
    interval = interval_of(found)
    said = f" ({ends(interval)}{say_beyond(interval, bounds)})" if interval else ""
    return number(found.estimate) + said


def name_of(quantity: Quantity) -> str:
    """Say what a quantity is called, whether it could be estimated or not."""
    return quantity.name if isinstance(quantity, Estimate) else quantity.test


class Bounded(NamedTuple):
    """An interval of a quantity that cannot be everything."""

    name: str
    interval: Interval | None
    bounds: Bounds | None


def bounded(outcomes: Sequence[Outcome], dimension: Judged) -> list[Bounded]:
    """Name tests of a dimension by their scores, with the bounds of those."""
    return [
        Bounded(SCORE_LABELS[each.score], interval_of(each), bounds_of(each.score, dimension))
        for each in outcomes
    ]


def remarks_on_bounds(intervals: Sequence[Bounded]) -> list[str]:
    """Explain intervals that go where nothing can be, in a sentence for each kind, the wide ones first."""
    wide = [each for each in intervals if covers_all(each.interval, each.bounds)]
    named = {each.name for each in wide}
    beyond = [
        each for each in intervals if each.name not in named and goes_beyond(each.interval, each.bounds)
    ]
    remarks = []
    if wide:
        remarks.append(
            f"so few raters or prompts, that differ so much, that the interval of {_named(wide)} is wider "
            "than all that is possible: such an interval says nothing of how large it is"
        )
    if beyond:
        remarks.append(
            f"the interval of {_named(beyond)} goes beyond what is possible: t intervals know no bounds, and "
            "this one is of few answers that differ much; read such an end as the most that there can be"
        )
    return remarks


def _named(intervals: Sequence[Bounded]) -> str:
    names = dict.fromkeys(f"{each.name} ({each.bounds})" for each in intervals)
    return " and of ".join(names)
