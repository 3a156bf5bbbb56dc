"""Join answers, guesses and visits to the arms of what was shown, as tidy frames."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sqlalchemy.orm import Session

from rater.analysis.plan import Planned, plan_of
from rater.errors import StateError
from rater.store.rating.frame import (
    AnswerRow,
    AssignedRow,
    GuessRow,
    RaterRow,
    read_answers,
    read_assigned,
    read_comments,
    read_guesses,
    read_visits,
)
from rater.store.rating.studies import Progress, PublishedStudy, read_progress
from rater.study.state import State
from rater.study.visit import GuessChoice, LeavingReason
from rater.unblind.verify_key import Opened
from rater.verify import Check

ArmOf = Callable[[str, str], str]
"""Rater and item → arm."""

ANSWER_COLUMNS = (
    "rater",
    "item",
    "prompt",
    "arm",
    "dimension",
    "position",
    "answer",
    "sample",
    "is_repeat",
    "cannot_judge",
    "comment",
    "n_revisions",
    "shown_ms",
    "first_render_ms",
    "hidden_ms",
    "answered_at",
    "first_answered_at",
)
"""The columns of the rating frame, one row for each answer's latest revision.

``answer`` is empty where ``cannot_judge`` is true.
"""
PAIR_COLUMNS = ("other_item", "other_arm", "arm_is_left")
"""Additional columns of a study with pairs of texts.

``arm`` is the one of the two that comes first in the study; ``answer`` is above 0 where its text was
preferred, on whichever side it was, and ``item`` and ``sample`` belong to it.
"""
RATER_COLUMNS = ("rater", "n_checks", "n_passed", "finished", "left_why")
TEXT_COLUMNS = (
    "item",
    "prompt",
    "arm",
    "sample",
    "text",
    "n_characters",
    "n_tokens",
    "nll",
    "repetition",
)
"""The columns of the table of texts; ``text`` is what raters saw, the rest is of the completion."""
ASSIGNED_COLUMNS = ("rater", "item", "prompt", "arm", "dimension")
"""``dimension`` is empty where a trial asks about all; a pair has ``other_arm`` in addition."""
COMMENT_COLUMNS = ("rater", "text")
GUESS_COLUMNS = ("rater", "item", "arm", "guess")
_GUESSES = {
    GuessChoice.FIRST: "changed",
    GuessChoice.SECOND: "unchanged",
    GuessChoice.UNSURE: "unsure",
}


def require_answers(study: PublishedStudy, n_answers: int) -> None:
    """Refuse to unblind or to analyse a study without answers.

    Raises:
        StateError: the study has no answers.
    """
    if n_answers:
        return
    msg = f"Study {study.name!r} has no answers, so there is nothing to analyse."
    if not study.state.is_unblinded:
        way_in = "rater serve" if study.state is State.OPEN else f"rater open {study.name}"
        msg += f" Let raters in first. Run: {way_in}"
    raise StateError(msg)


@dataclass(frozen=True, kw_only=True)
class Joined:
    """Answers with arms, and the study's declared analysis."""

    frame: pd.DataFrame
    """The rating frame: see `ANSWER_COLUMNS` and `PAIR_COLUMNS`."""
    raters: pd.DataFrame
    """One row for each rater: attention checks answered and passed, whether finished, why left."""
    texts: pd.DataFrame
    """One row for each text with its arm: see `TEXT_COLUMNS`; empty where arms are permuted."""
    comments: pd.DataFrame
    """Comments of raters at the end: rater, text."""
    guesses: pd.DataFrame
    """One row for each answer to the blinding question about a text: changed, unchanged or unsure."""
    assigned: pd.DataFrame
    """One row for each text (or pair) that a rater was assigned, repeats and attention checks left out: see
    `ASSIGNED_COLUMNS`."""
    plan: Planned
    """The analysis that the study declared."""
    title: str
    """The study's title."""
    study_hash: str
    """The hash that was preregistered."""
    commitment: str
    """The commitment to the key, which was just verified."""
    progress: Progress
    tampered: tuple[Check, ...] = ()
    """Failed checks of verification, where the analyst chose to use the data nevertheless."""

    @property
    def n_withdrawn(self) -> int:
        """Return the number of raters who withdrew, so that none of their answers is in the frame."""
        return int((self.raters["left_why"] == LeavingReason.WITHDRAWN).sum())


@dataclass(frozen=True)
class Collected:
    """Everything that raters gave in a study, without any arm."""

    answers: list[AnswerRow]
    guesses: list[GuessRow]
    visits: list[RaterRow]
    comments: list[tuple[str, str]]
    assigned: list[AssignedRow]
    progress: Progress


def collect(session: Session, study_id: int) -> Collected:
    """Read everything that was collected. Costs ten queries."""
    return Collected(
        answers=read_answers(session, study_id),
        guesses=read_guesses(session, study_id),
        visits=read_visits(session, study_id),
        comments=read_comments(session, study_id),
        assigned=read_assigned(session, study_id),
        progress=read_progress(session, study_id),
    )


