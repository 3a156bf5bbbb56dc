from datetime import datetime

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from rater.errors import StateError
from rater.store.engine import reading, writing
from rater.store.log import broken_link, read_events
from rater.store.sealed.completions import delete_completions
from rater.store.sealed.schema import SealedEventRow
from rater.store.sealed.studies import (
    SealedStudy,
    Secrets,
    find_sealed_study,
    find_secrets,
    get_sealed_study,
    insert_sealed_study,
    insert_secrets,
    read_key,
    replace_sealed_study,
)


def test_a_frozen_study_is_found_as_it_was_frozen(sealed: Engine, study: SealedStudy) -> None:
    with reading(sealed) as session:
        assert find_sealed_study(session, "love_vs_hate") == study
        assert get_sealed_study(session, "love_vs_hate") == study
        assert find_sealed_study(session, "another") is None


def test_a_study_that_was_not_generated_says_what_to_do(sealed: Engine, now: datetime) -> None:
    with reading(sealed) as session, pytest.raises(StateError) as caught:
        get_sealed_study(session, "love")
    assert str(caught.value) == "Study 'love' has not been generated yet. Run: rater generate FILE"

    with writing(sealed) as session:
        insert_sealed_study(session, name="lover", study_hash="h", canonical_json="{}", now=now)
    with reading(sealed) as session, pytest.raises(StateError, match=r"yet\. Did you mean 'lover'\?$"):
        get_sealed_study(session, "love")


def test_freezing_and_changing_are_written_in_the_log(
    sealed: Engine, study: SealedStudy, now: datetime
) -> None:
    with writing(sealed) as session:
        replace_sealed_study(
            session, study.id, study_hash="h2", canonical_json="{}", changes=["arms[0].name"], now=now
        )

    with reading(sealed) as session:
        events = read_events(session, SealedEventRow, study.id)
        assert broken_link(session, SealedEventRow, study.id) is None
        assert find_sealed_study(session, study.name) == SealedStudy(
            study.id, study.name, "h2", "{}", study.created_at
        )
    assert [(event.kind, event.detail) for event in events] == [
        ("frozen", {"hash": "h"}),
        ("changed", {"hash": "h2", "changes": ["arms[0].name"]}),
    ]


def test_the_secrets_and_the_key_are_there_after_publication_only(
    sealed: Engine, study: SealedStudy, published: Secrets, now: datetime
) -> None:
    with writing(sealed) as session:
        other = insert_sealed_study(session, name="other", study_hash="h", canonical_json="{}", now=now)

        assert find_secrets(session, study.id) == published
        assert read_key(session, study.id) == {"item": 1}
        assert find_secrets(session, other.id) is None
        assert read_key(session, other.id) == {}


def test_a_study_is_published_once(sealed: Engine, study: SealedStudy, published: Secrets) -> None:
    with pytest.raises(IntegrityError), writing(sealed) as session:
        insert_secrets(session, study.id, published, key={"again": 1})


def test_the_completions_of_a_key_cannot_be_thrown_away(
    sealed: Engine, study: SealedStudy, published: Secrets
) -> None:
    with pytest.raises(IntegrityError), writing(sealed) as session:
        delete_completions(session, study.id)
