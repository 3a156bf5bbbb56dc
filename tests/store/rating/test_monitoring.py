from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from rater.store.engine import reading
from rater.store.rating.counts import RaterConduct, RaterProgress
from rater.store.rating.monitoring import (
    RaterStatus,
    WatchedRater,
    flags,
    rater_status,
    watch_raters,
    watch_study,
)
from rater.store.rating.studies import PublishedStudy
from rater.study.state import State
from rater.study.visit import LeavingReason
from tests.store.rating.conftest import NOW

_KNOWN: dict[str, object] = {
    "id": "a",
    "n_answered": 1,
    "n_trials": 3,
    "consented_at": NOW - timedelta(hours=3),
    "last_at": NOW - timedelta(minutes=5),
    **dict.fromkeys(("instructed_at", "finished_at", "left_at", "left_why", "replaced_at")),
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, RaterStatus.UNDER_WAY),
        ({"last_at": NOW - timedelta(minutes=61)}, RaterStatus.AWAY),
        ({"last_at": None, "consented_at": NOW - timedelta(hours=2)}, RaterStatus.AWAY),
        ({"last_at": None, "replaced_at": NOW}, RaterStatus.REPLACED),
        ({"left_at": NOW, "left_why": LeavingReason.WITHDRAWN}, RaterStatus.WITHDRAWN),
        ({"left_at": NOW, "left_why": LeavingReason.FAILED_PRACTICE}, RaterStatus.FAILED_PRACTICE),
        ({"finished_at": NOW, "replaced_at": NOW}, RaterStatus.FINISHED),
    ],
)
def test_a_raters_status_is_their_last_step(changes: dict[str, object], expected: RaterStatus) -> None:
    progress = RaterProgress(**{**_KNOWN, **changes})  # type: ignore[arg-type] # mixed
    is_active = expected in {RaterStatus.UNDER_WAY, RaterStatus.AWAY}
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

    assert flags(conduct) == expected


@pytest.mark.parametrize(
    ("after", "days", "hours"),
    [
        (timedelta(minutes=29), None, 29 / 60),
        (timedelta(hours=6), 2 * 6 / 24, 6.0),
        (timedelta(hours=24, minutes=5), 2.0, 24.0),
        (timedelta(hours=25), None, 24.0),
    ],
    ids=["too soon", "since opening", "the last day", "nobody in the last day"],
)
def test_the_pace_is_that_of_the_time_in_which_raters_could_come(
    rating: Engine, watched: PublishedStudy, after: timedelta, days: float | None, hours: float
) -> None:
    with reading(rating) as session:
        seen = watch_study(session, watched, now=NOW + after)

    assert seen.days_to_go == pytest.approx(days)
    assert seen.pace_hours == pytest.approx(hours)


def test_once_a_study_is_closed_nobody_is_under_way(rating: Engine, watched: PublishedStudy) -> None:
    soon = NOW + timedelta(minutes=40)
    with reading(rating) as session:
        still_open = watch_study(session, watched, now=soon)
        closed = watch_study(session, replace(watched, state=State.CLOSED), now=soon)

    assert (still_open.n_under_way, still_open.n_left) == (1, 0)
    assert (closed.n_under_way, closed.n_left, closed.left_at, closed.days_to_go) == (0, 1, (1,), None)


def test_each_rater_is_watched(rating: Engine, watched: PublishedStudy) -> None:
    with reading(rating) as session:
        first, second = watch_raters(session, watched, now=NOW + timedelta(hours=2))

    assert first == WatchedRater(
        id="a" * 32,
        consented_at=NOW,
        status=RaterStatus.FINISHED,
        n_answered=4,
        n_trials=4,
        seconds_a_text=1.5,  # of three trials: the attention check is not among them
        n_checks_passed=1,
        n_checks=1,
        flags=(),
    )
    assert (second.status, second.n_answered, second.n_checks) == (RaterStatus.AWAY, 1, 0)
    assert second.flags == ("very fast",)  # half a second in view; a revision says nothing of that
