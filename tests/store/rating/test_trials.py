import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from rater.errors import ClosedError, StateError
from rater.store.engine import reading, writing
from rater.store.rating.publication import NewBooklet, NewItem, NewTrial, insert_study
from rater.store.rating.schema import Answer, Rater
from rater.store.rating.studies import PublishedStudy, get_study, move_study
from rater.store.rating.trials import (
    Judgement,
    Submission,
    TrialView,
    lock_turn,
    record_answers,
    view_trial,
    view_trials,
)
from rater.study.state import State
from tests.store.rating.answering import claim_for, revisions_of, send_submission, session_of, submission

Publish = Callable[..., PublishedStudy]
Send = Callable[[Engine, PublishedStudy, str, Submission, datetime], None]


def send_in_turn(engine: Engine, study: PublishedStudy, token: str, sent: Submission, now: datetime) -> None:
    """Send a submission as the web app does, which locks the rater with its first query."""
    with writing(engine) as session:
        turn = lock_turn(session, study.slug, token, sent.position)
        assert turn is not None
        rater_session, state = turn.rater_session, turn.study.state
        record_answers(session, study.id, rater_session, sent, revising="all", now=now, locked=state)


both_ways = pytest.mark.parametrize("send_submission", [send_submission, send_in_turn])


def test_a_trial_is_viewed_with_its_text_and_the_latest_answer(
    rating: Engine, publish: Publish, now: datetime
) -> None:
    study = publish(rating)
    claim_for(rating, study, "token", now)
    send_submission(rating, study, "token", submission("a", 1, 2), now)
    send_submission(rating, study, "token", submission("b", 1, 5), now)

    with reading(rating) as session:
        rater_session = session_of(session, study, "token")
        first, second = view_trial(session, rater_session, 1), view_trial(session, rater_session, 2)

    assert first == TrialView(
        position=1,
        prompt="Prompt 1",
        texts=(" text 1",),
        fields={"prompt": "Prompt 1"},
        dimension=None,
        answers={"happiness": Judgement(5)},
    )
    assert second == TrialView(
        position=2,
        prompt="Prompt 2",
        texts=(" text 2",),
        fields={"prompt": "Prompt 2"},
        dimension=None,
        answers={},
    )


@pytest.mark.parametrize("position", [-1, 0, 3, 99])
def test_no_trial_is_seen_or_answered_before_its_turn(
    rating: Engine, publish: Publish, now: datetime, position: int
) -> None:
    study = publish(rating)
    claim_for(rating, study, "token", now)
    send_submission(rating, study, "token", submission("a", 1, 2), now)
    message = rf"^Text {position} cannot be rated now; valid: 1 to 2\.$"

    with reading(rating) as session, pytest.raises(StateError, match=message):
        view_trial(session, session_of(session, study, "token"), position)
    with pytest.raises(StateError, match=message):
        send_submission(rating, study, "token", submission("b", position, 2), now)


def test_an_answer_is_kept_with_all_that_belongs_to_it(
    rating: Engine, publish: Publish, now: datetime
) -> None:
    study = publish(rating)
    rater_session = claim_for(rating, study, "token", now)

    send_submission(rating, study, "token", submission("a", 1, 4, shown_ms=2345), now)

    with reading(rating) as session:
        answer = session.scalars(select(Answer)).one()
        assert (answer.rater_id, answer.booklet_id) == (rater_session.rater_id, rater_session.booklet_id)
        assert (answer.position, answer.dimension, answer.value) == (1, "happiness", 4)
        assert (answer.revision, answer.submission_id, answer.shown_ms) == (1, "a", 2345)
        assert answer.answered_at == now


@both_ways
def test_sending_again_stores_once_and_every_new_sending_is_a_revision(
    rating: Engine, publish: Publish, now: datetime, send_submission: Send
) -> None:
    study = publish(rating)
    rater_id = claim_for(rating, study, "token", now).rater_id

    for sent in (
        submission("a", 1, 4),
        submission("a", 1, 4),
        submission("b", 1, 4),
        submission("a", 1, 2),
        submission("c", 1, 5),
    ):
        send_submission(rating, study, "token", sent, now)

    assert revisions_of(rating, rater_id) == [
        (1, "happiness", 1, 4),
        (1, "happiness", 2, 4),
        (1, "happiness", 3, 5),
    ]


@both_ways
def test_a_submission_sent_many_times_at_once_is_stored_once(
    rating: Engine, engines: Callable[[], Engine], publish: Publish, now: datetime, send_submission: Send
) -> None:
    study = publish(rating)
    rater_id = claim_for(rating, study, "token", now).rater_id
    start = threading.Barrier(6)

    def send(_: int) -> None:
        engine = engines()
        start.wait()
        send_submission(engine, study, "token", submission("a", 1, 4), now)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(send, range(6)))

    assert revisions_of(rating, rater_id) == [(1, "happiness", 1, 4)]


@both_ways
def test_two_tabs_that_answer_at_once_make_two_revisions(
    rating: Engine, engines: Callable[[], Engine], publish: Publish, now: datetime, send_submission: Send
) -> None:
    study = publish(rating)
    rater_id = claim_for(rating, study, "token", now).rater_id
    start = threading.Barrier(4)

    def send(value: int) -> None:
        engine = engines()
        start.wait()
        send_submission(engine, study, "token", submission(f"tab {value}", 1, value), now)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, range(1, 5)))

    stored = revisions_of(rating, rater_id)
    assert [revision for _, _, revision, _ in stored] == [1, 2, 3, 4]
    assert {value for _, _, _, value in stored} == {1, 2, 3, 4}


