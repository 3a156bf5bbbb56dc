"""External ratings as the input of `rater analyze --from`: options, reading, plan and diagnosis.

The options of the analysis also change a study's planned analysis, with --exploratory.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict, get_args

import click

from rater.cli.options import Command
from rater.errors import RaterError, StudyError
from rater.name_lists import split_names

Composite: TypeAlias = tuple[str, "CompositeRule", tuple[str, ...]]
"""The name of a composite score, its rule and its dimensions."""
CompositeRule = Literal["harmonic_mean", "minimum", "mean"]

if TYPE_CHECKING:
    import pandas as pd

    from rater.analysis.diagnosis import Diagnosis
    from rater.analysis.plan import Planned
    from rater.study.analysis_plan import Scope
    from rater.workspace.analysis_input import AnalysisInput


class ExternalRatingsOptions(TypedDict):
    """The values of the options."""

    from_path: Path | None
    rater: str
    prompt: str
    arm: str
    answer: str
    item: str | None
    dimension: str | None
    primary: str | None
    contrast: tuple[str, ...]
    points: int | None
    limits: tuple[float, float] | None
    choices: Literal["signed", "1/0", "1/2"] | None
    scope: "Scope | None"
    score: Literal["net_superiority", "scale_points"] | None
    test: Literal["cell_scores", "mixed_model"] | None
    sesoi: float | None
    composite: tuple[Composite, ...]
    no_worse: tuple[str, float] | None
    drop_empty: bool
    wide: str | None
    answer_columns: list[str] | None
    items: Path | None
    labels: list[str]
    missing: list[str]
    decimal: Literal[".", ","] | None
    quotes: bool
    encoding: str | None
    check: bool


class NameList(click.ParamType[list[str]]):
    """Comma-separated names; a name with a comma is in double quotes, as in CSV."""

    name = "names"

    def convert(
        self, value: str | list[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> list[str]:
        """Split ``love,joy`` or ``"GPT-4, t=0","GPT-4, t=1"``."""
        if isinstance(value, list):
            return value
        try:
            return split_names(value)
        except RaterError as error:
            self.fail(str(error), param, ctx)


class TwoNumbers(click.ParamType[tuple[float, float]]):
    """Two comma-separated numbers, the lower one first."""

    name = "limits"

    def convert(
        self, value: str | tuple[float, float], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        """Parse ``0,100``."""
        if isinstance(value, tuple):
            return value
        try:
            low, high = (float(number) for number in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not two numbers, such as 0,100.", param, ctx)
        return low, high


class CompositeScore(click.ParamType["Composite"]):
    """A composite score: its name, its rule and its dimensions."""

    name = "composite"

    def convert(
        self, value: "str | Composite", param: click.Parameter | None, ctx: click.Context | None
    ) -> "Composite":
        """Parse ``overall=harmonic_mean:concept,fluency``."""
        if isinstance(value, tuple):
            return value
        name, is_named, formula = value.partition("=")
        rule, has_parts, parts = formula.partition(":")
        found = next((each for each in get_args(CompositeRule) if each == rule.strip()), None)
        if not (name.strip() and is_named and has_parts) or found is None:
            valid = f"NAME=RULE:DIMENSIONS, with the rule {', '.join(get_args(CompositeRule))}"
            self.fail(f"{value!r} is not a composite score; valid: {valid}.", param, ctx)
        try:
            return name.strip(), found, tuple(split_names(parts))
        except RaterError as error:
            self.fail(str(error), param, ctx)


class Margin(click.ParamType[tuple[str, float]]):
    """A dimension and a margin."""

    name = "margin"

    def convert(
        self, value: str | tuple[str, float], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        """Parse ``fluency=0.3``."""
        if isinstance(value, tuple):
            return value
        name, _, margin = value.rpartition("=")
        try:
            number = float(margin)
        except ValueError:
            number = 0.0
        if not name or not number > 0:
            msg = f"{value!r} is not a dimension and a margin above 0, such as fluency=0.3."
            self.fail(msg, param, ctx)
        return name.strip(), number


_OPTIONS = (
    click.option(
        "--from",
        "from_path",
        type=click.Path(path_type=Path),
        help="Analyse this table instead of a study: CSV, TSV, JSON, JSON Lines or Parquet.",
    ),
    click.option("--rater", default="rater", show_default=True, metavar="COL", help="Column with rater IDs."),
    click.option("--prompt", default="prompt", show_default=True, metavar="COL", help="Column with prompts."),
    click.option("--arm", default="arm", show_default=True, metavar="COL", help="Column with arms."),
    click.option("--answer", default="answer", show_default=True, metavar="COL", help="Column with answers."),
    click.option(
        "--item", metavar="COL", help="Column with text IDs, if a prompt has several texts in an arm."
    ),
    click.option(
        "--dimension",
        metavar="COL",
        help="Column with dimensions; the first one is primary unless --primary is given.",
    ),
    click.option("--primary", metavar="NAME", help="Primary dimension."),
    click.option(
        "--contrast",
        multiple=True,
        metavar="A,B",
        help="Arms to compare, A minus B. If a name has a comma, give the option twice or quote as in CSV.",
    ),
    click.option("--points", type=int, help="Number of points of the scale, from 1."),
    click.option(
        "--limits", type=TwoNumbers(), metavar="LOW,HIGH", help="Lowest and highest value of a numeric scale."
    ),
    click.option(
        "--choices",
        type=click.Choice(["signed", "1/0", "1/2"]),
        help="Coding of pairwise choices: above/below 0, won/lost, or first/second text.",
    ),
    click.option(
        "--scope",
        type=click.Choice(
            ["raters+prompts", "raters+prompts+concepts", "raters+concepts", "raters", "prompts"]
        ),
        show_default="raters+prompts; with concepts raters+prompts+concepts",
        help="Populations that the claim generalises to.",
    ),
    click.option(
        "--score",
        type=click.Choice(["net_superiority", "scale_points"]),
        show_default="net_superiority; scale_points in a mixed model",
        help="Score to compare.",
    ),
    click.option(
        "--test",
        type=click.Choice(["cell_scores", "mixed_model"]),
        show_default="by design",
        help="Primary test: within rater and prompt, or a linear mixed model of all answers.",
    ),
    click.option(
        "--sesoi",
        type=click.FloatRange(min=0, min_open=True),
        help="Smallest effect size of interest, in units of the score.",
    ),
    click.option(
        "--composite",
        multiple=True,
        type=CompositeScore(),
        metavar="NAME=RULE:DIMS",
        help="Composite score of each rated text: overall=harmonic_mean:concept,fluency. Rules: "
        "harmonic_mean, minimum, mean. Name it with --primary to test it first.",
    ),
    click.option(
        "--no-worse",
        type=Margin(),
        metavar="DIM=MARGIN",
        help="Second primary test, in scale points: the first arm is worse by less than MARGIN on DIM.",
    ),
    click.option("--drop-empty", is_flag=True, help="Leave out rows without an answer."),
    click.option(
        "--missing",
        type=NameList(),
        default=list,
        metavar="CODES",
        help="Codes for missing answers in addition to NA, null and the like, such as -99,skipped.",
    ),
    click.option(
        "--labels",
        type=NameList(),
        default=list,
        metavar="LABELS",
        help="Labels of the scale points from lowest to highest: disagree,neither,agree.",
    ),
    click.option(
        "--wide",
        metavar="PATTERN",
        help="Wide format; pattern of the answer columns' names: {arm}, {prompt}_{arm} or {item}.",
    ),
    click.option(
        "--answer-columns",
        type=NameList(),
        metavar="COLS",
        help="Answer columns of a wide table.  [default: all that match --wide]",
    ),
    click.option(
        "--items",
        type=click.Path(path_type=Path),
        help="Table of items with the columns item, prompt and arm.",
    ),
    click.option(
        "--decimal",
        type=click.Choice([".", ","]),
        show_default="a comma where semicolons separate columns",
        help="Decimal separator.",
    ),
    click.option("--quotes/--no-quotes", default=True, help="Allow quoted fields in the file."),
    click.option("--encoding", show_default="utf-8", help="Encoding of the file, such as cp1252."),
    click.option("--check", is_flag=True, help="Diagnose the table only; exit code 2 if it is refused."),
)


PLANNED = ("primary", "contrast", "scope", "score", "test", "sesoi")
"""The options of the analysis, which a study declares in its analysis plan."""


def external_ratings_options(command: Command) -> Command:
    """Add all options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_MEANINGS = {
    "rater": "rater ID",
    "item": "text ID",
    "prompt": "prompt of the text",
    "arm": "arm of the text",
    "dimension": "rated dimension",
    "answer": "the answer",
    "position": "position of the text in the order shown",
    "shown_ms": "time from showing the text to the answer, in milliseconds",
    "guess": "the rater's guess of the arm",
}


