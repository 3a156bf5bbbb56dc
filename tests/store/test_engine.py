import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, text
from sqlalchemy.exc import DatabaseError as SqlDatabaseError
from sqlalchemy.exc import DBAPIError, OperationalError

from rater.errors import DatabaseError
from rater.store.engine import (
    UtcDateTime,
    connection_of,
    open_engine,
    reading,
    shown_url,
    sqlite_path,
    writing,
    writing_rows,
)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/notes.db"


@pytest.fixture
def notes(url: str) -> Iterator[Engine]:
    engine = open_engine(url)
    with writing(engine) as session:
        session.execute(text("CREATE TABLE note (id INTEGER PRIMARY KEY, word TEXT UNIQUE)"))
    yield engine
    engine.dispose()


def _count(engine: Engine) -> int:
    with reading(engine) as session:
        return int(session.execute(text("SELECT count(*) FROM note")).scalar_one())


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("foreign_keys", 1),
        ("recursive_triggers", 1),
        ("busy_timeout", 30_000),
    ],
)
def test_sqlite_is_opened_durable_and_strict(notes: Engine, pragma: str, value: object) -> None:
    with reading(notes) as session:
        found = session.execute(text(f"PRAGMA {pragma}")).scalar_one()

    assert found == value


def test_attach_is_refused_if_the_engine_may_not_attach(url: str, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    engine = open_engine(url, may_attach=False)

    with pytest.raises(SqlDatabaseError, match="not authorized"), reading(engine) as session:
        session.execute(text(f"ATTACH '{other}' AS other"))

    assert not other.exists()
    engine.dispose()


def test_vacuum_into_is_refused_if_the_engine_may_not_attach(url: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    engine = open_engine(url, may_attach=False)

    connection = engine.raw_connection()
    with pytest.raises(sqlite3.DatabaseError, match="authorization denied"):
        connection.cursor().execute(f"VACUUM INTO '{copy}'")

    connection.close()
    engine.dispose()
    assert not copy.exists()


def test_attach_works_if_the_engine_may_attach(notes: Engine, tmp_path: Path) -> None:
    connection = notes.raw_connection()
    connection.cursor().execute(f"ATTACH '{tmp_path / 'other.db'}' AS other")
    names = [row[1] for row in connection.cursor().execute("PRAGMA database_list")]
    connection.close()

    assert names == ["main", "other"]


def test_a_writer_holds_the_lock_from_its_start(url: str, notes: Engine) -> None:
    impatient = sqlite3.connect(sqlite_path(url) or "", timeout=0)

    with writing(notes), pytest.raises(sqlite3.OperationalError, match="database is locked"):
        impatient.execute("BEGIN IMMEDIATE")

    impatient.execute("BEGIN IMMEDIATE")
    impatient.close()


def test_a_writer_without_a_session_holds_the_lock_from_its_start(url: str, notes: Engine) -> None:
    with sqlite3.connect(url.removeprefix("sqlite:///"), timeout=0) as other:
        with writing_rows(notes), pytest.raises(sqlite3.OperationalError, match="database is locked"):
            other.execute("BEGIN IMMEDIATE")
        other.execute("BEGIN IMMEDIATE")
    other.close()


def test_a_writer_without_a_session_commits_all_or_nothing(notes: Engine) -> None:
    add = text("INSERT INTO note (word) VALUES (:word)")
    with writing_rows(notes) as connection:
        connection.execute(add, {"word": "kept"})

    def add_twice() -> None:
        with writing_rows(notes) as connection:
            connection.execute(add, {"word": "lost"})
            connection.execute(add, {"word": "kept"})

    with pytest.raises(SqlDatabaseError, match="UNIQUE"):
        add_twice()

    with reading(notes) as session:
        words = connection_of(session).execute(text("SELECT word FROM note")).scalars().all()

    assert words == ["kept"]


def test_a_writer_without_a_session_names_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    path.write_text("This is not a database. " * 100)
    engine = open_engine(f"sqlite:///{path}")

    with pytest.raises(DatabaseError, match="cannot be used"), writing_rows(engine):
        pass


def test_concurrent_writers_lose_no_increment(url: str, notes: Engine) -> None:
    with writing(notes) as session:
        session.execute(text("INSERT INTO note VALUES (1, '0')"))

    def increment_often(_: int) -> None:
        engine = open_engine(url)
        for _repeat in range(10):
            with writing(engine) as session:
                word = session.execute(text("SELECT word FROM note")).scalar_one()
                session.execute(text("UPDATE note SET word = :word"), {"word": str(int(word) + 1)})
        engine.dispose()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(increment_often, range(4)))

    with reading(notes) as session:
        assert session.execute(text("SELECT word FROM note")).scalar_one() == "40"


def test_a_reader_sees_one_snapshot_and_blocks_no_writer(new_url: Callable[[str], str]) -> None:
    engine = open_engine(new_url("notes"))
    with writing(engine) as session:
        session.execute(text("CREATE TABLE note (id INTEGER PRIMARY KEY)"))

    with reading(engine) as session:
        before = session.execute(text("SELECT count(*) FROM note")).scalar_one()
        with writing(engine) as other:
            other.execute(text("INSERT INTO note VALUES (1)"))
        during = session.execute(text("SELECT count(*) FROM note")).scalar_one()

    assert (before, during, _count(engine)) == (0, 0, 1)
    engine.dispose()


def test_a_failed_transaction_is_rolled_back(notes: Engine) -> None:
    def insert_and_fail() -> None:
        with writing(notes) as session:
            session.execute(text("INSERT INTO note VALUES (1, 'a')"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        insert_and_fail()

    assert _count(notes) == 0


def test_a_read_session_stores_nothing(notes: Engine) -> None:
    with reading(notes) as session:
        session.execute(text("INSERT INTO note VALUES (1, 'a')"))

    assert _count(notes) == 0


def test_a_read_session_of_postgresql_refuses_to_write(postgresql: URL) -> None:
    engine = open_engine(postgresql.render_as_string(hide_password=False))

    with pytest.raises(DBAPIError, match="read-only transaction"), reading(engine) as session:
        session.execute(text("CREATE TABLE note (id INTEGER PRIMARY KEY)"))

    engine.dispose()


def test_a_read_session_of_postgresql_keeps_the_prepared_statements(postgresql: URL) -> None:
    engine = open_engine(postgresql.render_as_string(hide_password=False))
    for _ in range(10):  # psycopg prepares a statement at its sixth use
        with reading(engine) as session:
            session.execute(text("SELECT 41 + 1"))

    with reading(engine) as session:
        prepared = session.scalars(text("SELECT statement FROM pg_prepared_statements")).all()

    assert "SELECT 41 + 1" in prepared
    engine.dispose()


def test_an_engine_can_be_used_from_several_threads(notes: Engine) -> None:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(_count(notes)))

    thread.start()
    thread.join()

    assert found == [0]


def test_times_are_read_with_a_time_zone_and_in_utc() -> None:
    column = UtcDateTime()
    dialect = open_engine("sqlite://").dialect
    summer = datetime(2026, 7, 1, 14, 0, tzinfo=timezone(timedelta(hours=2)))

    kept = column.process_bind_param(summer, dialect)

    assert kept == datetime(2026, 7, 1, 12, 0)  # noqa: DTZ001 (what SQLite keeps has no zone)
    assert column.process_result_value(kept, dialect) == datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///data/rating.db", Path("data/rating.db")),
        ("sqlite:////var/data/rating.db", Path("/var/data/rating.db")),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("postgresql+psycopg://me@host/rating", None),
    ],
)
def test_only_a_sqlite_file_url_has_a_path(url: str, path: Path | None) -> None:
    assert sqlite_path(url) == path


def test_a_displayed_url_has_the_absolute_path_and_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert shown_url("sqlite:///data/../rating.db") == f"sqlite:///{tmp_path.resolve()}/rating.db"
    assert shown_url("postgresql+psycopg://me:secret@host/x") == "postgresql+psycopg://me:***@host/x"


@pytest.mark.parametrize(
    "url",
    [
        "nosuch://rater:s3cret@host/db",
        "postgres://rater:ab/s3cret@host/db",
        "postgresql+nosuch://host/db?user=rater&password=s3cret",
        "postgresql+psycopg://rater:s3@s3cret@host/db",
        "postgresql+psycopg://rater:12/s3cret@host/db?sslpassword=s3cret",
        "postgresql+psycopg://rater:s3cret@host:port/db",
        "postgresql+psycopg://rater:ab?s3cret@:/@host:1/db",
        "postgresql+psycopg://127.0.0.1:1/db?password=s3cret",
        "postgresql+psycopg://rater:s3cret@127.0.0.1:1/db?nonsense=1",
        "postgresql+psycopg://rater:s3cret@127.0.0.1:99999/db",
    ],
)
def test_an_unusable_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        _count(open_engine(url))

    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in shown_url("postgresql+psycopg://rater:s3cret@host/db?password=s3cret")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("rating.db", "'rating.db' is not a valid database URL"),
        ("nosuch://me:secret@host/x", "'nosuch://…@host/x' is not a valid database URL (Can't "),
        ("postgres://me:secret@host/x", "postgresql+psycopg"),
        ("postgresql+psycopg://me:secret@host:x/x", "port is not a number"),
    ],
)
def test_a_refused_url_is_named_with_the_reason(url: str, reason: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        open_engine(url)

    assert reason in str(caught.value)
    assert "Valid: sqlite:///path/to/file.db" in str(caught.value)


def test_the_path_of_a_malformed_url_is_an_error() -> None:
    with pytest.raises(DatabaseError, match=r"'rating\.db' is not a valid database URL"):
        sqlite_path("rating.db")


def test_a_file_that_is_not_a_database_is_an_error_without_a_traceback(tmp_path: Path) -> None:
    file = tmp_path / "holiday.jpg"
    file.write_bytes(b"not a database, but long enough to be looked at" * 40)
    engine = open_engine(f"sqlite:///{file}")

    with pytest.raises(DatabaseError, match=r"holiday\.jpg cannot be used: file is not a database\."):
        _count(engine)

    engine.dispose()


def test_a_folder_is_an_error_without_a_traceback(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}")

    with pytest.raises(DatabaseError, match="cannot be used: unable to open database file"):
        _count(engine)


def test_an_unreachable_server_is_an_error_without_a_password(tmp_path: Path) -> None:
    engine = open_engine(f"postgresql+psycopg://me:secret@/x?host={tmp_path}")

    with pytest.raises(DatabaseError, match=r"postgresql\+psycopg://me:\*\*\*@/x") as caught:
        _count(engine)

    assert "secret" not in str(caught.value)


def test_a_missing_table_is_our_bug_not_the_users_error(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/empty.db")

    with pytest.raises(OperationalError, match="no such table: note"):
        _count(engine)

    engine.dispose()
