"""One row for each rater; what may identify a person is read on request only."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from rater.store.engine import reading, writing
from rater.store.log import read_events
from rater.store.rating.participants import Participant, log_list, read_participants
from rater.store.rating.schema import EventRow, Identifier, Invitation, ShownEnding
from rater.store.rating.statuses import RaterStatus
from rater.store.rating.studies import PublishedStudy
from rater.study.visit import PROLIFIC
from tests.store.rating.conftest import NOW


@pytest.fixture
def recruited(rating: Engine, watched: PublishedStudy) -> PublishedStudy:
    """The study, by way of a recruitment site; the first rater saw two codes."""
    with writing(rating) as session:
        for name, value in (("PROLIFIC_PID", "person-a"), ("SESSION_ID", "session-a")):
            session.add(
                Identifier(
                    rater_id="a" * 32,
                    name=name,
                    study_id=watched.id,
                    value=value,
                    is_person=name == "PROLIFIC_PID",
                )
            )
        session.add(
            Invitation(code_digest="0" * 64, study_id=watched.id, label="Ada", rater_id="b" * 32, made_at=NOW)
        )
        for hours, outcome in enumerate(("paused", "finished")):
            at = NOW + timedelta(hours=hours)
            session.add(ShownEnding(rater_id="a" * 32, outcome=outcome, code=outcome.upper(), shown_at=at))
    protocol = watched.protocol.model_copy(update={"recruitment": PROLIFIC})
    return PublishedStudy(**{**vars(watched), "protocol": protocol})


def read(rating: Engine, study: PublishedStudy, *, with_identifiers: bool) -> tuple[Participant, Participant]:
    with reading(rating) as session:
        now = NOW + timedelta(hours=2)
        first, second = read_participants(session, study, with_identifiers=with_identifiers, now=now)
    return first, second


def test_a_row_has_status_code_minutes_checks_and_comment(rating: Engine, recruited: PublishedStudy) -> None:
    first, second = read(rating, recruited, with_identifiers=True)

    assert (first.participant_id, first.other_identifiers) == ("person-a", {"SESSION_ID": "session-a"})
    assert (first.status, first.code, first.minutes) == (RaterStatus.FINISHED, "FINISHED", 9)
    assert (first.n_checks, first.n_checks_passed, first.comment) == (1, 1, "from a")
    assert (second.participant_id, second.label, second.code) == (None, "Ada", None)
    assert second.last_seen_at == NOW + timedelta(minutes=1)
    assert second.flags == {"very fast": "1 of 1 trials within a second"}


def test_nothing_that_may_identify_a_person_is_read_unasked(
    rating: Engine, recruited: PublishedStudy
) -> None:
    for each in read(rating, recruited, with_identifiers=False):
        assert (each.participant_id, dict(each.other_identifiers)) == (None, {})
        assert (each.label, each.comment) == (None, None)


def test_a_download_is_logged_without_identifiers(rating: Engine, recruited: PublishedStudy) -> None:
    with writing(rating) as session:
        log_list(session, recruited.id, who="ada", by="desk", n=2, now=NOW)
    with reading(rating) as session:
        event = read_events(session, EventRow, recruited.id)[-1]

    assert (event.kind, event.detail) == ("listed", {"who": "ada", "by": "desk", "n": 2})
