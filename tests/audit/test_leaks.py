from pathlib import Path

import pytest
from sqlalchemy import Engine

from rater.audit.findings import Hit
from rater.audit.leaks import scan_bytes, scan_tables
from rater.audit.marks import collect_marks
from rater.store.engine import reading
from rater.store.rating.studies import PublishedStudy
from rater.study.study import Study
from tests.audit.conftest import change, searcher


def table_hits(rating: Engine, study: Study, published: PublishedStudy) -> list[Hit]:
    with reading(rating) as session:
        return scan_tables(session, published.id, searcher(study)).hits


def raw_hits(rating: Engine, rating_url: str, study: Study) -> list[Hit]:
    with reading(rating) as session:
        marks = collect_marks(study, seeds=[5_550_001], secrets=[])
        return scan_bytes(session, Path(rating_url.removeprefix("sqlite:///")), marks).hits


def test_a_clean_study_has_no_hit_in_tables_or_bytes(
    rating: Engine, rating_url: str, study: Study, published: PublishedStudy
) -> None:
    assert table_hits(rating, study, published) == []
    assert raw_hits(rating, rating_url, study) == []


@pytest.mark.parametrize(
    ("statement", "what", "place"),
    [
        ("UPDATE booklet SET id = 'walrus-arm-1' WHERE rowid = 1", "arm's name", "booklet.id"),
        ("UPDATE study SET slug = 'numbat-prompt'", "steering text", "study.slug"),
        ("UPDATE study SET commitment = 'coeff 7.8125'", "number of an arm", "study.commitment"),
        ("UPDATE study SET commitment = 'seed 918273645'", "seed", "study.commitment"),
        ("UPDATE study SET slug = 'blocks.17.hook_resid_pre'", "hook point", "study.slug"),
        ("UPDATE study SET slug = 'smollm2'", "model's name", "study.slug"),
        ("ALTER TABLE item ADD COLUMN arm TEXT", "word of the machinery", "the name item.arm"),
        ("ALTER TABLE item ADD COLUMN weight REAL", "unknown to the schema", "table item"),
        ("CREATE TABLE note (x TEXT)", "unknown to the schema", "table note"),
    ],
)
def test_a_mark_in_structure_is_a_leak(
    rating: Engine,
    rating_url: str,
    study: Study,
    published: PublishedStudy,
    statement: str,
    what: str,
    place: str,
) -> None:
    change(rating_url, "PRAGMA foreign_keys = OFF", statement)

    hits = table_hits(rating, study, published)

    assert (what, f"rating database: {place}") in {(hit.what, hit.place) for hit in hits}
    assert {hit.severity for hit in hits} == {"structure"}


def test_the_machinerys_words_inside_a_text_mean_nothing(
    rating: Engine, rating_url: str, study: Study, published: PublishedStudy
) -> None:
    change(rating_url, "UPDATE item SET text = ' my arm hurts; I steered the seed hook'")

    assert table_hits(rating, study, published) == []


def test_a_row_that_was_taken_out_is_found_in_the_bytes(
    rating: Engine, rating_url: str, study: Study, published: PublishedStudy
) -> None:
    change(
        rating_url,
        "CREATE TABLE note (x TEXT)",
        "INSERT INTO note VALUES ('Quokka prompt')",
        "DROP TABLE note",
    )

    assert table_hits(rating, study, published) == []
    hits = raw_hits(rating, rating_url, study)
    assert {(hit.severity, hit.mark) for hit in hits} == {("structure", "Quokka prompt")}
    assert all(hit.place.endswith("outside of every row") for hit in hits)


def test_texts_that_moved_inside_the_file_are_no_leak(
    rating: Engine, rating_url: str, study: Study, published: PublishedStudy
) -> None:
    """Long texts with a mark, rewritten in place, leave pieces of themselves in free space."""
    change(
        rating_url,
        "UPDATE item SET text = ' and the Quokka prompt fell on ' || hex(randomblob(300))",
        "UPDATE item SET prompt = prompt || ' and a bit more'",
        "UPDATE item SET prompt = substr(prompt, 1, 3)",
    )

    assert raw_hits(rating, rating_url, study) == []
