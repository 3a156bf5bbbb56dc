from typing import get_args

import pytest
from sqlalchemy.orm import DeclarativeBase

from rater.store.dictionary import SeenBy, meanings_of
from rater.store.rating import schema as rating
from rater.store.sealed import schema as sealed

TABLES = [
    mapper.class_ for base in (rating.RatingBase, sealed.SealedBase) for mapper in base.registry.mappers
]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: f"{table.__module__}.{table.__name__}")
def test_every_column_has_a_description_and_a_reader(table: type[DeclarativeBase]) -> None:
    meanings = meanings_of(table)

    assert set(meanings) == set(table.__table__.columns.keys())
    for meaning in meanings.values():
        assert meaning.description.endswith((".", "…"))
        assert meaning.seen_by in get_args(SeenBy)
