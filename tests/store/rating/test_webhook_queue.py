import json
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from rater.store.engine import reading, writing
from rater.store.rating.schema import WebhookEvent
from rater.store.rating.webhook_queue import (
    FIRST_WAIT,
    GIVE_UP_AFTER,
    KEPT_FOR,
    MAX_WAIT,
    WebhookKind,
    claim_event,
    forget_old_events,
    note_delivered,
    note_failed,
    queue_event,
)

FULL, ERRORS = WebhookKind.FULL, WebhookKind.SERVER_ERRORS


def queue(rating: Engine, now: datetime, kind: WebhookKind = FULL, study: str = "mine") -> bool:
    with writing(rating) as session:
        return queue_event(session, kind, study, {"n_left": 3}, now=now)


def test_an_event_of_a_kind_and_study_is_queued_once_in_its_period(rating: Engine, now: datetime) -> None:
    assert queue(rating, now)
    assert not queue(rating, now + timedelta(hours=23))
    assert queue(rating, now, study="other")
    assert queue(rating, now, kind=ERRORS, study="")
    assert queue(rating, now + timedelta(hours=24))
    assert queue(rating, now + timedelta(hours=1), kind=ERRORS, study="")


def test_a_body_has_the_event_the_study_and_its_numbers(rating: Engine, now: datetime) -> None:
    queue(rating, now)
    queue(rating, now + timedelta(seconds=1), kind=ERRORS, study="")

    with reading(rating) as session:
        bodies = [json.loads(row) for row in session.scalars(select(WebhookEvent.body).order_by("made_at"))]
    assert bodies[0] == {"event": "full", "study": "mine", "at": now.isoformat(), "numbers": {"n_left": 3}}
    assert (bodies[1]["event"], bodies[1]["study"]) == ("server_errors", None)


def test_a_claimed_event_is_sent_by_one_server_and_again_if_that_was_killed(
    rating: Engine, now: datetime
) -> None:
    queue(rating, now)
    with writing(rating) as session:
        first = claim_event(session, now=now)
    with writing(rating) as session:
        assert claim_event(session, now=now + timedelta(minutes=1)) is None

    with writing(rating) as session:  # nothing was heard of the first server
        second = claim_event(session, now=now + timedelta(minutes=3))

    assert first is not None
    assert second is not None
    assert (first.id, first.n_attempts, second.n_attempts) == (second.id, 1, 2)
    with writing(rating) as session:
        note_delivered(session, second, now=now)
    with writing(rating) as session:
        assert claim_event(session, now=now + timedelta(hours=1)) is None


def test_failed_attempts_are_repeated_after_longer_and_longer_waits_until_it_is_given_up(
    rating: Engine, now: datetime
) -> None:
    queue(rating, now)
    at, waits = now, []
    while True:
        with writing(rating) as session:
            event = claim_event(session, now=at)
            if event is None:
                break
            next_at = note_failed(session, event, now=at)
        waits.append(next_at - at)
        at = next_at

    assert waits[:3] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]
    assert max(waits) == MAX_WAIT
    assert at - now >= GIVE_UP_AFTER


@pytest.mark.parametrize(("age", "n_left"), [(KEPT_FOR - timedelta(days=1), 1), (KEPT_FOR * 2, 0)])
def test_old_events_are_deleted(rating: Engine, now: datetime, age: timedelta, n_left: int) -> None:
    queue(rating, now)

    with writing(rating) as session:
        forget_old_events(session, now=now + age)

    with reading(rating) as session:
        assert len(session.scalars(select(WebhookEvent)).all()) == n_left
