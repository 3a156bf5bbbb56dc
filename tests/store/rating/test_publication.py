from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError

from rater.store.engine import reading, writing
from rater.store.rating.publication import NewBooklet, NewItem, insert_study
from rater.store.rating.schema import Booklet, Item, TrialRow, TrialTextRow
from rater.store.rating.studies import (
    PublishedStudy,
)


def test_items_and_booklets_are_all_there_beyond_one_batch(
    rating: Engine, publish: Callable[..., PublishedStudy]
) -> None:
    publish(rating, n_booklets=2, n_trials=1_001)

    with reading(rating) as session:
        tables = (Item, Booklet, TrialRow, TrialTextRow)
        assert [session.scalar(select(func.count()).select_from(table)) for table in tables] == [
            1001,
            2,
            2002,
            2002,
        ]


def test_trials_are_read_in_the_order_of_the_booklet(
    rating: Engine, publish: Callable[..., PublishedStudy], now: datetime
) -> None:
    study = replace(publish(rating), name="ordered", slug="ordered")
    items = [NewItem("a", "p", "first"), NewItem("b", "p", "second")]

    with writing(rating) as session:
        insert_study(session, replace(study, id=0), items=items, booklets=[NewBooklet.of("x", ("b", "a"))])
        texts = select(TrialTextRow.position, TrialTextRow.item_id).where(TrialTextRow.booklet_id == "x")
        rows = session.execute(texts)
        trials = {row.position: row.item_id for row in rows}

    assert trials == {1: "b", 2: "a"}


@pytest.mark.parametrize("same", ["name", "slug"])
def test_two_studies_share_neither_name_nor_slug(
    rating: Engine, publish: Callable[..., PublishedStudy], same: str
) -> None:
    study = publish(rating)
    fields = {"name": "other", "slug": "other"}
    fields.pop(same)

    with pytest.raises(IntegrityError), writing(rating) as session:
        insert_study(session, replace(study, id=0, **fields), items=[], booklets=[])  # type: ignore[arg-type]  # a str each
