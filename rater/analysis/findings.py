"""Findings about ratings before any result: repeats, ids, missing-value codes, scales, designs.

Each finding is a refusal, a warning or a note, by a rule that its message states.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from rater.analysis.answer_kinds.kind import kind_of
from rater.analysis.answer_scale import Judged, Rated, n_together
from rater.analysis.answer_values import SuspectedCode, find_missing_codes
from rater.analysis.contrast_data import (
    Overlap,
    Ratings,
    are_few_paired,
    first_showings,
    judged_only,
    measure_overlap,
)
from rater.analysis.external_plan import arms_of
from rater.analysis.mixed_model import BETWEEN_RATERS
from rater.analysis.plan import Planned
from rater.analysis.prepare import Again, PreparedFrame, Repeats
from rater.analysis.reading_notes import ReadingNotes, SimilarNames, reading_of
from rater.analysis.sentences import counted, number, sentence
from rater.name_lists import similar_names

Level = Literal["refuse", "warn", "note"]
MAX_LISTED = 5


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A finding about the ratings."""

    level: Level
    code: str
    """A stable identifier for scripts: ``copies``, ``missing_code``, ``confounded``."""
    message: str
    """One or more sentences."""
    n: int = 0
    """The number of rows, names or answers concerned."""
    examples: tuple[str, ...] = ()


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sort findings: refusals, then warnings, then notes."""
    levels = {"refuse": 0, "warn": 1, "note": 2}
    return tuple(sorted(findings, key=lambda finding: levels[finding.level]))


MAX_SPAN = 20
"""Whole numbers above this are not taken for a scale with points."""
MAX_SHOWN = 1e15
"""Larger numbers are written with an exponent."""


def diagnose_scale(judged: Judged, rows: pd.DataFrame, *, prefix: str) -> list[Finding]:
    """Find what is suspicious about the answers on a dimension, where nobody named its scale."""
    if not isinstance(judged, Rated) or not judged.is_inferred or rows.empty:
        return []
    return kind_of(judged).diagnose(judged, rows, prefix)


def find_codes(rows: pd.DataFrame, prefix: str, *, is_preference: bool) -> tuple[list[Finding], bool]:
    """Find a value that seems to mean no answer; return the finding, and whether it is certain."""
    answers = rows["answer"].to_numpy(dtype=np.float64)
    suspected = find_missing_codes(answers, is_pairwise=is_preference)
    if suspected is None:
        return [], False
    return [_on_code(suspected, rows, prefix, pairwise=is_preference)], suspected.is_certain


def find_gaps(judged: Judged, answers: np.ndarray, prefix: str) -> list[Finding]:
    """Warn of points that nobody used, where the ends of the scale were taken from the answers."""
    points = len(judged.scale.levels)
    if points:
        unused = [point for point in range(1, points + 1) if not (answers == point).any()]
        taken = (
            f"the scale was taken to end at the highest answer, {points}. If it has more points, give their "
            "number: --points N (points=N)"
        )
    else:
        unused, end = _gap_at_an_end(answers)
        taken = (
            f"the scale was taken to reach to {end}. If that means no answer, add: --missing {end} "
            "--drop-empty; if not, name the scale: --limits LOW,HIGH"
        )
    if not unused:
        return []
    listed = " or ".join(str(point) for point in unused[:MAX_LISTED])
    return [
        Finding(
            level="warn",
            code="scale_gap",
            message=f"{prefix}no answer is {listed}, and {taken}.",
            n=len(unused),
            examples=tuple(str(point) for point in unused[:MAX_LISTED]),
        )
    ]


def _gap_at_an_end(answers: np.ndarray) -> tuple[list[int], int]:
    """Find unused points below the highest or above the lowest of whole numbers without another gap."""
    values = np.unique(answers)
    if values.size < 3 or values[-1] - values[0] > MAX_SPAN or (values != np.rint(values)).any():
        return [], 0
    steps = np.diff(values)
    for inner, low, end in ((steps[:-1], values[-2], values[-1]), (steps[1:], values[0], values[0])):
        gap = steps[-1] if end == values[-1] else steps[0]
        if gap > 1 and (inner == 1).all():
            return list(range(int(low) + 1, int(low + gap))), int(end)
    return [], 0


def _on_code(suspected: SuspectedCode, rows: pd.DataFrame, prefix: str, *, pairwise: bool) -> Finding:
    codes = ",".join(map(_written, suspected.values))
    values = " and ".join(
        number(value, 0 if value == round(value) else 2) if abs(value) < MAX_SHOWN else _written(value)
        for value in suspected.values
    )
    first = rows[rows["answer"].isin(suspected.values)].iloc[0]
    message = (
        f"{prefix}{suspected.n:,} of {counted(len(rows), 'answer')} {'is' if suspected.n == 1 else 'are'} "
        f"{values}, {suspected.why} (rater {first['rater']}, prompt {first['prompt']}). "
    )
    ends = "--limits LOW,HIGH" if pairwise else "--points N, or --limits LOW,HIGH"
    if suspected.is_certain:
        message += (
            f"If {'this means' if len(suspected.values) == 1 else 'these mean'} no answer, add: "
            f"--missing {codes} --drop-empty; if not, name the scale: {ends}."
        )
    else:
        message += f"If it means no answer, add: --missing {codes} --drop-empty."
    return Finding(
        level="refuse" if suspected.is_certain else "warn",
        code="missing_code",
        message=message,
        n=suspected.n,
        examples=tuple(f"{value:g}" for value in suspected.values),
    )


def _written(value: float) -> str:
    """Write a number so that `--missing` recognises it."""
    return str(int(value)) if value == round(value) and abs(value) < MAX_SHOWN else repr(float(value))


def diagnose_answers(prepared: PreparedFrame, planned: Planned) -> tuple[Finding, ...]:
    """Check the answers of a prepared frame, independently of the design."""
    frame = prepared.rated
    reading = reading_of(frame)
    named = len(planned.rated) > 1
    findings = [
        *_on_repeats(prepared.repeats),
        *_on_ids(prepared),
        *_on_reading(reading),
        *_on_names(frame, has_reading=reading is not None),
        *_on_arms(frame, planned),
        *(
            Finding(level="note", code="assumed", message=f"{each[:1].upper()}{each[1:]}.")
            for each in planned.assumptions
        ),
    ]
    answered = judged_only(first_showings(frame)).dropna(subset=["answer"])
    for judged in planned.rated:
        rows = answered[answered["dimension"] == judged.name]
        findings += diagnose_scale(judged, rows, prefix=f"{judged.name}: " if named else "")
    return in_order(findings)


_AGAIN: dict[str, tuple[Level, str]] = {
    "copies": ("warn", "copies of other rows and left out"),
    "sessions": (
        "warn",
        "a copied session (all equal to earlier answers, at new positions) and left out",
    ),
    "second": ("warn", "second, different answers to a text and left out; the first answers are used"),
    "trials": ("note", "repeated trials (by their positions) and used for test–retest agreement only"),
    "unmatched": (
        "warn",
        "marked as repeats (is_repeat) without a first answer of the rater to the text; not used in any test",
    ),
    "several": (
        "warn",
        (
            "further answers of a rater to the same prompt and arm, and no column identifies the texts: they "
            "are used as answers to several texts. Name the column of text ids (--item), or remove repeated "
            "answers"
        ),
    ),
}
"""Messages about repeated answers, by the field of `Repeats`."""


def _on_repeats(repeats: Repeats) -> Iterator[Finding]:
    for code, (level, words) in _AGAIN.items():
        again: Again = getattr(repeats, code)
        if again.n:
            row = "1 row is" if again.n == 1 else f"{again.n:,} rows are"
            concerned = f"{_raters(again.raters)}; such as {again.examples[0]}"
            yield Finding(
                level=level,
                code=code,
                message=f"{row} {words} ({concerned}).",
                n=again.n,
                examples=again.examples,
            )
    if repeats.ids_do_not_tell:
        yield Finding(
            level="refuse",
            code="ids_do_not_tell",
            message=(
                f"{repeats.second.n:,} answers differ from an earlier answer of the same rater to the same "
                "text, so the column of text ids does not identify texts. Name another column with --item, "
                "leave it out, or add a column position or is_repeat."
            ),
            n=repeats.second.n,
        )
    if repeats.restarts:
        yield Finding(
            level="warn",
            code="two_sessions",
            message=(
                f"The positions of {_raters(repeats.restarts)} restart, as in two sessions: runs, trends "
                "over position and the order of repeats are uncertain."
            ),
            n=len(repeats.restarts),
            examples=repeats.restarts[:MAX_LISTED],
        )


def _raters(names: tuple[str, ...]) -> str:
    if len(names) <= MAX_LISTED:
        return f"{'rater' if len(names) == 1 else 'raters'} {', '.join(names)}"
    return f"{len(names):,} raters: {', '.join(names[:3])}, …"


def _on_ids(prepared: PreparedFrame) -> Iterator[Finding]:
    shared = prepared.shared_ids
    if shared is None:
        return
    numbered = 2 * shared.n >= shared.n_ids
    are = "is" if shared.n_ids == 1 else "are"
    reason = "ids are unique within prompt and arm only" if numbered else "the same id names several texts"
    yield Finding(
        level="note" if numbered else "warn",
        code="shared_ids",
        message=(
            f"{shared.n:,} of {counted(shared.n_ids, 'text id')} {are} used under several prompts or arms, "
            f"such as {shared.examples[0]}: {reason}, so each is treated as a separate text under each."
        ),
        n=shared.n,
        examples=shared.examples,
    )


def _on_reading(reading: ReadingNotes | None) -> Iterator[Finding]:
    if reading is None:
        return
    for message in reading.messages:
        yield Finding(level="note", code="reading", message=message)
    for message in reading.placeholder_warnings:
        yield Finding(level="warn", code="placeholders", message=message)
    for similar in reading.similar[:MAX_LISTED]:
        yield Finding(level="warn", code="similar_names", message=similar.message, examples=similar.names)


def _on_names(frame: pd.DataFrame, *, has_reading: bool) -> Iterator[Finding]:
    """Report raters and arms whose names differ only in letter case; for a table `read` has done so."""
    if has_reading:
        return
    for column in ("rater", "arm"):
        names = frame[column].astype(str).unique()
        for group, difference in similar_names(sorted(names))[:MAX_LISTED]:
            similar = SimilarNames(column, group, difference)
            yield Finding(level="warn", code="similar_names", message=similar.message, examples=group)


def _on_arms(frame: pd.DataFrame, planned: Planned) -> Iterator[Finding]:
    """Report arms that no contrast uses, and arms that are not in the primary contrast."""
    arms = arms_of(frame)
    further = planned.contrasts_among(arms)
    used = {
        *planned.contrast,
        *planned.doses,
        *(arm for each in further for arm in (each.first, each.second)),
    }
    n_of = frame["arm"].value_counts()
    what = "scores of texts" if n_together(planned.in_order[0]) > 2 else "answers"
    for others, description in (
        ([arm for arm in arms if arm not in used], "no contrast uses"),
        ([arm for arm in arms if arm in used - set(planned.contrast)], "are not in the primary contrast"),
    ):
        if others:
            n = int(n_of.reindex(others).fillna(0).sum())
            named = ", ".join(f"{arm} ({int(n_of.get(arm, 0)):,})" for arm in others[:MAX_LISTED])
            yield Finding(
                level="note",
                code="unused_arms",
                message=f"{n:,} of {len(frame):,} {what} are to arms that {description}: {named}.",
                n=n,
                examples=tuple(others[:MAX_LISTED]),
            )


def diagnose_design(answers: Ratings, planned: Planned) -> Iterator[Finding]:
    """Check how many answers to the primary contrast can be compared within raters and prompts."""
    overlap = measure_overlap(answers)
    if not overlap.n_answers or 0 in (overlap.n_first, overlap.n_answers - overlap.n_first):
        return
    uses_all = planned.test == "mixed_model"
    reason = overlap.reason_in_mixed_models if uses_all else overlap.reason
    if reason:
        yield Finding(
            level="refuse",
            code="confounded",
            message=f"No test is possible: {reason}.",
            n=overlap.n_answers,
        )
    elif uses_all and not overlap.n_raters_with_both:
        yield Finding(
            level="warn", code="between_raters", message=sentence(BETWEEN_RATERS), n=overlap.n_raters
        )
    elif overlap.n_paired < overlap.n_answers and not planned.reason_for_mixed_model:
        yield _on_unpaired(overlap, planned, uses_all=uses_all)


def _on_unpaired(overlap: Overlap, planned: Planned, *, uses_all: bool) -> Finding:
    """Report how many answers have no counterpart, and which model uses them."""
    n_unpaired = overlap.n_answers - overlap.n_paired
    n_all = f"all {overlap.n_answers:,} answers"
    first, second = planned.contrast
    if not overlap.n_paired:
        message = (
            f"No rater answered both “{first}” and “{second}” for the same prompt, although prompts and "
            "raters appear in both arms. Tests on rater × prompt cells are not possible"
        )
        uses = f"the primary test, a linear mixed model, uses {n_all}"
        model = (
            uses if uses_all else f"mixed models use {n_all} (test='mixed_model' makes one the primary test)"
        )
        return Finding(
            level="note" if uses_all else "warn",
            code="counterbalanced",
            message=f"{message}; {model}.",
            n=overlap.n_answers,
        )
    paired = f"{overlap.n_paired:,} of {overlap.n_answers:,} answers"
    if uses_all:
        message = (
            f"{paired} are by raters who answered both arms for the prompt. The primary test, a linear mixed "
            f"model, uses {n_all}."
        )
        return Finding(level="note", code="unpaired", message=message, n=n_unpaired)
    is_few = are_few_paired(overlap.n_paired, overlap.n_answers)
    message = (
        f"{paired} enter the primary test; the raters of the others answered only one arm for the prompt."
    )
    if is_few:
        message += " The linear mixed model uses all answers."
    return Finding(
        level="warn" if is_few else "note",
        code="few_paired" if is_few else "unpaired",
        message=message,
        n=n_unpaired,
    )
