from sqlalchemy import Engine

from rater.audit.findings import Hit
from rater.audit.leaks import scan_tables
from rater.store.engine import reading
from rater.store.rating.studies import PublishedStudy
from rater.study.study import Study
from tests.audit.conftest import change, searcher


def table_hits(rating: Engine, study: Study, published: PublishedStudy) -> list[Hit]:
    with reading(rating) as session:
        return scan_tables(session, published.id, searcher(study)).hits


def test_a_mark_in_what_is_shown_is_a_warning_with_its_count(
    rating: Engine, rating_url: str, study: Study, published: PublishedStudy
) -> None:
    change(rating_url, "UPDATE item SET text = text || ' a Quokka prompt' WHERE rowid <= 5")

    hits = table_hits(rating, study, published)

    assert hits == [Hit("content", "steering text", "Quokka prompt", "rating database: item.text", 5)]