def read_external_ratings(options: ExternalRatingsOptions, *, label: str | None) -> "AnalysisInput":
    """Read the table of --from and plan its analysis from the other options."""
    from rater.report.console.analysis import Screen
    from rater.report.context import ReportContext
    from rater.workspace.analysis_input import AnalysisInput

    path, frame = _read(options)
    notes = ["These are external ratings: no preregistration or verification by this software."]
    return AnalysisInput(
        frame=frame,
        plan=_plan(frame, options),
        screen=Screen(title=str(path), notes=notes, banner=label or ""),
        about=ReportContext(
            title=path.name, label=label, source=path.name, columns=_columns(frame, options, path.name)
        ),
    )


def diagnose_external_ratings(options: ExternalRatingsOptions) -> "Diagnosis":
    """Diagnose the table of --from, even if the arms to compare are not known yet."""
    from rater.analysis.diagnosis import diagnose
    from rater.analysis.external_plan import arms_of
    from rater.analysis.findings import Finding, in_order

    _, frame = _read(options)
    try:
        return diagnose(frame, _plan(frame, options))
    except StudyError as error:
        arms = arms_of(frame)
        if options["contrast"] or len(arms) < 2:
            raise
        # Without a contrast the answers can be diagnosed, but not the design.
        diagnosis = diagnose(frame, _plan(frame, {**options, "contrast": (arms[0], arms[1])}))
        about_answers = [
            each for each in diagnosis.findings if each.code not in {"unused_arms", "unpaired", "few_paired"}
        ]
        message = f"{str(error)[:1].upper()}{str(error)[1:]}."
        refusal = Finding(level="refuse", code="contrast", message=message)
        return replace(diagnosis, findings=in_order([refusal, *about_answers]))


def _read(options: ExternalRatingsOptions) -> "tuple[Path, pd.DataFrame]":
    from rater.analysis.read_ratings import read

    path = options["from_path"]
    assert path is not None  # noqa: S101 (checked before)
    frame = read(
        path,
        rater=options["rater"],
        prompt=options["prompt"],
        arm=options["arm"],
        answer=options["answer"],
        item=options["item"],
        dimension=options["dimension"],
        drop_empty=options["drop_empty"],
        wide=options["wide"],
        answer_columns=options["answer_columns"],
        items=options["items"],
        labels=options["labels"],
        missing=options["missing"],
        decimal=options["decimal"],
        quotes=options["quotes"],
        encoding=options["encoding"],
    )
    return path, frame


def _plan(frame: "pd.DataFrame", options: ExternalRatingsOptions) -> "Planned":
    from rater.analysis.external_plan import arms_of, plan_for
    from rater.name_lists import choose_arms

    return plan_for(
        frame,
        contrast=choose_arms(options["contrast"], arms_of(frame)) if options["contrast"] else None,
        points=options["points"] or len(options["labels"]) or None,
        limits=options["limits"],
        choices=options["choices"],
        scope=options["scope"],
        score=options["score"],
        test=options["test"],
        sesoi=options["sesoi"],
        composites=options["composite"],
        primary=options["primary"],
        no_worse=options["no_worse"],
    )


def _columns(frame: "pd.DataFrame", options: ExternalRatingsOptions, file: str) -> dict[str, tuple[str, str]]:
    """Return the meanings of the columns of external ratings, with their original names."""
    called = {
        "rater": options["rater"],
        "prompt": options["prompt"],
        "arm": options["arm"],
        "answer": options["answer"],
        "item": options["item"],
        "dimension": options["dimension"],
    }
    return {
        name: (f"{meaning}; {called[name]!r} in {file}" if called.get(name) else meaning, "experimenter")
        for name, meaning in _MEANINGS.items()
        if name in frame.columns
    }
