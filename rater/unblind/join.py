"""Join answers, guesses and visits to the arms of what was shown, as tidy frames."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sqlalchemy.orm import Session

from rater.analysis.characteristics import QUESTIONNAIRE_COLUMNS
from rater.analysis.metric_values import MetricValues
from rater.analysis.odd_trials import ARM_OF_PLACE
from rater.analysis.plan import Planned, plan_of
from rater.errors import StateError
from rater.rendering.shown import visible_text
from rater.store.dictionary import Meaning
from rater.store.rating.frame import (
    AnswerRow,
    AssignedRow,
    GuessRow,
    RaterRow,
    read_answers,
    read_assigned,
    read_comments,
    read_guesses,
    read_questionnaire,
    read_visits,
)
from rater.store.rating.studies import Progress, PublishedStudy, read_progress
from rater.study.fields import REFERENCE
from rater.study.questionnaire import Given
from rater.study.state import State
from rater.study.text_choices import N_IN_TRIANGLE
from rater.study.visit import GuessChoice, LeavingReason
from rater.unblind.chosen_labels import LABEL_MEANINGS, add_labels
from rater.unblind.join_metrics import join_metrics
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
    "not_applicable",
    "confidence",
    "comment",
    "n_revisions",
    "shown_ms",
    "first_render_ms",
    "hidden_ms",
    "answered_at",
    "first_answered_at",
)
"""The columns of the rating frame, one row for each answer's latest revision.

``answer`` is empty where ``cannot_judge`` or ``not_applicable`` is true. Of a pair, ``item``, ``arm``,
``sample`` and ``answer`` belong to the text whose arm comes first in the study. Of an odd-one-out trial,
``item``, ``arm`` and ``sample`` are those of the odd text, and ``answer`` is 1 if it was chosen, else 0. Of a
choice among labels, ``answer`` is 1 if the target was chosen, else 0 (`rater.unblind.chosen_labels`). The
columns of the items' fields follow, as in the tables of texts and of assigned texts.
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
_PAIR = 2
_JOINED = {
    "item": Meaning(
        "Random identifier (128 bits) of the arm's text; of a pair, the arm that comes first in the study.",
        "experimenter",
    ),
    "answer": Meaning(
        "On the dimension's scale; of a pair above 0 for the arm's text; of more texts, what the answer is "
        "for the arm's; of a choice among labels 1 for the target and 0 otherwise; else empty.",
        "experimenter",
    ),
    "cannot_judge": Meaning("Whether the rater could not judge the text.", "experimenter"),
    "first_answered_at": Meaning(
        "When the answer was first stored, in UTC; the times are of then.", "experimenter"
    ),
    "other_item": Meaning("Random identifier of another text of the trial.", "experimenter"),
    "other_arm": Meaning("The arm of that other text.", "sealed"),
    "arm_is_left": Meaning("Whether the arm's text was on the left.", "sealed"),
    "other_item_2": Meaning("Random identifier of the third text of the trial.", "experimenter"),
    "odd_place": Meaning("Place of the odd text among the three of its trial, from 1.", "sealed"),
    "chosen_place": Meaning("Place of the text chosen as the odd one, from 1.", "experimenter"),
    **{
        f"arm_{place}": Meaning(f"The arm of the text in place {place} of an odd-one-out trial.", "sealed")
        for place in range(1, N_IN_TRIANGLE + 1)
    },
    "place": Meaning("Place of the arm's text among those of its trial, from 1.", "sealed"),
    "rank": Meaning(
        "Rank that the answer gives the arm's text, from 1 for the best; the worst of a best–worst answer "
        "has the last rank; empty for texts without a rank.",
        "sealed",
    ),
}
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
    """The rating frame: see `ANSWER_COLUMNS` and `other_columns`."""
    raters: pd.DataFrame
    """One row for each rater: attention checks answered and passed, whether finished, why left."""
    texts: pd.DataFrame
    """One row for each text with its arm: see `TEXT_COLUMNS`; empty where arms are permuted."""
    comments: pd.DataFrame
    """Comments of raters at the end: rater, text."""
    questionnaire: pd.DataFrame
    """One row for each answer of a rater to the questionnaire: rater, question, answer."""
    guesses: pd.DataFrame
    """One row for each answer to the blinding question about a text: changed, unchanged or unsure."""
    asks_guesses: bool
    """True if the study declares a blinding question."""
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
    metrics: tuple[MetricValues, ...] = ()
    """The metrics of the texts; empty where arms are permuted."""
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
    questionnaire: list[tuple[str, str, Given | None]]
    assigned: list[AssignedRow]
    progress: Progress


