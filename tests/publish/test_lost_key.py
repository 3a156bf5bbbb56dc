"""A published study whose sealed database is missing needs a backup, and never a second generation."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rater.errors import MissingSealedError, NotGeneratedError, SealError
from rater.publish.lifecycle import open_study
from rater.publish.lost_key import explain_lost_key, require_key
from rater.publish.publish import publish_study
from rater.store.sealed.open import create_sealed, open_sealed
from rater.study.load import load_study
from rater.study.study import Study
from tests.cli.command import run

NOW = datetime(2026, 3, 1, tzinfo=UTC)
STUDY = """
from rater import *

study = Study(
    name="marked_study", title="How happy?", consent="c", instructions="i",
    dimensions=[Dimension(name="happiness", question="How happy?", scale=Likert(low="not", high="very"))],
    prompts=["I woke up and"], sampling=Sampling(samples_per_prompt=1), plan=Plan(raters=2),
    arms=[Outside(name="one", path="texts.jsonl"), Outside(name="two", path="texts.jsonl")],
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
