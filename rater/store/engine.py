"""Open a database (SQLite or any SQLAlchemy URL), durable for writing or read-only for verification."""

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, DateTime, Dialect, Engine, TypeDecorator, create_engine, event, make_url, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session

from rater.errors import DatabaseError
from rater.store.open_file import open_file, watch_file
from rater.store.writer_lock import writer_lock

_IMMEDIATE = "rater_begin_immediate"
BUSY_TIMEOUT_MS = 30_000
OWNER_ONLY = 0o600
"""The mode of a file that only its owner may read."""

CONSTRAINT_NAMES = {
    "ck": "%(constraint_name)s",
    "fk": "%(table_name)s_refers_to_%(referred_table_name)s_by_%(column_0_N_name)s",
    "ix": "%(table_name)s_by_%(column_0_N_name)s",
    "pk": "%(table_name)s_key",
    "uq": "%(table_name)s_has_unique_%(column_0_N_name)s",
}
"""Every constraint has a name, so that a migration can find it and an error can be read."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, kept as naive UTC, since SQLite keeps no time zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002, D102 (SQLAlchemy's interface)
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002, D102 (SQLAlchemy's interface)
        return None if value is None else value.replace(tzinfo=UTC)


def open_engine(url: str, *, may_attach: bool = True) -> Engine:
    """Make an engine for a URL; SQLite gets WAL, synchronous=FULL, foreign keys, and begins that we control.

    With ``may_attach=False`` a SQLite connection refuses ATTACH, so that the web process can open no second
    file by way of SQL.

    Raises:
        DatabaseError: the URL is malformed, or no driver for it is installed.
    """
    with _told_if_malformed(url):
        engine = create_engine(
            _parsed(url), hide_parameters=True
        )  # an error may be logged, what raters say may not
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, may_attach=may_attach)
    return engine


def sqlite_path(url: str) -> Path | None:
    """Return the file of a SQLite URL; None for another kind of database or for memory.

    Raises:
        DatabaseError: the URL is malformed.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        return None
    return Path(parsed.database)


def shown_url(url: str) -> str:
    """Write a URL as it may be shown or compared: without its password, a SQLite file by its whole path.

    Raises:
        DatabaseError: the URL is malformed.
    """
    path = sqlite_path(url)
    return f"sqlite:///{path.resolve()}" if path else without_secrets(_parsed(url))


def without_secrets(url: URL) -> str:
    """Return a parsed URL as text, without its password and without secrets in its query."""
    return _SECRET_FIELD.sub(r"\1…", url.render_as_string(hide_password=True))


def make_parent(path: Path) -> None:
    """Make the folder of a database file that is about to be made.

    Raises:
        DatabaseError: it cannot be made.
    """
    with told_if_unusable(path):
        path.parent.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def told_if_unusable(path: Path, *, what: str = "database file") -> Iterator[None]:
    """Turn what the operating system says against a file into an error without a traceback.

    Raises:
        DatabaseError: the file, which is called ``what``, cannot be made or used.
    """
    try:
        yield
    except OSError as error:
        msg = f"The {what} {path} cannot be used: {error.strerror}. Valid: one in your own folder."
        raise DatabaseError(msg) from error


@contextlib.contextmanager
def closed_if_refused(engine: Engine) -> Iterator[None]:
    """Close an engine's connections where what is done to it first fails."""
    try:
        yield
    except BaseException:
        engine.dispose()
        raise


def _parsed(url: str) -> URL:
    with _told_if_malformed(url):
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite" and "@" in f"{parsed.host}{parsed.database}":
            raise ArgumentError  # part of an unescaped password would be taken for an address
    return parsed


@contextlib.contextmanager
def _told_if_malformed(url: str) -> Iterator[None]:
    try:
        yield
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError, TypeError) as error:
        msg = (
            f"{hide_password(url)!r} is not a database URL that can be opened{_reason(url, error)}. "
            "Valid: sqlite:///path/to/file.db, or postgresql+psycopg://user@host/name with rater[postgresql] "
            "installed; in a password, write / as %2F, @ as %40 and ? as %3F."
        )
        raise DatabaseError(msg) from None


def _reason(url: str, error: Exception) -> str:
    """Return why a URL was refused, in brackets, if that can be told without quoting the URL."""
    if url.startswith("postgres:"):
        return " (the scheme 'postgres' is called 'postgresql+psycopg' now)"
    if isinstance(error, NoSuchModuleError | ModuleNotFoundError):
        return f" ({error})"
    return " (its port is not a number)" if isinstance(error, ValueError) else ""


_SECRET_FIELD = re.compile(r"([?&;][^=&;]*(?:pass|pwd|secret|token|key)[^=&;]*=)[^&;]*", re.IGNORECASE)


