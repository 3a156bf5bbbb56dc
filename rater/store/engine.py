"""Engines and transactions for SQLite and PostgreSQL, in which a committed transaction is durable.

SQLite runs in WAL mode with ``synchronous=FULL``: readers do not block the writer, and a commit returns when
its data is on the disk. `open_read_only` opens a database for verification.
"""

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    URL,
    DateTime,
    Dialect,
    Engine,
    String,
    TypeDecorator,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session

from rater.errors import DatabaseError
from rater.store.open_file import open_file, watch_file
from rater.store.writer_lock import writer_lock

E = TypeVar("E", bound=StrEnum)
# an execution option of our own, which the "begin" event reads
_IMMEDIATE = "rater_begin_immediate"
# a checkpoint or a backup can hold SQLite's lock for seconds on a slow disk
BUSY_TIMEOUT_MS = 30_000
# mode of a file that only its owner may read
OWNER_ONLY = 0o600
# Every constraint has a name, so that a migration can find it and an error message is readable.
CONSTRAINT_NAMES = {
    "ck": "%(constraint_name)s",
    "fk": "%(table_name)s_refers_to_%(referred_table_name)s_by_%(column_0_N_name)s",
    "ix": "%(table_name)s_by_%(column_0_N_name)s",
    "pk": "%(table_name)s_key",
    "uq": "%(table_name)s_has_unique_%(column_0_N_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """A time with a time zone, stored as naive UTC because SQLite stores no time zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002, D102 (SQLAlchemy's interface)
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002, D102 (SQLAlchemy's interface)
        return None if value is None else value.replace(tzinfo=UTC)


class EnumColumn(TypeDecorator[E]):
    """A member of a closed set, stored as its value.

    Args:
        members: The members that the column may have.
        what: The name of a member in a message.
    """

    impl = String
    cache_ok = True

    def __init__(self, members: tuple[E, ...], what: str) -> None:
        super().__init__()
        self.members, self.what = members, what
        self._by_value = {member.value: member for member in members}

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002, D102 (SQLAlchemy's interface)
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> E | None:  # noqa: ARG002, D102 (SQLAlchemy's interface)
        if value is None:
            return None
        if value in self._by_value:
            return self._by_value[value]
        msg = (
            f"The database has the unknown {self.what} {value!r}; valid: {', '.join(self._by_value)}. It was "
            "changed by hand: restore a backup."
        )
        raise DatabaseError(msg)


def open_engine(url: str, *, may_attach: bool = True) -> Engine:
    """Return an engine for a URL.

    SQLite gets WAL mode, ``synchronous=FULL``, foreign keys, and transactions whose begin we control.

    Args:
        url: The database, as an SQLAlchemy URL.
        may_attach: False makes a SQLite connection refuse ATTACH, so that the web process cannot open a
            second file through SQL.

    Raises:
        DatabaseError: the URL is malformed, or no driver for it is installed.
    """
    with _reraise_malformed(url):
        # errors are logged, and parameters contain raters' answers
        engine = create_engine(_parsed(url), hide_parameters=True)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, may_attach=may_attach)
    return engine


def sqlite_path(url: str) -> Path | None:
    """Return the file of a SQLite URL, or None for another kind of database or one in memory.

    Raises:
        DatabaseError: the URL is malformed.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        return None
    return Path(parsed.database)


def shown_url(url: str) -> str:
    """Return a URL for display: without its password, and with the absolute path of a SQLite file.

    Raises:
        DatabaseError: the URL is malformed.
    """
    path = sqlite_path(url)
    return f"sqlite:///{path.resolve()}" if path else without_secrets(_parsed(url))


def without_secrets(url: URL) -> str:
    """Return a parsed URL as text, without its password and without secrets in its query."""
    return _SECRET_FIELD.sub(r"\1…", url.render_as_string(hide_password=True))


def make_parent(path: Path) -> None:
    """Create the folder of a database file.

    Raises:
        DatabaseError: the folder cannot be created.
    """
    with reraise_unusable_file(path):
        path.parent.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def reraise_unusable_file(path: Path, *, what: str = "database file") -> Iterator[None]:
    """Reraise an error of the operating system about a file as one without a traceback.

    Args:
        path: The file.
        what: The file's name in the message.

    Raises:
        DatabaseError: the file cannot be created or used.
    """
    try:
        yield
    except OSError as error:
        msg = f"The {what} {path} cannot be used: {error.strerror}. Valid: a file that you can write."
        raise DatabaseError(msg) from error


@contextlib.contextmanager
def dispose_on_error(engine: Engine) -> Iterator[None]:
    """Close an engine's connections if the block fails."""
    try:
        yield
    except BaseException:
        engine.dispose()
        raise


def _parsed(url: str) -> URL:
    with _reraise_malformed(url):
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite" and "@" in f"{parsed.host}{parsed.database}":
            # an @ in an unescaped password would make the rest of the password part of the host
            raise ArgumentError
    return parsed


@contextlib.contextmanager
def _reraise_malformed(url: str) -> Iterator[None]:
    try:
        yield
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError, TypeError) as error:
        msg = (
            f"{hide_password(url)!r} is not a valid database URL{_reason(url, error)}. "
            "Valid: sqlite:///path/to/file.db, or postgresql+psycopg://user@host/name with rater[postgresql] "
            "installed; in a password, write / as %2F, @ as %40 and ? as %3F."
        )
        raise DatabaseError(msg) from None


def _reason(url: str, error: Exception) -> str:
    """Return why a URL was refused, in brackets, if the reason does not quote the URL (and its password)."""
    if url.startswith("postgres:"):
        return " (write 'postgresql+psycopg' instead of 'postgres')"
    if isinstance(error, NoSuchModuleError | ModuleNotFoundError):
        return f" ({error})"
    return " (its port is not a number)" if isinstance(error, ValueError) else ""


_SECRET_FIELD = re.compile(r"([?&;][^=&;]*(?:pass|pwd|secret|token|key)[^=&;]*=)[^&;]*", re.IGNORECASE)


def hide_password(url: str) -> str:
    """Return a URL, valid or not, without the user's password and without secrets in its query.

    Everything between ``//`` and the last ``@`` is hidden, since a password that is not percent-encoded may
    contain any character.
    """
    return _SECRET_FIELD.sub(r"\1…", re.sub(r"//.*@", "//…@", url, flags=re.DOTALL))


def _prepare_sqlite(engine: Engine, *, may_attach: bool) -> None:
    database = engine.url.database
    file = watch_file(engine, Path(database)) if database and database != ":memory:" else None

    def connected(connection: sqlite3.Connection, _record: object) -> None:
        # By default the driver begins a transaction at the first write. What was read before it could then be
        # out of date, so every transaction is begun in `begun`.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        # otherwise REPLACE would delete rows of append-only tables without calling their triggers
        connection.execute("PRAGMA recursive_triggers = ON")
        if not may_attach:
            connection.set_authorizer(_refuse_attach)

    def begun(connection: Connection) -> None:
        immediate = connection.get_execution_options().get(_IMMEDIATE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
        # only now, since beginning the transaction opens the WAL, which is checked too
        if file is not None:
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
    """Open a read-only session that sees one snapshot of the database.

    Raises:
        DatabaseError: the database cannot be reached or is damaged.
    """
    if engine.dialect.name == "postgresql":
        # its default, READ COMMITTED, takes a new snapshot for each statement
        engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with _reraise_unusable(engine), Session(engine) as session:
        yield session
        if engine.dialect.name == "postgresql":
            # The driver drops its prepared statements at a rollback. Nothing is written: without objects
            # there is nothing to flush, and the transaction is read-only.
            session.expunge_all()
            session.commit()
        else:
            session.rollback()


@contextlib.contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """Open one transaction, which is durable when the block has ended.

    On SQLite the transaction holds the only write lock from its start (BEGIN IMMEDIATE), so that what it
    reads stays true until the commit; writers queue for it (`rater.store.writer_lock`). PostgreSQL has no
    such lock: a query whose rows must not change locks them (SELECT … FOR UPDATE).

    Raises:
        DatabaseError: the database cannot be reached, is damaged, stays locked for 30 s, or its file was
            deleted or replaced before the commit had ended.
    """
    with _reraise_unusable(engine), _queue(engine), Session(engine) as session, session.begin():
        # A session begins its transaction with its first query. Begin now, so that the lock is held from the
        # start of the block.
        session.connection(execution_options={_IMMEDIATE: True})
        yield session
    file = open_file(engine)
    # A commit to a file that was deleted meanwhile succeeds and is lost: fail before a caller confirms it.
    if file is not None:
        file.require_same()


@contextlib.contextmanager
def writing_rows(engine: Engine) -> Iterator[Connection]:
    """Open one transaction as `writing` does, for statements that map no objects; a session costs more time.

    Raises:
        DatabaseError: as `writing`.
    """
    with _reraise_unusable(engine), _queue(engine), engine.connect() as connection:
        connection.execution_options(**{_IMMEDIATE: True})
        with connection.begin():
            yield connection
    file = open_file(engine)
    if file is not None:  # as in `writing`
        file.require_same()


def connection_of(at: Session | Connection) -> Connection:
    """Return the connection of a transaction; what its session is about to write is written first."""
    if isinstance(at, Connection):
        return at
    at.flush()
    return at.connection()


def overwrite_deleted(session: Session) -> None:
    """Let SQLite write zeros over what this connection deletes, instead of leaving it in free pages."""
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("PRAGMA secure_delete = ON"))


def empty_wal(engine: Engine) -> None:
    """Checkpoint SQLite's WAL, so that the database file is complete without it.

    Raises:
        DatabaseError: the disk is full; all committed data is still in the WAL.
    """
    if engine.dialect.name != "sqlite":
        return
    with contextlib.closing(engine.raw_connection()) as connection:
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            msg = f"The WAL of {engine.url.database} cannot be emptied: {error}. No data is lost."
            raise DatabaseError(msg) from error


def _queue(engine: Engine) -> contextlib.AbstractContextManager[None]:
    database = engine.url.database
    if engine.dialect.name != "sqlite" or not database or database == ":memory:":
        return contextlib.nullcontext()
    return writer_lock(Path(database), timeout_s=BUSY_TIMEOUT_MS / 1000)


@contextlib.contextmanager
def _reraise_unusable(engine: Engine) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        if not _is_about_the_file_or_server(error):
            raise
        shown = without_secrets(engine.url)
        reason = " ".join(str(error.orig).split()).rstrip(".")
        msg = (
            f"The database {shown} cannot be used: {reason}. It must exist, be writable and have disk space."
        )
        raise DatabaseError(msg) from error


def _is_about_the_file_or_server(error: DBAPIError) -> bool:
    if isinstance(error.orig, sqlite3.DatabaseError):
        # Python's classes do not separate the two: a missing table (our bug) is an OperationalError, and a
        # damaged file is only a DatabaseError. SQLite's own error codes do.
        primary = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        damaged = primary in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}
        return damaged or (isinstance(error, OperationalError) and primary != sqlite3.SQLITE_ERROR)
    # an error without a statement is one of connecting, such as an unknown option in the URL's query
    return isinstance(error, OperationalError) or error.statement is None


def open_read_only(url: str) -> Engine:
    """Return an engine that only reads; a SQLite file may be on a read-only medium.

    A SQLite file without a WAL is not in use. It is opened as immutable: without locks, and without creating
    files next to it. A file with a WAL is read with the usual locks, in one snapshot.

    Raises:
        DatabaseError: the file does not exist, or the URL is malformed.
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
        msg = f"The database file {path} does not exist."
        raise DatabaseError(msg)
    mode = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"
    engine = create_engine(f"sqlite:///{path.resolve().as_uri()}?{mode}&uri=true", hide_parameters=True)

    def connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine
