import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from rater.errors import DatabaseError
from rater.store.engine import disposing, empty_wal, open_engine, reading, writing
from rater.store.open_file import open_file
from rater.store.rating.open import create_rating


@pytest.fixture
def file(tmp_path: Path, empty_databases: Path) -> Path:
    shutil.copy(empty_databases / "rating.db", tmp_path)
    return tmp_path / "rating.db"


def write(engine: Engine, before_commit: Callable[[], None] = lambda: None) -> None:
    with writing(engine) as session:
        session.execute(text("UPDATE alembic_version SET version_num = version_num"))
        before_commit()


def delete(file: Path) -> None:
    file.unlink()


def replace(file: Path) -> None:
    shutil.copy(file, file.with_name("backup.db"))
    file.with_name("backup.db").rename(file)


def lose_wal(file: Path) -> None:
    file.with_name("rating.db-wal").unlink()
    file.with_name("rating.db-shm").unlink()


@pytest.mark.parametrize("change", [delete, replace, lose_wal])
def test_a_lost_file_is_neither_written_nor_read(file: Path, change: Callable[[Path], None]) -> None:
    with disposing(create_rating(f"sqlite:///{file}")) as engine:
        write(engine)
        change(file)

        for _ in range(2):
            with pytest.raises(DatabaseError, match="deleted or replaced while the database was in use"):
                write(engine)
        with pytest.raises(DatabaseError, match="deleted or replaced"), reading(engine) as session:
            session.execute(text("SELECT 1"))


@pytest.mark.parametrize("change", [delete, replace, lose_wal])
def test_a_file_lost_during_a_transaction_fails_the_transaction(
    file: Path, change: Callable[[Path], None]
) -> None:
    with disposing(create_rating(f"sqlite:///{file}")) as engine:
        write(engine)
        with pytest.raises(DatabaseError, match="deleted or replaced"):
            write(engine, lambda: change(file))


def test_a_new_connection_refuses_a_replaced_file(file: Path) -> None:
    with disposing(create_rating(f"sqlite:///{file}")) as engine, engine.connect():
        replace(file)

        with pytest.raises(DatabaseError, match="deleted or replaced"), engine.connect():
            pass


def test_ordinary_use_is_not_mistaken_for_a_lost_file(file: Path) -> None:
    with disposing(create_rating(f"sqlite:///{file}")) as engine:
        write(engine)
        with disposing(open_engine(f"sqlite:///{file}")) as other:
            write(other)
            empty_wal(other)
        write(engine)
        empty_wal(engine)
        os.utime(file)
        write(engine)
        engine.dispose()
        write(engine)


def test_a_full_disk_is_an_error_with_the_reason(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with disposing(create_rating(f"sqlite:///{file}")) as engine:
        opened = open_file(engine)
        assert opened is not None
        opened.require_room()
        monkeypatch.setattr("tempfile.TemporaryFile", full)
        with pytest.raises(DatabaseError, match="No space left"):
            opened.require_room()
    assert [path.name for path in file.parent.iterdir() if not path.name.startswith("rating.db")] == []
