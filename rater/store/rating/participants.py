"""Participants of a study: one row for each person, with what a recruiter needs to pay them. None is by arm.

A person with several booklets has the status of the first one; times and counts are of all of them.

Identifiers of the recruitment site, labels of personal links and comments are read on request only: they may
identify a person. They stay in tables of their own, from which `rater forget` deletes them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from rater.store.log import EventKind, append_event
from rater.store.rating.monitoring import WatchedRater, watch_raters
from rater.store.rating.schema import Comment, EventRow, Identifier, Invitation, Rater, ShownEnding
from rater.store.rating.statuses import RaterStatus
from rater.store.rating.studies import PublishedStudy
from rater.study.visit import Channel, FreedReason, LeavingReason


@dataclass(frozen=True)
class Participant:
    """A rater with what is known about their visit, without answers."""

    rater_id: str
    participant_id: str | None
    """The recruitment site's ID of the person; None if it is unknown, or not to be shown."""
    other_identifiers: Mapping[str, str]
    """Values of the other declared parameters of the link, such as the session, by parameter."""
    label: str | None
    """The experimenter's label of the personal link."""
    channel: Channel
    status: RaterStatus
    replaced_why: FreedReason | None
    """The reason why their place was freed."""
    code: str | None
    """The completion code that they were shown last, of their first booklet."""
    further: tuple[RaterStatus, ...]
    """The status of each booklet after the first."""
    n_paid_checks_passed: int
    """Attention checks passed in booklets that were finished without failing them by the study's rule."""
    current_id: str
    """The id under which they hold their latest booklet; of the first booklet it is `rater_id`."""
    consented_at: datetime
    last_seen_at: datetime
    """Time of the last stored step or answer, in UTC."""
    minutes: float
    """From consent to the last trial, or to when they were last seen if they did not finish."""
    n_answered: int
    n_trials: int
    n_checks: int
    n_checks_passed: int
    flags: Mapping[str, str]
    """Unusual answering, with the numbers that show it; it excludes nobody."""
    comment: str | None
    """The comment at the end; None if there is none, they withdrew, or it is not to be shown."""

    @property
    def n_extra_booklets(self) -> int:
        """The booklets after the first that were finished without failing the attention checks."""
        return sum(status in _ACCEPTED for status in self.further)

    @property
    def current_status(self) -> RaterStatus:
        """The status of their latest booklet."""
        return self.further[-1] if self.further else self.status


_ACCEPTED = frozenset({RaterStatus.FINISHED, RaterStatus.SURPLUS})


def read_participants(
    session: Session, study: PublishedStudy, *, with_identifiers: bool, now: datetime
) -> list[Participant]:
    """Read one row for each person, in the order in which they came. Costs six queries, or nine.

    Args:
        session: A snapshot.
        study: The study.
        with_identifiers: Whether identifiers, labels and comments are read.
        now: The time.
    """
    raters = {rater.id: rater for rater in session.scalars(select(Rater).where(Rater.study_id == study.id))}
    codes = _read_codes(session, study.id)
    personal = _read_personal(session, study) if with_identifiers else _Personal({}, {}, {})
    recruitment = study.protocol.recruitment
    person = recruitment.participant_id if recruitment else ""
    booklets: dict[str, list[WatchedRater]] = {}
    for watched in watch_raters(session, study, now=now):
        booklets.setdefault(watched.person_id, []).append(watched)
    for own in booklets.values():
        own.sort(key=lambda each: each.booklet_number)
    return [
        _participant(
            own, [raters[each.id] for each in own], code=codes.get(id_), personal=personal, person=person
        )
        for id_, own in booklets.items()
    ]


def log_list(session: Session, study_id: int, *, who: str, by: str, n: int, now: datetime) -> str:
    """Record in the log that participants' identifiers were downloaded; return the new head.

    Costs one query and one insert; must run in a `writing` transaction.
    """
    return append_event(session, EventRow, study_id, kind=EventKind.LISTED, at=now, who=who, by=by, n=n)


