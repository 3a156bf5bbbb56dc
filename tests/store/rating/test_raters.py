import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from rater.errors import ClosedError, FullError, StateError
from rater.store.engine import open_engine, reading, writing
from rater.store.rating.frame import read_answers
from rater.store.rating.raters import Arrival, Limits, Offer, claim_booklet, has_free_booklet, read_offer
from rater.store.rating.schema import Answer, Rater, Token
from rater.store.rating.sessions import Sitting, digest, find_sitting, new_token
from rater.store.rating.steps import finish_instructions
from rater.store.rating.studies import PublishedStudy, move_study
from rater.store.rating.trials import Judgement, Submission, Timing, TrialView, record_answers, view_trial
from rater.study.state import State

Publish = Callable[..., PublishedStudy]


@pytest.fixture
def engines(rating_url: str, rating: Engine) -> Iterator[Callable[[], Engine]]:
    """A function that opens the same rating database again, as another process would."""
    opened: list[Engine] = []

    def another() -> Engine:
        opened.append(open_engine(rating_url))
        return opened[-1]

    yield another
    for engine in opened:
        engine.dispose()


def _claim(engine: Engine, study: PublishedStudy, token: str, now: datetime) -> Sitting:
    with writing(engine) as session:
        return _claim_in(session, study, token, now)


def _claim_in(session: Session, study: PublishedStudy, token: str, now: datetime) -> Sitting:
    return claim_booklet(session, study.id, token, arrival=Arrival("web"), protocol=study.protocol, now=now)


def _limits(now: datetime) -> Limits:
    return Limits(now, reassign_after_hours=None)


def _sitting(session: Session, study: PublishedStudy, token: str) -> Sitting:
    sitting = find_sitting(session, study.id, token)
    assert sitting is not None
    return sitting


def _send(engine: Engine, study: PublishedStudy, token: str, sent: Submission, now: datetime) -> None:
    with writing(engine) as session:
        record_answers(session, study.id, _sitting(session, study, token), sent, revising="all", now=now)


def _sent(id_: str, position: int, value: int, shown_ms: int | None = None) -> Submission:
    return Submission(id_, position, {"happiness": Judgement(value)}, Timing(shown_ms))


def _revisions(engine: Engine, rater_id: str) -> list[tuple[int, str, int, float | None]]:
    rows = select(Answer.position, Answer.dimension, Answer.revision, Answer.value)
    ordered = rows.where(Answer.rater_id == rater_id).order_by(
        Answer.position, Answer.dimension, Answer.revision
    )
    with reading(engine) as session:
        return [(row.position, row.dimension, row.revision, row.value) for row in session.execute(ordered)]


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
        assert find_sitting(session, study.id, "token") == claimed
        assert find_sitting(session, study.id, "another token") is None
        assert find_sitting(session, other.id, "token") is None


def test_who_claims_twice_keeps_the_booklet_even_when_the_study_is_full_or_closed(
    rating: Engine, publish: Publish, now: datetime
) -> None:
    study = publish(rating, n_booklets=1)
    first = _claim(rating, study, "token", now)

    full = _claim(rating, study, "token", now)
    with writing(rating) as session:
        move_study(session, study.name, State.CLOSED, at=now)
    closed = _claim(rating, study, "token", now)

    assert first == full == closed


def test_a_full_study_says_so(rating: Engine, publish: Publish, now: datetime) -> None:
    study = publish(rating, n_booklets=1)
    with reading(rating) as session:
        assert has_free_booklet(session, study.id, _limits(now))
    _claim(rating, study, "first", now)

    with reading(rating) as session:
        assert not has_free_booklet(session, study.id, _limits(now))
    with pytest.raises(FullError, match=r"^Every place in this study is taken\.$"):
        _claim(rating, study, "second", now)


@pytest.mark.parametrize("state", ["published", "closed"])
def test_a_study_that_is_not_open_deals_no_booklet(
    rating: Engine, publish: Publish, now: datetime, state: str
) -> None:
    study = publish(rating, state=state)

    with pytest.raises(ClosedError, match=r"^This study is not collecting answers now\.$"):
        _claim(rating, study, "token", now)


