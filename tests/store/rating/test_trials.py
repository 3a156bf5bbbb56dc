import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from rater.errors import ClosedError, StateError
from rater.store.engine import reading, writing
from rater.store.rating.raters import Arrival, claim_booklet
from rater.store.rating.schema import Answer, Rater
from rater.store.rating.sessions import RaterSession, find_rater_session
from rater.store.rating.studies import PublishedStudy, move_study
from rater.store.rating.trials import Judgement, Submission, Timing, TrialView, record_answers, view_trial
from rater.study.state import State

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


def _send(engine: Engine, study: PublishedStudy, token: str, sent: Submission, now: datetime) -> None:
    with writing(engine) as session:
        record_answers(
            session, study.id, _rater_session(session, study, token), sent, revising="all", now=now
        )


def _sent(id_: str, position: int, value: int, shown_ms: int | None = None) -> Submission:
    return Submission(id_, position, {"happiness": Judgement(value)}, Timing(shown_ms))


def _revisions(engine: Engine, rater_id: str) -> list[tuple[int, str, int, float | None]]:
    rows = select(Answer.position, Answer.dimension, Answer.revision, Answer.value)
    ordered = rows.where(Answer.rater_id == rater_id).order_by(
        Answer.position, Answer.dimension, Answer.revision
    )
    with reading(engine) as session:
        return [(row.position, row.dimension, row.revision, row.value) for row in session.execute(ordered)]


def test_a_trial_is_viewed_with_its_text_and_the_latest_answer(
    rating: Engine, publish: Publish, now: datetime
) -> None:
    study = publish(rating)
    _claim(rating, study, "token", now)
    _send(rating, study, "token", _sent("a", 1, 2), now)
    _send(rating, study, "token", _sent("b", 1, 5), now)

    with reading(rating) as session:
        rater_session = _rater_session(session, study, "token")
        first, second = view_trial(session, rater_session, 1), view_trial(session, rater_session, 2)

    assert first == TrialView(
        position=1,
        prompt="Prompt 1",
        text=" text 1",
        other_text=None,
        dimension=None,
        answers={"happiness": Judgement(5)},
    )
    assert second == TrialView(
        position=2, prompt="Prompt 2", text=" text 2", other_text=None, dimension=None, answers={}
    )


@pytest.mark.parametrize("position", [-1, 0, 3, 99])
def test_no_trial_is_seen_or_answered_before_its_turn(
    rating: Engine, publish: Publish, now: datetime, position: int
) -> None:
    study = publish(rating)
    _claim(rating, study, "token", now)
    _send(rating, study, "token", _sent("a", 1, 2), now)
    message = rf"^Text {position} cannot be rated now; valid: 1 to 2\.$"

    with reading(rating) as session, pytest.raises(StateError, match=message):
        view_trial(session, _rater_session(session, study, "token"), position)
    with pytest.raises(StateError, match=message):
        _send(rating, study, "token", _sent("b", position, 2), now)


def test_an_answer_is_kept_with_all_that_belongs_to_it(
    rating: Engine, publish: Publish, now: datetime
) -> None:
    study = publish(rating)
    rater_session = _claim(rating, study, "token", now)

    _send(rating, study, "token", _sent("a", 1, 4, shown_ms=2345), now)

    with reading(rating) as session:
        answer = session.scalars(select(Answer)).one()
        assert (answer.rater_id, answer.booklet_id) == (rater_session.rater_id, rater_session.booklet_id)
        assert (answer.position, answer.dimension, answer.value) == (1, "happiness", 4)
        assert (answer.revision, answer.submission_id, answer.shown_ms) == (1, "a", 2345)
        assert answer.answered_at == now


def test_sending_again_stores_once_and_every_new_sending_is_a_revision(
    rating: Engine, publish: Publish, now: datetime
) -> None:
    study = publish(rating)
    rater_id = _claim(rating, study, "token", now).rater_id

    for sent in (_sent("a", 1, 4), _sent("a", 1, 4), _sent("b", 1, 4), _sent("a", 1, 2), _sent("c", 1, 5)):
        _send(rating, study, "token", sent, now)

    assert _revisions(rating, rater_id) == [
        (1, "happiness", 1, 4),
        (1, "happiness", 2, 4),
        (1, "happiness", 3, 5),
    ]


