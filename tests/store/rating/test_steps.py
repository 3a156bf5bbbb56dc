from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Engine, select

from rater.store.engine import reading, writing
from rater.store.rating.schema import Rater
from rater.store.rating.steps import finish_instructions
from rater.store.rating.studies import PublishedStudy
from tests.store.rating.answering import claim_for, session_of

Publish = Callable[..., PublishedStudy]


def test_the_first_time_of_leaving_the_instructions_counts(
    rating: Engine, publish: Publish, now: datetime
) -> None:
    study = publish(rating)
    rater_session = claim_for(rating, study, "token", now)

    for minutes in (1, 2):
        with writing(rating) as session:
            finish_instructions(session, rater_session.rater_id, now=now + timedelta(minutes=minutes))

    with reading(rating) as session:
        assert session_of(session, study, "token").has_read_instructions
        assert session.scalars(select(Rater.instructed_at)).one() == now + timedelta(minutes=1)
