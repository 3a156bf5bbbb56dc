import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from rater.errors import RaterError
from rater.publish.publish import close_study, open_study
from rater.store.log import event_hash
from rater.study.study import Study
from rater.verify import Check, verify_study
from tests.admin.conftest import Run
from tests.conftest import NOW
from tests.verify.tamper import file_of, tamper


def verify(rating_url: str, sealed_url: str | None, study: Study, head: str | None = None) -> list[Check]:
    return list(verify_study(rating_url, study.name, sealed_url=sealed_url, head=head))


def tampered(checks: list[Check]) -> set[str]:
    return {check.name for check in checks if check.outcome == "tampered"}


def test_two_trials_that_changed_places_are_noticed(
    finished_study: tuple[Study, str], rating_url: str, sealed_url: str
) -> None:
    tamper(
        rating_url,
        "UPDATE trial SET position = 103 - position WHERE position <= 2 AND booklet_id = "
        "(SELECT min(booklet_id) FROM trial)",
        "UPDATE trial SET position = position - 100 WHERE position > 100",
    )

    assert tampered(verify(rating_url, sealed_url, finished_study[0])) == {"booklets", "assignment"}


def rewrite_log(rating_url: str, n_rows: int) -> None:
    """Keep the first rows of the log with another time each, hashed again into a valid chain."""
    with closing(sqlite3.connect(file_of(rating_url))) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("DELETE FROM event WHERE sequence > ?", (n_rows,))
        previous = "0" * 64
        rows = connection.execute("SELECT sequence, kind, detail FROM event ORDER BY sequence").fetchall()
        at = datetime(2026, 3, 3, tzinfo=UTC)
        for sequence, kind, detail in rows:
            new = event_hash(previous, sequence, kind=kind, detail=detail, at=at)
            connection.execute(
                "UPDATE event SET at = '2026-03-03 00:00:00.000000', previous_hash = ?, hash = ? "
                "WHERE sequence = ?",
                (previous, new, sequence),
            )
            previous = new
        for _, definition in triggers:
            connection.execute(definition)
        connection.commit()


def test_a_log_rewritten_as_a_whole_is_detected_only_with_an_external_head(
    finished_study: tuple[Study, str], rating_url: str, sealed_url: str
) -> None:
    study, head = finished_study
    rewrite_log(rating_url, 3)

    without = verify(rating_url, sealed_url, study)

    assert tampered(without) == set()
    unsure = next(check for check in without if check.name == "log against its head")
    assert unsure.outcome == "not checked"
    assert "Only a head from another place shows that: add --head HASH." in unsure.description
    assert tampered(verify(rating_url, sealed_url, study, head)) == {"log against its head"}


def test_a_log_whose_end_was_cut_off_shows_against_its_head(
    finished_study: tuple[Study, str], rating_url: str, sealed_url: str
) -> None:
    study, head = finished_study
    tamper(rating_url, "DELETE FROM event WHERE sequence = 3", "UPDATE study SET state = 'open'")

    assert tampered(verify(rating_url, sealed_url, study)) == set()
    assert tampered(verify(rating_url, sealed_url, study, head)) == {"log against its head"}


def test_an_older_head_is_found_in_a_longer_log(
    study_in_progress: Study, rating_url: str, sealed_url: str
) -> None:
    first = close_study(rating_url, study_in_progress.name, now=NOW)
    open_study(rating_url, study_in_progress.name, now=NOW)

    checks = verify(rating_url, sealed_url, study_in_progress, first.upper())

    assert tampered(checks) == set()
    assert next(c.description for c in checks if c.name == "log against its head") == (
        "The given head is that of row 3; 1 row came after it."
    )


def test_a_head_that_was_cut_off_is_no_sign_of_a_rewritten_log(published: Study, run: Run) -> None:
    with pytest.raises(RaterError, match=r"head is '0f3a…'; valid: all 64 hexadecimal characters"):
        run("verify", published.name, "--head", "0f3a…")


def test_the_head_that_analyze_prints_can_be_copied(closed: Study, run: Run) -> None:
    said = run("analyze", closed.name, "--yes").splitlines()

    [head] = [line.removeprefix("  log   ") for line in said if line.startswith("  log   ")]
    assert "No tampering was found." in run("verify", closed.name, "--head", head)