def test_many_who_claim_at_once_get_one_booklet_each_until_none_is_left(
    rating: Engine, engines: Callable[[], Engine], publish: Publish, now: datetime
) -> None:
    study = publish(rating, n_booklets=5)
    start = threading.Barrier(12)

    def claim(number: int) -> str | None:
        engine = engines()
        start.wait()
        try:
            return _claim(engine, study, f"token {number}", now).booklet_id
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

    def claim(_: int) -> Sitting:
        engine = engines()
        start.wait()
        return _claim(engine, study, "token", now)

    with ThreadPoolExecutor(6) as pool:
        dealt = list(pool.map(claim, range(6)))

    assert len(set(dealt)) == 1


def test_a_study_is_not_full_while_the_last_booklet_may_still_come_back(
    rating: Engine, engines: Callable[[], Engine], publish: Publish, now: datetime
) -> None:
    study, other_engine = publish(rating, n_booklets=1), engines()

    def give_up_while_another_waits(pool: ThreadPoolExecutor) -> "Future[Sitting]":
        with writing(rating) as session:
            _claim_in(session, study, "first", now)
            waiting = pool.submit(_claim, other_engine, study, "second", now)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.3)
            session.rollback()
        return waiting

    with ThreadPoolExecutor(1) as pool:
        sitting = give_up_while_another_waits(pool).result(timeout=10)

    assert sitting.booklet_id == f"{study.name}-booklet-0"


def test_one_who_waited_for_the_last_booklet_hears_that_it_is_gone(
    rating: Engine, engines: Callable[[], Engine], publish: Publish, now: datetime
) -> None:
    study, other_engine = publish(rating, n_booklets=1), engines()

    with ThreadPoolExecutor(1) as pool:
        with writing(rating) as session:
            _claim_in(session, study, "first", now)
            waiting = pool.submit(_claim, other_engine, study, "second", now)
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
    sitting = _claim(rating, study, "token", now)
    with reading(rating) as session:
        none = read_offer(session, study.id, _limits(now))

    assert offer == Offer(n_trials=4, mean_characters=15, asks_all=True)  # "Prompt 1" and " text 1"
    assert none is None
    assert (sitting.n_lines, sitting.n_narrow_lines) == (1, 1)


def test_the_first_time_of_leaving_the_instructions_counts(
    rating: Engine, publish: Publish, now: datetime
) -> None:
    study = publish(rating)
    sitting = _claim(rating, study, "token", now)

    for minutes in (1, 2):
        with writing(rating) as session:
            finish_instructions(session, sitting.rater_id, now=now + timedelta(minutes=minutes))

    with reading(rating) as session:
        assert _sitting(session, study, "token").has_read_instructions
        assert session.scalars(select(Rater.instructed_at)).one() == now + timedelta(minutes=1)


def test_a_trial_is_viewed_with_its_text_and_the_latest_answer(
    rating: Engine, publish: Publish, now: datetime
) -> None:
    study = publish(rating)
    _claim(rating, study, "token", now)
    _send(rating, study, "token", _sent("a", 1, 2), now)
    _send(rating, study, "token", _sent("b", 1, 5), now)

    with reading(rating) as session:
        sitting = _sitting(session, study, "token")
        first, second = view_trial(session, sitting, 1), view_trial(session, sitting, 2)

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
        view_trial(session, _sitting(session, study, "token"), position)
    with pytest.raises(StateError, match=message):
        _send(rating, study, "token", _sent("b", position, 2), now)


