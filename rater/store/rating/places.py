"""Find free places in a study, and free the place of a rater.

A place is a booklet that no rater holds. A rater holds a booklet from consent until they leave or their place
is freed: because they were inactive for longer than the study allows, because they failed the attention
checks by the study's rule, by an experimenter, or because the recruitment site returned or rejected them. A
freed booklet is assigned again as a whole; its answers are kept. A rater who returns may finish it as
surplus, unless the study has `late_raters="stop"`, and never holds a second place.

No rule reads an answer other than those to attention checks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from rater.errors import ClosedError, StateError
from rater.names import normalise_name
from rater.store.log import EventKind, append_event
from rater.store.rating.frame import count_checks
from rater.store.rating.schema import Answer, Booklet, EventRow, Identifier, Rater, StudyRow
from rater.study.practice_and_checks import CheckRule
from rater.study.protocol import Protocol
from rater.study.visit import FreedReason


@dataclass(frozen=True)
class Limits:
    """The rule by which a booklet is free at a time."""

    now: datetime
    reassign_after_hours: float | None
    """After how many hours without an answer a booklet is free again; None for never."""
    check_rule: CheckRule | None = None
    """The rule by which raters who fail attention checks are replaced."""
    finish_is_final: bool = False
    """True if the last answer ends a rater's revisions, because no page follows on which they could."""
    unsuitable: tuple[Select[str], ...] = ()
    """Queries of booklets that are not free for this rater."""

    @property
    def since(self) -> datetime:
        """The time since which the holder of a booklet must have been active."""
        return self.now - timedelta(hours=self.reassign_after_hours or 0)

    @classmethod
    def of(cls, protocol: Protocol, now: datetime, *, unsuitable: tuple[Select[str], ...] = ()) -> "Limits":
        """Read the rule from a study's protocol."""
        return cls(now, protocol.inactive_hours, protocol.check_rule, protocol.finish_is_final, unsuitable)

    def suits(self, booklet_id: InstrumentedAttribute[str]) -> ColumnElement[bool]:
        """Match booklets that may be free for this rater."""
        return and_(true(), *(booklet_id.not_in(each) for each in self.unsuitable))


def has_free_booklet(session: Session, study_id: int, limits: Limits) -> bool:
    """Return whether a booklet is left for another rater. Costs one to five queries."""
    return find_free_booklet(session, study_id, limits) is not None


def find_free_booklet(session: Session, study_id: int, limits: Limits) -> str | None:
    """Find a booklet that a newcomer could be assigned. Costs one to five queries.

    First one without a rater, then one whose rater failed the attention checks, then the one inactive
    longest.
    """
    free = session.scalars(_free_booklets(study_id, limits)).first()
    if free is not None:
        return free
    failed = _find_failed(session, study_id, limits)
    if failed is not None:
        return session.get_one(Rater, failed).booklet_id
    if limits.reassign_after_hours is None:
        return None
    return session.scalars(_inactive_booklets(study_id, limits)).first()


def take_booklet(session: Session, study_id: int, limits: Limits) -> str | None:
    """Choose a booklet for a newcomer, and free it if a rater still holds it; None if there is none.

    Must run in a `writing` transaction that has locked the study's row. Costs one to eight queries.
    """
    free = session.scalars(_free_booklets(study_id, limits)).first()
    if free is not None:
        return free
    failed = _find_failed(session, study_id, limits)
    if failed is not None:
        free_place(session, study_id, failed, reason=FreedReason.FAILED_CHECKS, by="rule", now=limits.now)
        return session.get_one(Rater, failed).booklet_id
    return _take_inactive(session, study_id, limits)


def free_place(
    session: Session, study_id: int, rater_id: str, *, reason: FreedReason, by: str, now: datetime
) -> str:
    """Free the place of a rater, log it, and return the log's new head. The answers are kept.

    The place of a rater who has finished is freed only if the recruitment site returned or rejected them, or
    if they failed the attention checks: nobody is replaced because of their answers. If the site ended the
    submission, the places of the person's other booklets are freed as well. Must run in a `writing`
    transaction. Costs up to five queries, and an update and an insert for each place.

    Args:
        session: The transaction.
        study_id: The study.
        rater_id: The rater.
        reason: The reason.
        by: The user, or "rule" if the study's own rule freed the place.
        now: The time.

    Raises:
        ClosedError: the study takes no raters any more.
        StateError: the rater is unknown, holds no place, or has finished.
    """
    # the lock on the study's row serialises assignments, and appends to the log
    state = session.scalars(
        select(StudyRow.state).where(StudyRow.id == study_id).with_for_update(key_share=True)
    ).one()
    if not state.takes_raters:
        msg = f"This study is {state}: no place can be freed, because nobody can take it."
        raise ClosedError(msg)
    lock = (
        select(Rater).where(Rater.id == rater_id, Rater.study_id == study_id).with_for_update(key_share=True)
    )
    rater = session.scalars(lock.execution_options(populate_existing=True)).first()
    rater = _require_holder(rater, rater_id, reason)
    freed = [rater, *(_read_further(session, rater) if reason.is_of_submission else ())]
    for each in freed:
        each.replaced_at, each.replaced_why = now, reason
    session.flush()
    heads = [
        append_event(
            session,
            EventRow,
            study_id,
            kind=EventKind.FREED,
            at=now,
            rater=each.id,
            reason=reason.value,
            by=by,
        )
        for each in freed
    ]
    return heads[-1]


