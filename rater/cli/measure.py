"""`rater measure`: metrics of a study's texts, without arms."""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from rater.cli.model import device_option
from rater.cli.options import sealed_option, study_argument
from rater.cli.workers import read_workers, workers_options
from rater.errors import RaterError, nearest
from rater.workspace import Workspace

if TYPE_CHECKING:
    from transformer_lens.model_bridge import TransformerBridge

    from rater.measure.judge_question import JudgeQuestion
    from rater.measure.metric import Metric
    from rater.measure.run import MetricSummary
    from rater.measure.run import Progress as MeasureProgress
    from rater.study.dimension import Dimension
    from rater.study.study import Study

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@click.command(short_help="Measure the texts with metrics and LLM judges.")
@study_argument
@click.option("--text", "is_text", is_flag=True, help="Length, repetition, variety of words, readability.")
@click.option("--words", help="Occurrences of these words, such as love,joy,family.")
@click.option("--function", "function_spec", help="Your own function of a text, FILE.py:function.")
@click.option("--classifier", "classifier_model", help="Text-classification model: its name or folder.")
@click.option("--positive", help="Labels of the classifier that count, such as toxic,insult.")
@click.option("--embedding", "embedding_model", help="Distance of embeddings: a model's name or folder.")
@click.option(
    "--reference", multiple=True, help="Text to compare with; may be repeated.  [default: the prompt]"
)
@click.option(
    "--from",
    "from_path",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Values of another program: a table, or a log of Inspect.",
)
@click.option("--column", help="Column of the values in the table, or scorer of the log.")
@click.option("--judge", "judge_model", help="Ask this language model the raters' question.")
@click.option("--base-url", help="Server of the judge, with OpenAI's interface.  [default: this machine]")
@click.option(
    "--key-variable",
    default="OPENAI_API_KEY",
    show_default=True,
    help="Environment variable with the server's key; the key is never stored.",
)
@click.option("--dimension", help="Dimension whose question the judge answers.  [default: the primary one]")
@click.option("--question", help="Ask the judge another question, about one text.")
@click.option("--points", type=click.IntRange(2, 11), default=5, show_default=True, help="With --question.")
@click.option("--low", help="Label of point 1, with --question.")
@click.option("--high", help="Label of the last point, with --question.")
@click.option("--reasons", is_flag=True, help="Ask the judge for a short reason before its answer.")
@click.option("--repeats", type=click.IntRange(1), default=1, show_default=True, help="Ask N times.")
@click.option(
    "--at-once", type=click.IntRange(1, 64), default=4, show_default=True, help="Requests at a time."
)
@click.option(
    "--timeout", type=click.FloatRange(1), default=60, show_default=True, help="Seconds for a reply."
)
@click.option(
    "--max-tokens", type=click.IntRange(1), help="Of a reply.  [default: 16, or 256 with --reasons]"
)
@click.option("--name", help="Name under which the values are stored.  [default: by the metric]")
@click.option("--limit", type=click.IntRange(1), help="Measure at most N texts in this run.", metavar="N")
@click.option("--list", "is_list", is_flag=True, help="List the study's metrics, and measure nothing.")
@device_option
@workers_options
@sealed_option
def measure(
    study_name: str, sealed_url: str, *, name: str | None, limit: int | None, is_list: bool, **given: Any
) -> None:
    """Measure the texts of a generated study. You can stop at any time; run it again to continue.

    A metric or judge is given prompts and texts as raters see them, in random order, and never an arm. Values
    are stored in the sealed database, before or after publication. `rater analyze` shows them next to the
    raters' answers; the primary result is never a metric's.

    \b
    Example: rater measure love_vs_hate --text
    Example: rater measure love_vs_hate --words love,joy,happy
    Example: rater measure love_vs_hate --judge a-model --base-url http://127.0.0.1:8000/v1
    """
    workspace = Workspace(sealed=sealed_url)
    if is_list:
        _print_summaries(workspace.metrics(study_name))
        return
    workers = read_workers(given)
    chosen = _the_only(given)
    if workers.are_given and given["base_url"] is not None:
        msg = "--workers and --ray are not for a judge on a server (--base-url); use --at-once."
        raise click.UsageError(msg)
    if name is not None and not _NAME.fullmatch(name):
        msg = f"--name is {name!r}; valid: a–z, 0–9 and _, starting with a letter, at most 40 characters."
        raise RaterError(msg)
    if chosen == "--text" and name is not None:
        msg = "--name cannot be combined with --text, which measures several metrics."
        raise click.UsageError(msg)
    summaries = []
    with workers.open(device=given["device"], n_gpus=int(chosen in _WITH_MODEL)) as runner:
        for called, metric in _SOURCES[chosen](workspace, study_name, given, name).items():
            with _progress_bar(called) as progress:
                summary = workspace.measure(
                    study_name,
                    metric,
                    called=called,
                    repeats=given["repeats"],
                    limit=limit,
                    progress=progress,
                    runner=runner,
                )
            summaries.append(summary)
    _print_summaries(summaries)
    click.echo(f"Next: rater measure {study_name} --list, or rater analyze {study_name} once it is rated.")