def collect(session: Session, study_id: int) -> Collected:
    """Read everything that was collected. Costs eleven queries."""
    return Collected(
        answers=read_answers(session, study_id),
        guesses=read_guesses(session, study_id),
        visits=read_visits(session, study_id),
        comments=read_comments(session, study_id),
        questionnaire=read_questionnaire(session, study_id),
        assigned=read_assigned(session, study_id),
        progress=read_progress(session, study_id),
    )


def join(collected: Collected, opened: Opened, arm_of: ArmOf, *, tampered: tuple[Check, ...] = ()) -> Joined:
    """Join what was collected to arms."""
    study = opened.study
    visits = [
        (row.rater_id, row.n_checks, row.n_passed, row.has_finished, row.left_why and row.left_why.value)
        for row in collected.visits
    ]
    return Joined(
        frame=_with_fields(add_labels(join_answers(collected.answers, opened, arm_of), opened), opened),
        raters=pd.DataFrame(visits, columns=list(RATER_COLUMNS)).astype({"finished": bool}),
        texts=_with_fields(_texts(opened), opened),
        comments=pd.DataFrame(collected.comments, columns=list(COMMENT_COLUMNS)),
        questionnaire=pd.DataFrame(
            collected.questionnaire, columns=list(QUESTIONNAIRE_COLUMNS), dtype=object
        ),
        assigned=_with_fields(_assigned(collected.assigned, opened, arm_of), opened),
        asks_guesses=study.blinding is not None,
        guesses=_guesses([row for row in collected.guesses if row.item_id in opened.cells], arm_of),
        # an amendment may have added raters since the study was sealed; each planned one has a booklet
        plan=replace(plan_of(study), n_raters=collected.progress.n_booklets),
        title=study.title,
        study_hash=opened.published.study_hash,
        commitment=opened.published.commitment,
        progress=collected.progress,
        metrics=join_metrics(opened),
        tampered=tampered,
    )


def _with_fields(frame: pd.DataFrame, opened: Opened) -> pd.DataFrame:
    """Add a column for each field of the items, by the text of each row."""
    items = opened.study.rated_items
    fields = {item: items[cell.prompt_index].fields for item, cell in opened.cells.items()}
    columns = {name: [fields[item][name] for item in frame["item"]] for name in opened.study.field_names}
    if opened.study.reference_arm is not None:
        prompts = {item: cell.prompt_index for item, cell in opened.cells.items()}
        columns[REFERENCE] = [opened.references[prompts[item]] for item in frame["item"]]
    return frame.assign(**columns)


def other_columns(n_texts: int, *, has_odd_text: bool = False) -> tuple[str, ...]:
    """Return the additional columns of a rating frame whose trials show several texts.

    An answer to a pair is one row: ``answer`` is above 0 where the text of ``arm`` was preferred, and
    ``arm_is_left`` is whether it was on the left. An answer to more texts is a row for each of them:
    ``answer`` is its score for the row's text, ``place`` is where that text was on the page, from 1, and
    ``rank`` is the rank that it was given, if any.

    An odd-one-out trial is one row: ``odd_place`` and ``chosen_place`` are the places of the odd text and of
    the text chosen, and ``arm_1`` and so on are the arms in the places.
    """
    if has_odd_text:
        return ("other_item", "other_item_2", "other_arm", "odd_place", "chosen_place", *ARM_OF_PLACE)
    if n_texts == 1:
        return ()
    return ("other_item", "other_arm", "arm_is_left") if n_texts == _PAIR else ("place", "rank")


def joined_meanings(columns: Iterable[str]) -> dict[str, Meaning]:
    """Return the meanings of the columns of a rating frame that a join of answers to arms adds or turns."""
    meanings = _JOINED | LABEL_MEANINGS
    return {column: meanings[column] for column in columns if column in meanings}


@dataclass(frozen=True)
class _ShownText:
    """One of the texts of a trial that was answered."""

    item_id: str
    arm: str
    place: int
    """From 0."""


def _in_order(item_ids: Sequence[str], rater_id: str, arms: Sequence[str], arm_of: ArmOf) -> list[_ShownText]:
    """Sort the texts of a trial by their arms, in the study's order; an odd one comes first."""
    shown = [_ShownText(item_id, arm_of(rater_id, item_id), place) for place, item_id in enumerate(item_ids)]
    n_of_arm = Counter(text.arm for text in shown)
    return sorted(shown, key=lambda text: (n_of_arm[text.arm], arms.index(text.arm)))


