"""A published study whose sealed database is missing needs a backup, and never a second generation."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from rater.errors import MissingSealedError, NotGeneratedError, SealError, StateError
from rater.publish.booklets import ASSIGNMENT_VERSION
from rater.publish.publish import (
    close_study,
    explain_lost_key,
    find_published,
    open_study,
    publish_study,
    require_key,
)
from rater.store.engine import disposing, reading, writing
from rater.store.log import broken_link, read_events
from rater.store.rating.open import create_rating, open_rating
from rater.store.rating.schema import Booklet, EventRow, Item, TrialTextRow
from rater.store.rating.studies import get_study
from rater.store.sealed.completions import delete_completions
from rater.store.sealed.open import create_sealed, open_sealed
from rater.store.sealed.studies import find_secrets, get_sealed_study, read_key
from rater.study.load import load_study
from rater.study.study import Study
from rater.study.visit import PROLIFIC
from tests.cli.command import run

NOW = datetime(2026, 3, 1, tzinfo=UTC)
STUDY = """
from rater import *

study = Study(
    name="marked_study", title="How happy?", consent="c", instructions="i",
    dimensions=[Dimension(name="happiness", question="How happy?", scale=Likert(low="not", high="very"))],
    prompts=["I woke up and"], sampling=Sampling(samples_per_prompt=1), plan=Plan(raters=2),
    arms=[
        ExternalCompletions(name="one", path="texts.jsonl"),
        ExternalCompletions(name="two", path="texts.jsonl"),
    ],
)
"""
TEXTS = """{"prompt": "I woke up and", "arm": "one", "text": " ran."}
{"prompt": "I woke up and", "arm": "two", "text": " sang."}
"""


@pytest.fixture
def published(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> Study:
    """A study that is published and open, and whose sealed database was deleted since."""
    seal_completions(study)
    publish_study(sealed_url, rating_url, study.name, now=NOW)
    open_study(rating_url, study.name, now=NOW)
    delete(sealed_url)
    return study


def delete(sealed_url: str) -> None:
    for path in Path(sealed_url.removeprefix("sqlite:///")).parent.glob("sealed.db*"):
        path.unlink()


@pytest.mark.parametrize("is_empty", [False, True], ids=["missing", "without the study"])
@pytest.mark.parametrize(
    "command",
    [
        ("analyze", "marked_study", "--yes"),
        ("analyze", "marked_study", "--interim", "--yes"),
        ("analyze", "marked_study", "--permuted"),
        ("audit", "marked_study"),
        ("register", "marked_study"),
        ("rehearse", "marked_study"),
        ("amend", "marked_study", "study.py", "--reason", "r", "--yes"),
        ("generate", "study.py"),
        ("generate", "study.py", "--dry-run"),
        ("generate", "study.py", "--restart"),
    ],
    ids=" ".join,
)
def test_every_command_advises_to_restore_a_backup(
    published: Study,
    sealed_url: str,
    rating_url: str,
    tmp_path: Path,
    command: tuple[str, ...],
    *,
    is_empty: bool,
) -> None:
    if is_empty:
        create_sealed(sealed_url).dispose()
    (tmp_path / "study.py").write_text(STUDY)
    (tmp_path / "texts.jsonl").write_text(TEXTS)

    done = run(*command, "--ratings", rating_url, "--sealed", sealed_url, cwd=tmp_path)

    said = " ".join(done.stderr.split())
    assert done.returncode == 2, said
    assert f"no key to study {published.name!r}, which was published on 2026-03-01 00:00 UTC" in said
    assert "Restore the sealed database from a backup" in said
    assert "rater generate" not in said
    assert is_empty or not (tmp_path / "sealed.db").exists()


def test_a_study_that_was_generated_again_has_no_key_either(
    published: Study,
    seal_completions: Callable[[Study], None],
    sealed_url: str,
    rating_url: str,
    tmp_path: Path,
) -> None:
    create_sealed(sealed_url).dispose()
    seal_completions(published)

    done = run(
        "analyze", published.name, "--yes", "--ratings", rating_url, "--sealed", sealed_url, cwd=tmp_path
    )

    assert done.returncode == 2
    assert "Restore the sealed database from a backup" in " ".join(done.stderr.split())
    with pytest.raises(SealError, match="backup"):
        require_key(sealed_url, rating_url, published.name)


def test_a_study_that_is_not_published_is_still_to_be_generated(
    sealed_url: str, rating_url: str, tmp_path: Path
) -> None:
    with pytest.raises(NotGeneratedError), explain_lost_key(rating_url, "other"):
        raise NotGeneratedError
    delete(sealed_url)
    with pytest.raises(MissingSealedError, match="rater generate"), explain_lost_key(rating_url, "other"):
        open_sealed(sealed_url)
    require_key(sealed_url, rating_url, "other")
    require_key(sealed_url, f"sqlite:///{tmp_path / 'absent.db'}", "other")


def test_a_published_study_with_its_key_may_be_generated_to_the_end(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    seal_completions(study)
    publish_study(sealed_url, rating_url, study.name, now=NOW)

    require_key(sealed_url, rating_url, study.name)


def test_a_backup_without_the_sealed_database_warns(
    published: Study, rating_url: str, tmp_path: Path
) -> None:
    sealed = tmp_path / "sealed.db"

    done = run("backup", "copies", "--ratings", rating_url, "--sealed", sealed, cwd=tmp_path)

    assert done.returncode == 0
    assert "has no key" in done.stderr


def test_the_study_file_of_these_tests_is_valid(tmp_path: Path) -> None:
    (tmp_path / "study.py").write_text(STUDY)
    (tmp_path / "texts.jsonl").write_text(TEXTS)

    assert load_study(tmp_path / "study.py").name == "marked_study"


SealCompletions = Callable[[Study], None]


@pytest.fixture
def generated(study: Study, seal_completions: SealCompletions) -> Study:
    seal_completions(study)
    return study


def read_rows(rating_url: str) -> tuple[list[Item], list[TrialTextRow]]:
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        items, texts = list(session.scalars(select(Item))), list(session.scalars(select(TrialTextRow)))
        session.expunge_all()
    return items, texts


def test_every_completion_becomes_an_item_without_its_trailing_space(
    generated: Study, sealed_url: str, rating_url: str
) -> None:
    publish_study(sealed_url, rating_url, generated.name, now=NOW)

    items, _ = read_rows(rating_url)
    assert sorted(item.text for item in items) == sorted(f" fell on {n} times." for n in range(24))


def test_item_ids_are_random_and_rows_are_sorted_by_them(
    generated: Study, sealed_url: str, rating_url: str
) -> None:
    publish_study(sealed_url, rating_url, generated.name, now=NOW)

    items, _ = read_rows(rating_url)
    ids = [item.id for item in items]
    assert ids == sorted(ids)
    assert len({len(bytes.fromhex(item_id)) for item_id in ids}) == 1
    assert [item.text for item in items] != sorted(item.text for item in items)


def test_one_booklet_is_assigned_to_each_planned_rater_with_arms_balanced_in_every_prompt(
    generated: Study, sealed_url: str, rating_url: str
) -> None:
    publish_study(sealed_url, rating_url, generated.name, now=NOW)

    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        key = read_key(session, get_sealed_study(session, generated.name).id)
    items, trials = read_rows(rating_url)
    prompts = {item.id: item.prompt for item in items}
    n_samples, n_arms = 3, 2
    # completions were made in order of prompt, arm and sample, so that their ids tell the arm
    arms = {item_id: (completion_id - 1) // n_samples % n_arms for item_id, completion_id in key.items()}
    booklets = {trial.booklet_id for trial in trials}
    assert len(booklets) == 6
    for booklet in booklets:
        seen = [(prompts[t.item_id], arms[t.item_id]) for t in trials if t.booklet_id == booklet]
        assert sorted(seen) == sorted((prompt, arm) for prompt in generated.prompts for arm in (0, 1))


def test_the_log_begins_with_the_commitment_and_the_head_of_the_generation_log(
    generated: Study, sealed_url: str, rating_url: str
) -> None:
    published = publish_study(sealed_url, rating_url, generated.name, now=NOW)

    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        events = read_events(session, EventRow, published.id)
        assert broken_link(session, EventRow, published.id) is None
    assert [event.kind for event in events] == ["published"]
    assert events[0].detail["commitment"] == published.commitment
    assert len(str(events[0].detail["generation_log"])) == 64
    assert events[0].detail["assignment_version"] == ASSIGNMENT_VERSION


def test_the_secret_seed_and_salt_are_in_the_sealed_database_alone(
    generated: Study, sealed_url: str, rating_url: str, tmp_path: Path
) -> None:
    publish_study(sealed_url, rating_url, generated.name, now=NOW)

    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        secrets = find_secrets(session, get_sealed_study(session, generated.name).id)
    assert secrets is not None
    written = b"".join(path.read_bytes() for path in tmp_path.glob("rating.db*"))
    assert secrets.seed.encode() not in written
    assert secrets.salt.encode() not in written


def test_two_publications_of_the_same_completions_share_no_id(
    study: Study, seal_completions: SealCompletions, sealed_url: str, rating_url: str, tmp_path: Path
) -> None:
    other_url = f"sqlite:///{tmp_path / 'other.db'}"
    seal_completions(study)
    first = publish_study(sealed_url, rating_url, study.name, now=NOW)
    for path in tmp_path.glob("sealed.db*"):
        path.unlink()
    seal_completions(study)

    second = publish_study(sealed_url, other_url, study.name, now=NOW)

    assert first.slug != second.slug
    assert first.commitment != second.commitment
    assert not {item.id for item in read_rows(rating_url)[0]} & {item.id for item in read_rows(other_url)[0]}


def test_publishing_that_was_interrupted_after_the_seal_is_finished_with_the_same_key(
    generated: Study, sealed_url: str, rating_url: str
) -> None:
    def change(statement: str) -> None:
        with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
            session.execute(text(statement))

    def read_sealed() -> dict[str, int]:
        with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
            return read_key(session, get_sealed_study(session, generated.name).id)

    change("CREATE TRIGGER stop BEFORE INSERT ON study BEGIN SELECT RAISE(ABORT, 'stopped'); END")
    with pytest.raises(IntegrityError, match="stopped"):
        publish_study(sealed_url, rating_url, generated.name, now=NOW)
    sealed = read_sealed()
    change("DROP TRIGGER stop")

    publish_study(sealed_url, rating_url, generated.name, now=NOW)

    assert read_sealed() == sealed
    assert {item.id for item in read_rows(rating_url)[0]} == sealed.keys()


def test_a_published_study_is_not_published_twice(generated: Study, sealed_url: str, rating_url: str) -> None:
    publish_study(sealed_url, rating_url, generated.name, now=NOW)

    with pytest.raises(StateError, match="'marked_study' is published already"):
        publish_study(sealed_url, rating_url, generated.name, now=NOW)


def test_a_study_that_excludes_an_unknown_study_is_not_published(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    excluding = study.model_copy(update={"recruitment": PROLIFIC, "excluded_studies": ("pilot",)})
    seal_completions(excluding)

    with pytest.raises(StateError, match=r"excluded_studies\[0\]: no study 'pilot'"):
        publish_study(sealed_url, rating_url, study.name, now=NOW)
    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        assert find_secrets(session, get_sealed_study(session, study.name).id) is None


def test_a_study_with_missing_completions_is_not_published(
    generated: Study, sealed_url: str, rating_url: str
) -> None:
    with disposing(open_sealed(sealed_url)) as sealed, writing(sealed) as session:
        delete_completions(session, get_sealed_study(session, generated.name).id)

    with pytest.raises(StateError, match=r"has 0 of 24 completions.*Run: rater generate FILE"):
        publish_study(sealed_url, rating_url, generated.name, now=NOW)
    assert find_published(rating_url, generated.name) is None


def test_an_unknown_study_is_named_with_the_nearest(
    generated: Study, sealed_url: str, rating_url: str
) -> None:
    with pytest.raises(StateError, match=r"'marked_stud' has not been generated yet.*'marked_study'"):
        publish_study(sealed_url, rating_url, "marked_stud", now=NOW)


def test_a_study_opens_and_closes_and_the_log_says_so(
    generated: Study, sealed_url: str, rating_url: str
) -> None:
    publish_study(sealed_url, rating_url, generated.name, now=NOW)

    open_study(rating_url, generated.name, now=NOW)
    head = close_study(rating_url, generated.name, now=NOW)

    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        study = get_study(session, generated.name)
        events = read_events(session, EventRow, study.id)
    assert study.state == "closed"
    assert [event.kind for event in events] == ["published", "open", "closed"]
    assert events[-1].hash == head


def test_a_booklet_is_as_long_as_it_says(generated: Study, sealed_url: str, rating_url: str) -> None:
    publish_study(sealed_url, rating_url, generated.name, now=NOW)

    with disposing(create_rating(rating_url)) as rating, reading(rating) as session:
        assert set(session.scalars(select(Booklet.n_trials))) == {8}


def test_of_several_publications_at_once_one_is_written_and_the_others_are_told(
    generated: Study, sealed_url: str, rating_url: str
) -> None:
    def publish(_: int) -> str:
        try:
            return publish_study(sealed_url, rating_url, generated.name, now=NOW).slug
        except StateError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(publish, range(4)))

    written = [outcome for outcome in outcomes if not outcome.startswith("Study")]
    assert len(written) == 1
    assert all(
        "published already" in told or "was changed while" in told for told in set(outcomes) - {*written}
    )


def test_a_study_is_published_into_one_rating_database_only(
    generated: Study, sealed_url: str, rating_url: str, tmp_path: Path
) -> None:
    publish_study(sealed_url, rating_url, generated.name, now=NOW)
    another = f"sqlite:///{tmp_path / 'another.db'}"

    with pytest.raises(StateError, match="published already, in another rating database"):
        publish_study(sealed_url, another, generated.name, now=NOW)

    assert find_published(another, generated.name) is None