def test_a_submission_sent_many_times_at_once_is_stored_once(
    rating: Engine, engines: Callable[[], Engine], publish: Publish, now: datetime
) -> None:
    study = publish(rating)
    rater_id = _claim(rating, study, "token", now).rater_id
    start = threading.Barrier(6)

    def send(_: int) -> None:
        engine = engines()
        start.wait()
        _send(engine, study, "token", _sent("a", 1, 4), now)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(send, range(6)))

    assert _revisions(rating, rater_id) == [(1, "happiness", 1, 4)]


def test_two_tabs_that_answer_at_once_make_two_revisions(
    rating: Engine, engines: Callable[[], Engine], publish: Publish, now: datetime
) -> None:
    study = publish(rating)
    rater_id = _claim(rating, study, "token", now).rater_id
    start = threading.Barrier(4)

    def send(value: int) -> None:
        engine = engines()
        start.wait()
        _send(engine, study, "token", _sent(f"tab {value}", 1, value), now)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, range(1, 5)))

    stored = _revisions(rating, rater_id)
    assert [revision for _, _, revision, _ in stored] == [1, 2, 3, 4]
    assert {value for _, _, _, value in stored} == {1, 2, 3, 4}


def test_the_last_answer_finishes_and_can_still_be_changed(
    rating: Engine, publish: Publish, now: datetime
) -> None:
    study = publish(rating, n_trials=2)
    rater_id = _claim(rating, study, "token", now).rater_id
    _send(rating, study, "token", _sent("a", 1, 1), now)
    with reading(rating) as session:
        assert not _rater_session(session, study, "token").has_finished

    _send(rating, study, "token", _sent("b", 2, 2), now)
    _send(rating, study, "token", _sent("c", 2, 3), now + timedelta(hours=1))

    with reading(rating) as session:
        rater_session = _rater_session(session, study, "token")
        assert session.scalars(select(Rater.finished_at)).one() == now
    assert rater_session.has_finished
    assert rater_session.next_position == 3
    assert _revisions(rating, rater_id)[-2:] == [(2, "happiness", 1, 2), (2, "happiness", 2, 3)]


def test_a_closed_study_takes_no_answer_but_hears_one_again_that_it_has(
    rating: Engine, publish: Publish, now: datetime
) -> None:
    study = publish(rating)
    rater_id = _claim(rating, study, "token", now).rater_id
    _send(rating, study, "token", _sent("a", 1, 1), now)
    with writing(rating) as session:
        move_study(session, study.name, State.CLOSED, at=now)

    _send(rating, study, "token", _sent("a", 1, 1), now)
    with pytest.raises(ClosedError, match=r"^This study is not collecting answers now\.$"):
        _send(rating, study, "token", _sent("b", 1, 2), now)

    assert _revisions(rating, rater_id) == [(1, "happiness", 1, 1)]


def test_closing_waits_for_an_answer_on_its_way(
    rating: Engine, engines: Callable[[], Engine], publish: Publish, now: datetime
) -> None:
    study, other_engine = publish(rating), engines()
    _claim(rating, study, "token", now)

    def close() -> None:
        with writing(other_engine) as session:
            move_study(session, study.name, State.CLOSED, at=now)

    with ThreadPoolExecutor(1) as pool:
        with writing(rating) as session:
            rater_session = _rater_session(session, study, "token")
            record_answers(session, study.id, rater_session, _sent("a", 1, 1), revising="all", now=now)
            closing = pool.submit(close)
            with pytest.raises(TimeoutError):
                closing.result(timeout=0.3)
        closing.result(timeout=10)

    with pytest.raises(ClosedError):
        _send(rating, study, "token", _sent("b", 2, 1), now)
