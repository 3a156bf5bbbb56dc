"""A study's answers as rows without arms, and what each booklet asks."""

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session, aliased

from rater.store.rating.schema import (
    Answer,
    AttentionCheckRow,
    Booklet,
    Comment,
    Guess,
    Item,
    QuestionnaireAnswer,
    Rater,
    TrialRow,
    TrialTextRow,
)
from rater.study.fields import PROMPT, Fields, read_fields
from rater.study.questionnaire import Given, read_given
from rater.study.visit import FreedReason, GuessChoice, LeavingReason

ABOUT_ALL = 0
"""The position under which a guess about all texts together is stored."""


@dataclass(frozen=True)
class AskedText:
    """A text that a rater is asked about; of several, the one in the first place."""

    position: int
    prompt: str
    text: str
    fields: Fields
    """Those of the prompt, and the prompt itself."""


def read_asked(session: Session, booklet_id: str, n_texts: int) -> list[AskedText]:
    """Choose texts spread evenly over a booklet; their order does not depend on arms, so neither do these.

    No attention check and no repeat is among them. Costs one query.
    """
    rows = session.execute(
        select(TrialRow.position, Item.prompt, Item.text, Item.fields)
        .join(TrialTextRow, _is_first_text_of_trial())
        .join(Item, Item.id == TrialTextRow.item_id)
        .where(TrialRow.booklet_id == booklet_id, ~Item.is_check, ~TrialRow.is_repeat)
        .order_by(TrialRow.position)
    ).all()
    n = min(n_texts, len(rows))
    chosen = [rows[(2 * place + 1) * len(rows) // (2 * n)] for place in range(n)]
    return [
        AskedText(row.position, row.prompt, row.text, {PROMPT: row.prompt, **read_fields(row.fields)})
        for row in chosen
    ]


def read_only_dimension(session: Session, booklet_id: str) -> str | None:
    """Return the dimension that every trial of a booklet asks alone; None where they ask more than one.

    Costs one query.
    """
    dimensions = session.scalars(
        select(TrialRow.dimension).where(TrialRow.booklet_id == booklet_id).distinct()
    ).all()
    return dimensions[0] if len(dimensions) == 1 else None


@dataclass(frozen=True)
class AnswerRow:
    """The latest revision of one answer, with what it answered."""

    rater_id: str
    item_ids: tuple[str, ...]
    """The texts that it answered, from left to right."""
    prompt: str
    fields: Fields
    """Those of the prompt."""
    dimension: str
    position: int
    answer: float | None
    """None where the rater could not judge, or it did not apply; negative for the left one of a pair."""
    not_applicable: bool
    confidence: int | None
    """From 1; None where it was not asked or not given."""
    comment: str | None
    is_repeat: bool
    n_revisions: int
    shown_ms: int | None
    first_render_ms: int | None
    hidden_ms: int | None
    answered_at: datetime
    first_answered_at: datetime
    """When its first revision was stored; the times above are that one's, too."""


@dataclass(frozen=True)
class GuessRow:
    """A rater's guess about the first text of one of their trials (no item: about all)."""

    rater_id: str
    item_id: str | None
    choice: GuessChoice
    """first, second or unsure."""


@dataclass(frozen=True)
class AssignedRow:
    """The texts of a trial that a rater was assigned."""

    rater_id: str
    item_ids: tuple[str, ...]
    """From left to right."""
    prompt: str
    dimension: str | None
    """None where the trial asks about every dimension."""


@dataclass(frozen=True)
class RaterRow:
    """The record of a rater's visit."""

    rater_id: str
    n_checks: int
    """Attention checks answered."""
    n_passed: int
    """Those of them whose every answer passes."""
    has_finished: bool
    left_why: LeavingReason | None
    is_replaced: bool


def read_arrivals(session: Session, study_id: int) -> list[str]:
    """Read the ids of raters in the order in which they agreed to take part. Costs one query."""
    mine = select(Rater.id).where(Rater.study_id == study_id, Rater.booklet_number == 1)
    return list(session.scalars(mine.order_by(Rater.consented_at)))


def _count_earlier_trials(session: Session, study_id: int) -> dict[str, int]:
    """Count the trials of a person's booklets before each further one, by its rater's id. Costs one query."""
    people = select(Rater.person_id).where(Rater.study_id == study_id, Rater.booklet_number > 1)
    rows = session.execute(
        select(Rater.person_id, Rater.id, Booklet.n_trials)
        .join(Booklet, Booklet.id == Rater.booklet_id)
        .where(Rater.person_id.in_(people))
        .order_by(Rater.person_id, Rater.booklet_number)
    )
    earlier: dict[str, int] = {}
    for _, booklets in groupby(rows, key=lambda row: str(row.person_id)):
        n_trials = 0
        for _, rater_id, own in booklets:
            earlier[rater_id] = n_trials
            n_trials += own
    return earlier


def read_answers(session: Session, study_id: int) -> list[AnswerRow]:
    """Read the latest revision of every answer to a completion, in order of rater and position.

    A person with several booklets is one rater, whose positions continue from booklet to booklet. Answers to
    attention checks are left out, and those of raters who withdrew. Costs three queries.
    """
    others = _read_other_items(session, study_id)
    earlier = _count_earlier_trials(session, study_id)
    first = aliased(Answer)
    rows = session.execute(
        select(
            Answer,
            first,
            Rater.person_id,
            TrialTextRow.item_id,
            TrialTextRow.is_repeat,
            Item.prompt,
            Item.fields,
        )
        .join(Rater, Rater.id == Answer.rater_id)
        .join(TrialTextRow, has_answered_first_text())
        .join(Item, Item.id == TrialTextRow.item_id)
        .join(
            first,
            and_(
                first.rater_id == Answer.rater_id,
                first.position == Answer.position,
                first.dimension == Answer.dimension,
                first.revision == 1,
            ),
        )
        .where(Rater.study_id == study_id, has_not_withdrawn(), ~Item.is_check, ~_newer())
        .order_by(Rater.person_id, Rater.booklet_number, Answer.position, Answer.dimension)
    )
    return [
        AnswerRow(
            rater_id=person_id,
            item_ids=(item_id, *others.get((answer.booklet_id, answer.position), ())),
            prompt=prompt,
            fields=read_fields(fields),
            dimension=answer.dimension,
            position=answer.position + earlier.get(answer.rater_id, 0),
            answer=answer.value,
            not_applicable=answer.not_applicable,
            confidence=answer.confidence,
            comment=answer.comment,
            is_repeat=is_repeat,
            n_revisions=answer.revision,
            shown_ms=first.shown_ms,
            first_render_ms=first.first_render_ms,
            hidden_ms=first.hidden_ms,
            answered_at=answer.answered_at,
            first_answered_at=first.answered_at,
        )
        for answer, first, person_id, item_id, is_repeat, prompt, fields in rows
    ]


def read_assigned(session: Session, study_id: int) -> list[AssignedRow]:
    """Read which texts each rater was assigned, in order of rater and position. Costs two queries.

    Repeated trials and attention checks are left out, and raters who withdrew.
    """
    others = _read_other_items(session, study_id)
    rows = session.execute(
        select(
            Rater.person_id,
            TrialTextRow.item_id,
            Item.prompt,
            TrialRow.booklet_id,
            TrialRow.position,
            TrialRow.dimension,
        )
        .join(TrialRow, TrialRow.booklet_id == Rater.booklet_id)
        .join(TrialTextRow, _is_first_text_of_trial())
        .join(Item, Item.id == TrialTextRow.item_id)
        .where(Rater.study_id == study_id, has_not_withdrawn(), ~Item.is_check, ~TrialRow.is_repeat)
        .order_by(Rater.person_id, Rater.booklet_number, TrialRow.position)
    )
    return [
        AssignedRow(rater_id, (item_id, *others.get((booklet_id, position), ())), prompt, dimension)
        for rater_id, item_id, prompt, booklet_id, position, dimension in rows
    ]


def _read_other_items(session: Session, study_id: int) -> dict[tuple[str, int], list[str]]:
    """Read the texts of each trial after its first, in their order, by booklet and position.

    Most studies show one text at a time: they have none, and no row is read.
    """
    rows = session.execute(
        select(TrialTextRow.booklet_id, TrialTextRow.position, TrialTextRow.item_id)
        .join(Item, Item.id == TrialTextRow.item_id)
        .where(Item.study_id == study_id, TrialTextRow.place > 1)
        .order_by(TrialTextRow.booklet_id, TrialTextRow.position, TrialTextRow.place)
    )
    others: dict[tuple[str, int], list[str]] = {}
    for booklet_id, position, item_id in rows:
        others.setdefault((booklet_id, position), []).append(item_id)
    return others


def _is_first_text_of_trial() -> ColumnElement[bool]:
    return and_(
        TrialTextRow.booklet_id == TrialRow.booklet_id,
        TrialTextRow.position == TrialRow.position,
        TrialTextRow.place == 1,
    )


def read_guesses(session: Session, study_id: int) -> list[GuessRow]:
    """Read raters' guesses about their texts, by rater and position; none of raters who withdrew.

    Costs one query.
    """
    rows = session.execute(
        select(Guess.rater_id, TrialTextRow.item_id, Guess.choice)
        .join(Rater, Rater.id == Guess.rater_id)
        .outerjoin(
            TrialTextRow,
            and_(
                TrialTextRow.booklet_id == Rater.booklet_id,
                TrialTextRow.position == Guess.position,
                TrialTextRow.place == 1,
            ),
        )
        .where(Rater.study_id == study_id, has_not_withdrawn())
        .order_by(Guess.rater_id, Guess.position)
    )
    return [GuessRow(*row) for row in rows]


def read_visits(session: Session, study_id: int) -> list[RaterRow]:
    """Read the record of each person's visit, by rater. Costs two queries.

    Of a person with several booklets, whether they finished is of the first one, and attention checks are
    those of the booklet in which the most were failed.
    """
    checks = count_checks(session, study_id)
    rows = session.execute(
        select(Rater.person_id, Rater.id, Rater.finished_at, Rater.left_why, Rater.replaced_at)
        .where(Rater.study_id == study_id)
        .order_by(Rater.person_id, Rater.booklet_number)
    )
    visits = []
    for person_id, booklets in groupby(rows, key=lambda row: str(row.person_id)):
        own = list(booklets)
        counts = [checks.get(row.id, (0, 0)) for row in own]
        n_checks, n_passed = max(counts, key=lambda each: (each[0] - each[1], each[0]))
        first = own[0]
        visits.append(
            RaterRow(
                rater_id=person_id,
                n_checks=n_checks,
                n_passed=n_passed,
                has_finished=first.finished_at is not None,
                left_why=first.left_why,
                is_replaced=first.replaced_at is not None,
            )
        )
    return visits


def read_comments(session: Session, study_id: int) -> list[tuple[str, str]]:
    """Read the final comments, by rater, without those of raters who withdrew. Costs one query."""
    query = (
        select(Comment.rater_id, Comment.text)
        .join(Rater, Rater.id == Comment.rater_id)
        .where(Rater.study_id == study_id, has_not_withdrawn())
        .order_by(Comment.rater_id)
    )
    return [(row.rater_id, row.text) for row in session.execute(query)]


def read_questionnaire(session: Session, study_id: int) -> list[tuple[str, str, Given | None]]:
    """Read the answers to the questionnaire: rater, question, answer, or None if it was declined.

    Those of raters who withdrew are left out. Costs one query.
    """
    query = (
        select(QuestionnaireAnswer.rater_id, QuestionnaireAnswer.question, QuestionnaireAnswer.value)
        .join(Rater, Rater.id == QuestionnaireAnswer.rater_id)
        .where(Rater.study_id == study_id, has_not_withdrawn())
        .order_by(QuestionnaireAnswer.rater_id, QuestionnaireAnswer.question)
    )
    return [(rater, question, read_given(value)) for rater, question, value in session.execute(query)]


def read_holders(session: Session, study_id: int) -> dict[str, list[str]]:
    """Return the booklets of each person, in the order in which they were assigned. Costs one query."""
    rows = session.execute(
        select(Rater.person_id, Rater.booklet_id)
        .where(Rater.study_id == study_id)
        .order_by(Rater.person_id, Rater.booklet_number)
    )
    holders: dict[str, list[str]] = {}
    for person_id, booklet_id in rows:
        holders.setdefault(person_id, []).append(booklet_id)
    return holders


def has_not_withdrawn() -> ColumnElement[bool]:
    """Match raters who did not withdraw; those who withdrew were promised that their answers are not used."""
    return Rater.left_why.is_distinct_from(LeavingReason.WITHDRAWN)


def has_finished_booklet() -> ColumnElement[bool]:
    """Match raters who finished, unless they withdrew or the recruitment site then freed their place."""
    is_counted = or_(
        Rater.replaced_at.is_(None),
        Rater.replaced_why == FreedReason.FAILED_CHECKS,
        Rater.finished_at > Rater.replaced_at,
    )
    return and_(Rater.finished_at.is_not(None), Rater.left_at.is_(None), is_counted)


def has_answered_first_text() -> ColumnElement[bool]:
    """Match answers with the text in the first place of their trial: one row for each answer."""
    return and_(
        TrialTextRow.booklet_id == Answer.booklet_id,
        TrialTextRow.position == Answer.position,
        TrialTextRow.place == 1,
    )


def count_checks(
    session: Session, study_id: int, *, rater_id: str | None = None
) -> dict[str, tuple[int, int]]:
    """Count the attention checks that each rater, or one, answered, and those passed. Costs one query."""
    checks = _read_checks(session, study_id, rater_id)
    return {rater_id: (len(passed), sum(passed.values())) for rater_id, passed in checks.items()}


def _read_checks(session: Session, study_id: int, rater_id: str | None) -> dict[str, dict[int, bool]]:
    """Return for each rater's attention checks, by position, whether it was passed."""
    passes = Answer.value.is_not(None) & Answer.value.between(
        AttentionCheckRow.lowest, AttentionCheckRow.highest
    )
    query = (
        select(Answer.rater_id, Answer.position, passes)
        .join(Rater, Rater.id == Answer.rater_id)
        .join(TrialTextRow, has_answered_first_text())
        .join(
            AttentionCheckRow,
            and_(
                AttentionCheckRow.item_id == TrialTextRow.item_id,
                AttentionCheckRow.dimension == Answer.dimension,
            ),
        )
        .where(Rater.study_id == study_id, ~_newer())
    )
    if rater_id is not None:
        query = query.where(Rater.id == rater_id)
    found: dict[str, dict[int, bool]] = {}
    for rater, position, is_passed in session.execute(query):
        own = found.setdefault(rater, {})
        own[position] = own.get(position, True) and bool(is_passed)
    return found


def _newer() -> ColumnElement[bool]:
    """Match answers that have a later revision."""
    later = aliased(Answer)
    return (
        select(later.id)
        .where(
            later.rater_id == Answer.rater_id,
            later.position == Answer.position,
            later.dimension == Answer.dimension,
            later.revision > Answer.revision,
        )
        .exists()
    )
