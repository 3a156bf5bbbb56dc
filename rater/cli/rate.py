"""`rater rate`: rate a study, or the texts of a file, in the terminal."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, TypedDict, Unpack

import click
from click.core import ParameterSource

from rater.cli.external_ratings import TwoNumbers
from rater.cli.options import OutputFile, StudyName, rating_option
from rater.cli.outputs import Outputs, release_output, report_option, show
from rater.workspace.databases import current_user

if TYPE_CHECKING:
    from rater.study.dimension import Dimension
    from rater.terminal.text_ratings import AnswersFile
    from rater.workspace.rated_texts import RatedTexts


class FileOptions(TypedDict):
    """The options for the texts of a file."""

    question: str | None
    points: int | None
    limits: tuple[float, float] | None
    low: str | None
    high: str | None
    rater: str | None
    out: Path | None
    text: str | None
    prompt: str | None
    arm: str | None
    item: str | None
    contrast: tuple[str, ...]
    encoding: str | None
    analysis: bool
    report_path: Path | None
    json_path: Path | None
    csv_path: Path | None


_LOW, _HIGH, _POINTS = "not at all", "very", 5


@click.command(short_help="Rate a study, or the texts of a file, in the terminal.")
@click.argument("study_name", metavar="[STUDY]", type=StudyName(), required=False)
@click.option("--invitation", help="Code of a personal link, if the study requires one.")
@click.option("--as", "person", default="", help="Name of another rater on this machine.")
@click.option(
    "--from",
    "from_path",
    type=click.Path(path_type=Path),
    help="Rate the texts of this table instead of a study: CSV, TSV, JSON, JSON Lines or Parquet.",
)
@click.option("--question", help="Question about each text, such as “How happy is this text?”.")
@click.option(
    "--points", type=click.IntRange(2, 11), show_default=str(_POINTS), help="Number of points of the scale."
)
@click.option(
    "--scale", "limits", type=TwoNumbers(), metavar="LOW,HIGH", help="A scale of numbers instead of points."
)
@click.option("--low", show_default=_LOW, help="Label of the lowest point.")
@click.option("--high", show_default=_HIGH, help="Label of the highest point.")
@click.option("--rater", show_default="your login name", help="Name of the rater in the file of answers.")
@click.option(
    "--out",
    type=OutputFile(".csv"),
    show_default="FILE-answers.csv, next to FILE",
    help="File of answers; raters of the same texts share it.",
)
@click.option("--text", metavar="COL", show_default="text or completion", help="Column with the texts.")
@click.option("--prompt", metavar="COL", show_default="prompt, if there is one", help="Column with prompts.")
@click.option("--arm", metavar="COL", show_default="arm, if there is one", help="Column with arms.")
@click.option("--item", metavar="COL", show_default="item, or the row's number", help="Column with text IDs.")
@click.option(
    "--contrast",
    multiple=True,
    metavar="A,B",
    help="Arms to compare, A minus B. If a name has a comma, give the option twice or quote as in CSV.",
)
@click.option("--encoding", show_default="utf-8", help="Encoding of the file, such as cp1252.")
@click.option("--analysis/--no-analysis", default=True, help="Analyse the answers once all texts are rated.")
@report_option
@click.option("--json", "json_path", type=OutputFile(), help="Write all results to this file.")
@click.option("--csv", "csv_path", type=OutputFile(), help="Write the tidy ratings, with arms, to this file.")
@rating_option
def rate(
    study_name: str | None,
    rating_url: str,
    *,
    invitation: str | None,
    person: str,
    from_path: Path | None,
    **options: Unpack[FileOptions],
) -> None:
    """Rate a study in the terminal, blinded as in the browser. You can quit and continue at any time.

    Names given with --as are stored on this machine only, as a digest.

    With --from, rate the texts of a table in a random order and without their arms. Each answer is saved at
    once to a file of answers, which has no arms; several raters can share it. At the end the answers are
    analysed as by `rater analyze --from`, or summarised if the table has no arms.

    \b
    Example: rater rate love_vs_hate
    Example: rater rate love_vs_hate --as ana
    Example: rater rate --from texts.csv --question "How happy is this text?" --rater ana
    """
    _require_consistent_options(study_name, from_path)
    if from_path is not None:
        _rate_file(from_path, options)
        return
    from platformdirs import user_state_path
    from rich.console import Console

    from rater.terminal.console import Keyboard
    from rater.terminal.rate import rate_in_terminal

    assert study_name is not None  # noqa: S101 (checked above)
    release_output()
    rate_in_terminal(
        rating_url,
        study_name,
        console=Console(),
        keyboard=Keyboard(sys.stdin),
        state_folder=user_state_path("rater"),
        now=lambda: datetime.now(UTC),
        invitation=invitation,
        person=person.strip(),
    )


def _require_consistent_options(study_name: str | None, from_path: Path | None) -> None:
    """Refuse options that belong to the other kind of rating.

    Raises:
        click.UsageError: the options contradict each other.
    """
    if (study_name is None) == (from_path is None):
        msg = "Give either a STUDY, or --from FILE with texts to rate."
        raise click.UsageError(msg)
    context = click.get_current_context()
    about_study = {"invitation", "person", "rating_url"}
    for parameter in context.command.params:
        name = parameter.name or ""
        is_about_study = name in about_study
        typed = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if not typed or name in {"study_name", "from_path"} or is_about_study == (from_path is None):
            continue
        option = parameter.opts[0]
        other = "a STUDY, and cannot be combined with --from" if is_about_study else "texts of a file: use it"
        msg = f"{option} is for {other}." if is_about_study else f"{option} is for {other} with --from."
        raise click.UsageError(msg)


def _rate_file(path: Path, options: FileOptions) -> None:
    from rich.console import Console

    from rater.names import normalise_name
    from rater.terminal.console import Keyboard
    from rater.terminal.text_ratings import AnswersFile, rate_texts_in_terminal
    from rater.workspace.rated_texts import read_texts, require_plan

    outputs = Outputs(options["report_path"], options["json_path"], options["csv_path"])
    outputs.require_writable()
    dimension = _dimension(options)
    columns = {
        "text": options["text"],
        "prompt": options["prompt"],
        "arm": options["arm"],
        "item": options["item"],
    }
    rated = read_texts(path, columns=columns, encoding=options["encoding"])
    _require_arms(rated, outputs, options["contrast"])
    if rated.has_contrast:
        require_plan(rated, dimension, contrast=options["contrast"])
    rater = normalise_name(current_user() if options["rater"] is None else options["rater"])
    if not rater:
        msg = "--rater is empty; valid: a name, such as ana."
        raise click.UsageError(msg)
    file = AnswersFile(options["out"] or _answers_path(path), dimension, rated.texts)
    release_output()
    is_done = rate_texts_in_terminal(
        file,
        rater,
        console=Console(),
        keyboard=Keyboard(sys.stdin),
        now=lambda: datetime.now(UTC),
        order=SystemRandom(),
    )
    if is_done:
        click.echo(f"All {len(rated.texts)} texts are rated; the answers are in {file.path}\n")
        if options["analysis"]:
            _analyse(rated, file, outputs, contrast=options["contrast"])


def _answers_path(path: Path) -> Path:
    """Return the default file of answers.

    Raises:
        RaterError: it cannot be written.
    """
    return OutputFile(".csv").convert(path.parent / f"{path.name.partition('.')[0]}-answers.csv", None, None)


def _require_arms(rated: "RatedTexts", outputs: Outputs, contrast: Sequence[str]) -> None:
    """Refuse options of the analysis where there are no arms to compare.

    Raises:
        click.UsageError: such an option is given.
    """
    given = {"--report": outputs.report_path, "--json": outputs.json_path, "--csv": outputs.csv_path}
    named = next((name for name, value in given.items() if value), "--contrast" if contrast else None)
    if named and not rated.has_contrast:
        n = len(set(rated.arms.values()))
        lack = "has texts of one arm" if n else "has no column of arms"
        msg = f"{named} needs two arms to compare, but {rated.source} {lack}; name it with --arm."
        raise click.UsageError(msg)


def _dimension(options: FileOptions) -> "Dimension":
    """Return the question with its scale.

    Raises:
        click.UsageError: there is no question, or an option is not valid.
    """
    from pydantic import ValidationError

    from rater.study.dimension import Dimension
    from rater.study.scales import Likert, Slider
    from rater.study.validation import describe

    if options["question"] is None:
        msg = "--from needs a --question, such as “How happy is this text?”."
        raise click.UsageError(msg)
    limits, points = options["limits"], options["points"]
    if limits is not None and points is not None:
        msg = "--points and --scale are both given; a scale has points, or numbers from LOW to HIGH."
        raise click.UsageError(msg)
    labels = {"low": options["low"] or _LOW, "high": options["high"] or _HIGH}
    try:
        scale = (
            Likert(points=points or _POINTS, **labels)
            if limits is None
            else Slider(minimum=limits[0], maximum=limits[1], **labels)
        )
        return Dimension(name="answer", question=options["question"], scale=scale, cannot_judge=True)
    except ValidationError as error:
        raise click.UsageError(describe(error)) from error


def _analyse(rated: "RatedTexts", file: "AnswersFile", outputs: Outputs, *, contrast: Sequence[str]) -> None:
    answers, dimension = file.read(), file.dimension
    if rated.has_contrast:
        from rater.workspace.rated_texts import plan_input

        show(plan_input(rated, answers, dimension, contrast=contrast), outputs)
        return
    import numpy as np
    from rich.console import Console

    from rater.analysis.text_summary import summarise_texts
    from rater.report.console.text_summary import print_text_summary
    from rater.workspace.rated_texts import join_arms

    points = [level.value for level in dimension.scale.levels]
    summary = summarise_texts(join_arms(rated, answers, dimension), points, rng=np.random.default_rng(0))
    print_text_summary(summary, Console(), title=f"{rated.source}: {dimension.question}")
