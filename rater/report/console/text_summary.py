"""Print the summary of the answers about texts that are not of several arms."""

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rater.analysis.agreement import Agreement
from rater.analysis.results import NotEstimable
from rater.analysis.text_summary import AnswerSummary, TextSummary
from rater.report.numbers import optional, with_interval
from rater.sanitize import sanitize_for_display


def print_text_summary(summary: TextSummary, console: Console, *, title: str) -> None:
    """Print the numbers of answers, their distribution, each rater, and the agreement."""
    console.print(Text(sanitize_for_display(title), style="bold"))
    n_raters = len(summary.raters)
    raters = "1 rater" if n_raters == 1 else f"{n_raters:,} raters"
    console.print(Text(f"{raters} · {summary.n_texts:,} texts · {summary.everyone.n:,} answers"))
    if summary.n_not_judged:
        console.print(Text(f"{summary.n_not_judged:,} times a text could not be judged."))
    console.print()
    by_rater = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    by_rater.add_column("rater")
    for name in ("n", "mean", "median", "sd"):
        by_rater.add_column(name, justify="right")
    for row in [*summary.raters, *([summary.everyone] if n_raters > 1 else [])]:
        by_rater.add_row(*_cells(row))
    console.print(Padding(by_rater, (0, 2)))
    if summary.counts:
        by_point = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        by_point.add_column("answer", justify="right")
        by_point.add_column("n", justify="right")
        for point, n in summary.counts:
            by_point.add_row(f"{point:g}", f"{n:,}")
        console.print(Padding(by_point, (0, 2)))
    console.print(Text(_agreement(summary)))


def _cells(row: AnswerSummary) -> tuple[Text, ...]:
    numbers = (optional(row.mean), optional(row.median, 1), optional(row.sd))
    return (Text(sanitize_for_display(row.rater)), *map(Text, (f"{row.n:,}", *numbers)))


def _agreement(summary: TextSummary) -> str:
    found = summary.agreement
    if found is None:
        return "Agreement needs a second rater, who answers in the same file (--rater NAME)."
    if isinstance(found, Agreement):
        quoted = found.krippendorff_ordinal if summary.counts else found.krippendorff_interval
        name = f"Krippendorff's alpha ({'ordinal' if summary.counts else 'interval'})"
        if not isinstance(quoted, NotEstimable):
            how = "" if quoted.interval is None else "; 95% bootstrap interval over raters and texts"
            return f"{name}: {with_interval(quoted)}{how}."
        return f"{name}: {quoted.sentence}"
    return f"Agreement: {found.sentence}"