@dataclass(frozen=True)
class _Personal:
    """The data that may identify a person, by rater."""

    identifiers: Mapping[str, Mapping[str, str]]
    labels: Mapping[str, str]
    comments: Mapping[str, str]


def _participant(
    watched: Sequence[WatchedRater],
    raters: Sequence[Rater],
    *,
    code: str | None,
    personal: _Personal,
    person: str,
) -> Participant:
    """Make a participant of their booklets, the first one first."""
    rater, first = raters[0], watched[0]
    identifiers = dict(personal.identifiers.get(rater.id, {}))
    seen_at = [_last_seen_at(*each) for each in zip(raters, watched, strict=True)]
    is_withdrawn = rater.left_why is LeavingReason.WITHDRAWN
    return Participant(
        rater_id=rater.id,
        participant_id=identifiers.pop(person, None),
        other_identifiers=identifiers,
        label=personal.labels.get(rater.id),
        channel=rater.channel,
        status=first.status,
        replaced_why=rater.replaced_why,
        code=code,
        further=tuple(each.status for each in watched[1:]),
        n_paid_checks_passed=sum(each.n_checks_passed for each in watched if each.status in _ACCEPTED),
        current_id=raters[-1].id,
        consented_at=rater.consented_at,
        last_seen_at=max(seen_at),
        minutes=sum(
            ((each.finished_at or at) - each.consented_at).total_seconds() / 60
            for each, at in zip(raters, seen_at, strict=True)
        ),
        n_answered=sum(each.n_answered for each in watched),
        n_trials=sum(each.n_trials for each in watched),
        n_checks=sum(each.n_checks for each in watched),
        n_checks_passed=sum(each.n_checks_passed for each in watched),
        flags={
            flag if each.booklet_number == 1 else f"{flag}, booklet {each.booklet_number}": numbers
            for each in watched
            for flag, numbers in each.flags.items()
        },
        comment=None if is_withdrawn else personal.comments.get(rater.id),
    )


def _last_seen_at(rater: Rater, watched: WatchedRater) -> datetime:
    return max(at for at in (*_steps(rater), watched.last_at) if at is not None)


def _steps(rater: Rater) -> tuple[datetime | None, ...]:
    return (
        rater.consented_at,
        rater.screened_at,
        rater.questions_before_at,
        rater.instructed_at,
        rater.practised_at,
        rater.finished_at,
        rater.asked_at,
        rater.guessed_at,
        rater.questions_after_at,
        rater.commented_at,
        rater.left_at,
    )


def _read_codes(session: Session, study_id: int) -> dict[str, str]:
    """Read the completion code that each rater was shown last. Costs one query."""
    rows = session.execute(
        select(ShownEnding.rater_id, ShownEnding.code)
        .join(Rater, Rater.id == ShownEnding.rater_id)
        .where(Rater.study_id == study_id, ShownEnding.code.is_not(None))
        .order_by(ShownEnding.shown_at)
    )
    return {row.rater_id: str(row.code) for row in rows}


def _read_personal(session: Session, study: PublishedStudy) -> _Personal:
    identifiers: dict[str, dict[str, str]] = {}
    for each in session.scalars(select(Identifier).where(Identifier.study_id == study.id)):
        identifiers.setdefault(each.rater_id, {})[each.name] = each.value
    links = session.execute(
        select(Invitation.rater_id, Invitation.label).where(
            Invitation.study_id == study.id, Invitation.rater_id.is_not(None)
        )
    )
    comments = session.execute(
        select(Comment.rater_id, Comment.text)
        .join(Rater, Rater.id == Comment.rater_id)
        .where(Rater.study_id == study.id)
    )
    return _Personal(
        identifiers,
        {str(row.rater_id): row.label for row in links},
        {row.rater_id: row.text for row in comments},
    )
