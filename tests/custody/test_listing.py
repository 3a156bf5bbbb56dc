"""List studies without opening anything that need not be opened."""

from collections.abc import Callable
from pathlib import Path

from rater.custody.listing import ListedStudy, list_all
from rater.generate.freeze import freeze
from rater.study.study import Study
from tests.custody.conftest import NOW
from tests.verify.tamper import file_of

TITLE = "How happy are these texts?"


def test_published_and_unpublished_studies_are_listed_with_how_far_they_came(
    closed: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    seal_completions(closed.model_copy(update={"name": "made"}))
    freeze(sealed_url, closed.model_copy(update={"name": "begun"}), now=NOW)

    listing = list_all(rating_url, sealed_url)

    assert listing.studies == (
        ListedStudy("begun", TITLE, "partly generated", 0, 6, 0),
        ListedStudy("made", TITLE, "generated", 0, 6, 0),
        ListedStudy("marked_study", TITLE, "closed", 2, 6, 19),
    )
    assert listing.sealed == "read"


def test_a_key_without_its_rating_database_is_said_to_be_elsewhere(
    published: Study, sealed_url: str, tmp_path: Path
) -> None:
    listing = list_all(f"sqlite:///{tmp_path / 'another.db'}", sealed_url)

    assert [(study.name, study.state) for study in listing.studies] == [
        (published.name, "published elsewhere")
    ]


def test_without_the_sealed_database_the_published_studies_are_listed(
    published: Study, sealed_url: str, rating_url: str
) -> None:
    file_of(sealed_url).unlink()

    listing = list_all(rating_url, sealed_url)

    assert [study.name for study in listing.studies] == [published.name]
    assert listing.sealed == "missing"
    assert not file_of(sealed_url).exists()
