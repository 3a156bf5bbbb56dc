from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from rater.store.engine import reading, writing
from rater.store.log import GENESIS, EventKind, append_event, broken_link, event_hash, read_events
from rater.store.rating.schema import EventRow
from rater.store.rating.studies import PublishedStudy
from rater.study.state import State


@pytest.fixture
def study_id(rating: Engine, publish: Callable[..., PublishedStudy], now: datetime) -> int:
    """A study whose log has three rows: opened, closed, and opened again."""
    study = publish(rating, state="open")
    with writing(rating) as session:
        append_event(session, EventRow, study.id, kind=State.CLOSED, at=now, reason="pause")
        append_event(session, EventRow, study.id, kind=State.OPEN, at=now, by="Ada", text="naïve “quotes”")
    return study.id


def _drop_refusal(session: Session, change: str, dialect: str) -> None:
    on_table = " ON event" if dialect == "postgresql" else ""
    session.execute(text(f"DROP TRIGGER event_refuses_{change}{on_table}"))


def test_a_log_is_read_in_order_and_its_chain_is_valid(rating: Engine, study_id: int) -> None:
    with reading(rating) as session:
        events = read_events(session, EventRow, study_id)
        broken = broken_link(session, EventRow, study_id)

    assert [(event.sequence, event.kind, event.detail) for event in events] == [
        (1, "open", {}),
        (2, "closed", {"reason": "pause"}),
        (3, "open", {"by": "Ada", "text": "naïve “quotes”"}),
    ]
    assert broken is None


def test_details_are_canonical_json_and_the_new_hash_is_the_head(
    rating: Engine, study_id: int, now: datetime
) -> None:
    with writing(rating) as session:
        head = append_event(session, EventRow, study_id, kind=EventKind.LOOK, at=now, why="naïve", by="Ada")

    with reading(rating) as session:
        last = session.execute(text("SELECT detail, hash FROM event ORDER BY id DESC LIMIT 1")).one()
    assert tuple(last) == ('{"by":"Ada","why":"naïve"}', head)


def test_a_hash_covers_the_row_and_the_previous_hash() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    found = event_hash(GENESIS, 1, kind="open", detail="{}", at=at)

    # printf '["%064d",1,"open","{}","2026-01-02T03:04:05+00:00"]' 0 | sha256sum
    assert found == "99983b1f7d51864a9f4c1a2276aae74a101826b5cb45e01068a80ca91710cdf9"


def test_the_time_zone_of_an_event_does_not_change_its_hash(rating: Engine, study_id: int) -> None:
    at = datetime(2026, 7, 1, 14, 0, tzinfo=timezone(timedelta(hours=2)))

    with writing(rating) as session:
        append_event(session, EventRow, study_id, kind=State.CLOSED, at=at)

    with reading(rating) as session:
        assert broken_link(session, EventRow, study_id) is None


def test_each_study_has_its_own_chain(
    rating: Engine, publish: Callable[..., PublishedStudy], study_id: int
) -> None:
    other = publish(rating)

    with reading(rating) as session:
        assert [event.sequence for event in read_events(session, EventRow, other.id)] == [1]
        assert broken_link(session, EventRow, other.id) is None


@pytest.mark.parametrize("change", ["UPDATE event SET id = id + 100", "DELETE FROM event"])
def test_the_database_refuses_to_change_or_delete_a_row(rating: Engine, study_id: int, change: str) -> None:
    with pytest.raises(DBAPIError, match="event is append-only"), writing(rating) as session:
        session.execute(text(change))


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_the_database_refuses_to_replace_a_row(rating: Engine, study_id: int) -> None:
    replacement = text(
        "REPLACE INTO event SELECT id, sequence, 'x', detail, at, previous_hash, hash, study_id FROM event"
    )

    with pytest.raises(DBAPIError, match="event is append-only"), writing(rating) as session:
        session.execute(replacement)


@pytest.mark.parametrize(
    "rewriting",
    [
        "UPDATE event SET detail = '{}' WHERE sequence = 2",
        "UPDATE event SET kind = 'open' WHERE sequence = 2",
        "UPDATE event SET at = '2026-01-02 03:04:06' WHERE sequence = 2",
        "UPDATE event SET hash = 'f' WHERE sequence = 2",
        "UPDATE event SET previous_hash = 'f' WHERE sequence = 2",
    ],
)
def test_a_changed_row_breaks_the_chain_at_its_position(
    rating: Engine, study_id: int, dialect: str, rewriting: str
) -> None:
    with writing(rating) as session:
        _drop_refusal(session, "update", dialect)
        session.execute(text(rewriting))

        assert broken_link(session, EventRow, study_id) == 2
        session.rollback()


def test_a_missing_row_breaks_the_chain_at_its_position(rating: Engine, study_id: int, dialect: str) -> None:
    with writing(rating) as session:
        _drop_refusal(session, "delete", dialect)
        session.execute(text("DELETE FROM event WHERE sequence = 1"))

        assert broken_link(session, EventRow, study_id) == 1
        session.rollback()
