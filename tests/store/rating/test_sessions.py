from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine, select

from rater.store.engine import reading
from rater.store.rating.schema import Token
from rater.store.rating.sessions import digest, find_rater_session, new_token
from rater.store.rating.studies import PublishedStudy
from tests.store.rating.answering import claim_for

Publish = Callable[..., PublishedStudy]


def test_a_token_is_long_random_and_kept_only_as_its_digest(
    rating: Engine, publish: Publish, now: datetime
) -> None:
    token = new_token()
    claim_for(rating, publish(rating), token, now)

    with reading(rating) as session:
        assert session.scalars(select(Token.digest)).one() == digest(token)
    assert len(token) == 43
    assert token != new_token()


def test_who_claims_gets_a_booklet_and_is_found_again_by_token(
    rating: Engine, publish: Publish, now: datetime
) -> None:
    study, other = publish(rating, n_trials=4), publish(rating)

    claimed = claim_for(rating, study, "token", now)

    assert (claimed.n_trials, claimed.n_answered, claimed.next_position) == (4, 0, 1)
    assert not claimed.has_read_instructions
    assert not claimed.has_finished
    with reading(rating) as session:
        assert find_rater_session(session, study.id, "token") == claimed
        assert find_rater_session(session, study.id, "another token") is None
        assert find_rater_session(session, other.id, "token") is None
