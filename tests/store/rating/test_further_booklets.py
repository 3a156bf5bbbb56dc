"""A rater who finished a booklet may take another one with texts that they have not seen."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from rater.errors import ClosedError, FullError, StateError
from rater.store.engine import reading, writing
from rater.store.log import read_events
from rater.store.rating.digests import digest_closings, read_closings
from rater.store.rating.forget import find_known, read_redacted, redact
from rater.store.rating.frame import read_answers, read_arrivals, read_assigned, read_holders, read_visits
from rater.store.rating.further_booklets import read_further_offer, take_further_booklet
from rater.store.rating.participants import read_participants
from rater.store.rating.payment_lists import make_payment_lists
from rater.store.rating.places import free_place
from rater.store.rating.publication import NewBooklet, NewItem, NewTrial, insert_study
from rater.store.rating.raters import Arrival, claim_booklet
from rater.store.rating.schema import Answer, AttentionCheckRow, EventRow, Rater
from rater.store.rating.sessions import RaterSession, find_rater_session
from rater.store.rating.statuses import RaterStatus
from rater.store.rating.steps import leave
from rater.store.rating.studies import PublishedStudy, get_study, move_study, read_progress
from rater.store.rating.trials import Judgement, Submission, record_answers
from rater.study.bonus import Bonus
from rater.study.practice_and_checks import CheckRule
from rater.study.protocol import Protocol
from rater.study.state import State
from rater.study.visit import PROLIFIC, Channel, FreedReason, LeavingReason

PERSON = "5f3a9c2b1d4e6f7089abcd01"
Make = Callable[..., PublishedStudy]
TWO_OF_EACH = {"1": "a", "2": "a", "3": "b", "4": "b", "5": "a", "6": "a"}


@pytest.fixture
def make(rating: Engine, protocol: Protocol, now: datetime) -> Make:
    """A function that publishes a study whose booklets have the named texts; "!" is an attention check."""

    def make(*booklets: str, prompts: dict[str, str] | None = None, **changes: object) -> PublishedStudy:
        changed = {"recruitment": PROLIFIC, "booklets_per_rater": 3, "revising": "none", **changes}
        shown = protocol.model_copy(update=changed)
        study = PublishedStudy(0, "keen", "keen", State.PUBLISHED, shown, "a" * 64, "b" * 64, now)
        letters = sorted(set("".join(booklets)))
        items = [
            NewItem(letter, (prompts or {}).get(letter, f"Prompt {letter}"), " text", is_check=letter == "!")
            for letter in letters
        ]
        new = [
            NewBooklet(f"booklet {number}", tuple(NewTrial((letter,)) for letter in texts))
            for number, texts in enumerate(booklets)
        ]
        with writing(rating) as session:
            insert_study(session, study, items=items, booklets=new)
            if "!" in letters:
                session.add(AttentionCheckRow(item_id="!", dimension="happiness", lowest=4.0, highest=5.0))
            move_study(session, "keen", State.OPEN, at=now)
            return get_study(session, "keen")

    return make


def come(rating: Engine, study: PublishedStudy, now: datetime, person: str = PERSON) -> str:
    """Begin as a person; returns the token."""
    token = f"token of {person} at {now}"
    arrival = Arrival(Channel.WEB, {"PROLIFIC_PID": person})
    with writing(rating) as session:
        claim_booklet(session, study.id, token, arrival=arrival, protocol=study.protocol, now=now)
    return token


def at(rating: Engine, study: PublishedStudy, token: str) -> RaterSession:
    with reading(rating) as session:
        found = find_rater_session(session, study.id, token)
    assert found is not None
    return found


def rate(
    rating: Engine, study: PublishedStudy, token: str, now: datetime, value: float = 4, n: int | None = None
) -> None:
    """Answer the trials of the token's booklet, or the first ones."""
    for position in range(1, (n or at(rating, study, token).n_trials) + 1):
        sent = Submission(f"submission {position:08d}", position, {"happiness": Judgement(value)})
        with writing(rating) as session:
            rater_session = find_rater_session(session, study.id, token)
            assert rater_session is not None
            record_answers(session, study.id, rater_session, sent, revising="none", now=now)


def take(rating: Engine, study: PublishedStudy, token: str, now: datetime) -> str:
    rater_session = at(rating, study, token)
    with writing(rating) as session:
        return take_further_booklet(session, study.id, rater_session, study.protocol, now=now)


