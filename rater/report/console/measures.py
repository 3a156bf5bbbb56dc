"""Print metrics and judges next to the raters in the terminal."""

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from rater.analysis.measures import MetricComparison
from rater.analysis.primary import Analysis
from rater.analysis.results import Outcome
from rater.analysis.sentences import p_value
from rater.report.metric_remarks import EXPLORATORY, remarks
from rater.report.numbers import p_of, with_interval


def print_metrics(analysis: Analysis, console: Console, *, show_all: bool) -> None:
    """Print a line for each metric, with its failures; all remarks with ``show_all``."""
    if not analysis.metrics:
        return
    console.print()
    console.print(Text("Metrics and judges", style="bold").append(" · exploratory", style="dim"))
    for each in analysis.metrics:
        console.print(Padding(Text(metric_line(each)), (0, 2)))
        for remark in remarks(each, analysis.planned.alpha) if show_all or each.agreement else []:
            console.print(Padding(Text(remark, style="dim"), (0, 4)))
    if show_all:
        console.print(Padding(Text(EXPLORATORY, style="dim"), (0, 2)))


def metric_line(found: MetricComparison) -> str:
    """Return a metric's failures, its difference, the raters' one, and its correlation with ratings."""
    failed = f"{found.coverage.n_failed:,} WITHOUT A VALUE; " if found.coverage.n_failed else ""
    return (
        f"{found.name}: {failed}{found.coverage.n_values:,} values; net superiority "
        f"{_with_p(found.net_superiority)}, raters {_with_p(found.raters_net_superiority)}; ρ with the mean "
        f"rating {with_interval(found.correlation)}, "
        f"within arms {with_interval(found.correlation_within_arms)}"
    )


def _with_p(outcome: Outcome) -> str:
    p = p_of(outcome)
    return with_interval(outcome) + ("" if p is None else f" {p_value(p)}")
