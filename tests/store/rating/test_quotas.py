"""A quota counts raters who hold a place or have finished, and turns later ones away unstored."""

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import Engine, select

from rater.store.engine import reading, writing
from rater.store.rating.places import free_place
from rater.store.rating.schema import QuestionnaireAnswer, Rater
from rater.store.rating.steps import leave, record_questionnaire
from rater.store.rating.studies import PublishedStudy
from rater.study.quota import Quota
from rater.study.visit import FreedReason, LeavingReason
from tests.store.rating.answering import claim_for

QUOTAS = (Quota(question="english", option="Well", max_raters=1),)


@pytest.fixture
def answer(
    rating: Engine, publish: Callable[..., PublishedStudy], now: datetime
) -> Callable[[str, str | None], str]:
    """A function by which a new rater answers the question; returns the rater's id."""
    study = publish(rating, n_booklets=4)

    def answer(token: str, given: str | None) -> str:
        rater_id = claim_for(rating, study, token, now).rater_id
        with writing(rating) as session:
            record_questionnaire(session, rater_id, {"english": given}, when="before", now=now, quotas=QUOTAS)
        return rater_id

    return answer


def reasons(rating: Engine, *raters: str) -> list[LeavingReason | None]:
    with reading(rating) as session:
        return [session.get_one(Rater, rater).left_why for rater in raters]


def test_a_rater_beyond_the_quota_leaves_and_the_answers_are_not_stored(
    rating: Engine, answer: Callable[[str, str | None], str]
) -> None:
    first, second, other, declined = answer("a", "Well"), answer("b", "Well"), answer("c", "Little"), ""
    declined = answer("d", None)

    assert reasons(rating, first, second, other, declined) == [None, LeavingReason.OVER_QUOTA, None, None]
    with reading(rating) as session:
        stored = session.scalars(select(QuestionnaireAnswer.rater_id)).all()
    assert sorted(stored) == sorted([first, other, declined])


@pytest.mark.parametrize("how", ["stopped", "freed"])
def test_who_left_or_lost_the_place_does_not_count(
    rating: Engine, answer: Callable[[str, str | None], str], now: datetime, how: str
) -> None:
    first = answer("a", "Well")
    with writing(rating) as session:
        if how == "stopped":
            leave(session, first, why=LeavingReason.STOPPED, now=now)
        else:
            study_id = session.get_one(Rater, first).study_id
            free_place(session, study_id, first, reason=FreedReason.RETURNED, by="site", now=now)

    assert reasons(rating, answer("b", "Well")) == [None]
