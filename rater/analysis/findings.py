"""Find what may be wrong in ratings: repeats, ids, codes for "no answer", scales, designs without overlap.

Each finding refuses, warns, or is worth noting, by a rule that its message states.
"""

from collections.abc import Iterator

import pandas as pd

from rater.analysis.confounding import measure_overlap
from rater.analysis.external_plan import arms_of
from rater.analysis.finding import MAX_LISTED, Finding, Level, in_order
from rater.analysis.planned import Planned
from rater.analysis.prepared import Prepared
from rater.analysis.ratings import Ratings, first_showings, judged_only
from rater.analysis.reading_notes import ReadingNotes, SimilarNames, reading_of
from rater.analysis.repeats import Again, Repeats
from rater.analysis.scale_findings import diagnose_scale
from rater.analysis.wording import counted
from rater.name_lists import similar_names

FEW_USED = 0.5
"""A test on a smaller share of the answers is a warning, and its headline says so first."""


def diagnose_answers(prepared: Prepared, planned: Planned) -> tuple[Finding, ...]:
    """Find what is suspicious in the answers of a prepared frame, whatever the design."""
    frame = prepared.frame
    reading = reading_of(frame)
    named = len(planned.dimensions) > 1
    findings = [
        *_on_repeats(prepared.repeats),
        *_on_ids(prepared),
        *_on_reading(reading),
        *_on_names(frame, has_reading=reading is not None),
        *_on_arms(frame, planned),
        *(Finding(level="note", code="assumed", message=_sentence(each)) for each in planned.assumptions),
    ]
    answered = judged_only(first_showings(frame)).dropna(subset=["answer"])
    for judged in planned.dimensions:
        rows = answered[answered["dimension"] == judged.name]
        findings += diagnose_scale(judged, rows, prefix=f"{judged.name}: " if named else "")
    return in_order(findings)


_AGAIN: dict[str, tuple[Level, str]] = {
    "copies": ("warn", "copies of other rows, and were left out"),
    "sessions": (
        "warn",
        "a copied session, since all are equal to earlier answers, at new positions; left out",
    ),
    "second": ("warn", "second, differing answers about a text: the first was kept, and these were left out"),
    "trials": ("note", "repeated trials by their positions: they count for test–retest agreement alone"),
    "unmatched": (
        "warn",
        "marked as repeats (is_repeat), but their rater has no first answer about the text; no test has them",
    ),
    "several": (
        "warn",
        (
            "to a prompt and arm that their rater had answered, and no column tells texts apart: they count "
            "as answers about several texts. Name the texts' ids (--item), or remove what was answered twice"
        ),
    ),
}
"""Messages about answers given again, by the field of `Repeats`."""


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
                f"{repeats.second.n:,} answers are to a text that their rater had answered otherwise, so the "
                "column of texts' ids does not tell texts apart. Name another column with --item, leave it "
                "out, or add a column position or is_repeat."
            ),
            n=repeats.second.n,
        )
    if repeats.restarts:
        yield Finding(
            level="warn",
            code="two_sessions",
            message=(
                f"The positions of {_raters(repeats.restarts)} begin anew, as in two sessions: runs, trends "
                "over position and the order of repeats are uncertain."
            ),
            n=len(repeats.restarts),
            examples=repeats.restarts[:MAX_LISTED],
        )


def _raters(names: tuple[str, ...]) -> str:
    if len(names) <= MAX_LISTED:
        return f"{'rater' if len(names) == 1 else 'raters'} {', '.join(names)}"
    return f"{len(names):,} raters: {', '.join(names[:3])}, …"


def _on_ids(prepared: Prepared) -> Iterator[Finding]:
    shared = prepared.shared_ids
    if shared is None:
        return
    numbered = 2 * shared.n >= shared.n_ids
    are = "is" if shared.n_ids == 1 else "are"
    why = "ids are unique within prompt and arm only" if numbered else "the same id names several texts"
    yield Finding(
        level="note" if numbered else "warn",
        code="shared_ids",
        message=(
            f"{shared.n:,} of {counted(shared.n_ids, 'text id')} {are} used under several prompts or arms, "
            f"such as {shared.examples[0]}: {why}, so each counts as a text of its own under each."
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
    """Name raters and arms that differ in letter case alone; `read` has noted them of a table."""
    if has_reading:
        return
    for column in ("rater", "arm"):
        names = frame[column].astype(str).unique()
        for group, difference in similar_names(sorted(names))[:MAX_LISTED]:
            similar = SimilarNames(column, group, difference)
            yield Finding(level="warn", code="similar_names", message=similar.message, examples=group)


def _on_arms(frame: pd.DataFrame, planned: Planned) -> Iterator[Finding]:
    """Name arms that no comparison uses, and those that the primary contrast does not."""
    arms = arms_of(frame)
    further = planned.contrasts_among(arms)
    used = {
        *planned.contrast,
        *planned.doses,
        *(arm for each in further for arm in (each.first, each.second)),
    }
    n_of = frame["arm"].value_counts()
    for others, what in (
        ([arm for arm in arms if arm not in used], "no comparison uses"),
        ([arm for arm in arms if arm in used - set(planned.contrast)], "the primary contrast does not use"),
    ):
        if others:
            n = int(n_of.reindex(others).fillna(0).sum())
            named = ", ".join(f"{arm} ({int(n_of.get(arm, 0)):,})" for arm in others[:MAX_LISTED])
            yield Finding(
                level="note",
                code="unused_arms",
                message=f"{n:,} of {len(frame):,} answers are to arms that {what}: {named}.",
                n=n,
                examples=tuple(others[:MAX_LISTED]),
            )


def diagnose_design(answers: Ratings, planned: Planned) -> Iterator[Finding]:
    """Find how far the answers to the primary contrast can be compared within raters and prompts."""
    overlap = measure_overlap(answers)
    if not overlap.n_answers or 0 in (overlap.n_first, overlap.n_answers - overlap.n_first):
        return
    if overlap.reason:
        yield Finding(
            level="refuse",
            code="confounded",
            message=f"No test can be made: {overlap.reason}.",
            n=overlap.n_answers,
        )
        return
    n_unpaired = overlap.n_answers - overlap.n_paired
    if not n_unpaired:
        return
    first, second = planned.contrast
    if not overlap.n_paired:
        message = (
            f'No rater answered both "{first}" and "{second}" of the same prompt, though prompts and raters '
            "appear in both arms. The cell-based tests cannot be made; the ordinal mixed model takes all "
            f"{overlap.n_answers:,} answers."
        )
        yield Finding(level="warn", code="counterbalanced", message=message, n=overlap.n_answers)
        return
    is_few = overlap.n_paired < FEW_USED * overlap.n_answers
    message = (
        f"{overlap.n_paired:,} of {overlap.n_answers:,} answers enter the primary test: the raters of the "
        "others answered only one arm of their prompt."
    )
    if is_few:
        message += " The ordinal mixed model takes all of them."
    yield Finding(
        level="warn" if is_few else "note",
        code="few_paired" if is_few else "unpaired",
        message=message,
        n=n_unpaired,
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
