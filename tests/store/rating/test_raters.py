import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime

import pytest
from sqlalchemy import Engine

from rater.errors import ClosedError, FullError
from rater.store.engine import reading, writing
from rater.store.rating.places import Limits, has_free_booklet
from rater.store.rating.raters import Offer, read_offer
from rater.store.rating.sessions import RaterSession
from rater.store.rating.studies import PublishedStudy, move_study
from rater.study.state import State
from tests.store.rating.answering import claim_for, claim_in

Publish = Callable[..., PublishedStudy]


def _limits(now: datetime) -> Limits:
    return Limits(now, reassign_after_hours=None)


def test_who_claims_twice_keeps_the_booklet_even_when_the_study_is_full_or_closed(
    rating: Engine, publish: Publish, now: datetime
) -> None:
    study = publish(rating, n_booklets=1)
    first = claim_for(rating, study, "token", now)

    full = claim_for(rating, study, "token", now)
    with writing(rating) as session:
        move_study(session, study.name, State.CLOSED, at=now)
    closed = claim_for(rating, study, "token", now)

    assert first == full == closed


def test_a_full_study_says_so(rating: Engine, publish: Publish, now: datetime) -> None:
    study = publish(rating, n_booklets=1)
    with reading(rating) as session:
        assert has_free_booklet(session, study.id, _limits(now))
    claim_for(rating, study, "first", now)

    with reading(rating) as session:
        assert not has_free_booklet(session, study.id, _limits(now))
    with pytest.raises(FullError, match=r"^Every place in this study is taken\.$"):
        claim_for(rating, study, "second", now)


@pytest.mark.parametrize("state", ["published", "closed"])
def test_a_study_that_is_not_open_deals_no_booklet(
    rating: Engine, publish: Publish, now: datetime, state: str
) -> None:
    study = publish(rating, state=state)

    with pytest.raises(ClosedError, match=r"^This study is not collecting answers now\.$"):
        claim_for(rating, study, "token", now)


def test_many_who_claim_at_once_get_one_booklet_each_until_none_is_left(
    rating: Engine, engines: Callable[[], Engine], publish: Publish, now: datetime
) -> None:
    study = publish(rating, n_booklets=5)
    start = threading.Barrier(12)

    def claim(number: int) -> str | None:
        engine = engines()
        start.wait()
        try:
            return claim_for(engine, study, f"token {number}", now).booklet_id
        except FullError:
            return None

    with ThreadPoolExecutor(12) as pool:
        dealt = list(pool.map(claim, range(12)))

    assert dealt.count(None) == 7
    assert {booklet for booklet in dealt if booklet} == {f"{study.name}-booklet-{i}" for i in range(5)}


def test_one_who_claims_twice_at_once_gets_one_booklet(
    rating: Engine, engines: Callable[[], Engine], publish: Publish, now: datetime
) -> None:
    study = publish(rating, n_booklets=5)
    start = threading.Barrier(6)

    def claim(_: int) -> RaterSession:
        engine = engines()
        start.wait()
        return claim_for(engine, study, "token", now)

    with ThreadPoolExecutor(6) as pool:
        dealt = list(pool.map(claim, range(6)))

    assert len(set(dealt)) == 1


def test_a_study_is_not_full_while_the_last_booklet_may_still_come_back(
    rating: Engine, engines: Callable[[], Engine], publish: Publish, now: datetime
) -> None:
    study, other_engine = publish(rating, n_booklets=1), engines()

    def give_up_while_another_waits(pool: ThreadPoolExecutor) -> "Future[RaterSession]":
        with writing(rating) as session:
            claim_in(session, study, "first", now)
            waiting = pool.submit(claim_for, other_engine, study, "second", now)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.3)
            session.rollback()
        return waiting

    with ThreadPoolExecutor(1) as pool:
        rater_session = give_up_while_another_waits(pool).result(timeout=10)

    assert rater_session.booklet_id == f"{study.name}-booklet-0"


def test_one_who_waited_for_the_last_booklet_hears_that_it_is_gone(
    rating: Engine, engines: Callable[[], Engine], publish: Publish, now: datetime
) -> None:
    study, other_engine = publish(rating, n_booklets=1), engines()

    with ThreadPoolExecutor(1) as pool:
        with writing(rating) as session:
            claim_in(session, study, "first", now)
            waiting = pool.submit(claim_for, other_engine, study, "second", now)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.3)

        with pytest.raises(FullError):
            waiting.result(timeout=10)


def test_an_offer_says_what_a_free_booklet_would_ask_until_none_is_left(
    rating: Engine, publish: Publish, now: datetime
) -> None:
    study = publish(rating, n_booklets=1, n_trials=4)
    publish(rating, n_trials=40)

    with reading(rating) as session:
        offer = read_offer(session, study.id, _limits(now))
    rater_session = claim_for(rating, study, "token", now)
    with reading(rating) as session:
        none = read_offer(session, study.id, _limits(now))

    assert offer == Offer(n_trials=4, mean_characters=15, asks_all=True)  # "Prompt 1" and " text 1"
    assert none is None
    assert (rater_session.n_lines, rater_session.n_narrow_lines) == (1, 1)