def test_an_answer_is_kept_with_all_that_belongs_to_it(
    rating: Engine, publish: Publish, now: datetime
) -> None:
    study = publish(rating)
    sitting = _claim(rating, study, "token", now)

    _send(rating, study, "token", _sent("a", 1, 4, shown_ms=2345), now)

    with reading(rating) as session:
        answer = session.scalars(select(Answer)).one()
        assert (answer.rater_id, answer.booklet_id) == (sitting.rater_id, sitting.booklet_id)
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
        assert not _sitting(session, study, "token").has_finished

    _send(rating, study, "token", _sent("b", 2, 2), now)
    _send(rating, study, "token", _sent("c", 2, 3), now + timedelta(hours=1))

    with reading(rating) as session:
        sitting = _sitting(session, study, "token")
        assert session.scalars(select(Rater.finished_at)).one() == now
    assert sitting.has_finished
    assert sitting.next_position == 3
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
            sitting = _sitting(session, study, "token")
            record_answers(session, study.id, sitting, _sent("a", 1, 1), revising="all", now=now)
            closing = pool.submit(close)
            with pytest.raises(TimeoutError):
                closing.result(timeout=0.3)
        closing.result(timeout=10)

    with pytest.raises(ClosedError):
        _send(rating, study, "token", _sent("b", 2, 1), now)


def test_the_latest_revision_is_read_with_the_time_of_the_first_and_only_of_the_study_asked_for(
    rating: Engine, publish: Publish, now: datetime
) -> None:
    study, other = publish(rating), publish(rating)
    sitting = _claim(rating, study, "token", now)
    _claim(rating, other, "token elsewhere", now)
    _send(rating, other, "token elsewhere", _sent("x", 1, 1), now)
    for sent in (_sent("a", 1, 2, shown_ms=700), _sent("b", 2, 3), _sent("c", 1, 5, shown_ms=90)):
        _send(rating, study, "token", sent, now)

    with reading(rating) as session:
        rows = read_answers(session, study.id)

    assert [(row.position, row.answer, row.n_revisions, row.shown_ms) for row in rows] == [
        (1, 5, 2, 700),
        (2, 3, 1, None),
    ]
    assert {row.rater_id for row in rows} == {sitting.rater_id}
    assert [(row.item_id, row.prompt, row.dimension) for row in rows] == [
        (f"{study.name}-item-1", "Prompt 1", "happiness"),
        (f"{study.name}-item-2", "Prompt 2", "happiness"),
    ]


# What a browser or terminal may do: answer the next text, go back and answer an earlier one, or send again
# something it has sent. The model keeps a list of values for each text.
_actions = st.lists(
    st.one_of(
        st.tuples(st.just("answer"), st.integers(0, 5), st.integers(1, 5), st.integers(1, 5)),
        st.tuples(st.just("again"), st.integers(0, 20), st.just(0), st.just(0)),
    ),
    max_size=15,
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example has a study of its own
)
@given(actions=_actions)
def test_whatever_is_sent_in_whatever_order_the_revisions_are_those_of_a_simple_model(
    rating: Engine, publish: Publish, now: datetime, actions: list[tuple[str, int, int, int]]
) -> None:
    study = publish(rating, n_booklets=1, n_trials=4)
    rater_id = _claim(rating, study, f"token {study.name}", now).rater_id
    model: dict[tuple[int, str], list[int]] = {}
    stored: list[Submission] = []

    for number, (kind, place, joy, calm) in enumerate(actions):
        if kind == "again" and not stored:
            continue
        if kind == "again":
            sent = stored[place % len(stored)]
        else:
            answered = len({position for position, _ in model})
            position = min(max(answered + 1 - place, 1), 4)
            values = {"joy": joy, "calm": calm}
            judged = {name: Judgement(value) for name, value in values.items()}
            sent = Submission(f"s{number}", position, judged)
            for name, value in values.items():
                model.setdefault((position, name), []).append(value)
            stored.append(sent)
        _send(rating, study, f"token {study.name}", sent, now)

    assert _revisions(rating, rater_id) == [
        (position, name, revision, value)
        for (position, name), values in sorted(model.items())
        for revision, value in enumerate(values, start=1)
    ]
    with reading(rating) as session:
        latest = {(row.position, row.dimension): row.answer for row in read_answers(session, study.id)}
    assert latest == {key: values[-1] for key, values in model.items()}
