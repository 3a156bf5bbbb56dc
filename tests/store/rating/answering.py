"""Claim booklets and send answers straight to the store, for tests of its modules."""

from datetime import datetime

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from rater.store.engine import reading, writing
from rater.store.rating.raters import Arrival, claim_booklet
from rater.store.rating.schema import Answer
from rater.store.rating.sessions import RaterSession, find_rater_session
from rater.store.rating.studies import PublishedStudy
from rater.store.rating.trials import Judgement, Submission, Timing, record_answers
from rater.study.visit import Channel


def claim_in(session: Session, study: PublishedStudy, token: str, now: datetime) -> RaterSession:
    return claim_booklet(
        session, study.id, token, arrival=Arrival(Channel.WEB), protocol=study.protocol, now=now
    )


def claim_for(engine: Engine, study: PublishedStudy, token: str, now: datetime) -> RaterSession:
    with writing(engine) as session:
        return claim_in(session, study, token, now)


def session_of(session: Session, study: PublishedStudy, token: str) -> RaterSession:
    rater_session = find_rater_session(session, study.id, token)
    assert rater_session is not None
    return rater_session


def send_submission(
    engine: Engine, study: PublishedStudy, token: str, sent: Submission, now: datetime
) -> None:
    with writing(engine) as session:
        record_answers(session, study.id, session_of(session, study, token), sent, revising="all", now=now)


def submission(id_: str, position: int, value: int, shown_ms: int | None = None) -> Submission:
    return Submission(id_, position, {"happiness": Judgement(value)}, Timing(shown_ms))


def revisions_of(engine: Engine, rater_id: str) -> list[tuple[int, str, int, float | None]]:
    rows = select(Answer.position, Answer.dimension, Answer.revision, Answer.value)
    ordered = rows.where(Answer.rater_id == rater_id).order_by(
        Answer.position, Answer.dimension, Answer.revision
    )
    with reading(engine) as session:
        return [(row.position, row.dimension, row.revision, row.value) for row in session.execute(ordered)]