def _the_only(given: Mapping[str, Any]) -> str:
    """Return the kind of metric that was given; exactly one may be, and options of a judge belong to it."""
    kinds = {
        "--text": "is_text",
        "--words": "words",
        "--function": "function_spec",
        "--classifier": "classifier_model",
        "--embedding": "embedding_model",
        "--judge": "judge_model",
        "--from": "from_path",
    }
    chosen = [option for option, field in kinds.items() if given[field]]
    if len(chosen) != 1:
        what = f"{' and '.join(chosen)} were given" if chosen else "No metric was given"
        msg = f"{what}; give one of {', '.join(kinds)}."
        raise click.UsageError(msg)
    source = click.get_current_context().get_parameter_source
    for names, allowed in _BELONGS:
        typed = [each for each in names if source(each) is ParameterSource.COMMANDLINE]
        if typed and chosen[0] not in allowed:
            msg = f"--{typed[0].replace('_', '-')} cannot be used with {chosen[0]}, but with {allowed[0]}."
            raise click.UsageError(msg)
    return chosen[0]


_WITH_MODEL = {"--classifier", "--embedding", "--judge"}
_BELONGS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (
        (
            "base_url", "key_variable", "question", "points", "low", "high", "reasons", "repeats", "at_once",
            "timeout", "max_tokens",
        ),
        ("--judge",),
    ),
    (("dimension",), ("--judge", "--from")),
    (("column",), ("--from",)),
    (("positive",), ("--classifier",)),
    (("reference",), ("--embedding",)),
    (("device",), ("--judge", "--classifier", "--embedding")),
)  # fmt: skip
"""Options that belong to some kinds of metrics only."""


def _text(
    _workspace: Workspace, _study_name: str, _given: Mapping[str, Any], _name: str | None
) -> "Mapping[str, Metric]":
    from rater.measure.text_metrics import text_metrics

    return text_metrics()


def _words(
    _workspace: Workspace, _study_name: str, given: Mapping[str, Any], name: str | None
) -> "Mapping[str, Metric]":
    from rater.cli.metrics import split_words
    from rater.measure.text_metrics import count_of

    return {name or "counted_words": count_of(split_words(given["words"]))}


def _function(
    _workspace: Workspace, _study_name: str, given: Mapping[str, Any], name: str | None
) -> "Mapping[str, Metric]":
    spec = given["function_spec"]
    return {name or _slug(spec.rpartition(":")[2]): _own_function(spec)}


def _classifier(
    _workspace: Workspace, _study_name: str, given: Mapping[str, Any], name: str | None
) -> "Mapping[str, Metric]":
    from rater.cli.metrics import split_words
    from rater.measure.classifiers import Classifier

    model = given["classifier_model"]
    positive = None if given["positive"] is None else split_words(given["positive"], option="--positive")
    return {name or _slug(Path(model).name): Classifier(model, positive, device=given["device"])}


def _embedding(
    _workspace: Workspace, _study_name: str, given: Mapping[str, Any], name: str | None
) -> "Mapping[str, Metric]":
    from rater.measure.classifiers import EmbeddingDistance

    model, references = given["embedding_model"], given["reference"]
    return {name or "embedding_distance": EmbeddingDistance(model, references, device=given["device"])}


