from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from rater.store.engine import reading, writing
from rater.store.rating.raters import Arrival, claim_booklet
from rater.store.rating.schema import Token
from rater.store.rating.sessions import RaterSession, digest, find_rater_session, new_token
from rater.store.rating.studies import PublishedStudy

Publish = Callable[..., PublishedStudy]


def _claim(engine: Engine, study: PublishedStudy, token: str, now: datetime) -> RaterSession:
    with writing(engine) as session:
        return _claim_in(session, study, token, now)


def _claim_in(session: Session, study: PublishedStudy, token: str, now: datetime) -> RaterSession:
    return claim_booklet(session, study.id, token, arrival=Arrival("web"), protocol=study.protocol, now=now)


def test_a_token_is_long_random_and_kept_only_as_its_digest(
    rating: Engine, publish: Publish, now: datetime
) -> None:
    token = new_token()
    _claim(rating, publish(rating), token, now)

    with reading(rating) as session:
        assert session.scalars(select(Token.digest)).one() == digest(token)
    assert len(token) == 43
    assert token != new_token()


def test_who_claims_gets_a_booklet_and_is_found_again_by_token(
    rating: Engine, publish: Publish, now: datetime
) -> None:
    study, other = publish(rating, n_trials=4), publish(rating)

    claimed = _claim(rating, study, "token", now)

    assert (claimed.n_trials, claimed.n_answered, claimed.next_position) == (4, 0, 1)
    assert not claimed.has_read_instructions
    assert not claimed.has_finished
    with reading(rating) as session:
        assert find_rater_session(session, study.id, "token") == claimed
        assert find_rater_session(session, study.id, "another token") is None
        assert find_rater_session(session, other.id, "token") is None
