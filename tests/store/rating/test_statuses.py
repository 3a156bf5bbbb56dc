"""The status of a rater: one function of stored facts, so that exactly one holds."""

from datetime import datetime, timedelta

import pytest

from rater.store.rating.counts import RaterConduct, RaterProgress
from rater.store.rating.statuses import RaterStatus, explain_flags, rater_status
from rater.study.practice_and_checks import CheckRule
from rater.study.visit import FreedReason, LeavingReason
from tests.store.rating.conftest import NOW

_KNOWN: dict[str, object] = {
    "id": "a",
    "person_id": "a",
    "booklet_number": 1,
    "n_answered": 1,
    "n_trials": 3,
    "consented_at": NOW - timedelta(hours=3),
    "last_at": NOW - timedelta(minutes=5),
    **dict.fromkeys(("instructed_at", "finished_at", "left_at", "left_why", "replaced_at", "replaced_why")),
}


BEFORE = NOW - timedelta(minutes=30)


def freed(at: datetime, why: FreedReason) -> dict[str, object]:
    return {"replaced_at": at, "replaced_why": why}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, RaterStatus.UNDER_WAY),
        ({"last_at": NOW - timedelta(minutes=41)}, RaterStatus.SILENT),
        ({"last_at": None, "consented_at": NOW - timedelta(hours=2)}, RaterStatus.SILENT),
        ({"last_at": None, **freed(NOW, FreedReason.INACTIVE)}, RaterStatus.REPLACED),
        ({"left_at": NOW, "left_why": LeavingReason.WITHDRAWN}, RaterStatus.WITHDRAWN),
        ({"left_at": NOW, "left_why": LeavingReason.FAILED_PRACTICE}, RaterStatus.FAILED_PRACTICE),
        ({"finished_at": NOW, "left_at": NOW, "left_why": LeavingReason.WITHDRAWN}, RaterStatus.WITHDRAWN),
        ({"finished_at": NOW}, RaterStatus.FINISHED),
        ({"finished_at": NOW, **freed(NOW, FreedReason.RETURNED)}, RaterStatus.REPLACED),
        ({"finished_at": NOW, **freed(NOW, FreedReason.FAILED_CHECKS)}, RaterStatus.FAILED_CHECKS),
        ({"finished_at": NOW, **freed(BEFORE, FreedReason.INACTIVE)}, RaterStatus.SURPLUS),
        ({"finished_at": NOW, **freed(BEFORE, FreedReason.RETURNED)}, RaterStatus.SURPLUS),
    ],
)
def test_a_raters_status_is_their_last_step(changes: dict[str, object], expected: RaterStatus) -> None:
    progress = RaterProgress(**{**_KNOWN, **changes})  # type: ignore[arg-type] # mixed
    is_active = expected in {RaterStatus.UNDER_WAY, RaterStatus.SILENT}
    over = RaterStatus.UNFINISHED if is_active else expected

    assert rater_status(progress, now=NOW, is_over=False) == expected
    assert rater_status(progress, now=NOW, is_over=True) == over


@pytest.mark.parametrize(
    ("n_quick", "n_judged", "n_values", "expected"),
    [
        (0, 40, 5, ()),
        (13, 40, 5, ()),
        (14, 40, 5, ("very fast",)),
        (0, 9, 1, ()),
        (0, 10, 1, ("always the same",)),
        (40, 40, 1, ("very fast", "always the same")),
    ],
)
def test_odd_conduct_is_flagged(
    n_quick: int, n_judged: int, n_values: int, expected: tuple[str, ...]
) -> None:
    conduct = RaterConduct(4.0, n_timed=40, n_quick=n_quick, n_judged=n_judged, n_values=n_values)

    assert tuple(explain_flags(conduct)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"finished_at": NOW}, RaterStatus.FAILED_CHECKS),
        ({"finished_at": NOW, **freed(BEFORE, FreedReason.INACTIVE)}, RaterStatus.FAILED_CHECKS),
        ({"finished_at": NOW, **freed(NOW, FreedReason.REJECTED)}, RaterStatus.REPLACED),
        ({}, RaterStatus.UNDER_WAY),
        ({"left_at": NOW, "left_why": LeavingReason.STOPPED}, RaterStatus.STOPPED),
    ],
)
def test_who_finishes_and_fails_more_checks_than_allowed_fails_the_checks(
    changes: dict[str, object], expected: RaterStatus
) -> None:
    progress = RaterProgress(**{**_KNOWN, **changes})  # type: ignore[arg-type] # mixed
    rule = CheckRule(max_failed=1)

    assert rater_status(progress, now=NOW, is_over=False, checks=(3, 1), rule=rule) is expected
    allowed = rater_status(progress, now=NOW, is_over=False, checks=(3, 2), rule=rule)
    assert allowed is not RaterStatus.FAILED_CHECKS


def test_a_flag_has_the_numbers_that_raised_it() -> None:
    conduct = RaterConduct(seconds_a_text=0.5, n_timed=12, n_quick=6, n_judged=12, n_values=1)

    assert explain_flags(conduct) == {
        "very fast": "6 of 12 trials within a second",
        "always the same": "one answer in all 12 trials",
    }
