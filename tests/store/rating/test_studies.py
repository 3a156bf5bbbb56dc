import hashlib
from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import Engine

from rater.errors import StateError
from rater.store.engine import reading, writing
from rater.store.log import read_events
from rater.store.rating.raters import Arrival, claim_booklet
from rater.store.rating.schema import EventRow
from rater.store.rating.sessions import find_rater_session
from rater.store.rating.studies import (
    Progress,
    PublishedStudy,
    find_study,
    find_study_by_slug,
    get_study,
    list_studies,
    move_study,
    read_progress,
)
from rater.store.rating.trials import Judgement, Submission, record_answers
from rater.study.scales import Likert
from rater.study.state import State
from rater.study.visit import Channel


def test_a_published_study_is_found_by_name_and_by_slug(
    rating: Engine, publish: Callable[..., PublishedStudy]
) -> None:
    study = publish(rating, state="published")

    with reading(rating) as session:
        assert find_study(session, study.name) == study
        assert find_study_by_slug(session, study.slug) == study
        assert list_studies(session) == [study]
        assert find_study(session, "another") is None
        assert find_study_by_slug(session, "another") is None


def test_what_raters_are_shown_comes_back_as_it_was_published(
    rating: Engine, publish: Callable[..., PublishedStudy]
) -> None:
    study = publish(rating)

    scale = study.protocol.dimensions[0].scale
    assert isinstance(scale, Likert)
    assert scale.choices[4].label == "very happy"
    assert study.published_at.isoformat() == "2026-01-02T03:04:05+00:00"


def test_a_misspelt_study_gets_the_nearest_one_named(
    rating: Engine, publish: Callable[..., PublishedStudy]
) -> None:
    study = publish(rating)

    with reading(rating) as session, pytest.raises(StateError) as caught:
        get_study(session, study.name.replace("study", "studdy"))

    assert str(caught.value).endswith(f"is not published yet. Did you mean {study.name!r}?")


def test_an_unpublished_study_says_what_to_run(rating: Engine) -> None:
    with reading(rating) as session, pytest.raises(StateError) as caught:
        get_study(session, "love_vs_hate")

    assert str(caught.value) == ("Study 'love_vs_hate' is not published yet. Run: rater publish love_vs_hate")


def test_each_move_is_a_row_of_the_log_whose_hash_is_the_new_head(
    rating: Engine, publish: Callable[..., PublishedStudy], now: datetime
) -> None:
    study = publish(rating, state="published")

    with writing(rating) as session:
        move_study(session, study.name, State.OPEN, at=now)
        move_study(session, study.name, State.CLOSED, at=now, by="Ada")
        head = move_study(session, study.name, State.UNBLINDED, at=now, reason="planned")
        events = read_events(session, EventRow, study.id)
        state = get_study(session, study.name).state

    assert state == "unblinded"
    nothing = hashlib.sha256().hexdigest()
    collected = dict.fromkeys(("answers", "raters", "guesses"), nothing)
    assert [(event.kind, event.detail) for event in events] == [
        ("open", {}),
        ("closed", {"by": "Ada", "n_answers": 0, "last_answer_id": 0, "visits": {}, **collected}),
        ("unblinded", {"reason": "planned"}),
    ]
    assert events[-1].hash == head


@pytest.mark.parametrize(
    ("state", "to", "valid"),
    [
        ("published", "unblinded", "closed"),
        ("open", "unblinded", "closed"),
        ("open", "open", "closed, paused or published"),
        ("closed", "closed", "open, paused or published"),
        ("published", "paused", "open"),
        ("closed", "archived", "unblinded"),
    ],
)
def test_a_study_moves_only_along_its_states(
    rating: Engine, publish: Callable[..., PublishedStudy], now: datetime, state: str, to: str, valid: str
) -> None:
    study = publish(rating, state=state)

    with pytest.raises(StateError) as caught, writing(rating) as session:
        move_study(session, study.name, State(to), at=now)

    assert str(caught.value) == (
        f"Study {study.name!r} is {state}; only a study that is {valid} can become {to}."
    )


def test_an_unblinded_study_never_opens_again(
    rating: Engine, publish: Callable[..., PublishedStudy], now: datetime
) -> None:
    study = publish(rating, state="closed")
    with writing(rating) as session:
        move_study(session, study.name, State.UNBLINDED, at=now)

    with pytest.raises(StateError, match="is unblinded"), writing(rating) as session:
        move_study(session, study.name, State.OPEN, at=now)


def test_progress_counts_each_answer_once_however_often_it_was_changed(
    rating: Engine, publish: Callable[..., PublishedStudy], now: datetime
) -> None:
    study, other = publish(rating, n_booklets=3, n_trials=1), publish(rating)
    with writing(rating) as session:
        for of, token in ((other, "of another"), (study, "idle"), (study, "busy")):
            arrival = Arrival(Channel.WEB)
            claim_booklet(session, of.id, token, arrival=arrival, protocol=of.protocol, now=now)
        for value in (2, 3):
            rater_session = find_rater_session(session, study.id, "busy")
            assert rater_session is not None
            sent = Submission(f"s{value}", 1, {"happiness": Judgement(value)})
            record_answers(session, study.id, rater_session, sent, revising="all", now=now)

    with reading(rating) as session:
        assert read_progress(session, study.id) == Progress(
            n_booklets=3, n_raters=2, n_finished=1, n_answers=1
        )
