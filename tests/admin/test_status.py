"""List studies without opening anything that need not be opened."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rater.admin.status import ListedStudy, list_all, summarise_arms, watch
from rater.errors import StateError
from rater.generate.freeze import freeze
from rater.store.sealed.completions import Cell, KeptCompletion
from rater.study.study import Study
from tests.admin.conftest import NOW
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
        (published.name, "published in another database")
    ]


def test_without_the_sealed_database_the_published_studies_are_listed(
    published: Study, sealed_url: str, rating_url: str
) -> None:
    file_of(sealed_url).unlink()

    listing = list_all(rating_url, sealed_url)

    assert [study.name for study in listing.studies] == [published.name]
    assert listing.sealed == "missing"
    assert not file_of(sealed_url).exists()


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ({"nll": 2.4, "repetition": 0.4}, None),
        ({"nll": 2.6}, "the unsteered model finds its tokens less likely by 1.6 nats each"),
        ({"nll": 1.0, "repetition": 0.5}, "50% of its runs of three words occurred before"),
        ({"nll": 1.0, "text": " "}, "100% of its texts are empty"),
        ({"nll": None, "repetition": 0.1}, None),
    ],
    ids=["fine", "gibberish", "loops", "empty", "from a file"],
)
def test_an_arm_with_degenerate_texts_is_named_with_the_reason(
    study: Study, made: dict[str, Any], reason: str | None
) -> None:
    plain: dict[str, Any] = {"text": " went on", "n_tokens": 2, "stop_reason": "eos", "repetition": 0.0}
    completions = [
        KeptCompletion(1, Cell(0, "zebra-arm", 0), **plain, nll=1.0),
        KeptCompletion(2, Cell(0, "walrus-arm", 0), **{**plain, **made}),
    ]

    unsteered, steered = summarise_arms(study, completions)

    assert unsteered.degenerate_sign is None
    assert (steered.degenerate_sign or "").startswith(
        f"Arm walrus-arm looks degenerate: {reason}" if reason else ""
    )
    assert (steered.degenerate_sign is None) == (reason is None)
    assert steered.mean_nll == {**plain, **made}["nll"]


def test_a_published_study_is_not_summarised_by_arm_beside_another_rating_database(
    published: Study, sealed_url: str, tmp_path: Path
) -> None:
    with pytest.raises(StateError, match="was published on 2026-04-01 12:00 UTC, but is not in this rating"):
        watch(f"sqlite:///{tmp_path / 'elsewhere.db'}", sealed_url, published.name, now=NOW)
