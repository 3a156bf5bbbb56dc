"""Print what a study file declares of its analysis, before anything is generated."""

from rich.console import Console

from rater.analysis.of_study import plan_of
from rater.analysis.sequential import describe_looks
from rater.analysis.wording import SCORE_LABELS
from rater.report.labelled import labelled
from rater.study.describe_analysis import (
    describe_contrast,
    describe_control,
    describe_doses,
    describe_guessing,
)
from rater.study.study import Study


def print_analysis_plan(study: Study, console: Console | None = None) -> None:
    """Print the primary test, and whatever else the study declares of its analysis."""
    console = console or Console()
    console.print("\n[bold]The analysis[/bold], as the study file declares it:")
    console.print(labelled(analysis_lines(study)))


def analysis_lines(study: Study) -> list[tuple[str, str]]:
    """List what is declared, in the order of its weight; what is not declared has no line."""
    plan = study.analysis
    first, second = study.contrast
    score = SCORE_LABELS[plan.score]
    claim = f"generalising to {plan.scope}, alpha {plan.alpha:g}"
    said = [
        ("primary test", f"{first} − {second} on {study.primary} in {score}, {claim}"),
        (
            "SESOI",
            ""
            if plan.sesoi is None
            else f"{plan.sesoi:g} in {score}; larger, smaller (equivalent) or undecided is concluded",
        ),
        ("control", _control(study)),
        *_contrasts(study),
        ("doses", _doses(study)),
        ("excluded raters", "; or ".join(plan.exclusions.describe().values())),
        ("looks", "" if plan.looks is None else describe_looks(plan.looks, plan.alpha)),
        ("guesses", describe_guessing(study)),
    ]
    return [(label, value) for label, value in said if value]


def _contrasts(study: Study) -> list[tuple[str, str]]:
    families: dict[str, list[str]] = {}
    for contrast in plan_of(study).others_among(study.arm_names):
        named = describe_contrast(contrast.first, contrast.second, contrast.name)
        families.setdefault(contrast.family, []).append(named)
    return [
        ("contrasts", f"{', '.join(named)} ({family}, adjusted by Holm's method)")
        for family, named in families.items()
    ]


def _control(study: Study) -> str:
    """Name the control where arms are compared with it by default."""
    if study.analysis.contrasts or not plan_of(study).contrasts_among(study.arm_names):
        return ""
    return f"{study.control}, {describe_control(study)}; by default every other arm is compared with it"


def _doses(study: Study) -> str:
    doses = describe_doses(study)
    return f"{doses}; a linear and a monotone trend are tested, as one test if they coincide" if doses else ""
