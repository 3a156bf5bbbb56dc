from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from rater.names import Unnamed
from rater.store.engine import reading, writing
from rater.store.rating.schema import UnfilledParameter
from rater.store.rating.studies import PublishedStudy
from rater.store.rating.unfilled_links import UnfilledLink, count_unfilled, read_unfilled

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


def test_visits_are_counted_by_parameter_and_reason_the_latest_first(
    rating: Engine, publish: Callable[..., PublishedStudy]
) -> None:
    study = publish(rating)
    link = {"PROLIFIC_PID": Unnamed.TEMPLATE, "STUDY_ID": Unnamed.ABSENT}
    later = NOW + timedelta(hours=1)

    with writing(rating) as session:
        count_unfilled(session, study.id, link, now=NOW)
        count_unfilled(session, study.id, {"PROLIFIC_PID": Unnamed.TEMPLATE}, now=later)
        count_unfilled(session, study.id, {"PROLIFIC_PID": Unnamed.MALFORMED}, now=NOW)

    with reading(rating) as session:
        found = read_unfilled(session, study.id)
    assert found == (
        UnfilledLink("PROLIFIC_PID", Unnamed.TEMPLATE, 2, later),
        UnfilledLink("PROLIFIC_PID", Unnamed.MALFORMED, 1, NOW),
        UnfilledLink("STUDY_ID", Unnamed.ABSENT, 1, NOW),
    )


@pytest.mark.parametrize("reason", list(Unnamed))
def test_every_reason_can_be_stored(
    rating: Engine, publish: Callable[..., PublishedStudy], reason: Unnamed
) -> None:
    study = publish(rating)

    with writing(rating) as session:
        count_unfilled(session, study.id, {"pid": reason}, now=NOW)

    with reading(rating) as session:
        assert [each.reason for each in read_unfilled(session, study.id)] == [reason]


def test_an_unknown_reason_is_refused(rating: Engine, publish: Callable[..., PublishedStudy]) -> None:
    study = publish(rating)

    with (
        pytest.raises(IntegrityError, match="unfilled_parameter_reason_is_known"),
        writing(rating) as session,
    ):
        session.add(UnfilledParameter(study_id=study.id, parameter="pid", reason="odd", n=1, last_at=NOW))
