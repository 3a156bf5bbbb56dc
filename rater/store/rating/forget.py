"""Forget a rater: their identity, or everything they gave; the only place where collected data is deleted.

The log comes first. The database's own triggers refuse to delete answers and guesses of a rater who has no
``redacted`` row in the log. That row has the digests of what is taken out, for each closing before it, by
which `rater verify` shows that nothing else was changed, and the rater's random id, which then leads nowhere.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from rater.errors import StateError
from rater.names import normalise_name
from rater.store.engine import overwrite_deleted
from rater.store.log import Event, EventKind, append_event, read_events
from rater.store.rating.digests import Closing, RaterDigests, digest_rater, read_closings, read_digests
from rater.store.rating.schema import (
    Answer,
    Comment,
    EventRow,
    Guess,
    Identifier,
    Invitation,
    QuestionnaireAnswer,
    Rater,
    ShownEnding,
    StudyRow,
    Token,
)

MIN_PREFIX = 6
OF_A_RATER = (Answer, Guess, Comment, QuestionnaireAnswer, Identifier, ShownEnding, Token)
"""The tables with rows of a rater, which is held against the schema by a test."""


@dataclass(frozen=True)
class Known:
    """The data stored about a rater, with all their booklets."""

    id: str
    """The id under which the rater holds their first booklet."""
    current_id: str
    """The id under which the rater holds their latest booklet."""
    consented_at: datetime
    n_answers: int
    n_identifiers: int
    n_questions: int
    """The number of their answers to the questionnaire."""
    n_comments: int
    """The number of their comments, on answers or at the end."""


def find_known(session: Session, study_id: int, who: str) -> Known:
    """Find a rater by their id, its first characters, or their identifier on a recruitment site.

    Costs up to six queries.

    Raises:
        StateError: nobody is known so, or several are.
    """
    by_identifier = select(Identifier.rater_id).where(
        Identifier.study_id == study_id, Identifier.value == normalise_name(who)
    )
    found = set(session.scalars(by_identifier))
    if not found and len(who) >= MIN_PREFIX:
        by_id = select(Rater.person_id).where(
            Rater.study_id == study_id, func.substr(Rater.id, 1, len(who)) == who.lower()
        )
        found = set(session.scalars(by_id))
    if len(found) != 1:
        n = f"{len(found)} raters are" if found else "No rater of this study is"
        msg = (
            f"{n} known as {who!r}. Valid: a rater's id as in `rater export`, at least its first "
            f"{MIN_PREFIX} characters, or their identifier on the recruitment site."
        )
        raise StateError(msg)
    rater = session.get_one(Rater, found.pop())
    ids = _ids_of(session, rater.id)
    answers = select(func.count(), func.count(Answer.comment)).where(Answer.rater_id.in_(ids))
    n_answers, n_on_answers = session.execute(answers).one()
    n_identifiers, n_questions, n_at_end = (
        session.scalar(select(func.count()).select_from(table).where(table.rater_id.in_(ids))) or 0
        for table in (Identifier, QuestionnaireAnswer, Comment)
    )
    return Known(
        id=rater.id,
        current_id=ids[-1],
        consented_at=rater.consented_at,
        n_answers=n_answers,
        n_identifiers=n_identifiers,
        n_questions=n_questions,
        n_comments=n_on_answers + n_at_end,
    )


def forget_identifiers(session: Session, study_id: int, known: Known, *, by: str, now: datetime) -> str:
    """Delete a rater's identity and keep their ratings; return the log's new head.

    Their answers to the questionnaire and the experimenter's label of a personal link go as well, since they
    may identify them. Must run in a `writing` transaction.
    """
    _lock(session, study_id)
    overwrite_deleted(session)
    for table in (Identifier, QuestionnaireAnswer):
        session.execute(delete(table).where(table.rater_id == known.id))
    session.execute(update(Invitation).where(Invitation.rater_id == known.id).values(label=""))
    return append_event(
        session,
        EventRow,
        study_id,
        kind=EventKind.FORGOTTEN,
        at=now,
        by=by,
        rater=known.id,
        n=known.n_identifiers,
        n_questions=known.n_questions,
    )


def redact(session: Session, study_id: int, known: Known, *, by: str, now: datetime) -> str:
    """Delete a rater and everything they gave; return the log's new head. Their booklets are free again.

    The log has a row for each of their booklets. Must run in a `writing` transaction.
    """
    _lock(session, study_id)
    overwrite_deleted(session)
    closings = read_closings(read_events(session, EventRow, study_id))
    ids = _ids_of(session, known.id)
    heads = [
        _log_redacted(session, study_id, rater_id, closings=closings, by=by, now=now) for rater_id in ids
    ]
    for table in OF_A_RATER:
        session.execute(delete(table).where(table.rater_id.in_(ids)))
    session.execute(update(Invitation).where(Invitation.rater_id.in_(ids)).values(label="", rater_id=None))
    session.execute(delete(Rater).where(Rater.id.in_(ids)))
    return heads[-1]


def _log_redacted(
    session: Session, study_id: int, rater_id: str, *, closings: Sequence[Closing], by: str, now: datetime
) -> str:
    digests = digest_rater(session, study_id, rater_id, closings=closings)
    n_answers = session.scalar(select(func.count()).where(Answer.rater_id == rater_id))
    return append_event(
        session,
        EventRow,
        study_id,
        kind=EventKind.REDACTED,
        at=now,
        by=by,
        rater=rater_id,
        n=n_answers or 0,
        closings={str(sequence): asdict(each) for sequence, each in digests.items()},
    )


def _ids_of(session: Session, person_id: str) -> Sequence[str]:
    """Read the ids under which a person holds booklets, the first one first. Costs one query."""
    mine = select(Rater.id).where(Rater.person_id == person_id).order_by(Rater.booklet_number)
    return session.scalars(mine).all()


def read_redacted(events: Iterable[Event]) -> dict[str, dict[int, RaterDigests]]:
    """Read the digests of redacted raters from a study's log, by rater and closing."""
    found = {}
    for event in events:
        if event.kind == EventKind.REDACTED:
            closings = event.detail["closings"]
            if not isinstance(closings, dict):
                msg = f"row {event.sequence} of the log has no digests by closing"
                raise TypeError(msg)
            found[str(event.detail["rater"])] = {
                int(sequence): read_digests(each) for sequence, each in closings.items()
            }
    return found


def find_returned(session: Session, study_id: int, gone: Iterable[str]) -> list[str]:
    """List redacted raters that have a row, which was inserted by hand. Costs a query."""
    return sorted(set(gone).intersection(session.scalars(select(Rater.id).where(Rater.study_id == study_id))))


def _lock(session: Session, study_id: int) -> None:
    """Lock the study's row, so that nobody else appends to its log or closes it until the commit."""
    session.get_one(StudyRow, study_id, with_for_update={"key_share": True}, populate_existing=True)