def is_offered(rating: Engine, study: PublishedStudy, token: str, now: datetime) -> bool:
    rater_session = at(rating, study, token)
    with reading(rating) as session:
        offer = read_further_offer(session, study.id, rater_session, study.protocol, now=now)
    return offer is not None


def test_the_next_booklet_has_no_text_that_the_rater_has_seen_and_the_questions_are_not_repeated(
    rating: Engine, make: Make, now: datetime
) -> None:
    study = make("12", "13", "34", "45")
    token = come(rating, study, now)
    rate(rating, study, token, now)
    second = at(rating, study, take(rating, study, token, now))

    assert (second.booklet_id, second.booklet_number) == ("booklet 2", 2)
    assert second.person_id == at(rating, study, token).rater_id
    assert (second.has_read_instructions, second.has_guessed, second.has_finished) == (True, True, False)


def test_no_booklet_is_offered_whose_texts_were_seen(rating: Engine, make: Make, now: datetime) -> None:
    study = make("12", "23", "31")
    token = come(rating, study, now)
    rate(rating, study, token, now)

    assert not is_offered(rating, study, token, now)
    with pytest.raises(FullError):
        take(rating, study, token, now)


@pytest.mark.parametrize(
    ("prompts", "expected"),
    [({"1": "a", "2": "b", "3": "a", "4": "c"}, False), ({"1": "a", "2": "a", "3": "a", "4": "a"}, True)],
    ids=["one arm of a prompt", "all arms of a prompt"],
)
def test_a_rater_who_sees_each_prompt_in_one_arm_never_sees_it_again(
    rating: Engine, make: Make, now: datetime, prompts: dict[str, str], *, expected: bool
) -> None:
    study = make("12", "34", prompts=prompts)
    token = come(rating, study, now)
    rate(rating, study, token, now)

    assert is_offered(rating, study, token, now) is expected


def test_a_rater_takes_as_many_booklets_as_the_study_allows(
    rating: Engine, make: Make, now: datetime
) -> None:
    study = make("1", "2", "3", booklets_per_rater=2)
    token = come(rating, study, now)
    rate(rating, study, token, now)
    second = take(rating, study, token, now)
    rate(rating, study, second, now)

    assert not is_offered(rating, study, second, now)
    with pytest.raises(StateError):
        take(rating, study, second, now)


def test_a_button_pressed_twice_takes_one_booklet(rating: Engine, make: Make, now: datetime) -> None:
    study = make("1", "2", "3")
    token = come(rating, study, now)
    rate(rating, study, token, now)
    first, again = take(rating, study, token, now), take(rating, study, token, now)

    assert at(rating, study, first) == at(rating, study, again)
    assert first != again
    assert not is_offered(rating, study, token, now)


@pytest.mark.parametrize("why", ["unfinished", "stopped", "returned", "failed checks", "closed"])
def test_raters_who_did_not_finish_by_the_rules_take_no_other_booklet(
    rating: Engine, make: Make, now: datetime, why: str
) -> None:
    study = make("1!", "2!", check_rule=CheckRule())
    token = come(rating, study, now)
    rate(
        rating,
        study,
        token,
        now,
        value=1 if why == "failed checks" else 4,
        n=1 if why == "unfinished" else None,
    )
    rater_id = at(rating, study, token).rater_id
    with writing(rating) as session:
        if why == "stopped":
            leave(session, rater_id, why=LeavingReason.STOPPED, now=now)
        elif why == "returned":
            free_place(session, study.id, rater_id, reason=FreedReason.RETURNED, by="site", now=now)
        elif why == "closed":
            move_study(session, "keen", State.CLOSED, at=now)

    with pytest.raises(ClosedError if why == "closed" else StateError):
        take(rating, study, token, now)


def test_attention_checks_come_in_each_booklet(rating: Engine, make: Make, now: datetime) -> None:
    study = make("1!", "2!", check_rule=CheckRule())
    token = come(rating, study, now)
    rate(rating, study, token, now)

    assert is_offered(rating, study, token, now)


def test_a_person_who_comes_by_the_link_continues_the_latest_booklet(
    rating: Engine, make: Make, now: datetime
) -> None:
    study = make("1", "2", "3")
    token = come(rating, study, now)
    rate(rating, study, token, now)
    second = take(rating, study, token, now)
    later = come(rating, study, now + timedelta(minutes=1))

    assert at(rating, study, later) == at(rating, study, second)