def hide_password(url: str) -> str:
    """Return a URL, which may be malformed, without its user's password and without secrets in its query.

    Everything between ``//`` and the last ``@`` is hidden, since a password that is not percent-encoded may
    hold any sign.
    """
    return _SECRET_FIELD.sub(r"\1…", re.sub(r"//.*@", "//…@", url, flags=re.DOTALL))


def _prepare_sqlite(engine: Engine, *, may_attach: bool) -> None:
    database = engine.url.database
    file = watch_file(engine, Path(database)) if database and database != ":memory:" else None

    def connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver's own BEGIN comes too late to hold a lock
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA recursive_triggers = ON")  # else REPLACE deletes past the triggers
        if not may_attach:
            connection.set_authorizer(_refuse_attach)

    def begun(connection: Connection) -> None:
        immediate = connection.get_execution_options().get(_IMMEDIATE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
        if file is not None:  # now that the transaction has opened the WAL
            file.require_same()

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)


def _refuse_attach(action: int, *_: Any) -> int:
    return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_ATTACH else sqlite3.SQLITE_OK


@contextlib.contextmanager
def disposing(engine: Engine) -> Iterator[Engine]:
    """Close an engine's connections at the end of a block."""
    try:
        yield engine
    finally:
        engine.dispose()


@contextlib.contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """Open a session that sees one snapshot and keeps nothing.

    Raises:
        DatabaseError: the database cannot be reached or is damaged.
    """
    if engine.dialect.name == "postgresql":  # whose default is a snapshot per statement
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with _told_if_unreachable(engine), Session(engine) as session:
        yield session
        session.rollback()


@contextlib.contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """Open one transaction, durable at its end.

    On SQLite it holds the only write lock from its start (BEGIN IMMEDIATE), so that what was read stays true
    until the commit; writers queue for it (`rater.store.writer_lock`). PostgreSQL has no such lock: queries
    whose rows must not change lock them.

    Raises:
        DatabaseError: the database cannot be reached, is damaged, stays locked for 30 s, or its file was
            deleted or replaced, at the latest while this was committed.
    """
    with _told_if_unreachable(engine), _queue(engine), Session(engine) as session, session.begin():
        # begins now: a session by itself waits for its first query
        session.connection(execution_options={_IMMEDIATE: True})
        yield session
    file = open_file(engine)
    if file is not None:  # before anything that was committed is confirmed
        file.require_same()


def overwrite_deleted(session: Session) -> None:
    """Let SQLite write zeros over what this connection deletes, instead of leaving it in free pages."""
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("PRAGMA secure_delete = ON"))


def empty_wal(engine: Engine) -> None:
    """Bring what is in SQLite's WAL into the database file, which is whole by itself then.

    Raises:
        DatabaseError: there is no room for it; everything that was committed stays in the WAL.
    """
    if engine.dialect.name != "sqlite":
        return
    with contextlib.closing(engine.raw_connection()) as connection:
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            msg = f"The WAL of {engine.url.database} cannot be emptied: {error}. Nothing in it is lost."
            raise DatabaseError(msg) from error


def _queue(engine: Engine) -> contextlib.AbstractContextManager[None]:
    database = engine.url.database
    if engine.dialect.name != "sqlite" or not database or database == ":memory:":
        return contextlib.nullcontext()
    return writer_lock(Path(database), timeout_s=BUSY_TIMEOUT_MS / 1000)


@contextlib.contextmanager
def _told_if_unreachable(engine: Engine) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if not _is_about_the_file_or_server(error):
            raise
        shown = without_secrets(engine.url)
        reason = " ".join(str(error.orig).split()).rstrip(".")
        msg = f"The database {shown} cannot be used: {reason}. It must exist, be writable and have space."
        raise DatabaseError(msg) from error


def _is_about_the_file_or_server(error: DBAPIError) -> bool:
    if isinstance(error.orig, sqlite3.DatabaseError):
        # the driver calls a missing table "operational" and a damaged file only "database error"
        primary = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        damaged = primary in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}
        return damaged or (isinstance(error, OperationalError) and primary != sqlite3.SQLITE_ERROR)
    # a statement is missing where connecting failed, as for an unknown option in the URL's query
    return isinstance(error, OperationalError) or error.statement is None


def open_read_only(url: str) -> Engine:
    """Open a database that nothing is written to; a SQLite file may be on a read-only medium.

    A SQLite file without a WAL is in use by nobody, and is read as one that cannot change: without locks, and
    without files next to it. With a WAL it is read under the usual locks, at one moment.

    Raises:
        DatabaseError: there is no such file, or the URL is malformed.
    """
    path = sqlite_path(url)
    if path is None:
        engine = open_engine(url)
        return (
            engine.execution_options(postgresql_readonly=True)
            if engine.dialect.name == "postgresql"
            else engine
        )
    if not path.is_file():
        msg = f"There is no database file {path}."
        raise DatabaseError(msg)
    mode = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"
    engine = create_engine(f"sqlite:///{path.resolve().as_uri()}?{mode}&uri=true", hide_parameters=True)

    def connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine
