"""`rater measure`: metrics of a study's texts, without arms."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import click

from rater.cli.options import sealed_option, study_argument
from rater.errors import RaterError
from rater.workspace import Workspace

if TYPE_CHECKING:
    from rater.measure.metric import Metric
    from rater.measure.run import MetricSummary
    from rater.measure.run import Progress as MeasureProgress

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@click.command(short_help="Measure the texts with metrics and LLM judges.")
@study_argument
@click.option("--text", "is_text", is_flag=True, help="Length, repetition, variety of words, readability.")
@click.option("--words", help="Occurrences of these words, such as love,joy,family.")
@click.option("--function", "function_spec", help="Your own function of a text, FILE.py:function.")
@click.option("--name", help="Name under which the values are stored.  [default: by the metric]")
@click.option("--limit", type=click.IntRange(1), help="Measure at most N texts in this run.", metavar="N")
@click.option("--list", "is_list", is_flag=True, help="List the study's metrics, and measure nothing.")
@sealed_option
def measure(  # noqa: PLR0917 (click passes them by name)
    study_name: str,
    sealed_url: str,
    words: str | None,
    function_spec: str | None,
    name: str | None,
    limit: int | None,
    *,
    is_text: bool,
    is_list: bool,
) -> None:
    """Measure the texts of a generated study. You can stop at any time; run it again to continue.

    A metric is given prompts and texts as raters see them, in random order, and never an arm. Values are
    stored in the sealed database, before or after publication. `rater analyze` shows them next to the raters'
    answers; the primary result is never a metric's.

    \b
    Example: rater measure love_vs_hate --text
    Example: rater measure love_vs_hate --words love,joy,happy
    """
    workspace = Workspace(sealed=sealed_url)
    if is_list:
        _print_summaries(workspace.metrics(study_name))
        return
    metrics = _chosen(is_text=is_text, words=words, function_spec=function_spec, name=name)
    summaries = []
    for called, metric in metrics.items():
        with _progress_bar(called) as progress:
            summaries.append(
                workspace.measure(study_name, metric, called=called, limit=limit, progress=progress)
            )
    _print_summaries(summaries)
    click.echo(f"Next: rater measure {study_name} --list, or rater analyze {study_name} once it is rated.")


def _chosen(
    *, is_text: bool, words: str | None, function_spec: str | None, name: str | None
) -> "Mapping[str, Metric]":
    """Return the metrics of the options by their names; exactly one kind may be given."""
    given = [
        option
        for option, value in (("--text", is_text), ("--words", words), ("--function", function_spec))
        if value
    ]
    if len(given) != 1:
        what = f"{' and '.join(given)} were given" if given else "No metric was given"
        msg = f"{what}; give one of --text, --words and --function."
        raise click.UsageError(msg)
    if name is not None and not _NAME.fullmatch(name):
        msg = f"--name is {name!r}; valid: a–z, 0–9 and _, starting with a letter, at most 40 characters."
        raise RaterError(msg)
    from rater.measure.text_metrics import text_metrics

    if is_text:
        if name is not None:
            msg = "--name cannot be combined with --text, which measures several metrics."
            raise click.UsageError(msg)
        return text_metrics()
    if words is not None:
        from rater.cli.metrics import split_words
        from rater.measure.text_metrics import count_of

        return {name or "counted_words": count_of(split_words(words))}
    assert function_spec is not None  # noqa: S101 (one of the three was given)
    return {name or _slug(function_spec.rpartition(":")[2]): _own_function(function_spec)}


def _own_function(spec: str) -> "Metric":
    from rater.cli.metrics import load_score
    from rater.measure.metric import TextMetric

    scoring = load_score(spec, option="--function")
    return TextMetric(scoring.function, "function", {"function": scoring.digest})


def _slug(name: str) -> str:
    """Return a name for a metric from another one."""
    slug = re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")[:40]
    return slug if _NAME.fullmatch(slug) else f"metric_{slug}"[:40].rstrip("_")


@contextlib.contextmanager
def _progress_bar(name: str) -> "Iterator[MeasureProgress]":
    """Show a progress bar on stderr while a metric is measured."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn(name),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("texts"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, planned: progress.update(task, completed=done, total=planned)


def _print_summaries(summaries: "list[MetricSummary]") -> None:
    """Print the counts of each metric, failures first."""
    if not summaries:
        click.echo("No metric was measured yet.")
    for each in summaries:
        about = f" ({each.dimension})" if each.dimension else ""
        now = f", {each.n_new} of them now" if each.n_new else ""
        n_measured = each.n_values + each.n_failed
        if each.failed:
            reasons = "; ".join(f"{n} × {reason}" for reason, n in sorted(each.failed.items()))
            click.echo(f"{each.name}{about}: {each.n_failed} of {n_measured} WITHOUT A VALUE: {reasons}")
        click.echo(
            f"{each.name}{about}: {each.n_values} values; {n_measured} of {each.n_planned} measured{now}"
        )
        if each.n_new and each.seconds > 0:
            click.echo(f"{each.name}: {1000 * each.seconds / each.n_new:.3g} s per 1,000 texts", err=True)
