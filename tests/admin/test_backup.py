import logging
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from rater.admin.backup import Copied, back_up, back_up_repeatedly, delete_old_copies
from rater.errors import DatabaseError
from rater.server_process import serving
from rater.study.study import Study
from rater.verify import Check, verify_study
from tests.conftest import NOW
from tests.verify.tamper import file_of


def verify(rating_url: str, sealed_url: str | None, study: Study, head: str | None = None) -> list[Check]:
    return list(verify_study(rating_url, study.name, sealed_url=sealed_url, head=head))


def tampered(checks: list[Check]) -> set[str]:
    return {check.name for check in checks if check.outcome == "tampered"}


def test_a_backup_is_whole_private_and_the_same_while_a_writer_is_in_the_middle(
    study_in_progress: Study, rating_url: str, sealed_url: str, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(file_of(rating_url), isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE rater SET finished_at = NULL")
        copies = back_up(rating_url, sealed_url, tmp_path / "kept", now=NOW)
        writer.execute("ROLLBACK")

    assert [copied.path.name for copied in copies] == [
        "rating-20260401T120000Z.db",
        "sealed-20260401T120000Z.db",
    ]
    assert {stat.S_IMODE(copied.path.stat().st_mode) for copied in copies} == {0o600}
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [
        copied.path.name for copied in copies
    ]
    urls = [f"sqlite:///{copied.path}" for copied in copies]
    assert tampered(verify(urls[0], urls[1], study_in_progress)) == set()
    with closing(sqlite3.connect(copies[0].path)) as copy:
        assert copy.execute("SELECT count(*) FROM answer").fetchone() == (11,)
        assert copy.execute("SELECT count(*) FROM rater WHERE finished_at IS NOT NULL").fetchone() == (1,)


def test_a_backup_that_cannot_be_made_says_why(rating_url: str, sealed_url: str, tmp_path: Path) -> None:
    nowhere = (f"sqlite:///{tmp_path / 'no-rating.db'}", f"sqlite:///{tmp_path / 'no-sealed.db'}")
    with pytest.raises(DatabaseError, match="Nothing to back up"):
        back_up(*nowhere, tmp_path / "kept", now=NOW)
    with pytest.raises(
        DatabaseError, match=r"not a SQLite file\. Back it up with its own tools, such as pg_dump"
    ):
        back_up("postgresql://somebody@localhost/x", sealed_url, tmp_path / "kept", now=NOW)
    file_of(rating_url).write_bytes(b"no database, and long enough to be looked at" * 100)
    with pytest.raises(DatabaseError, match="cannot be copied"):
        back_up(rating_url, sealed_url, tmp_path / "kept", now=NOW)
    assert not list((tmp_path / "kept").glob("rating*"))
    with pytest.raises(DatabaseError, match="No such file or directory"):
        back_up(rating_url, sealed_url, tmp_path / "misspelt" / "kept", now=NOW)


def test_the_newest_copies_of_each_database_are_kept_and_other_files_too(tmp_path: Path) -> None:
    days = [f"{which}-202604{day:02}T120000Z.db" for which in ("rating", "sealed") for day in (1, 2, 3)]
    others = [
        "rating.db",
        "rating-notes.db",
        "rating-20260401T120000Z.db.zip",
        "readings-20260401T120000Z.db",
    ]
    for name in [*days, "rating-20260404T120000Z.db", *others]:
        (tmp_path / name).touch()

    deleted = delete_old_copies(tmp_path, n_kept=2)

    assert sorted(path.name for path in deleted) == [
        "rating-20260401T120000Z.db",
        "rating-20260402T120000Z.db",
        "sealed-20260401T120000Z.db",
    ]
    assert {path.name for path in tmp_path.iterdir()} == {
        *others,
        "rating-20260403T120000Z.db",
        "rating-20260404T120000Z.db",
        "sealed-20260402T120000Z.db",
        "sealed-20260403T120000Z.db",
    }


def test_a_failed_backup_is_logged_and_the_next_one_is_made(caplog: pytest.LogCaptureFixture) -> None:
    made = [Copied("rating", Path("rating.db"), 1)]
    outcomes: list[list[Copied] | DatabaseError] = [made, DatabaseError("The disk is full."), made]
    waits = iter([False, False, True])

    def attempt() -> list[Copied]:
        outcome = outcomes.pop(0)
        if isinstance(outcome, DatabaseError):
            raise outcome
        return outcome

    with caplog.at_level(logging.ERROR):
        copies = list(back_up_repeatedly(attempt, every_s=0.0, wait=lambda _: next(waits)))

    assert copies == [made, made]
    assert caplog.messages == ["No backup was made: The disk is full."]


def test_a_first_backup_that_fails_ends_the_command() -> None:
    def attempt() -> list[Copied]:
        raise DatabaseError("Nothing to back up.")

    with pytest.raises(DatabaseError, match="Nothing to back up"):
        list(back_up_repeatedly(attempt, every_s=0.0, wait=lambda _: True))


def test_backups_keep_their_times_however_long_one_takes() -> None:
    waits: list[float] = []

    def attempt() -> list[Copied]:
        time.sleep(0.05)
        return []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) == 3

    list(back_up_repeatedly(attempt, every_s=100.0, wait=wait))

    assert waits == sorted(waits)  # nothing passes while this test waits, so each is later by 100 s
    assert waits[0] < 99.96
    assert 299 < waits[2] < 299.9


def rate(browser: httpx.Client, slug: str, position: int) -> str:
    """Rate a text; returns the path of the next page."""
    form = {"submission_id": f"{position:016}", "answer.happiness": "4"}
    sent = browser.post(f"/s/{slug}/trial/{position}", data=form)
    assert sent.status_code == 303
    return sent.headers["Location"]


def test_a_server_that_was_restored_from_a_repeated_backup_lets_raters_continue(
    study_in_progress: Study, rating_url: str, sealed_url: str, tmp_path: Path
) -> None:
    copies, files = tmp_path / "copies", [file_of(rating_url), file_of(sealed_url)]
    with closing(sqlite3.connect(files[0])) as connection:
        (slug,) = connection.execute("SELECT slug FROM study").fetchone()
    with serving(rating_url, tmp_path) as address, httpx.Client(base_url=address) as browser:
        page = browser.get(f"/s/{slug}/consent")
        token = re.findall(r'name="token" value="([^"]+)"', page.text)
        browser.post(
            f"/s/{slug}/consent", data={"decision": "agree", "token": token[0]}, follow_redirects=True
        )
        browser.post(f"/s/{slug}/instructions")
        rate(browser, slug, 1)
        options = ["--every", "10s", "--keep", "1", "--ratings", rating_url, "--sealed", sealed_url]
        command = [sys.executable, "-m", "rater", "backup", str(copies), *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as backup:
            assert backup.stdout is not None
            first = [backup.stdout.readline() for _ in range(2)]
            rate(browser, slug, 2)
            second = [backup.stdout.readline() for _ in range(2)]
            backup.send_signal(signal.SIGTERM)
            assert backup.wait(timeout=20) == 0
        assert rate(browser, slug, 3) == f"/s/{slug}/trial/4"  # after the last backup: lost
        cookies = browser.cookies
    for path in tmp_path.glob("*.db*"):
        path.unlink()
    assert first != second
    for file in files:
        [copy] = copies.glob(f"{file.stem}-*.db")
        shutil.copy(copy, file)

    assert tampered(verify(rating_url, sealed_url, study_in_progress)) == set()
    with serving(rating_url, tmp_path) as address, httpx.Client(base_url=address, cookies=cookies) as browser:
        resumed = browser.get(f"/s/{slug}", follow_redirects=True)
        assert "trial/3" in resumed.text or resumed.url.path.endswith("/trial/3")
        assert rate(browser, slug, 3) == f"/s/{slug}/trial/4"
