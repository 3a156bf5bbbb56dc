"""Format numbers and labelled values the same way on the screen, in tables and in sentences."""

import re
from collections.abc import Iterable, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from rater.analysis.intervals import is_clipped
from rater.analysis.primary import Analysis, DimensionAnalysis
from rater.analysis.results import Estimate, Interval, NotEstimable, Outcome, Quantity, Result
from rater.analysis.sentences import SCORE_LABELS, counted, coverage, number, p_value


def labelled(lines: Iterable[tuple[str, str]]) -> Table:
    """Put values beside their labels, as texts in which no bracket is taken for markup."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for label, value in lines:
        table.add_row(Text(label), Text(value))
    return table


def shorten_middle(text: str, width: int) -> str:
    """Shorten a text to a width by an ellipsis in its middle, since names often differ at their ends."""
    if len(text) <= width:
        return text
    if width < 3:
        return text[:width]
    head = (width - 1) // 2
    return f"{text[:head]}…{text[len(text) - (width - 1 - head) :]}"


_ID = re.compile(r"[0-9A-Za-z_-]{17,}")
_ID_CHARACTERS = 8


def short_ids(ids: Iterable[object]) -> Mapping[str, str]:
    """Map ids to what tables and figures call them: the first 8 characters of long ids, if these differ."""
    names = list(dict.fromkeys(map(str, ids)))
    short = {name: name[:_ID_CHARACTERS] if _ID.fullmatch(name) else name for name in names}
    return short if len(set(short.values())) == len(names) else {name: name for name in names}


NO_INTERVAL = "no usable interval"
"""For a test with fewer than two degrees of freedom."""


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
    """Write a test's statistic with its degrees of freedom, if any; a dash where those are too few."""
    if not result.has_enough_df:
        return "–"
    if result.df is None:
        return f"{result.symbol} = {number(result.statistic, 1).removesuffix('.0')}"
    return f"{result.symbol}({number(result.df).removesuffix('.00')}) = {number(result.statistic)}"


def level(alpha: float) -> str:
    """Head a column of intervals."""
    return f"{coverage(1 - alpha)} CI"


def interval_of(found: Outcome | Quantity) -> Interval | None:
    """Take the interval of what has one."""
    return None if isinstance(found, NotEstimable) else found.interval


def p_of(found: Outcome) -> float | None:
    """Return the p-value that may be printed: none where there is no test, or too few degrees of freedom."""
    return found.p if isinstance(found, Result) and found.has_enough_df else None


def interval_text(found: Outcome | Quantity) -> str:
    """Write the interval of a result for a column."""
    if isinstance(found, Result) and not found.has_enough_df:
        return NO_INTERVAL
    return ends(interval_of(found))


def with_interval(found: Outcome | Quantity) -> str:
    """Write an estimate with its interval in brackets, as far as there are such."""
    if found.estimate is None:
        return "–"
    said = interval_text(found)
    return number(found.estimate) + ("" if said == "–" else f" ({said})")


def name_of(quantity: Quantity) -> str:
    """Say what a quantity is called, whether it could be estimated or not."""
    return quantity.name if isinstance(quantity, Estimate) else quantity.test


def remarks_on_bounds(found: Sequence[tuple[str, Outcome | Quantity]]) -> list[str]:
    """Explain that intervals were cut at what is possible, in one sentence."""
    cut = [name for name, each in found if not isinstance(each, NotEstimable) and is_clipped(each)]
    if not cut:
        return []
    names = " and of ".join(dict.fromkeys(cut))
    says = (
        f"the interval of {names} ends where the possible values do; the t interval, which knows no bounds, "
        "reaches further (unclipped_interval in the JSON)"
    )
    return [says]


def scored(outcomes: Sequence[Outcome]) -> list[tuple[str, Outcome]]:
    """Name tests by their scores."""
    return [(SCORE_LABELS[each.score], each) for each in outcomes]


def sizes_of(analysis: Analysis, *, n_finished: int | None, n_planned: int | None) -> str:
    """Return the numbers of raters, prompts, texts and answers of an analysis in one line."""
    n = analysis.n
    sizes = [counted(n.raters, "rater"), counted(n.prompts, "prompt"), counted(n.items, "text")]
    sizes.append(counted(n.answers, "answer"))
    if n_finished is not None:
        of = "" if n_planned is None else f" of {n_planned} planned"
        sizes[0] += f" ({n_finished}{of} finished)"
    n_tested = analysis.dimensions[0].primary.n.raters
    if 0 < n_tested < n.raters:
        sizes[0] += f" ({n_tested:,} in the primary test)"
    return " · ".join(sizes)


def which_counts(found: DimensionAnalysis) -> str:
    """Return which p of a dimension counts, after a semicolon; empty where each score has one."""
    if found.p_adjusted is not None:
        return "; p unadjusted, the adjusted p in the sentence counts"
    return "; the p of the first row counts" if found.beside or found.length_adjusted else ""