def test_withdrawal_is_from_all_booklets(rating: Engine, make: Make, now: datetime) -> None:
    study = make("1", "2", "3")
    token = come(rating, study, now)
    rate(rating, study, token, now)
    second = at(rating, study, take(rating, study, token, now))
    with writing(rating) as session:
        leave(session, second.rater_id, why=LeavingReason.WITHDRAWN, now=now)

    with reading(rating) as session:
        assert set(session.scalars(select(Rater.left_why))) == {LeavingReason.WITHDRAWN}
        assert read_answers(session, study.id) == []


def test_stopping_a_further_booklet_keeps_the_first_and_frees_the_place(
    rating: Engine, make: Make, now: datetime
) -> None:
    study = make("1", "2")
    token = come(rating, study, now)
    rate(rating, study, token, now)
    second = at(rating, study, take(rating, study, token, now))
    with writing(rating) as session:
        leave(session, second.rater_id, why=LeavingReason.STOPPED, now=now)

    assert at(rating, study, token).left_why is None
    other = come(rating, study, now, person=PERSON[::-1])
    assert at(rating, study, other).booklet_id == second.booklet_id


def test_a_returned_submission_frees_all_places_of_the_person(
    rating: Engine, make: Make, now: datetime
) -> None:
    study = make("1", "2", "3")
    token = come(rating, study, now)
    rate(rating, study, token, now)
    take(rating, study, token, now)
    with writing(rating) as session:
        known = find_known(session, study.id, PERSON)
        free_place(session, study.id, known.id, reason=FreedReason.RETURNED, by="site", now=now)

    with reading(rating) as session:
        assert set(session.scalars(select(Rater.replaced_why))) == {FreedReason.RETURNED}
        freed = [each.detail["rater"] for each in read_events(session, EventRow, study.id)[-2:]]
    assert freed == [known.id, known.current_id]


def test_a_person_with_two_booklets_is_one_rater_whose_positions_continue(
    rating: Engine, make: Make, now: datetime
) -> None:
    study = make("12", "34", "56")
    token = come(rating, study, now)
    rate(rating, study, token, now)
    rate(rating, study, take(rating, study, token, now), now, value=2)
    come(rating, study, now, person=PERSON[::-1])
    rater_id = at(rating, study, token).rater_id

    with reading(rating) as session:
        answers, visits = read_answers(session, study.id), read_visits(session, study.id)
        assigned, holders = read_assigned(session, study.id), read_holders(session, study.id)
        arrivals, progress = read_arrivals(session, study.id), read_progress(session, study.id)
    assert [(each.rater_id, each.position, each.answer) for each in answers] == [
        (rater_id, 1, 4),
        (rater_id, 2, 4),
        (rater_id, 3, 2),
        (rater_id, 4, 2),
    ]
    assert [each.item_ids[0] for each in answers] == ["1", "2", "3", "4"]
    assert [each.has_finished for each in visits if each.rater_id == rater_id] == [True]
    assert [each.item_ids[0] for each in assigned if each.rater_id == rater_id] == ["1", "2", "3", "4"]
    assert holders[rater_id] == ["booklet 0", "booklet 1"]
    assert (len(visits), len(arrivals)) == (2, 2)
    assert (progress.n_raters, progress.n_finished, progress.n_further) == (2, 2, 1)


def test_the_booklet_with_the_most_failed_checks_counts_for_exclusion(
    rating: Engine, make: Make, now: datetime
) -> None:
    study = make("1!", "2!")
    token = come(rating, study, now)
    rate(rating, study, token, now)
    rate(rating, study, take(rating, study, token, now), now, value=1)

    with reading(rating) as session:
        (visit,) = read_visits(session, study.id)
    assert (visit.n_checks, visit.n_passed) == (1, 0)


@pytest.mark.parametrize(("value", "amount"), [(4, "0.80"), (1, "0.10")])
def test_a_participant_is_one_row_and_is_paid_for_extra_booklets_that_passed(
    rating: Engine, make: Make, now: datetime, value: float, amount: str
) -> None:
    bonus = Bonus.model_validate({"per_check_passed": "0.10", "per_extra_booklet": "0.60"})
    study = make("1!", "2!", "3!", check_rule=CheckRule(), bonus=bonus)
    token = come(rating, study, now)
    rate(rating, study, token, now)
    second = take(rating, study, token, now)
    rate(rating, study, second, now, value=value)

    with reading(rating) as session:
        (one,) = read_participants(session, study, with_identifiers=True, now=now)
    expected = RaterStatus.FINISHED if value == 4 else RaterStatus.FAILED_CHECKS
    assert (one.participant_id, one.status, one.further) == (PERSON, RaterStatus.FINISHED, (expected,))
    assert (one.n_answered, one.n_trials, one.n_checks) == (4, 4, 2)
    lists = make_payment_lists([one], bonus)
    assert lists.approve == (PERSON,)
    assert lists.bonus_lines == (f"{PERSON},{amount}",)


