"""Plant leaks in a real rating file and in the real app, and see that the audit finds each, and no other."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from rater.audit.findings import Hit
from rater.audit.leaks import scan_bytes, scan_tables
from rater.audit.marks import Searcher, collect_marks
from rater.audit.page_structure import Reply, StudyContent, skeleton_of, structure_of
from rater.audit.run import audit_study
from rater.errors import StateError
from rater.publish.draft import PreparedPublication
from rater.publish.publish import find_published, publish_study
from rater.store.engine import disposing, open_engine, reading
from rater.store.rating.studies import PublishedStudy
from rater.study.confounds import Confound
from rater.study.design import Plan
from rater.study.study import Study

NOW = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def published(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> PublishedStudy:
    seal_completions(study)
    return publish_study(sealed_url, rating_url, study.name, now=NOW)


@pytest.fixture
def rating(published: PublishedStudy, rating_url: str) -> Iterator[Engine]:
    with disposing(open_engine(rating_url)) as engine:
        yield engine


def change(rating_url: str, *statements: str) -> None:
    with closing(sqlite3.connect(rating_url.removeprefix("sqlite:///"))) as connection:
        for statement in ("PRAGMA secure_delete = OFF", *statements):
            connection.execute(statement)
            connection.commit()


def searcher(study: Study) -> Searcher:
    return Searcher(collect_marks(study, seeds=[5_550_001], secrets=[]))


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


def test_a_mark_in_what_is_shown_is_a_warning_with_its_count(
    rating: Engine, rating_url: str, study: Study, published: PublishedStudy
) -> None:
    change(rating_url, "UPDATE item SET text = text || ' a Quokka prompt' WHERE rowid <= 5")

    hits = table_hits(rating, study, published)

    assert hits == [Hit("content", "steering text", "Quokka prompt", "rating database: item.text", 5)]


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
        "UPDATE item SET text = ' and the Quokka prompt went on ' || hex(randomblob(300))",
        "UPDATE item SET prompt = prompt || ' and a bit more'",
        "UPDATE item SET prompt = substr(prompt, 1, 3)",
    )

    assert raw_hits(rating, rating_url, study) == []


HTML = """<html><head><title>How happy are these texts?: 1 of 8</title></head><body>{comment}
<main {attribute}><p><strong class="prompt"><bdi>I woke up and</bdi></strong><bdi class="completion"> saw
Quokka prompt.{tail}</bdi></p><p>{visible}</p></main></body></html>"""


def page(**planted: str) -> Reply:
    fields = dict.fromkeys(["comment", "attribute", "tail", "visible", "header"], "") | planted
    headers = (("Content-Type", "text/html"), ("Set-Cookie", f"rater=x{fields.pop('header')}"))
    return Reply("GET /s/…/trial/1", 200, headers, HTML.format(**fields), is_html=True, text=" saw")


def shown(study: Study) -> StudyContent:
    return StudyContent(study.protocol, ["I woke up and", " saw Quokka prompt."])


def test_a_page_that_shows_its_text_and_no_more_is_clean(study: Study) -> None:
    assert not searcher(study).count(structure_of(page(), shown(study)))


@pytest.mark.parametrize(
    "planted",
    [
        {"comment": "<!-- Quokka prompt -->"},
        {"attribute": 'class="quokka-prompt"'},
        {"attribute": 'data-x="Quokka prompt"'},
        {"tail": " Quokka prompt"},
        {"visible": "Quokka prompt"},
        {"header": "; Path=/quokka/prompt"},
    ],
)
def test_a_mark_outside_of_what_a_page_shows_is_structure(study: Study, planted: dict[str, str]) -> None:
    found = searcher(study).count(structure_of(page(**planted), shown(study)))

    assert [mark.text for mark in found] == ["Quokka prompt"]


def test_the_beginning_of_a_text_on_the_last_page_is_content(study: Study) -> None:
    begun = '<span class="words">I woke up and saw Quokka promp…</span>'
    other = '<span class="words">Quokka prompt is what the arm had</span>'

    assert not searcher(study).count(structure_of(page(visible=begun), shown(study)))
    assert searcher(study).count(structure_of(page(visible=other), shown(study)))


def test_skeletons_differ_by_markup_and_not_by_text_number_or_random_id(study: Study) -> None:
    plain = skeleton_of(page(visible="3 of 8", attribute='id="Zk3-abcdefghijklmnop"'), shown(study))

    assert plain == skeleton_of(page(visible="4 of 8", attribute='id="9Qp_ponmlkjihgfedcba"'), shown(study))
    assert plain != skeleton_of(page(visible="4 of 8", attribute='class="wide"'), shown(study))


def test_a_clean_study_passes_the_whole_audit_and_its_pages_are_walked(
    study: Study, published: PublishedStudy, sealed_url: str, rating_url: str
) -> None:
    found = audit_study(sealed_url, rating_url, study.name, now=NOW)

    assert found.leaks == ()
    assert not any(cue.refuses for cue in found.cues)
    assert found.n_trials_crawled == 48
    assert found.n_trials == 24
    assert found.n_pages > 100
    assert found.n_bytes is not None
    assert found.n_bytes > 100_000


def test_a_study_is_audited_before_it_is_published_and_a_refusal_leaves_nothing(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    seal_completions(study)
    seen: list[str] = []

    def refuse(prepared: PreparedPublication) -> Sequence[Confound]:
        seen.append(prepared.study.name)
        msg = "refused"
        raise StateError(msg)

    with pytest.raises(StateError, match="refused"):
        publish_study(sealed_url, rating_url, study.name, now=NOW, audit=refuse)

    assert seen == ["marked_study"]
    assert find_published(rating_url, study.name) is None
    with closing(sqlite3.connect(sealed_url.removeprefix("sqlite:///"))) as sealed:
        assert sealed.execute("SELECT count(*) FROM publication").fetchone() == (0,)


def test_what_the_app_says_for_every_study_is_the_apps_own(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    """An arm called "text" cannot be told from the pages' own words."""
    arms = (study.arms[0].model_copy(update={"name": "text"}), study.arms[1])
    plain = study.model_copy(update={"arms": arms, "plan": Plan(raters=2)})
    seal_completions(plain)

    found = audit_study(sealed_url, rating_url, study.name, now=NOW)

    assert found.leaks == ()
    assert {(hit.severity, hit.mark) for hit in found.hits if hit.place.startswith("page")} == {
        ("own", "text")
    }


def test_an_address_that_names_a_steering_text_is_a_leak_on_every_page_that_links_it(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    seal_completions(study.model_copy(update={"plan": Plan(raters=2)}))
    publish_study(sealed_url, rating_url, study.name, now=NOW)
    change(rating_url, "UPDATE study SET slug = 'numbat-prompt'")

    found = audit_study(sealed_url, rating_url, study.name, now=NOW)

    assert found.is_refused
    places = {hit.place for hit in found.leaks}
    assert "rating database: study.slug" in places
    assert "page POST /s/…/trial/n" in places
