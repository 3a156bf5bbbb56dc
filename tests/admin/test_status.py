"""List studies without opening anything that need not be opened."""

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rater.admin.status import GeneratedArm, GeneratedStudy, ListedStudy, list_all, summarise_arms, watch
from rater.errors import StateError
from rater.generate.freeze import freeze
from rater.store.engine import disposing, reading
from rater.store.log import read_events
from rater.store.rating.monitoring import Watched
from rater.store.rating.open import open_rating
from rater.store.rating.schema import EventRow
from rater.store.rating.studies import get_study
from rater.store.sealed.completions import Cell, KeptCompletion
from rater.study.study import Study
from tests.admin.conftest import NOW, Run, rate
from tests.verify.tamper import file_of, tamper

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


def test_a_key_without_its_rating_database_is_listed_as_published_in_another_one(
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
    plain: dict[str, Any] = {"text": " fell on", "n_tokens": 2, "stop_reason": "eos", "repetition": 0.0}
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


def test_a_published_study_is_not_summarised_by_arm_with_another_rating_database(
    published: Study, sealed_url: str, tmp_path: Path
) -> None:
    with pytest.raises(StateError, match="was published on 2026-04-01 12:00 UTC, but is not in this rating"):
        watch(f"sqlite:///{tmp_path / 'another.db'}", sealed_url, published.name, now=NOW)


def test_status_counts_without_arms(study_in_progress: Study, rating_url: str, sealed_url: str) -> None:
    seen = watch(rating_url, sealed_url, study_in_progress.name, now=NOW + timedelta(hours=3))

    assert isinstance(seen, Watched)
    assert (seen.state, seen.n_booklets, seen.n_finished, seen.n_under_way, seen.n_left) == (
        "open",
        6,
        1,
        0,
        1,
    )
    assert (seen.n_answers, seen.n_answers_last_day) == (11, 11)
    assert (seen.median_minutes, seen.left_at, seen.days_to_go) == (20.0, (3,), 5 * 3 / 24)
    assert sum(seen.ratings_per_item.values()) == 24
    assert sum(ratings * items for ratings, items in seen.ratings_per_item.items()) == 11


def test_status_of_a_published_study_opens_no_sealed_database(
    study_in_progress: Study, rating_url: str
) -> None:
    assert isinstance(
        watch(rating_url, "sqlite:////nowhere/at/all.db", study_in_progress.name, now=NOW), Watched
    )


def test_before_publication_status_shows_each_arm(
    study: Study, seal_completions: Callable[[Study], None], rating_url: str, sealed_url: str
) -> None:
    seal_completions(study)

    seen = watch(rating_url, sealed_url, study.name, now=NOW)

    assert isinstance(seen, GeneratedStudy)
    assert seen.is_complete
    assert seen.arms[0] == GeneratedArm(
        arm="zebra-arm",
        n=12,
        n_planned=12,
        mean_tokens=2.0,
        mean_characters=18.5,
        share_cut_off=1.0,
        share_empty=0.0,
        mean_repetition=0.0,
        mean_nll=None,
        degenerate_sign=None,
    )


def test_nobody_is_under_way_in_a_study_that_is_closed(closed: Study, run: Run) -> None:
    said = run("status", closed.name)

    assert "2 of 6 finished, 1 unfinished" in said
    assert "active" not in said


def test_status_without_a_name_lists_the_studies_with_what_comes_next(closed: Study, run: Run) -> None:
    shown = run("status")

    name, state, finished, of, planned, *step = shown.splitlines()[2].split()
    assert (name, state) == (closed.name, "closed")
    assert (finished, of, planned) == ("2", "of", "6")
    assert " ".join(step) == f"rater analyze {closed.name}"
    assert "walrus" not in shown
    assert json.loads(run("status", "--json"))[0]["next"] == f"rater analyze {closed.name}"


def test_status_as_json_has_what_comes_next_before_publication_and_after(
    study: Study, seal_completions: Callable[[Study], None], run: Run
) -> None:
    seal_completions(study)
    generated = json.loads(run("status", study.name, "--json"))
    run("publish", study.name)
    published = json.loads(run("status", study.name, "--json"))

    assert (generated["name"], generated["state"]) == (study.name, "generated")
    assert [arm["arm"] for arm in generated["arms"]] == list(study.arm_names)
    assert generated["next"] == f"rater publish {study.name}"
    assert (published["state"], published["next"]) == ("open", "rater serve")
    assert datetime.fromisoformat(published["published_at"]).tzinfo is not None


def test_status_where_there_is_nothing_says_how_to_begin(run: Run, tmp_path: Path) -> None:
    shown = run("status", ratings=f"{tmp_path}/no.db", sealed=f"{tmp_path}/nor.db")

    assert shown.startswith(
        "These databases contain no studies yet.\nNext: rater check FILE, then rater generate FILE\n"
    )
    assert not list(tmp_path.glob("no*"))


def test_status_names_a_database_that_was_given_and_is_not_there(run: Run, tmp_path: Path) -> None:
    shown = run("status", ratings=f"sqlite:///{tmp_path / 'misspelt.db'}")

    assert f"There is no rating database at {tmp_path / 'misspelt.db'}." in shown
    assert "no sealed database" not in shown


def test_closing_accounts_for_every_rater_and_says_what_the_answers_are_sealed_under(
    rated: Study, run: Run, rating_url: str
) -> None:
    rate(rating_url, rated, "dora", 0)

    said = run("close", rated.name).splitlines()

    assert said[1] == "  raters    6 planned, 4 came: 2 finished, 1 partial, 1 without an answer, 0 left"
    assert re.fullmatch("  answers   19 with their revisions, under the digest [0-9a-f]{64}", said[2])
    assert re.fullmatch("  log       [0-9a-f]{64}", said[3])
    digest = said[2].split()[-1]
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        closing = read_events(session, EventRow, get_study(session, rated.name).id)[-1]
    assert (closing.detail["answers"], closing.hash) == (digest, said[3].split()[-1])
    assert said[4] == f"Next: rater analyze {rated.name}"


def test_a_study_that_is_closed_without_answers_is_not_to_be_analysed(opened: Study, run: Run) -> None:
    assert run("close", opened.name).splitlines()[-1] == f"Next: rater open {opened.name}"


def test_who_left_for_good_is_counted_by_how_they_left(rated: Study, run: Run, rating_url: str) -> None:
    tamper(
        rating_url, "UPDATE rater SET left_at = consented_at, left_why = 'stopped' WHERE finished_at IS NULL"
    )

    assert "2 finished, 0 partial, 1 left (1 stopped)" in run("close", rated.name)
