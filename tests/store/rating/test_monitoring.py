from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from rater.store.engine import reading
from rater.store.rating.monitoring import WatchedRater, watch_raters, watch_study
from rater.store.rating.statuses import RaterStatus
from rater.store.rating.studies import PublishedStudy
from rater.study.state import State
from tests.store.rating.conftest import NOW


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
        last_at=NOW + timedelta(minutes=4),
        seconds_a_text=1.5,  # of three trials: the attention check is not among them
        n_checks_passed=1,
        n_checks=1,
        flags={},
        person_id="a" * 32,
        booklet_number=1,
    )
    assert (second.status, second.n_answered, second.n_checks) == (RaterStatus.SILENT, 1, 0)
    assert tuple(second.flags) == ("very fast",)  # half a second in view; a revision says nothing of that
