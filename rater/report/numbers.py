"""Format numbers and labelled values the same way on the screen, in tables and in sentences."""

import re
from collections.abc import Iterable, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from rater.analysis.intervals import is_clipped
from rater.analysis.primary import Analysis, DimensionAnalysis
from rater.analysis.results import Estimate, Interval, NotEstimable, Outcome, Quantity, Result
from rater.analysis.sentences import counted, coverage, label_score, number, p_value


def labelled(lines: Iterable[tuple[str, str]]) -> Table:
    """Return a table of labels and values, in which brackets are not parsed as markup."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for label, value in lines:
        table.add_row(Text(label), Text(value))
    return table


def shorten_middle(text: str, width: int) -> str:
    """Shorten a text with an ellipsis in the middle, since names often differ at their ends."""
    if len(text) <= width:
        return text
    if width < 3:
        return text[:width]
    head = (width - 1) // 2
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


_ID = re.compile(r"[0-9A-Za-z_-]{17,}")
_ID_CHARACTERS = 8


def short_ids(ids: Iterable[object]) -> Mapping[str, str]:
    """Map ids to short forms for tables and figures: the first 8 characters of long ids, if unique."""
    names = list(dict.fromkeys(map(str, ids)))
    short = {name: name[:_ID_CHARACTERS] if _ID.fullmatch(name) else name for name in names}
    return short if len(set(short.values())) == len(names) else {name: name for name in names}


NO_INTERVAL = "no usable interval"
"""Printed for a test with fewer than `MIN_DF` degrees of freedom."""


def optional(value: float | None, digits: int = 2) -> str:
    """Format a number, or a dash for None."""
    return "–" if value is None else number(value, digits)


def ends(interval: Interval | None, digits: int = 2) -> str:
    """Format the limits of an interval, or a dash for None."""
    return "–" if interval is None else f"{number(interval.low, digits)} to {number(interval.high, digits)}"


def bare_p(p: float | None) -> str:
    """Format a p-value for a column with the heading p."""
    return "–" if p is None else p_value(p).removeprefix("p ").removeprefix("= ")


def statistic(result: Result) -> str:
    """Format a test statistic with its degrees of freedom, if any; a dash if these are too few."""
    if not result.has_enough_df:
        return "–"
    if result.df is None:
        return f"{result.symbol} = {number(result.statistic, 1).removesuffix('.0')}"
    return f"{result.symbol}({number(result.df).removesuffix('.00')}) = {number(result.statistic)}"


def level(alpha: float) -> str:
    """Return the heading of a column of confidence intervals."""
    return f"{coverage(1 - alpha)} CI"


def interval_of(estimate: Outcome | Quantity) -> Interval | None:
    """Return the interval of a result, or None."""
    return None if isinstance(estimate, NotEstimable) else estimate.interval


def p_of(outcome: Outcome) -> float | None:
    """Return the p-value, or None without a test or with too few degrees of freedom."""
    return outcome.p if isinstance(outcome, Result) and outcome.has_enough_df else None


def interval_text(estimate: Outcome | Quantity) -> str:
    """Format the interval of a result for a column."""
    if isinstance(estimate, Result) and not estimate.has_enough_df:
        return NO_INTERVAL
    return ends(interval_of(estimate))


def with_interval(estimate: Outcome | Quantity) -> str:
    """Format an estimate with its interval in brackets, if there is one."""
    if estimate.estimate is None:
        return "–"
    interval = interval_text(estimate)
    return number(estimate.estimate) + ("" if interval == "–" else f" ({interval})")


def name_of(quantity: Quantity) -> str:
    """Return the name of a quantity, estimable or not."""
    return quantity.name if isinstance(quantity, Estimate) else quantity.test


def remarks_on_bounds(found: Sequence[tuple[str, Outcome | Quantity]]) -> list[str]:
    """Explain in one sentence that intervals were truncated at the bounds."""
    clipped = [name for name, each in found if not isinstance(each, NotEstimable) and is_clipped(each)]
    if not clipped:
        return []
    names = " and of ".join(dict.fromkeys(clipped))
    remark = (
        f"the confidence interval of {names} is truncated at the bounds of the possible values; the t "
        "interval extends beyond them (unclipped_interval in the JSON)"
    )
    return [remark]


def scored(outcomes: Sequence[Outcome], unit: str) -> list[tuple[str, Outcome]]:
    """Pair tests with the labels of their scores; ``unit`` is that of the answers."""
    return [(label_score(each.score, unit), each) for each in outcomes]


def sizes_of(
    analysis: Analysis,
    *,
    n_finished: int | None,
    n_planned: int | None,
    n_withdrawn: int = 0,
    n_further: int = 0,
) -> str:
    """Return the numbers of raters, prompts, texts and answers of an analysis in one line."""
    n = analysis.n
    sizes = [counted(n.raters, "rater"), counted(n.prompts, "prompt"), counted(n.items, "text")]
    if n.concepts:
        sizes.insert(1, counted(n.concepts, "concept"))
    sizes.append(counted(n.answers, "answer"))
    details = []
    if n_finished is not None:
        of = "" if n_planned is None else f" of {n_planned} planned"
        booklets = " booklets" if n_further else ""
        details.append(f"{n_finished + n_further}{of}{booklets} finished")
    if n_withdrawn:
        details.append(f"without {n_withdrawn} who withdrew")
    n_tested = analysis.dimensions[0].primary.n.raters
    if 0 < n_tested < n.raters:
        details.append(f"{n_tested:,} in the primary test")
    if details:
        sizes[0] += f" ({'; '.join(details)})"
    return " · ".join(sizes)


def which_counts(results: DimensionAnalysis) -> str:
    """Return which p-value is decisive, after a semicolon; empty if each score has one."""
    if results.p_adjusted is not None:
        return "; unadjusted p-values (the adjusted one is in the headline)"
    return (
        "; the first row is the primary test" if results.sensitivity_tests or results.length_adjusted else ""
    )
