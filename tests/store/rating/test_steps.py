from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from rater.store.engine import reading, writing
from rater.store.rating.raters import Arrival, claim_booklet
from rater.store.rating.schema import Rater
from rater.store.rating.sessions import RaterSession, find_rater_session
from rater.store.rating.steps import finish_instructions
from rater.store.rating.studies import PublishedStudy

Publish = Callable[..., PublishedStudy]


def _claim(engine: Engine, study: PublishedStudy, token: str, now: datetime) -> RaterSession:
    with writing(engine) as session:
        return _claim_in(session, study, token, now)


def _claim_in(session: Session, study: PublishedStudy, token: str, now: datetime) -> RaterSession:
    return claim_booklet(session, study.id, token, arrival=Arrival("web"), protocol=study.protocol, now=now)


def _rater_session(session: Session, study: PublishedStudy, token: str) -> RaterSession:
    rater_session = find_rater_session(session, study.id, token)
    assert rater_session is not None
    return rater_session


def test_the_first_time_of_leaving_the_instructions_counts(
    rating: Engine, publish: Publish, now: datetime
) -> None:
    study = publish(rating)
    rater_session = _claim(rating, study, "token", now)

    for minutes in (1, 2):
        with writing(rating) as session:
            finish_instructions(session, rater_session.rater_id, now=now + timedelta(minutes=minutes))

    with reading(rating) as session:
        assert _rater_session(session, study, "token").has_read_instructions
        assert session.scalars(select(Rater.instructed_at)).one() == now + timedelta(minutes=1)
