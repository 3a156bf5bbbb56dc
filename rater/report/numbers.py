"""Write the numbers of results the same way on the screen, in tables and in sentences."""

from collections.abc import Sequence

from rater.analysis.results import Estimate, Interval, NotEstimable, Outcome, Quantity, Result
from rater.analysis.wording import number, p_value

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
    return f"{100 * (1 - alpha):g} % CI"


def interval_of(found: Outcome | Quantity) -> Interval | None:
    """Take the interval of what has one."""
    return None if isinstance(found, NotEstimable) else found.interval


def with_interval(found: Outcome | Quantity) -> str:
    """Write an estimate with its interval in brackets, as far as there are such."""
    if found.estimate is None:
        return "–"
    interval = interval_of(found)
    return number(found.estimate) + (f" ({ends(interval)})" if interval else "")


def name_of(quantity: Quantity) -> str:
    """Say what a quantity is called, whether it could be estimated or not."""
    return quantity.name if isinstance(quantity, Estimate) else quantity.test


def remarks_on_bounds(outcomes: Sequence[Outcome]) -> list[str]:
    """Explain an interval of the net superiority that goes on where no difference can be.

    STATISTICS.md takes the t interval as it is, whose coverage was measured. An end that is cut off would
    hide how little so few answers say, so that it stays, and what it means is said.
    """
    intervals = [
        outcome.interval
        for outcome in outcomes
        if isinstance(outcome, Result) and outcome.score == "net_superiority" and outcome.interval is not None
    ]
    if all(each.low >= -1 and each.high <= 1 for each in intervals):
        return []
    remark = (
        "the interval of the net superiority goes beyond 1 (100 percentage points), and that of the "
        "probability of superiority with it, as no difference can: t intervals know no bounds, and this one "
        "is of few answers that differ much; read such an end as the most that there can be"
    )
    return [remark]
