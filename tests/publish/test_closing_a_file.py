import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from rater.errors import DatabaseError
from rater.publish.publish import close_study
from rater.store.engine import disposing, empty_wal
from rater.store.rating.open import open_rating
from rater.study.study import Study
from tests.conftest import NOW
from tests.verify.tamper import file_of


def test_the_file_of_a_closed_study_is_whole_without_its_wal_while_a_server_has_it_open(
    study_in_progress: Study, rating_url: str, tmp_path: Path
) -> None:
    with disposing(open_rating(rating_url)) as server, server.connect():
        close_study(rating_url, study_in_progress.name, now=NOW)
        (tmp_path / "alone.db").write_bytes(file_of(rating_url).read_bytes())

    with closing(sqlite3.connect(tmp_path / "alone.db")) as alone:
        assert alone.execute("SELECT state FROM study").fetchone() == ("closed",)
        assert alone.execute("SELECT count(*) FROM answer").fetchone() == (11,)


def test_a_study_is_closed_on_a_disk_that_has_no_room_to_empty_the_wal(
    study_in_progress: Study, rating_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        def execute(self, _statement: str) -> None:
            raise sqlite3.OperationalError("database or disk is full")

    with disposing(open_rating(rating_url)) as rating:
        monkeypatch.setattr("sqlalchemy.pool.base._ConnectionFairy.cursor", lambda _: Full())
        with pytest.raises(DatabaseError, match="cannot be emptied: database or disk is full"):
            empty_wal(rating)
    monkeypatch.undo()

    def fail(_: object) -> None:
        raise DatabaseError("The WAL cannot be emptied.")

    monkeypatch.setattr("rater.publish.publish.empty_wal", fail)
    head = close_study(rating_url, study_in_progress.name, now=NOW)

    assert len(head) == 64