@both_ways
def test_the_last_answer_finishes_and_can_still_be_changed(
    rating: Engine, publish: Publish, now: datetime, send_submission: Send
) -> None:
    study = publish(rating, n_trials=2)
    rater_id = claim_for(rating, study, "token", now).rater_id
    send_submission(rating, study, "token", submission("a", 1, 1), now)
    with reading(rating) as session:
        assert not session_of(session, study, "token").has_finished

    send_submission(rating, study, "token", submission("b", 2, 2), now)
    send_submission(rating, study, "token", submission("c", 2, 3), now + timedelta(hours=1))

    with reading(rating) as session:
        rater_session = session_of(session, study, "token")
        assert session.scalars(select(Rater.finished_at)).one() == now
    assert rater_session.has_finished
    assert rater_session.next_position == 3
    assert revisions_of(rating, rater_id)[-2:] == [(2, "happiness", 1, 2), (2, "happiness", 2, 3)]


@both_ways
def test_a_closed_study_takes_no_answer_but_hears_one_again_that_it_has(
    rating: Engine, publish: Publish, now: datetime, send_submission: Send
) -> None:
    study = publish(rating)
    rater_id = claim_for(rating, study, "token", now).rater_id
    send_submission(rating, study, "token", submission("a", 1, 1), now)
    with writing(rating) as session:
        move_study(session, study.name, State.CLOSED, at=now)

    send_submission(rating, study, "token", submission("a", 1, 1), now)
    with pytest.raises(ClosedError, match=r"^This study is not collecting answers now\.$"):
        send_submission(rating, study, "token", submission("b", 1, 2), now)

    assert revisions_of(rating, rater_id) == [(1, "happiness", 1, 1)]


def test_closing_waits_for_an_answer_on_its_way(
    rating: Engine, engines: Callable[[], Engine], publish: Publish, now: datetime
) -> None:
    study, other_engine = publish(rating), engines()
    claim_for(rating, study, "token", now)

    def close() -> None:
        with writing(other_engine) as session:
            move_study(session, study.name, State.CLOSED, at=now)

    with ThreadPoolExecutor(1) as pool:
        with writing(rating) as session:
            rater_session = session_of(session, study, "token")
            record_answers(session, study.id, rater_session, submission("a", 1, 1), revising="all", now=now)
            closing = pool.submit(close)
            with pytest.raises(TimeoutError):
                closing.result(timeout=0.3)
        closing.result(timeout=10)

    with pytest.raises(ClosedError):
        send_submission(rating, study, "token", submission("b", 2, 1), now)


def test_a_turn_has_all_that_a_submission_needs(rating: Engine, publish: Publish, now: datetime) -> None:
    study = publish(rating, n_trials=2)
    rater_session = claim_for(rating, study, "token", now)

    with writing(rating) as session:
        first, last = (lock_turn(session, study.slug, "token", position) for position in (1, 2))
        beyond = lock_turn(session, study.slug, "token", 3)
        unknown = [lock_turn(session, *sought, 1) for sought in ((study.slug, "other"), ("other", "token"))]

    assert first is not None
    assert last is not None
    assert beyond is not None
    assert (first.study, first.rater_session, first.dimension) == (study, rater_session, None)
    assert first.next_trial == TrialView(
        2, "Prompt 2", (" text 2",), {"prompt": "Prompt 2"}, None, answers={}
    )
    assert last.next_trial is None
    assert beyond.next_trial is None
    assert unknown == [None, None]


def test_the_texts_of_a_trial_come_in_the_order_of_their_places(
    rating: Engine, publish: Publish, now: datetime
) -> None:
    study = replace(publish(rating), id=0, name="four", slug="four")
    items = [NewItem(f"item-{n}", "We", f" {n}") for n in range(5)]
    trials = (NewTrial(("item-0",)), NewTrial(("item-3", "item-1", "item-4", "item-2")))
    with writing(rating) as session:
        insert_study(session, study, items=items, booklets=[NewBooklet("four", trials)])
        study = get_study(session, "four")
    rater_session = claim_for(rating, study, "four", now)

    with writing(rating) as session:
        turn = lock_turn(session, "four", "four", 1)
        viewed = view_trials(session, rater_session, 1)

    assert turn is not None
    assert turn.next_trial is not None
    assert turn.next_trial.texts == (" 3", " 1", " 4", " 2")
    assert [(view.position, view.texts) for view in viewed] == [(1, (" 0",)), (2, turn.next_trial.texts)]


def test_closing_waits_for_a_turn_that_is_taken(
    rating: Engine, engines: Callable[[], Engine], publish: Publish, now: datetime
) -> None:
    study, other_engine = publish(rating), engines()
    claim_for(rating, study, "token", now)

    def close() -> None:
        with writing(other_engine) as session:
            move_study(session, study.name, State.CLOSED, at=now)

    with ThreadPoolExecutor(1) as pool:
        with writing(rating) as session:
            turn = lock_turn(session, study.slug, "token", 1)
            assert turn is not None
            closing = pool.submit(close)
            with pytest.raises(TimeoutError):
                closing.result(timeout=0.3)
            state = turn.study.state
            sent = submission("a", 1, 1)
            record_answers(session, study.id, turn.rater_session, sent, revising="all", now=now, locked=state)
        closing.result(timeout=10)

    with pytest.raises(ClosedError):
        send_in_turn(rating, study, "token", submission("b", 2, 1), now)
