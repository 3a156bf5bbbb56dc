"""Lists for the recruitment site: each participant with an ID is in exactly one, by status alone."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from rater.store.rating.participants import Participant
from rater.store.rating.payment_lists import (
    Payment,
    describe_reason,
    make_payment_lists,
    participant_table,
    payment_of,
)
from rater.store.rating.statuses import RaterStatus
from rater.study.bonus import Bonus
from rater.study.protocol import Protocol
from rater.study.visit import PROLIFIC, Channel, FreedReason

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ONE = Participant(
    rater_id="a" * 32,
    participant_id="id",
    other_identifiers={"SESSION_ID": "s1"},
    label=None,
    channel=Channel.WEB,
    status=RaterStatus.FINISHED,
    replaced_why=None,
    code="DONE",
    further=(),
    n_paid_checks_passed=1,
    current_id="a" * 32,
    consented_at=NOW,
    last_seen_at=NOW,
    minutes=12.34,
    n_answered=3,
    n_trials=3,
    n_checks=2,
    n_checks_passed=1,
    flags={"very fast": "2 of 3 trials within a second"},
    comment="=1+1",
)
ALL = [replace(ONE, participant_id=status.name, status=status) for status in RaterStatus]


def test_each_participant_is_in_exactly_one_list() -> None:
    lists = make_payment_lists(ALL, None)

    listed = [
        *lists.approve,
        *(each.participant_id for each in (*lists.reject, *lists.give_back, *lists.wait)),
    ]
    assert sorted(listed) == sorted(status.name for status in RaterStatus)
    assert lists.approve == ("FINISHED", "SURPLUS")
    assert lists.reject == (("FAILED_CHECKS", "Failed 1 of 2 attention checks"),)
    assert [each.participant_id for each in lists.wait] == ["UNDER_WAY", "SILENT"]
    assert lists.bonus == ()


def test_a_bonus_is_paid_to_approved_participants_by_the_declared_rule() -> None:
    lists = make_payment_lists(ALL, Bonus(flat=Decimal("0.5"), per_check_passed=Decimal("0.25")))

    assert lists.bonus_lines == ("FINISHED,0.75", "SURPLUS,0.75")


def test_no_bonus_is_listed_for_somebody_whose_bonus_is_zero() -> None:
    one = replace(ONE, n_paid_checks_passed=0)

    assert make_payment_lists([one], Bonus(per_check_passed=Decimal(1))).bonus == ()


def test_a_rater_without_an_id_is_counted_and_in_no_list() -> None:
    lists = make_payment_lists([replace(ONE, participant_id=None), ONE], None)

    assert (lists.n_unnamed, lists.approve) == (1, ("id",))


@pytest.mark.parametrize("why", FreedReason)
def test_the_reason_for_freeing_a_place_is_in_words(why: FreedReason) -> None:
    one = replace(ONE, status=RaterStatus.REPLACED, replaced_why=why)

    assert payment_of(one.status) is Payment.RETURN
    assert describe_reason(one)[0].isupper()


def test_the_table_has_a_column_for_each_declared_parameter(protocol: Protocol) -> None:
    table = participant_table([ONE], protocol.model_copy(update={"recruitment": PROLIFIC}))

    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert (row["participant_id"], row["SESSION_ID"], row["STUDY_ID"]) == ("id", "s1", None)
    assert (row["status"], row["list"], row["minutes"]) == ("finished", "approve", 12.3)
    assert row["flags"] == "very fast: 2 of 3 trials within a second"
