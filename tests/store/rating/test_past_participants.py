"""A study excludes the participants of other studies, in this database or from a list of digests."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from rater.errors import ExcludedError, StateError
from rater.store.engine import reading, writing
from rater.store.rating.forget import find_known, forget_identifiers
from rater.store.rating.past_participants import (
    ParticipantDigests,
    digest_participant,
    digest_participants,
    is_excluded,
    require_known_studies,
    store_participants,
)
from rater.store.rating.raters import Arrival, claim_booklet
from rater.store.rating.schema import Rater
from rater.store.rating.studies import PublishedStudy
from rater.study.protocol import Protocol
from rater.study.visit import MTURK, PROLIFIC, Channel

PERSON, OTHER = "5f3a9c2b1d4e6f7089abcd01", "5f3a9c2b1d4e6f7089abcd02"


def recruiting(study: PublishedStudy, **changes: object) -> PublishedStudy:
    protocol = study.protocol.model_copy(update={"recruitment": PROLIFIC, **changes})
    return replace(study, protocol=protocol)


def claim(rating: Engine, study: PublishedStudy, person: str, now: datetime) -> str:
    with writing(rating) as session:
        claimed = claim_booklet(
            session,
            study.id,
            f"token of {person} in {study.name}",
            arrival=Arrival(Channel.WEB, {"PROLIFIC_PID": person}),
            protocol=study.protocol,
            now=now,
        )
    return claimed.rater_id


@pytest.fixture
def pilot(rating: Engine, publish: Callable[..., PublishedStudy], now: datetime) -> PublishedStudy:
    """A study in which a person took part."""
    study = recruiting(publish(rating))
    claim(rating, study, PERSON, now)
    return study


def test_a_participant_of_an_excluded_study_is_refused_and_not_stored(
    rating: Engine, publish: Callable[..., PublishedStudy], pilot: PublishedStudy, now: datetime
) -> None:
    study = recruiting(publish(rating), excluded_studies=(pilot.name,))

    with pytest.raises(ExcludedError):
        claim(rating, study, PERSON, now)
    claim(rating, study, OTHER, now)
    with reading(rating) as session:
        assert session.scalar(select(func.count()).where(Rater.study_id == study.id)) == 1


def test_a_rater_who_began_before_the_exclusion_continues(
    rating: Engine, publish: Callable[..., PublishedStudy], pilot: PublishedStudy, now: datetime
) -> None:
    study = recruiting(publish(rating))
    rater_id = claim(rating, study, PERSON, now)

    assert claim(rating, recruiting(study, excluded_studies=(pilot.name,)), PERSON, now) == rater_id


def test_a_forgotten_participant_is_not_recognised(
    rating: Engine, publish: Callable[..., PublishedStudy], pilot: PublishedStudy, now: datetime
) -> None:
    with writing(rating) as session:
        known = find_known(session, pilot.id, PERSON)
        forget_identifiers(session, pilot.id, known, by="ada", now=now)

    claim(rating, recruiting(publish(rating), excluded_studies=(pilot.name,)), PERSON, now)


@pytest.mark.parametrize(("person", "expected"), [(PERSON, True), (OTHER, False), (None, False)])
def test_a_list_of_digests_recognises_its_participants(
    rating: Engine,
    protocol: Protocol,
    pilot: PublishedStudy,
    now: datetime,
    person: str | None,
    *,
    expected: bool,
) -> None:
    with reading(rating) as session:
        given = digest_participants(session, pilot, now=now)
    with writing(rating) as session:
        store_participants(session, replace(given, study="old_pilot"))
    shown = protocol.model_copy(update={"recruitment": PROLIFIC, "excluded_studies": ("old_pilot",)})

    assert PERSON not in str(given)
    with reading(rating) as session:
        link = {} if person is None else {"PROLIFIC_PID": person}
        assert is_excluded(session, link, shown) is expected


def test_a_digest_of_one_list_says_nothing_in_another(
    rating: Engine, protocol: Protocol, now: datetime
) -> None:
    first, second = "1" * 64, "2" * 64
    lists = [
        ParticipantDigests("a", "PROLIFIC_PID", first, (digest_participant(OTHER, key=first),), now),
        ParticipantDigests("b", "PROLIFIC_PID", second, (digest_participant(PERSON, key=first),), now),
    ]
    with writing(rating) as session:
        for each in lists:
            store_participants(session, each)
    shown = protocol.model_copy(update={"recruitment": PROLIFIC, "excluded_studies": ("a", "b")})

    with reading(rating) as session:
        assert not is_excluded(session, {"PROLIFIC_PID": PERSON}, shown)


def test_a_new_list_replaces_the_earlier_one(rating: Engine, protocol: Protocol, now: datetime) -> None:
    shown = protocol.model_copy(update={"recruitment": PROLIFIC, "excluded_studies": ("a",)})
    for person in (PERSON, OTHER):
        digest = digest_participant(person, key="1" * 64)
        with writing(rating) as session:
            store_participants(session, ParticipantDigests("a", "PROLIFIC_PID", "1" * 64, (digest,), now))

    with reading(rating) as session:
        found = [is_excluded(session, {"PROLIFIC_PID": each}, shown) for each in (PERSON, OTHER)]
    assert found == [False, True]


def test_a_list_of_a_study_of_this_database_is_refused(
    rating: Engine, pilot: PublishedStudy, now: datetime
) -> None:
    with writing(rating) as session, pytest.raises(StateError, match="without a list"):
        store_participants(session, ParticipantDigests(pilot.name, "PROLIFIC_PID", "1" * 64, (), now))


def test_a_study_without_participant_ids_has_no_list(
    rating: Engine, publish: Callable[..., PublishedStudy], now: datetime
) -> None:
    study = publish(rating)
    with reading(rating) as session, pytest.raises(StateError, match="no recruitment"):
        digest_participants(session, study, now=now)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"excluded_studies": ("unknown",)}, r"excluded_studies\[0\]: no study 'unknown'"),
        ({"excluded_studies": ("new",)}, "other than this one"),
        ({"excluded_studies": ("old_pilot", "none")}, r"excluded_studies\[1\]"),
        ({"excluded_studies": ("old_pilot",), "recruitment": MTURK}, "workerId"),
    ],
)
def test_a_study_whose_participants_cannot_be_recognised_is_refused(
    rating: Engine, protocol: Protocol, now: datetime, changes: dict[str, Any], message: str
) -> None:
    with writing(rating) as session:
        store_participants(session, ParticipantDigests("old_pilot", "PROLIFIC_PID", "1" * 64, (), now))
    shown = protocol.model_copy(update={"recruitment": PROLIFIC, **changes})

    with reading(rating) as session, pytest.raises(StateError, match=message):
        require_known_studies(session, shown, name="new")
