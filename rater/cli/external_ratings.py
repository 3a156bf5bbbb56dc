"""External ratings as the input of `rater analyze --from`: read, plan, and diagnose them."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from rater.analysis.plan import Planned
from rater.cli.external_options import ExternalRatingsOptions
from rater.errors import StudyError
from rater.report.console.analysis import Screen
from rater.report.context import ReportContext
from rater.workspace.analysis_input import AnalysisInput

if TYPE_CHECKING:
    from rater.analysis.diagnosis import Diagnosis

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


def read_external_ratings(given: ExternalRatingsOptions, *, label: str | None) -> AnalysisInput:
    """Read the table of --from and plan its analysis from the other options."""
    path, frame = _read(given)
    notes = ["These are external ratings: no preregistration or verification by this software."]
    return AnalysisInput(
        frame=frame,
        plan=_plan(frame, given),
        screen=Screen(title=str(path), notes=notes, banner=label or ""),
        about=ReportContext(
            title=path.name, label=label, source=path.name, columns=_columns(frame, given, path.name)
        ),
    )


def diagnose_external_ratings(given: ExternalRatingsOptions) -> "Diagnosis":
    """Diagnose the table of --from, even if the arms to compare are not known yet."""
    from rater.analysis.diagnosis import diagnose
    from rater.analysis.external_plan import arms_of
    from rater.analysis.findings import Finding, in_order

    _, frame = _read(given)
    try:
        return diagnose(frame, _plan(frame, given))
    except StudyError as error:
        arms = arms_of(frame)
        if given["contrast"] or len(arms) < 2:
            raise
        # Without a contrast the answers can be diagnosed, but not the design.
        found = diagnose(frame, _plan(frame, {**given, "contrast": (arms[0], arms[1])}))
        about_answers = [
            each for each in found.findings if each.code not in {"unused_arms", "unpaired", "few_paired"}
        ]
        message = f"{str(error)[:1].upper()}{str(error)[1:]}."
        refusal = Finding(level="refuse", code="contrast", message=message)
        return replace(found, findings=in_order([refusal, *about_answers]))


def _read(given: ExternalRatingsOptions) -> tuple[Path, pd.DataFrame]:
    from rater.analysis.read_ratings import read

    path = given["from_path"]
    assert path is not None  # noqa: S101 (checked before)
    frame = read(
        path,
        rater=given["rater"],
        prompt=given["prompt"],
        arm=given["arm"],
        answer=given["answer"],
        item=given["item"],
        dimension=given["dimension"],
        drop_empty=given["drop_empty"],
        wide=given["wide"],
        answer_columns=given["answer_columns"],
        items=given["items"],
        labels=given["labels"],
        missing=given["missing"],
        decimal=given["decimal"],
        quotes=given["quotes"],
        encoding=given["encoding"],
    )
    return path, frame


def _plan(frame: pd.DataFrame, given: ExternalRatingsOptions) -> Planned:
    from rater.analysis.external_plan import arms_of, plan_for
    from rater.name_lists import choose_arms
    from rater.names import normalise_name

    plan = plan_for(
        frame,
        contrast=choose_arms(given["contrast"], arms_of(frame)) if given["contrast"] else None,
        points=given["points"] or len(given["labels"]) or None,
        limits=given["limits"],
        choices=given["choices"],
        scope=given["scope"] or "raters+prompts",
        score=given["score"] or "net_superiority",
        sesoi=given["sesoi"],
    )
    return replace(plan, primary=normalise_name(given["primary"] or plan.primary))


def _columns(frame: pd.DataFrame, given: ExternalRatingsOptions, file: str) -> dict[str, tuple[str, str]]:
    """Return the meanings of the columns of external ratings, with their original names."""
    called = {
        "rater": given["rater"],
        "prompt": given["prompt"],
        "arm": given["arm"],
        "answer": given["answer"],
        "item": given["item"],
        "dimension": given["dimension"],
    }
    return {
        name: (f"{meaning}; {called[name]!r} in {file}" if called.get(name) else meaning, "experimenter")
        for name, meaning in _MEANINGS.items()
        if name in frame.columns
    }