def _require_holder(rater: Rater | None, rater_id: str, reason: FreedReason) -> Rater:
    """Return a rater whose place can be freed for a reason.

    Raises:
        StateError: the rater is unknown, holds no place, or has finished.
    """
    if rater is None:
        msg = f"No rater of this study has the id {rater_id!r}."
        raise StateError(msg)
    if rater.left_why is not None or rater.replaced_at is not None:
        how = "left" if rater.left_why is not None else "lost the place before"
        msg = f"Rater {rater_id} holds no place: they {how}. The place is free, or was taken."
        raise StateError(msg)
    if rater.finished_at is not None and not reason.frees_finished:
        valid = ", ".join(each.value for each in FreedReason if each.frees_finished)
        msg = (
            f"Rater {rater_id} has finished, so the place cannot be freed for the reason {reason.value!r}; "
            f"valid: {valid}."
        )
        raise StateError(msg)
    return rater


def _read_further(session: Session, rater: Rater) -> Sequence[Rater]:
    """Read and lock the rows of a person's other booklets that they hold. Costs one query."""
    others = select(Rater).where(Rater.person_id == rater.person_id, Rater.id != rater.id, holds_booklet())
    return session.scalars(others.with_for_update(key_share=True).order_by(Rater.booklet_number)).all()


def find_participant(session: Session, study_id: int, participant_id: str) -> str | None:
    """Find the rater with a recruitment site's participant ID; None if there is none. Costs one query."""
    return session.scalars(
        select(Identifier.rater_id).where(
            Identifier.study_id == study_id,
            Identifier.value == normalise_name(participant_id),
            Identifier.is_person,
        )
    ).first()


def count_replaced(session: Session, study_id: int) -> dict[FreedReason, int]:
    """Count the raters whose places were freed, by reason. Costs one query."""
    rows = session.execute(
        select(Rater.replaced_why, func.count())
        .where(Rater.study_id == study_id, Rater.replaced_why.is_not(None))
        .group_by(Rater.replaced_why)
    )
    return {reason: int(n) for reason, n in rows if reason is not None}


def holds_booklet() -> ColumnElement[bool]:
    """Match raters whose booklet nobody else can be assigned."""
    return and_(Rater.left_at.is_(None), Rater.replaced_at.is_(None))


def _find_failed(session: Session, study_id: int, limits: Limits) -> str | None:
    """Find the rater who was the first to finish and fail the attention checks, if one may be replaced."""
    rule = limits.check_rule
    if rule is None or not rule.max_replaced:
        return None
    if count_replaced(session, study_id).get(FreedReason.FAILED_CHECKS, 0) >= rule.max_replaced:
        return None
    final_at = Rater.finished_at if limits.finish_is_final else Rater.asked_at
    finished = session.scalars(
        select(Rater.id)
        .where(
            Rater.study_id == study_id,
            holds_booklet(),
            Rater.finished_at.is_not(None),
            final_at.is_not(None),
            limits.suits(Rater.booklet_id),
        )
        .order_by(Rater.finished_at, Rater.id)
    ).all()
    checks = count_checks(session, study_id) if finished else {}
    return next((each for each in finished if each in checks and rule.is_failed(*checks[each])), None)


def _take_inactive(session: Session, study_id: int, limits: Limits) -> str | None:
    """Take the booklet that was inactive longest, if for too long, from its rater."""
    if limits.reassign_after_hours is None:
        return None
    inactive = _inactive_booklets(study_id, limits)
    for rater_id in session.scalars(inactive.with_only_columns(Rater.id).limit(None)).all():
        # A rater whose row is locked is sending an answer now, so they are not inactive. Waiting for the lock
        # could deadlock, since their transaction waits for the study's row, which this one holds.
        lock = select(Rater).where(Rater.id == rater_id).with_for_update(key_share=True, skip_locked=True)
        rater = session.scalars(lock.execution_options(populate_existing=True)).first()
        if rater is not None and session.scalars(inactive.where(Rater.id == rater_id)).first() is not None:
            rater.replaced_at, rater.replaced_why = limits.now, FreedReason.INACTIVE
            return rater.booklet_id
    return None


def _free_booklets(study_id: int, limits: Limits) -> Select[str]:
    # a rater who returned late and finished has rated the booklet, although it was assigned again
    is_surplus = and_(Rater.left_at.is_(None), Rater.finished_at > Rater.replaced_at)
    taken = select(Rater.id).where(Rater.booklet_id == Booklet.id, or_(holds_booklet(), is_surplus)).exists()
    # ids are random, so the lowest free one is a random choice
    is_free = and_(Booklet.study_id == study_id, ~taken, limits.suits(Booklet.id))
    return select(Booklet.id).where(is_free).order_by(Booklet.id).limit(1)


def _inactive_booklets(study_id: int, limits: Limits) -> Select[str]:
    last_at = func.coalesce(
        select(func.max(Answer.answered_at)).where(Answer.rater_id == Rater.id).scalar_subquery(),
        Rater.consented_at,
    )
    return (
        select(Rater.booklet_id)
        .where(
            Rater.study_id == study_id,
            holds_booklet(),
            Rater.finished_at.is_(None),
            last_at < limits.since,
            limits.suits(Rater.booklet_id),
        )
        .order_by(last_at, Rater.id)
        .limit(1)
    )
