"""A rater's time for a trial: the browser's, or else the server's, each trial once."""

from datetime import UTC, datetime, timedelta

from rater.study.trial_times import MAX_GAP_S, Pace, TrialTime, count_sources, pace_of

START = datetime(2026, 4, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_the_time_out_of_sight_is_subtracted_and_never_below_zero() -> None:
    pace = pace_of(
        [TrialTime(6_000, 1_000, at(6)), TrialTime(2_000, None, at(8)), TrialTime(500, 900, at(9))]
    )

    assert pace.seconds == (5.0, 2.0, 0.0)
    assert (pace.median_s, pace.n_server) == (2.0, 0)


def test_without_times_of_the_browser_those_between_answers_count() -> None:
    pace = pace_of([TrialTime(None, None, at(seconds)) for seconds in (0, 0.4, 1.0, 31)])

    assert pace.seconds == (0.4, 0.6, 30.0)
    assert (pace.median_s, pace.n_server) == (0.6, 3)


def test_a_trial_without_a_time_of_the_browser_takes_the_one_since_the_answer_before() -> None:
    pace = pace_of([TrialTime(3_000, 0, at(3)), TrialTime(None, None, at(5)), TrialTime(4_000, 0, at(9))])

    assert sorted(pace.seconds) == [2.0, 3.0, 4.0]
    assert pace.n_server == 1


def test_time_away_does_not_count_for_the_trial() -> None:
    pace = pace_of([TrialTime(None, None, at(seconds)) for seconds in (0, 2, 2 + MAX_GAP_S + 1)])

    assert pace.seconds == (2.0,)


def test_one_answer_without_a_time_has_none() -> None:
    pace = pace_of([TrialTime(None, None, at(3))])

    assert (pace.median_s, pace.n_server) == (None, 0)
    assert pace_of([]).median_s is None
    assert pace_of([TrialTime(None, None, None)] * 3).median_s is None


def test_raters_are_counted_by_where_their_times_come_from() -> None:
    paces = {"a": Pace((1.0,), 0), "b": Pace((1.0, 2.0), 1), "c": Pace((), 0)}

    assert count_sources(paces) == (1, 1)
