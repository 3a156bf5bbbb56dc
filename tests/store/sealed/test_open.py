import stat
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from rater.errors import DatabaseError
from rater.store.engine import writing
from rater.store.sealed.open import create_sealed, open_sealed
from rater.store.sealed.schema import SealedStudyRow


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_can_read_the_sealed_file_and_its_wal(tmp_path: Path, now: datetime) -> None:
    engine = create_sealed(f"sqlite:///{tmp_path}/data/sealed.db")

    with writing(engine) as session:
        session.add(SealedStudyRow(name="x", hash="h", canonical_json="{}", created_at=now))

    modes = {path.name: _mode(path) for path in (tmp_path / "data").iterdir()}
    assert modes == dict.fromkeys(["sealed.db", "sealed.db-wal", "sealed.db-shm", "sealed.db-turn"], 0o600)
    engine.dispose()


@pytest.mark.parametrize("reopen", [open_sealed, create_sealed])
def test_a_sealed_file_that_others_could_read_is_closed_to_them(
    tmp_path: Path, reopen: Callable[[str], Engine]
) -> None:
    url, path = f"sqlite:///{tmp_path}/sealed.db", tmp_path / "sealed.db"
    create_sealed(url).dispose()
    path.chmod(0o644)

    reopen(url).dispose()

    assert _mode(path) == 0o600


def test_a_missing_sealed_database_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError) as caught:
        open_sealed(f"sqlite:///{tmp_path}/sealed.db")

    assert str(caught.value) == (
        f"There is no sealed database {tmp_path}/sealed.db yet. Generate a study first. "
        "Run: rater generate FILE"
    )


def test_a_place_where_no_file_can_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(
        DatabaseError, match=r"file/sealed\.db cannot be used: .*\. Valid: a file that you can write"
    ):
        create_sealed(f"sqlite:///{tmp_path}/file/sealed.db")
