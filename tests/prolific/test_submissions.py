from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, select

from rater.prolific.client import ProlificClient, ProlificError
from rater.prolific.submissions import (
    find_prolific_study,
    free_places,
    is_late,
    match_submissions,
    plan_freeing,
    read_submissions,
)
from rater.store.engine import disposing, reading, writing
from rater.store.log import EventKind, read_events
from rater.store.rating.open import open_rating
from rater.store.rating.schema import Booklet, EventRow, Identifier, Rater
from rater.store.rating.studies import PublishedStudy, get_study
from rater.study.protocol import Protocol
from rater.study.visit import PROLIFIC, Channel, FreedReason
from tests.prolific.conftest import STUDY_ID
from tests.prolific.prolific_site import Site

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
PEOPLE = {
    "returned": ("RETURNED", False),
    "timedout": ("TIMED-OUT", False),
    "rejected": ("REJECTED", True),
    "late": ("TIMED-OUT", True),
    "active": ("ACTIVE", False),
    "awaiting": ("AWAITING REVIEW", True),
}
"""Participants: the status of their submission, and whether they finished here."""


@pytest.fixture
def rating(rating_url: str) -> object:
    with disposing(open_rating(rating_url)) as engine:
        yield engine


@pytest.fixture
def recruited(
    publish_study: Callable[..., str], rating_url: str, protocol: Protocol, site: Site, rating: Engine
) -> PublishedStudy:
    """An open study with the raters above, all of whom hold a place; the site has their submissions."""
    shown = protocol.model_copy(update={"recruitment": PROLIFIC})
    publish_study(slug="paid-river", name="paid", shown=shown, n_booklets=8)
    with writing(rating) as session:
        study = get_study(session, "paid")
        booklets = session.scalars(select(Booklet).where(Booklet.study_id == study.id)).all()
        for number, (participant, (status, has_finished)) in enumerate(PEOPLE.items()):
            rater = Rater(
                id=f"{number:032x}",
                study_id=study.id,
                booklet_id=booklets[number].id,
                channel=Channel.WEB,
                consented_at=NOW,
                finished_at=NOW if has_finished else None,
            )
            session.add(rater)
            session.flush()
            for name, value in (("PROLIFIC_PID", participant), ("STUDY_ID", STUDY_ID)):
                session.add(
                    Identifier(
                        rater_id=rater.id,
                        name=name,
                        study_id=study.id,
                        value=value,
                        is_person=name == "PROLIFIC_PID",
                    )
                )
            site.add_submission(number, participant, status, study=STUDY_ID)
    site.add_submission(50, "stranger", "RETURNED", study=STUDY_ID)
    return study


def test_submissions_are_read_with_status_code_and_bonuses(client: ProlificClient, site: Site) -> None:
    site.add_submission(2, "p2", "AWAITING REVIEW", study=STUDY_ID, bonuses=(50, 25))
    site.add_submission(1, "p1", "TIMED-OUT", study=STUDY_ID)

    first, second = read_submissions(client, STUDY_ID)

    assert (first.participant_id, first.status, first.code) == ("p1", "TIMED OUT", "")
    assert (second.status, second.code, second.bonuses) == ("AWAITING REVIEW", "C1A2B3C4", (50.0, 25.0))
    assert second.started_at == datetime(2026, 2, 3, 4, 2, tzinfo=UTC)


def test_a_submission_without_a_participant_is_refused(client: ProlificClient, site: Site) -> None:
    site.answers_first = [(200, {}, {"results": [{"id": "x", "status": "ACTIVE"}]})]

    with pytest.raises(ProlificError, match="no id or no participant"):
        read_submissions(client, STUDY_ID)


def test_submissions_are_matched_with_raters(
    client: ProlificClient, rating: Engine, recruited: PublishedStudy
) -> None:
    with reading(rating) as session:
        matched = match_submissions(session, recruited.id, read_submissions(client, STUDY_ID))

    known = {each.submission.participant_id: each for each in matched}
    assert known["stranger"].rater is None
    assert known["late"].rater is not None
    assert [participant for participant, each in known.items() if is_late(each)] == ["late"]


def test_places_are_freed_of_those_who_left_and_each_is_logged_once(
    client: ProlificClient, rating: Engine, recruited: PublishedStudy
) -> None:
    def plan() -> dict[str, FreedReason]:
        with reading(rating) as session:
            matched = match_submissions(session, recruited.id, read_submissions(client, STUDY_ID))
        planned.clear()
        planned.extend(plan_freeing(matched))
        return {each.participant_id: each.reason for each in planned}

    planned: list = []  # type: ignore[type-arg]
    assert plan() == {
        "returned": FreedReason.RETURNED,
        "timedout": FreedReason.TIMED_OUT,
        "rejected": FreedReason.REJECTED,
    }

    freed = free_places(rating, recruited.id, planned, by="ada", now=NOW)

    assert len(freed.done) == 3
    assert freed.failed == []
    with reading(rating) as session:
        events = read_events(session, EventRow, recruited.id)
        assert [each.kind for each in events].count(EventKind.FREED) == 3
        held = session.scalars(select(Rater.id).where(Rater.replaced_at.is_(None))).all()
    assert len(held) == 3
    assert plan() == {}


def test_a_place_that_cannot_be_freed_undoes_no_other(
    client: ProlificClient, rating: Engine, recruited: PublishedStudy
) -> None:
    with reading(rating) as session:
        plan = plan_freeing(match_submissions(session, recruited.id, read_submissions(client, STUDY_ID)))

    freed = free_places(rating, recruited.id, [plan[0], *plan], by="ada", now=NOW)

    assert len(freed.done) == 3
    assert len(freed.failed) == 1
    assert "holds no place" in freed.failed[0][1]


def test_the_latest_submission_of_a_participant_counts(
    client: ProlificClient, rating: Engine, recruited: PublishedStudy, site: Site
) -> None:
    site.add_submission(60, "returned", "ACTIVE", study=STUDY_ID)

    with reading(rating) as session:
        plan = plan_freeing(match_submissions(session, recruited.id, read_submissions(client, STUDY_ID)))

    assert "returned" not in {each.participant_id for each in plan}


def test_the_study_on_prolific_is_known_from_the_links(rating: Engine, recruited: PublishedStudy) -> None:
    with reading(rating) as session:
        assert find_prolific_study(session, recruited.id) == STUDY_ID
    with writing(rating) as session:
        session.execute(
            Identifier.__table__.update()  # type: ignore[attr-defined]
            .where(Identifier.name == "STUDY_ID", Identifier.rater_id == "0" * 32)
            .values(value="64395e9c2332b8a59a65d51f")
        )
    with reading(rating) as session, pytest.raises(ProlificError, match="raters came from several"):
        find_prolific_study(session, recruited.id)


def test_before_anyone_has_come_the_id_must_be_given(
    publish_study: Callable[..., str], rating_url: str, rating: Engine
) -> None:
    publish_study()

    with reading(rating) as session, pytest.raises(ProlificError, match="Give it with --id"):
        find_prolific_study(session, get_study(session, "a_study").id)