def test_who_withdraws_in_a_further_booklet_is_still_paid_for_the_first(
    rating: Engine, make: Make, now: datetime
) -> None:
    study = make("1", "2")
    token = come(rating, study, now)
    rate(rating, study, token, now)
    second = at(rating, study, take(rating, study, token, now))
    with writing(rating) as session:
        leave(session, second.rater_id, why=LeavingReason.WITHDRAWN, now=now)

    with reading(rating) as session:
        (one,) = read_participants(session, study, with_identifiers=True, now=now)
    assert make_payment_lists([one], None).approve == (PERSON,)


@pytest.mark.parametrize("which", ["first", "second"])
def test_a_deleted_person_leaves_no_booklet_and_the_closing_is_still_proven(
    rating: Engine, make: Make, now: datetime, which: str
) -> None:
    study = make("1", "2", "3")
    token = come(rating, study, now)
    rate(rating, study, token, now)
    second = take(rating, study, token, now)
    rate(rating, study, second, now)
    rate(rating, study, come(rating, study, now, person=PERSON[::-1]), now)
    with writing(rating) as session:
        move_study(session, "keen", State.CLOSED, at=now)
    rater_id = at(rating, study, token if which == "first" else second).rater_id
    with writing(rating) as session:
        redact(session, study.id, find_known(session, study.id, rater_id), by="ada", now=now)

    with reading(rating) as session:
        events = read_events(session, EventRow, study.id)
        closings, redacted = read_closings(events), read_redacted(events)
        (closing,) = closings
        by_closing = {closing.sequence: {rater: each[closing.sequence] for rater, each in redacted.items()}}
        (digests,) = digest_closings(session, study.id, closings, redacted=by_closing)
        recorded = next(each.detail for each in events if each.sequence == closing.sequence)
        assert (digests.answers, digests.raters) == (recorded["answers"], recorded["raters"])
        assert len(session.scalars(select(Rater.id)).all()) == 1
        assert len(session.scalars(select(Answer.id)).all()) == 1


def test_the_place_of_a_further_booklet_is_freed_by_inactivity(
    rating: Engine, make: Make, now: datetime
) -> None:
    study = make("1", "2", reassign_after_hours=1.0)
    token = come(rating, study, now)
    rate(rating, study, token, now)
    second = take(rating, study, token, now)
    late = now + timedelta(hours=2)
    other = come(rating, study, late, person=PERSON[::-1])

    assert at(rating, study, second).replaced_why is FreedReason.INACTIVE
    assert at(rating, study, token).replaced_why is None
    assert at(rating, study, other).booklet_id == at(rating, study, second).booklet_id


def test_a_booklet_asks_about_the_same_only_dimension(rating: Engine, make: Make, now: datetime) -> None:
    from sqlalchemy import update  # noqa: PLC0415 (for this test only)

    from rater.store.rating.schema import TrialRow  # noqa: PLC0415

    study = make("1", "2", "3")
    with writing(rating) as session:
        for booklet, dimension in (("booklet 0", "a"), ("booklet 1", "b"), ("booklet 2", "a")):
            session.execute(
                update(TrialRow).where(TrialRow.booklet_id == booklet).values(dimension=dimension)
            )
    token = come(rating, study, now)
    with writing(rating) as session:
        session.get_one(Rater, at(rating, study, token).rater_id).finished_at = now

    taken = at(rating, study, take(rating, study, token, now))
    assert {at(rating, study, token).booklet_id, taken.booklet_id} == {"booklet 0", "booklet 2"}


def test_a_study_with_one_booklet_a_rater_offers_none(rating: Engine, make: Make, now: datetime) -> None:
    study = make("1", "2", booklets_per_rater=1)
    token = come(rating, study, now)
    rate(rating, study, token, now)

    assert not is_offered(rating, replace(study), token, now)
