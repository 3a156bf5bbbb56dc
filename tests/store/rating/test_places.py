"""Free places: by hand, by the recruitment site, and by the rule for attention checks; never twice."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from rater.errors import ClosedError, FullError, StateError
from rater.store.engine import reading, writing
from rater.store.log import read_events
from rater.store.rating.digests import digest_closings, read_closings
from rater.store.rating.places import (
    Limits,
    count_replaced,
    find_participant,
    free_place,
    has_free_booklet,
)
from rater.store.rating.raters import Arrival, claim_booklet
from rater.store.rating.schema import AttentionCheckRow, EventRow, Item, Rater
from rater.store.rating.sessions import RaterSession, find_rater_session
from rater.store.rating.steps import leave, open_guesses
from rater.store.rating.studies import PublishedStudy, move_study
from rater.store.rating.trials import Judgement, Submission, record_answers
from rater.study.practice_and_checks import CheckRule
from rater.study.protocol import Protocol
from rater.study.state import State
from rater.study.visit import PROLIFIC, Channel, FreedReason, LeavingReason

Publish = Callable[..., PublishedStudy]
PERSON = "5f3a9c2b1d4e6f7089abcde{}"


def claim(
    engine: Engine, study: PublishedStudy, number: int, now: datetime, protocol: Protocol | None = None
) -> RaterSession:
    shown = (protocol or study.protocol).model_copy(update={"recruitment": PROLIFIC})
    arrival = Arrival(Channel.WEB, {"PROLIFIC_PID": PERSON.format(number)})
    with writing(engine) as session:
        return claim_booklet(session, study.id, f"t{number}", arrival=arrival, protocol=shown, now=now)


def free(engine: Engine, study: PublishedStudy, rater_id: str, reason: FreedReason, now: datetime) -> str:
    with writing(engine) as session:
        return free_place(session, study.id, rater_id, reason=reason, by="ada", now=now)


def rate_all(engine: Engine, study: PublishedStudy, number: int, value: float, now: datetime) -> None:
    with writing(engine) as session:
        rater = _session(session, study, number)
        for position in range(1, rater.n_trials + 1):
            sent = Submission(f"{number:08d}-{position}", position, {"happiness": Judgement(value)})
            record_answers(session, study.id, _session(session, study, number), sent, revising="all", now=now)
        open_guesses(session, rater.rater_id, now=now)


def _session(session: Session, study: PublishedStudy, number: int) -> RaterSession:
    found = find_rater_session(session, study.id, f"t{number}")
    assert found is not None
    return found


@pytest.fixture
def study(rating: Engine, publish: Publish) -> PublishedStudy:
    """A study of two booklets, of one text and one attention check that 4 and 5 pass."""
    study = publish(rating, n_booklets=2, n_trials=2)
    with writing(rating) as session:
        check = session.scalars(select(Item).where(Item.study_id == study.id, Item.text == " text 2")).one()
        check.is_check = True
        session.add(AttentionCheckRow(item_id=check.id, dimension="happiness", lowest=4.0, highest=5.0))
    return study


def test_a_place_freed_by_hand_goes_to_the_next_rater_whole(
    rating: Engine, study: PublishedStudy, now: datetime
) -> None:
    first = claim(rating, study, 1, now)
    claim(rating, study, 2, now)
    with pytest.raises(FullError):
        claim(rating, study, 3, now)

    head = free(rating, study, first.rater_id, FreedReason.BY_HAND, now)

    third = claim(rating, study, 3, now)
    assert (third.booklet_id, third.n_answered) == (first.booklet_id, 0)
    with reading(rating) as session:
        event = read_events(session, EventRow, study.id)[-1]
    assert (event.kind, event.hash) == ("freed", head)
    assert event.detail == {"rater": first.rater_id, "reason": "by_hand", "by": "ada"}


def test_who_lost_their_place_gets_no_second_one(
    rating: Engine, study: PublishedStudy, now: datetime
) -> None:
    first = claim(rating, study, 1, now)
    free(rating, study, first.rater_id, FreedReason.TIMED_OUT, now)

    again = claim(rating, study, 1, now + timedelta(minutes=1))

    assert (again.rater_id, again.is_replaced) == (first.rater_id, True)
    with reading(rating) as session:
        assert len(session.scalars(select(Rater)).all()) == 1
        assert has_free_booklet(session, study.id, Limits.of(study.protocol, now))


@pytest.mark.parametrize("reason", [FreedReason.RETURNED, FreedReason.REJECTED, FreedReason.TIMED_OUT])
def test_the_site_frees_the_place_of_a_finished_rater(
    rating: Engine, study: PublishedStudy, now: datetime, reason: FreedReason
) -> None:
    first = claim(rating, study, 1, now)
    claim(rating, study, 2, now)
    rate_all(rating, study, 1, 5, now)

    free(rating, study, first.rater_id, reason, now + timedelta(hours=1))

    third = claim(rating, study, 3, now + timedelta(hours=2))
    assert third.booklet_id == first.booklet_id


def test_nobody_frees_the_place_of_a_finished_rater_by_hand(
    rating: Engine, study: PublishedStudy, now: datetime
) -> None:
    first = claim(rating, study, 1, now)
    rate_all(rating, study, 1, 5, now)

    with pytest.raises(StateError, match=r"has finished.*valid: returned, timed_out, rejected"):
        free(rating, study, first.rater_id, FreedReason.BY_HAND, now)


def test_a_place_is_freed_once(rating: Engine, study: PublishedStudy, now: datetime) -> None:
    first, second = claim(rating, study, 1, now), claim(rating, study, 2, now)
    free(rating, study, first.rater_id, FreedReason.BY_HAND, now)
    with writing(rating) as session:
        leave(session, second.rater_id, why=LeavingReason.STOPPED, now=now)

    with pytest.raises(StateError, match="lost the place before"):
        free(rating, study, first.rater_id, FreedReason.RETURNED, now)
    with pytest.raises(StateError, match="they left"):
        free(rating, study, second.rater_id, FreedReason.RETURNED, now)
    with pytest.raises(StateError, match="No rater of this study"):
        free(rating, study, "f" * 32, FreedReason.RETURNED, now)


def test_no_place_is_freed_once_the_study_is_over(
    rating: Engine, study: PublishedStudy, now: datetime
) -> None:
    first = claim(rating, study, 1, now)
    with writing(rating) as session:
        move_study(session, study.name, State.CLOSED, at=now)

    with pytest.raises(ClosedError):
        free(rating, study, first.rater_id, FreedReason.RETURNED, now)


def test_a_rater_is_found_by_the_sites_identifier_in_any_form(
    rating: Engine, study: PublishedStudy, now: datetime
) -> None:
    first = claim(rating, study, 1, now)

    with reading(rating) as session:
        assert find_participant(session, study.id, f" {PERSON.format(1)}\u200b") == first.rater_id
        assert find_participant(session, study.id, PERSON.format(2)) is None
        assert find_participant(session, study.id + 1, PERSON.format(1)) is None


def test_who_fails_the_checks_is_replaced_as_often_as_the_plan_says(
    rating: Engine, study: PublishedStudy, now: datetime
) -> None:
    rule = study.protocol.model_copy(update={"check_rule": CheckRule(max_replaced=1)})
    failed, other = claim(rating, study, 1, now, rule), claim(rating, study, 2, now, rule)
    rate_all(rating, study, 1, 1, now)
    rate_all(rating, study, 2, 1, now + timedelta(minutes=1))

    third = claim(rating, study, 3, now + timedelta(hours=1), rule)

    assert third.booklet_id == failed.booklet_id
    with pytest.raises(FullError):
        claim(rating, study, 4, now + timedelta(hours=1), rule)
    with reading(rating) as session:
        assert count_replaced(session, study.id) == {FreedReason.FAILED_CHECKS: 1}
        event = read_events(session, EventRow, study.id)[-1]
        kept_at = session.get_one(Rater, other.rater_id).replaced_at
    assert event.detail == {"rater": failed.rater_id, "reason": "failed_checks", "by": "rule"}
    assert kept_at is None


@pytest.mark.parametrize("max_failed", [None, 1], ids=["no rule", "allowed"])
def test_nobody_is_replaced_without_a_rule_or_for_a_failure_that_is_allowed(
    rating: Engine, study: PublishedStudy, now: datetime, max_failed: int | None
) -> None:
    rule = None if max_failed is None else CheckRule(max_failed=max_failed, max_replaced=9)
    shown = study.protocol.model_copy(update={"check_rule": rule})
    for number in (1, 2):
        claim(rating, study, number, now, shown)
        rate_all(rating, study, number, 1, now)

    with pytest.raises(FullError):
        claim(rating, study, 3, now, shown)


def test_who_can_still_change_answers_is_not_replaced(
    rating: Engine, study: PublishedStudy, now: datetime
) -> None:
    rule = study.protocol.model_copy(update={"check_rule": CheckRule(max_replaced=9)})
    for number in (1, 2):
        claim(rating, study, number, now, rule)
        rate_all(rating, study, number, 1, now)
    with writing(rating) as session:
        for rater in session.scalars(select(Rater)):
            rater.asked_at = None

    with pytest.raises(FullError):
        claim(rating, study, 3, now, rule)


def test_a_closing_is_recomputed_after_a_place_was_freed_later(
    rating: Engine, study: PublishedStudy, now: datetime
) -> None:
    first = claim(rating, study, 1, now)
    with writing(rating) as session:
        for state in (State.CLOSED, State.OPEN):
            move_study(session, study.name, state, at=now)
    free(rating, study, first.rater_id, FreedReason.BY_HAND, now)

    with reading(rating) as session:
        events = read_events(session, EventRow, study.id)
        (closing,) = digest_closings(session, study.id, read_closings(events), redacted={})
    logged = next(event.detail for event in events if event.kind == "closed")
    assert closing.raters == logged["raters"]
