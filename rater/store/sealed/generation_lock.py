"""One generation of a study at a time: a file lock next to a SQLite file, an advisory lock in PostgreSQL.

Both are released by the system when a process ends in whatever way, so that none is left by one that was
killed.
"""

import contextlib
import errno
import hashlib
import os
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout
from sqlalchemy import text

from rater.errors import StateError
from rater.store.engine import (
    OWNER_ONLY,
    dispose_on_error,
    make_parent,
    open_engine,
    reading,
    reraise_unusable_file,
    sqlite_path,
)

_HOLDER = text(
    "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) "
    "WHERE locktype = 'advisory' AND granted AND database = "
    "(SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND ((classid::bigint << 32) | objid::bigint) = :key"
)


class GenerationLock:
    """Held by the process that generates a study; entering it takes the lock where its folder is there.

    Raises:
        StateError: another process generates the study.
        DatabaseError: the database cannot be reached.
    """

    def __init__(self, sealed_url: str, study_name: str) -> None:
        self._url, self._name = sealed_url, study_name
        self._path = sqlite_path(sealed_url)
        self._held = contextlib.ExitStack()
        self._is_held = False

    def __enter__(self) -> Self:
        if self._path is None or self._path.parent.is_dir():
            self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._held.close()
        self._is_held = False

    def acquire(self) -> None:
        """Take the lock, unless this process has it already; the database's folder is made for it."""
        if self._is_held:
            return
        try:
            if self._path is not None:
                self._lock_file(self._path)
            elif not self._url.startswith("sqlite"):
                self._lock_in_server()
        except BaseException:
            self._held.close()
            raise
        self._is_held = True

    def _lock_file(self, database: Path) -> None:
        make_parent(database)
        path = database.with_name(f"{database.name}-generate-{self._name}.lock")
        holder = path.with_suffix(".pid")
        lock = FileLock(path, timeout=0, mode=OWNER_ONLY)
        with reraise_unusable_file(path, what="lock file"):
            try:
                self._held.enter_context(lock)
            except NotImplementedError:
                return  # a file system without locks
            except Timeout as error:
                if not path.exists():  # filelock also waits for a folder that cannot be written to
                    raise OSError(errno.EACCES, os.strerror(errno.EACCES)) from error
                raise _running(self._name, _read(holder)) from error
            holder.write_text(f"process {os.getpid()}", encoding="utf-8")
        self._held.callback(holder.unlink, missing_ok=True)

    def _lock_in_server(self) -> None:
        engine = open_engine(self._url)
        self._held.callback(engine.dispose)
        with dispose_on_error(engine), reading(engine) as session:
            session.execute(text("SELECT 1"))  # raises where the server cannot be reached
        connection = self._held.enter_context(
            # not within a transaction, which would keep the server from cleaning up for hours
            engine.execution_options(isolation_level="AUTOCOMMIT").connect()
        )
        digest = hashlib.sha256(f"rater generate {self._name}".encode()).digest()
        key = int.from_bytes(digest[:8], "big") >> 1  # 63 bits
        if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar_one():
            raise _running(self._name, connection.execute(_HOLDER, {"key": key}).scalar() or "")
        who = f"process {os.getpid()} on {socket.gethostname()}"[:60]
        connection.execute(text("SELECT set_config('application_name', :who, false)"), {"who": who})


def _running(name: str, holder: str) -> StateError:
    who = f" ({holder})" if holder else ""
    msg = f"Another rater generate of this study is running{who}: {name!r}. Wait for it, or stop it first."
    return StateError(msg)


def _read(holder: Path) -> str:
    try:
        return holder.read_text(encoding="utf-8")
    except OSError:
        return ""