def _file(
    workspace: Workspace, study_name: str, given: Mapping[str, Any], name: str | None
) -> "Mapping[str, Metric]":
    from rater.measure.judge_file import read_judge_file
    from rater.measure.study_texts import read_item_texts

    judged = None
    if given["dimension"] is not None:
        judged = _dimension(workspace.declared(study_name), study_name, given["dimension"])
    texts = read_item_texts(workspace.sealed_url, study_name)
    path = given["from_path"]
    metric = read_judge_file(path, texts, column=given["column"], judged=judged)
    return {name or _slug(path.stem): metric}


def _judge(
    workspace: Workspace, study_name: str, given: Mapping[str, Any], name: str | None
) -> "Mapping[str, Metric]":
    """Return the judge of the options; its question is a dimension's, or one of its own."""
    from rater.measure.judge import LocalJudge, ServerJudge, tokens_for
    from rater.measure.judge_server import JudgeServer

    question, dimension = _question(workspace, study_name, given)
    model, n_tokens = given["judge_model"], given["max_tokens"] or tokens_for(reasons=given["reasons"])
    if given["base_url"] is None:
        if given["repeats"] > 1:
            msg = "--repeats needs a server (--base-url): a model on this machine always answers alike."
            raise click.UsageError(msg)
        device = given["device"]
        load = partial(_load, device=device)
        judge: Metric = LocalJudge(question, model, load=load, max_tokens=n_tokens, dimension=dimension)
    else:
        server = JudgeServer(
            base_url=given["base_url"],
            model=model,
            key_variable=given["key_variable"],
            max_tokens=n_tokens,
            timeout_s=given["timeout"],
            n_at_once=given["at_once"],
        )
        judge = ServerJudge(question, server, dimension=dimension)
    default = "judge" if dimension is None else _slug(f"judge_{dimension}")
    return {name or default: judge}


def _question(
    workspace: Workspace, study_name: str, given: Mapping[str, Any]
) -> "tuple[JudgeQuestion, str | None]":
    from rater.measure.judge import own_question
    from rater.measure.judge_question import JudgeQuestion

    study = workspace.declared(study_name)
    labels = {shown.name: shown.label for shown in study.shown_fields}
    if given["question"] is not None:
        if given["dimension"] is not None:
            msg = "--dimension and --question both name the judge's question; give one of them."
            raise click.UsageError(msg)
        if given["low"] is None or given["high"] is None:
            msg = "--question needs the labels of the first and the last point: --low and --high."
            raise click.UsageError(msg)
        asked = own_question(given["question"], points=given["points"], low=given["low"], high=given["high"])
        return JudgeQuestion(asked, labels, reasons=given["reasons"]), None
    dimension = _dimension(study, study_name, given["dimension"])
    return JudgeQuestion(dimension, labels, reasons=given["reasons"]), dimension.name


def _dimension(study: "Study", study_name: str, name: str | None) -> "Dimension":
    """Return a dimension by its name, or the primary one."""
    known = {each.name: each for each in study.dimensions}
    if name is None:
        # a composite score is primary where it is declared, and nobody is asked about it
        name = study.primary if study.primary in known else next(iter(known))
    if name not in known:
        msg = f"--dimension is {name!r}, which raters of {study_name} are not asked.{nearest(name, known)}"
        raise RaterError(msg)
    return known[name]


def _load(name: str, *, device: str | None) -> "TransformerBridge":
    from rater.cli.model import load_model

    return load_model(name, device)


_SOURCES: "dict[str, Callable[[Workspace, str, Mapping[str, Any], str | None], Mapping[str, Metric]]]" = {
    "--text": _text,
    "--words": _words,
    "--function": _function,
    "--classifier": _classifier,
    "--embedding": _embedding,
    "--judge": _judge,
    "--from": _file,
}


def _own_function(spec: str) -> "Metric":
    from rater.cli.metrics import load_score
    from rater.measure.metric import TextMetric

    scoring = load_score(spec, option="--function")
    return TextMetric(scoring.function, "function", {"function": scoring.digest}, description=scoring.label)


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
