"""Open a database to verify it: without writing to it, and from a read-only medium too."""

import sqlite3

from sqlalchemy import Engine, create_engine, event

from rater.errors import DatabaseError
from rater.store.engine import BUSY_TIMEOUT_MS, open_engine, sqlite_path


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