def join_answers(rows: Sequence[AnswerRow], opened: Opened, arm_of: ArmOf) -> pd.DataFrame:
    """Turn every answer to its texts in the study's order of arms, in whichever places they were shown."""
    scales = {dimension.name: dimension.scale for dimension in opened.study.dimensions}
    n_texts, arms, has_odd_text = opened.study.n_texts, opened.study.arm_names, opened.study.has_odd_text
    joined: list[tuple[object, ...]] = []
    for row in rows:
        shown = _in_order(row.item_ids, row.rater_id, arms, arm_of)
        scale = scales[row.dimension]
        scores = [
            np.nan if row.answer is None else scale.score(row.answer, text.place) + 0.0 for text in shown
        ]
        values = [_values(row, *each, opened) for each in zip(shown, scores, strict=True)]
        if has_odd_text:
            joined.append((*values[0], *_odd_columns(row, shown)))
        elif n_texts == _PAIR:
            first, second = shown
            joined.append((*values[0], second.item_id, second.arm, first.place == 0))
        elif n_texts == 1:
            joined += values
        else:
            ranks = [None if row.answer is None else scale.rank(row.answer, text.place) for text in shown]
            joined += [
                (*own, text.place + 1, rank) for own, text, rank in zip(values, shown, ranks, strict=True)
            ]
    columns = other_columns(n_texts, has_odd_text=has_odd_text)
    return _typed(pd.DataFrame(joined, columns=[*ANSWER_COLUMNS, *columns]))


def _odd_columns(row: AnswerRow, shown: Sequence[_ShownText]) -> tuple[object, ...]:
    """Return the columns of an odd-one-out trial, whose odd text comes first."""
    odd, *others = shown
    in_places = sorted(shown, key=lambda text: text.place)
    return (
        *(text.item_id for text in others),
        others[0].arm,
        odd.place + 1,
        row.answer,
        *(text.arm for text in in_places),
    )


def _assigned(rows: Sequence[AssignedRow], opened: Opened, arm_of: ArmOf) -> pd.DataFrame:
    """List what was assigned, in rows as in the rating frame: one for a pair, one for each text otherwise."""
    is_odd, arms = opened.study.has_odd_text, opened.study.arm_names
    is_pairwise = opened.study.n_texts == _PAIR or is_odd
    values: list[tuple[object, ...]] = []
    for row in rows:
        shown = _in_order(row.item_ids, row.rater_id, arms, arm_of)
        own = [(row.rater_id, text.item_id, row.prompt, text.arm, row.dimension) for text in shown]
        values += [(*own[0], shown[1].arm)] if is_pairwise else own
    return pd.DataFrame(values, columns=[*ASSIGNED_COLUMNS, *(("other_arm",) if is_pairwise else ())])


def _values(row: AnswerRow, shown: _ShownText, answer: float, opened: Opened) -> tuple[object, ...]:
    """List the values of `ANSWER_COLUMNS` for the text shown and its arm."""
    return (
        row.rater_id,
        shown.item_id,
        row.prompt,
        shown.arm,
        row.dimension,
        row.position,
        answer,
        opened.cells[shown.item_id].sample,
        row.is_repeat,
        row.answer is None and not row.not_applicable,
        row.not_applicable,
        row.confidence,
        row.comment,
        row.n_revisions,
        row.shown_ms,
        row.first_render_ms,
        row.hidden_ms,
        row.answered_at,
        row.first_answered_at,
    )


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    flags = [
        name
        for name in ("is_repeat", "cannot_judge", "not_applicable", "arm_is_left")
        if name in frame.columns
    ]
    whole = [
        name
        for name in ("confidence", "shown_ms", "first_render_ms", "hidden_ms", "rank", "chosen_place")
        if name in frame.columns
    ]
    return frame.astype({"answer": np.float64, **dict.fromkeys(flags, bool), **dict.fromkeys(whole, "Int64")})


def _texts(opened: Opened) -> pd.DataFrame:
    """List every text, whether or not it was rated, in order of prompt, arm and sample."""
    prompts, arms = opened.study.prompts, {arm: place for place, arm in enumerate(opened.study.arm_names)}
    ordered = sorted(
        opened.completions.items(),
        key=lambda each: (each[1].cell.prompt_index, arms[each[1].cell.arm], each[1].cell.sample),
    )
    protocol = opened.study.protocol
    values = [
        (
            item,
            prompts[made.cell.prompt_index],
            made.cell.arm,
            made.cell.sample,
            opened.texts[item],
            len(visible_text(protocol, opened.texts[item])),
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
