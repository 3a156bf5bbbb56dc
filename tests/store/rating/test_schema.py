from rater.store.dictionary import meanings_of
from rater.store.rating import schema as rating


def test_no_column_of_the_rating_database_is_sealed() -> None:
    tables = [mapper.class_ for mapper in rating.RatingBase.registry.mappers]

    assert {meaning.seen_by for table in tables for meaning in meanings_of(table).values()} == {
        "rater",
        "experimenter",
    }
