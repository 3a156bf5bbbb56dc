from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Engine

from rater.store.engine import reading, writing
from rater.store.rating import previews


def insert(engine: Engine, now: datetime, *keys: str) -> None:
    """Store previews, a minute apart."""
    with writing(engine) as session:
        for minute, key in enumerate(keys):
            previews.insert_preview(session, key, key.encode(), now=now + timedelta(minutes=minute))


def test_a_preview_is_read_as_it_was_stored_last(
    rating: Engine, engines: Callable[[], Engine], now: datetime
) -> None:
    insert(rating, now, "a", "b")
    with writing(rating) as session:
        assert previews.lock_preview(session, "a") == 1
        previews.update_preview(session, "a", b"\x00changed", version=2)

    with writing(engines()) as session:
        assert previews.lock_preview(session, "a") == 2
        assert previews.read_preview(session, "a") == b"\x00changed"
        assert previews.read_preview(session, "b") == b"b"
        assert previews.list_previews(session) == {"a", "b"}


def test_a_preview_that_was_never_made_is_not_there(rating: Engine, now: datetime) -> None:
    insert(rating, now, "a")

    with reading(rating) as session:
        assert (previews.has_preview(session, "a"), previews.has_preview(session, "b")) == (True, False)
    with writing(rating) as session:
        assert previews.lock_preview(session, "b") is None


def test_the_newest_previews_are_kept_unless_they_are_old(rating: Engine, now: datetime) -> None:
    insert(rating, now, "a", "b", "c", "d")

    with writing(rating) as session:
        previews.delete_old_previews(session, n_kept=2, made_before=now)
        newest = previews.list_previews(session)
        previews.delete_old_previews(session, n_kept=2, made_before=now + timedelta(minutes=2.5))
        young = previews.list_previews(session)

    assert (newest, young) == ({"c", "d"}, {"d"})
