"""Record the steps of a visit other than ratings: screening, practice, guesses, comment, and leaving.

Each step is recorded once, in a study that is open; each costs two queries and an update, in a `writing`
transaction.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from rater.errors import ClosedError, StateError
from rater.store.rating.quotas import find_full_quota
from rater.store.rating.schema import (
    Comment,
    Guess,
    QuestionnaireAnswer,
    Rater,
    ShownEnding,
    StudyRow,
    TrialRow,
)
from rater.study.questionnaire import Given, When, write_given
from rater.study.quota import Quota
from rater.study.state import State
from rater.study.visit import GuessChoice, LeavingReason


def pass_screening(session: Session, rater_id: str, *, now: datetime) -> None:
    """Record that a rater can take part."""
    rater = _get_active(session, rater_id)
    rater.screened_at = rater.screened_at or now


def record_questionnaire(
    session: Session,
    rater_id: str,
    answers: Mapping[str, Given | None],
    *,
    when: When,
    now: datetime,
    quotas: Sequence[Quota] = (),
) -> None:
    """Store the answers to the questions about a rater, None for declined ones; the first submission counts.

    A rater whose answer belongs to a full quota leaves, and the answers are not stored.

    Raises:
        StateError: the questions follow the trials, and there are trials left.
    """
    rater = _get_active(session, rater_id)
    if when == "after" and rater.finished_at is None:
        msg = "There are texts left to rate first."
        raise StateError(msg)
    if (rater.questions_before_at if when == "before" else rater.questions_after_at) is not None:
        return
    if when == "before" and find_full_quota(session, rater.study_id, answers, quotas) is not None:
        rater.left_at, rater.left_why = now, LeavingReason.OVER_QUOTA
        return
    if when == "before":
        rater.questions_before_at = now
    else:
        rater.questions_after_at = now
    session.add_all(
        QuestionnaireAnswer(rater_id=rater_id, question=name, value=write_given(given))
        for name, given in answers.items()
    )


def finish_instructions(session: Session, rater_id: str, *, now: datetime) -> None:
    """Record that a rater has left the instructions."""
    rater = _get_active(session, rater_id)
    rater.instructed_at = rater.instructed_at or now


def finish_practice(session: Session, rater_id: str, *, passed: bool, attempts: int, now: datetime) -> None:
    """Record the result of a rater's practice; a rater who failed it for the last time leaves.

    Args:
        session: In a `writing` transaction.
        rater_id: The rater.
        passed: Whether enough was right, or nothing had to be.
        attempts: How many attempts the study gives.
        now: The time.
    """
    rater = _get_active(session, rater_id)
    if rater.practised_at is not None:
        return
    if passed:
        rater.practised_at = now
        return
    rater.n_practice_attempts += 1
    if rater.n_practice_attempts >= attempts:
        rater.left_at, rater.left_why = now, LeavingReason.FAILED_PRACTICE


def open_guesses(session: Session, rater_id: str, *, now: datetime) -> None:
    """Record that the blinding question was opened, after which no answer can be changed."""
    rater = _get_active(session, rater_id)
    if rater.finished_at is None:
        msg = "There are texts left to rate first."
        raise StateError(msg)
    rater.asked_at = rater.asked_at or now


def record_guesses(
    session: Session, rater_id: str, choices: Mapping[int, GuessChoice], *, now: datetime
) -> None:
    """Store a rater's guesses by trial (0 for all); the first submission counts.

    Raises:
        StateError: the question was not opened, or a trial is not one of the rater's.
    """
    rater = _get_active(session, rater_id)
    if rater.asked_at is None:
        msg = "The question has not been asked yet."
        raise StateError(msg)
    if rater.guessed_at is not None:
        return
    positions = set(session.scalars(select(TrialRow.position).where(TrialRow.booklet_id == rater.booklet_id)))
    if not choices.keys() <= positions | {0}:
        msg = "This guess is about a text that the rater did not rate."
        raise StateError(msg)
    rater.guessed_at = now
    for position, choice in choices.items():
        session.add(Guess(rater_id=rater_id, position=position, choice=choice, guessed_at=now))


def record_comment(session: Session, rater_id: str, text: str, *, now: datetime) -> None:
    """Store a rater's final comment, and that they left its page; the first submission counts."""
    rater = _get_active(session, rater_id)
    if rater.commented_at is not None:
        return
    rater.commented_at = now
    if text:
        session.add(Comment(rater_id=rater_id, text=text))


def leave(session: Session, rater_id: str, *, why: LeavingReason, now: datetime) -> None:
    """Record that a rater leaves before the end; the booklet is free again, and the answers stay, marked.

    A rater who withdraws does so from all their booklets.
    """
    rater = _get_active(session, rater_id)
    if rater.left_at is not None:
        return
    leaving = [rater]
    if why is LeavingReason.WITHDRAWN:
        others = select(Rater).where(Rater.person_id == rater.person_id, Rater.id != rater_id)
        leaving += session.scalars(others.with_for_update(key_share=True)).all()
    for each in leaving:
        each.left_at, each.left_why = now, why


def note_ending(session: Session, rater_id: str, outcome: str, code: str | None, *, now: datetime) -> None:
    """Record the ending that a rater is shown, the first time. Costs one insert."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    row = dialect.insert(ShownEnding).values(rater_id=rater_id, outcome=outcome, code=code, shown_at=now)
    session.execute(row.on_conflict_do_nothing())


def has_seen_ending(session: Session, rater_id: str, outcome: str) -> bool:
    """Return whether a rater was shown an ending before. Costs one query."""
    return session.get(ShownEnding, (rater_id, outcome)) is not None


def _get_active(session: Session, rater_id: str) -> Rater:
    """Read and lock a rater, and keep the study open until the commit."""
    rater = session.get_one(Rater, rater_id, with_for_update={"key_share": True}, populate_existing=True)
    state = session.scalars(
        select(StudyRow.state).where(StudyRow.id == rater.study_id).with_for_update(read=True)
    ).one()
    if state is not State.OPEN:
        msg = "This study is not collecting answers now."
        raise ClosedError(msg)
    return rater