def join(collected: Collected, opened: Opened, arm_of: ArmOf, *, tampered: tuple[Check, ...] = ()) -> Joined:
    """Join what was collected to arms."""
    study = opened.study
    rows = _join_pairs if study.is_pairwise else _join_single
    visits = [
        (row.rater_id, row.n_checks, row.n_passed, row.has_finished, row.left_why and row.left_why.value)
        for row in collected.visits
    ]
    return Joined(
        frame=rows(collected.answers, opened, arm_of),
        raters=pd.DataFrame(visits, columns=list(RATER_COLUMNS)).astype({"finished": bool}),
        texts=_texts(opened),
        comments=pd.DataFrame(collected.comments, columns=list(COMMENT_COLUMNS)),
        assigned=_assigned(collected.assigned, opened, arm_of),
        guesses=_guesses([row for row in collected.guesses if row.item_id in opened.cells], arm_of),
        # an amendment may have added raters since the study was sealed; each planned one has a booklet
        plan=replace(plan_of(study), n_raters=collected.progress.n_booklets),
        title=study.title,
        study_hash=opened.published.study_hash,
        commitment=opened.published.commitment,
        progress=collected.progress,
        tampered=tampered,
    )


def _join_single(rows: Sequence[AnswerRow], opened: Opened, arm_of: ArmOf) -> pd.DataFrame:
    joined = [
        _values(row, (row.item_id, arm_of(row.rater_id, row.item_id)), row.answer, opened) for row in rows
    ]
    return _typed(pd.DataFrame(joined, columns=list(ANSWER_COLUMNS)))


def _join_pairs(rows: Sequence[AnswerRow], opened: Opened, arm_of: ArmOf) -> pd.DataFrame:
    """Turn every choice to the arm that is first in the study; stored, it is negative for the left text."""
    place = {arm: index for index, arm in enumerate(opened.study.arm_names)}
    joined = []
    for row in rows:
        left, right = row.item_id, row.other_item_id
        assert right is not None, row  # noqa: S101 (a trial of a pairwise study has two texts)
        arms = {item: arm_of(row.rater_id, item) for item in (left, right)}
        first, second = sorted((left, right), key=lambda item: place[arms[item]])
        answer = None if row.answer is None else row.answer * (-1 if first == left else 1)
        joined.append(
            (*_values(row, (first, arms[first]), answer, opened), second, arms[second], first == left)
        )
    return _typed(pd.DataFrame(joined, columns=[*ANSWER_COLUMNS, *PAIR_COLUMNS]))


def _assigned(rows: Sequence[AssignedRow], opened: Opened, arm_of: ArmOf) -> pd.DataFrame:
    """List what was assigned, pairs turned to the arm that is first in the study, as in the rating frame."""
    place = {arm: index for index, arm in enumerate(opened.study.arm_names)}
    values = []
    for row in rows:
        shown = [item for item in (row.item_id, row.other_item_id) if item is not None]
        arms = {item: arm_of(row.rater_id, item) for item in shown}
        first, *others = sorted(shown, key=lambda item: place[arms[item]])
        other_arm = [arms[item] for item in others]
        values.append((row.rater_id, first, row.prompt, arms[first], row.dimension, *other_arm))
    columns = [*ASSIGNED_COLUMNS, *(("other_arm",) if opened.study.is_pairwise else ())]
    return pd.DataFrame(values, columns=columns)


def _values(
    row: AnswerRow, shown: tuple[str, str], answer: float | None, opened: Opened
) -> tuple[object, ...]:
    """List the values of `ANSWER_COLUMNS` for the item shown and its arm."""
    item, arm = shown
    return (
        row.rater_id,
        item,
        row.prompt,
        arm,
        row.dimension,
        row.position,
        np.nan if answer is None else answer + 0.0,
        opened.cells[item].sample,
        row.is_repeat,
        answer is None,
        row.comment,
        row.n_revisions,
        row.shown_ms,
        row.first_render_ms,
        row.hidden_ms,
        row.answered_at,
        row.first_answered_at,
    )


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    flags = [name for name in ("is_repeat", "cannot_judge", "arm_is_left") if name in frame.columns]
    times = ("shown_ms", "first_render_ms", "hidden_ms")
    return frame.astype({"answer": np.float64, **dict.fromkeys(flags, bool), **dict.fromkeys(times, "Int64")})


def _texts(opened: Opened) -> pd.DataFrame:
    """List every text, whether or not it was rated, in order of prompt, arm and sample."""
    prompts, arms = opened.study.prompts, {arm: place for place, arm in enumerate(opened.study.arm_names)}
    ordered = sorted(
        opened.completions.items(),
        key=lambda each: (each[1].cell.prompt_index, arms[each[1].cell.arm], each[1].cell.sample),
    )
    values = [
        (
            item,
            prompts[made.cell.prompt_index],
            made.cell.arm,
            made.cell.sample,
            opened.texts[item],
            len(opened.texts[item]),
            made.n_tokens or None,  # a text from a file has no tokens
            made.nll,
            made.repetition,
        )
        for item, made in ordered
    ]
    types: dict[str, str] = {
        "n_characters": "int64",
        "n_tokens": "Int64",
        "nll": "float64",
        "repetition": "float64",
    }
    return pd.DataFrame(values, columns=list(TEXT_COLUMNS)).astype(types)


def _guesses(rows: Sequence[GuessRow], arm_of: ArmOf) -> pd.DataFrame:
    """List guesses about single completions; one about all texts at once, or a check, names no arm."""
    values = [
        (row.rater_id, row.item_id, arm_of(row.rater_id, row.item_id), _GUESSES[row.choice])
        for row in rows
        if row.item_id is not None
    ]
    return pd.DataFrame(values, columns=list(GUESS_COLUMNS)).drop_duplicates(["rater", "item"])
