import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from rater.admin.backup import back_up
from rater.errors import DatabaseError
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
