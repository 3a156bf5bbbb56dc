from datetime import timedelta

from sqlalchemy import Engine

from rater.store.engine import reading, writing
from rater.store.rating import counts
from rater.store.rating.counts import Turned, read_tallies
from rater.store.rating.monitoring import (
    watch_study,
)
from rater.store.rating.schema import Rater
from rater.store.rating.studies import PublishedStudy
from rater.study.visit import LeavingReason
from tests.store.rating.conftest import NOW


def test_a_study_is_watched_as_a_whole(rating: Engine, watched: PublishedStudy) -> None:
    with reading(rating) as session:
        seen = watch_study(session, watched, now=NOW + timedelta(hours=2))
        declined, planned = (
            read_tallies(session, watched.id)[Turned.DECLINED],
            counts.count_planned(session, watched.id),
        )
        comments, guesses = (
            counts.read_comments(session, watched.id),
            counts.count_guesses(session, watched.id),
        )

    assert (seen.n_booklets, seen.n_finished, seen.n_under_way, seen.n_left) == (3, 1, 0, 1)
    assert (seen.n_answers, seen.median_minutes, seen.left_at) == (5, 9.0, (1,))
    assert seen.ratings_per_item == {1: 2, 2: 1}  # the attention check is not among them
    assert (declined, planned) == (2, 12)
    assert (comments, guesses) == (["from a", "from b"], {"first": 2})


def test_comments_and_guesses_of_raters_who_withdrew_are_left_out(
    rating: Engine, watched: PublishedStudy
) -> None:
    with writing(rating) as session:
        withdrawn = session.get_one(Rater, "b" * 32)
        withdrawn.left_at, withdrawn.left_why = NOW, LeavingReason.WITHDRAWN

    with reading(rating) as session:
        assert counts.read_comments(session, watched.id) == ["from a"]
        assert counts.count_guesses(session, watched.id) == {"first": 1}
