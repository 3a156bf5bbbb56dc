"""Data checks before any result: the rows, the rows that are analysed, and findings about them.

A finding is a refusal, a warning or a note. If one refuses the answers themselves (a missing-value code on
the scale, choices with an ambiguous sign), nothing is analysed. If the design confounds arms with raters or
prompts, every test refuses, and the descriptive results remain.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pandas as pd

from rater.analysis.answer_kinds.kind import kind_of
from rater.analysis.answer_scale import Judged, Rated
from rater.analysis.composites import without_composites
from rater.analysis.contrast_data import Ratings, first_showings, judged_only
from rater.analysis.crossed import compare
from rater.analysis.findings import Finding, Level, diagnose_answers, diagnose_design, in_order
from rater.analysis.plan import Planned
from rater.analysis.prepare import PreparedFrame, prepare
from rater.analysis.reading_notes import ReadingNotes, reading_of
from rater.analysis.sentences import counted
from rater.analysis.validation import flags
from rater.errors import RaterError


@dataclass(frozen=True)
class LeftOut:
    """Rows that are not analysed, with the reason."""

    n: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """The findings about the ratings, before any result."""

    n_rows: int
    """Rows in the table."""
    n_used: int
    """Answers that enter the analysis, in all arms and dimensions."""
    left_out: tuple[LeftOut, ...]
    """The rows that are not analysed."""
    n_contrast: int
    """Answers to the two arms of the primary contrast, on the primary dimension."""
    n_primary: int
    """Answers that enter the primary test."""
    scales: tuple[str, ...]
    """The scale of each dimension, and whether it was taken from the answers."""
    findings: tuple[Finding, ...]
    """Refusals first, then warnings, then notes."""

    @property
    def refuses(self) -> bool:
        """True if the ratings, or every test on them, are refused."""
        return bool(self.at("refuse"))

    def at(self, level: Level) -> tuple[Finding, ...]:
        """Return the findings of a level."""
        return tuple(finding for finding in self.findings if finding.level == level)

    @property
    def used(self) -> str:
        """A sentence with the number of rows analysed and the reasons for leaving out the others."""
        rows = f"{counted(self.n_rows, 'row')}, {self.n_used:,} analysed"
        reasons = ", ".join(f"{each.n:,} {each.reason}" for each in self.left_out)
        return f"{rows}; left out: {reasons}." if reasons else f"{rows}."


def require_usable(findings: Iterable[Finding]) -> None:
    """Raise an error if a finding refuses the answers.

    Raises:
        RaterError: If a finding refuses; the message lists all that do.
    """
    refusals = [finding.message for finding in findings if finding.level == "refuse"]
    if refusals:
        raise RaterError(" ".join(refusals))


def diagnose(frame: pd.DataFrame, planned: Planned) -> Diagnosis:
    """Diagnose a tidy frame, including findings that refuse its analysis.

    Raises:
        RaterError: If the frame is not valid, or an answer is not on its dimension's scale.
    """
    prepared = prepare(frame, planned)
    tested = judged_only(first_showings(prepared.frame))
    return complete_diagnosis(prepared, planned, findings=diagnose_answers(prepared, planned), tested=tested)


def complete_diagnosis(
    prepared: PreparedFrame,
    planned: Planned,
    *,
    findings: tuple[Finding, ...],
    tested: pd.DataFrame,
    n_excluded: int = 0,
) -> Diagnosis:
    """Complete the findings about the answers with the row counts and the checks of the design.

    Args:
        prepared: The prepared frame.
        planned: The plan.
        findings: The findings of `diagnose_answers`.
        tested: The rows that are analysed.
        n_excluded: The number of answers of excluded raters.
    """
    primary = planned.in_order[0]
    compared = compare(tested, planned.contrast, primary)
    reading = reading_of(prepared.frame)
    if reading is not None and reading.n_used != prepared.n_rows:
        reading = None  # rows were added or left out since
    design = list(diagnose_design(compared.answers, planned)) if isinstance(compared.answers, Ratings) else []
    return Diagnosis(
        n_rows=reading.n_rows if reading else prepared.n_rows,
        n_used=len(without_composites(tested, planned.dimensions)),
        left_out=tuple(_left_out(prepared, reading, n_excluded=n_excluded)),
        n_contrast=compared.answers.answer.size,
        n_primary=(
            compared.answers.answer.size if planned.test == "mixed_model" else compared.cells.n.answers
        ),
        scales=tuple(_scale(judged) for judged in planned.in_order),
        findings=in_order([*findings, *design]),
    )


def _left_out(prepared: PreparedFrame, reading: ReadingNotes | None, *, n_excluded: int) -> Iterator[LeftOut]:
    repeats, frame = prepared.repeats, prepared.rated
    n_not_applicable = int(flags(frame, "not_applicable").sum())
    n_not_judged = len(frame) - len(judged_only(frame)) - n_not_applicable
    n_trials = len(judged_only(frame)) - len(judged_only(first_showings(frame)))
    for n, reason in (
        (reading.n_without_answer if reading else 0, "without an answer"),
        (repeats.copies.n + repeats.sessions.n, "copies of other rows"),
        (repeats.second.n, "second answers to a text"),
        (n_trials, "repeated trials"),
        (n_not_judged, "answered “cannot judge”"),
        (n_not_applicable, "answered “not applicable”"),
        (n_excluded, "of excluded raters"),
    ):
        if n:
            yield LeftOut(n, reason)


def _scale(judged: Judged) -> str:
    words = f"{judged.name}: {kind_of(judged).describe_scale(judged)}"
    if not isinstance(judged, Rated) or not judged.is_inferred:
        return words
    if kind_of(judged).is_preference:
        return f"{words}, above 0 if the text of the arm in the column “arm” was preferred"
    if not judged.scale.levels:
        return f"{words}, the lowest and the highest answer (to set other limits: --limits LOW,HIGH)"
    return f"{words}, from the highest answer, {judged.scale.highest:g} (to set more points: --points N)"
