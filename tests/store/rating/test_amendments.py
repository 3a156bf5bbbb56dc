from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from rater.errors import StateError
from rater.store.engine import reading, writing
from rater.store.rating.amendments import (
    NewAmendment,
    digest_protocol,
    insert_amendment,
    read_amendments,
    read_logged_amendments,
    require_amendable,
)
from rater.store.rating.publication import NewBooklet
from rater.store.rating.studies import PublishedStudy

LATER = datetime(2026, 2, 1, tzinfo=UTC)


def amendment(study: PublishedStudy, title: str, booklets: tuple[NewBooklet, ...] = ()) -> NewAmendment:
    protocol = study.protocol.model_copy(update={"title": title})
    return NewAmendment(protocol, booklets, 1 if booklets else None, ["title"], "c" * 64, "a typo", "ada")


def test_amendments_are_numbered_from_2_and_logged_with_the_digest_of_their_protocol(
    rating: Engine, publish: Callable[..., PublishedStudy]
) -> None:
    study = publish(rating)
    added = NewBooklet.of(f"{study.name}-added", (f"{study.name}-item-1",))

    with writing(rating) as session:
        first, _ = insert_amendment(session, study.id, amendment(study, "One"), now=LATER)
        second, head = insert_amendment(
            session, study.id, amendment(study, "Two", (added,)), now=LATER + timedelta(hours=1)
        )

    with reading(rating) as session:
        rows, logged = read_amendments(session, study.id), read_logged_amendments(session, study.id)
    assert (first, second) == (2, 3) == tuple(row.version for row in rows)
    assert [each.protocol for each in logged] == [digest_protocol(row.protocol) for row in rows]
    assert [each.n_booklets_added for each in logged] == [0, 1]
    assert logged[0].booklets != logged[1].booklets
    assert len(head) == 64


def test_a_closed_study_is_not_amended(rating: Engine, publish: Callable[..., PublishedStudy]) -> None:
    study = publish(rating, state="closed")

    with pytest.raises(StateError, match="is closed; only one that is published"), writing(rating) as session:
        require_amendable(session, study.id)
