"""Deal a booklet again that was left for too long: whole, once, and to nobody too many."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from rater.errors import FullError
from rater.store.engine import open_engine, reading, writing
from rater.store.rating.export import read_rater_table
from rater.store.rating.places import Limits, has_free_booklet
from rater.store.rating.raters import Arrival, claim_booklet
from rater.store.rating.sessions import RaterSession, find_rater_session
from rater.store.rating.studies import PublishedStudy
from rater.store.rating.trials import Judgement, Submission, record_answers
from rater.study.visit import Channel

Publish = Callable[..., PublishedStudy]
HOUR = timedelta(hours=1)


class Visit:
    """Claim and rate in a study whose booklets are dealt again after an hour."""

    def __init__(self, url: str, study: PublishedStudy) -> None:
        self.study = study
        self.protocol = study.protocol.model_copy(update={"reassign_after_hours": 1.0})
        self._url = url
        self._opened: list[Engine] = []

    def engine(self) -> Engine:
        """Open the database again, as another process would."""
        self._opened.append(open_engine(self._url))
        return self._opened[-1]

    def claim(self, token: str, now: datetime, engine: Engine | None = None) -> RaterSession:
        with writing(engine or self._opened[0]) as session:
            arrival = Arrival(Channel.WEB)
            return claim_booklet(
                session, self.study.id, token, arrival=arrival, protocol=self.protocol, now=now
            )

    def rater_session(self, session: Session, token: str) -> RaterSession:
        found = find_rater_session(session, self.study.id, token)
        assert found is not None
        return found

    def answer(self, session: Session, token: str, position: int, now: datetime) -> None:
        sent = Submission(f"{token}-{position}", position, {"happiness": Judgement(3)})
        rater_session = self.rater_session(session, token)
        record_answers(session, self.study.id, rater_session, sent, revising="all", now=now)

    def finish(self, token: str, now: datetime) -> None:
        with writing(self._opened[0]) as session:
            rater_session = self.rater_session(session, token)
            for position in range(rater_session.next_position, rater_session.n_trials + 1):
                self.answer(session, token, position, now)

    def close(self) -> None:
        for engine in self._opened:
            engine.dispose()


@pytest.fixture
def visit(rating: Engine, rating_url: str, publish: Publish) -> Iterator[Visit]:
    """A study with one booklet, of which the first rater answered one text and went away."""
    visit = Visit(rating_url, publish(rating, n_booklets=1))
    visit.engine()
    yield visit
    visit.close()


@pytest.fixture
def left(visit: Visit, now: datetime) -> Visit:
    visit.claim("first", now)
    with writing(visit.engine()) as session:
        visit.answer(session, "first", 1, now + HOUR)
    return visit


def test_a_booklet_is_kept_for_a_rater_who_was_seen_within_the_limit(left: Visit, now: datetime) -> None:
    with reading(left.engine()) as session:
        limits = Limits.of(left.protocol, now + 2 * HOUR)
        assert not has_free_booklet(session, left.study.id, limits)
    with pytest.raises(FullError):
        left.claim("second", now + 2 * HOUR)


def test_a_booklet_left_too_long_is_dealt_again_whole_to_one_of_many_who_ask_at_once(
    left: Visit, now: datetime
) -> None:
    start, later = threading.Barrier(8), now + 3 * HOUR

    def claim(number: int) -> RaterSession | None:
        engine = left.engine()
        start.wait()
        try:
            return left.claim(f"new {number}", later, engine)
        except FullError:
            return None

    with ThreadPoolExecutor(8) as pool:
        dealt = [rater_session for rater_session in pool.map(claim, range(8)) if rater_session]

    assert [(rater_session.n_answered, rater_session.is_replaced) for rater_session in dealt] == [(0, False)]
    with reading(left.engine()) as session:
        first = left.rater_session(session, "first")
    assert (first.is_replaced, first.n_answered) == (True, 1)
    assert first.booklet_id == dealt[0].booklet_id


def test_who_comes_back_late_finishes_as_surplus_where_the_study_says_so(left: Visit, now: datetime) -> None:
    left.claim("second", now + 3 * HOUR)
    with reading(left.engine()) as session:
        first = left.rater_session(session, "first")
    assert first.may_continue("finish")
    assert not first.may_continue("stop")

    left.finish("first", now + 4 * HOUR)
    left.finish("second", now + 4 * HOUR)

    with reading(left.engine()) as session:
        table = read_rater_table(session, left.study, now=now + 4 * HOUR)
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert sorted(bool(row["is_surplus"]) for row in rows) == [False, True]
    assert all(row["finished_at"] is not None for row in rows)
    with pytest.raises(FullError):
        left.claim("third", now + 100 * HOUR)


def test_a_booklet_finished_late_is_not_dealt_a_third_time(left: Visit, now: datetime) -> None:
    left.claim("second", now + 3 * HOUR)
    left.finish("first", now + 4 * HOUR)

    with pytest.raises(FullError):
        left.claim("third", now + 4 * HOUR)


def test_who_is_sending_an_answer_has_not_left(left: Visit, now: datetime) -> None:
    later, other = now + 3 * HOUR, left.engine()

    with ThreadPoolExecutor(1) as pool:
        with writing(left.engine()) as session:
            left.answer(session, "first", 2, later)
            claiming = pool.submit(left.claim, "second", later, other)
            with pytest.raises((TimeoutError, FullError)):
                claiming.result(timeout=0.3)
        with pytest.raises(FullError):
            claiming.result(timeout=10)

    with reading(left.engine()) as session:
        assert not left.rater_session(session, "first").is_replaced
