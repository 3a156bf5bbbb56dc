"""Keep the temporary databases of previews: files of this server, also stored in PostgreSQL if that is used.

With SQLite there is one server, and a copy is a file in a folder that all its workers share. With PostgreSQL
the next request of a preview may come to any server. Each has a file to work on. It is brought up to date
before a request, and stored afterwards if the request changed it, under a lock on the preview's row.
"""

import contextlib
import hashlib
import re
import sqlite3
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from flask import abort

from rater.store.engine import reading, writing
from rater.store.rating import previews
from rater.web.settings import running

_NAME = re.compile(r"[A-Za-z0-9_-]{22}\.[0-9a-f]{16}")
_MAX_COPIES = 20
_KEPT_S = 6 * 3600.0
_BUSY_S = 30.0
# The header of a SQLite file has two bytes that are 2 in WAL mode, which a database in memory cannot have.
_MODE_BYTES, _NO_WAL = slice(18, 20), b"\x01\x01"


def copies_folder() -> Path:
    """Return the folder of this server's copies; 404 if it keeps none."""
    folder = running().settings.previews_folder
    if folder is None:
        abort(404)
    return folder


def copy_name(study_name: str, key: str) -> str:
    """Return the name of a copy, of which the study is a part: a right in one study opens no other's copy.

    Args:
        study_name: The name of the study.
        key: The random key of the copy, as it was sent.
    """
    return f"{key}.{hashlib.sha256(study_name.encode()).hexdigest()[:16]}"


def keep_copy(name: str, unfinished: Path) -> None:
    """Give a finished copy its name, and store it for the other servers; older copies make room.

    Args:
        name: The copy's name (`copy_name`).
        unfinished: Its file, in the folder of copies.
    """
    folder = copies_folder()
    if _is_shared():
        now = running().settings.now()
        with closing(sqlite3.connect(unfinished)) as copy:
            content = _pack(copy, version=1)
        with writing(running().engine) as session:
            before = now - timedelta(seconds=_KEPT_S)
            previews.delete_old_previews(session, n_kept=_MAX_COPIES - 1, made_before=before)
            previews.insert_preview(session, name, content, now=now)
            stored = previews.list_previews(session)
        _remove(path for path in folder.glob("*.db") if path.stem not in stored)
    else:
        _remove(_old_files(folder))
    unfinished.rename(folder / f"{name}.db")


def has_copy(name: str) -> bool:
    """Return whether a copy is still there. Costs a query with PostgreSQL."""
    if _NAME.fullmatch(name) is None:
        return False
    if _is_shared():
        with reading(running().engine) as session:
            return previews.has_preview(session, name)
    return (copies_folder() / f"{name}.db").is_file()


@contextlib.contextmanager
def using_copy(name: str) -> Iterator[Path | None]:
    """Yield the file of a copy for one request, or None if there is no such copy.

    Costs nothing with SQLite; a query with PostgreSQL, two if another server answered the last request, and
    an update if the request changes the copy.
    """
    if _NAME.fullmatch(name) is None:
        yield None
        return
    path = copies_folder() / f"{name}.db"
    if not _is_shared():
        yield path if path.is_file() else None
        return
    with writing(running().engine) as session:
        version = previews.lock_preview(session, name)
        if version is None:
            yield None
            return
        with closing(sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)) as copy:
            if _version_of(copy) != version:
                _unpack(previews.read_preview(session, name), copy)
            before = _changes_by_others(copy)
            try:
                yield path
            except BaseException:
                copy.execute("PRAGMA user_version = 0")  # what is stored is read again
                raise
            if _changes_by_others(copy) != before:
                version += 1
                previews.update_preview(session, name, _pack(copy, version=version), version=version)


def _is_shared() -> bool:
    return running().engine.dialect.name == "postgresql"


def _version_of(copy: sqlite3.Connection) -> int:
    return int(copy.execute("PRAGMA user_version").fetchone()[0])


def _changes_by_others(copy: sqlite3.Connection) -> int:
    """Return a number that changes when another connection has changed the file."""
    return int(copy.execute("PRAGMA data_version").fetchone()[0])


def _pack(copy: sqlite3.Connection, *, version: int) -> bytes:
    """Number the content of a copy with a version, and return it compressed."""
    copy.execute(f"PRAGMA user_version = {version:d}")
    content = bytearray(copy.serialize())
    content[_MODE_BYTES] = _NO_WAL
    return zlib.compress(content, level=1)


def _unpack(content: bytes, copy: sqlite3.Connection) -> None:
    """Overwrite a copy in one transaction, since an app of this server may have the file open."""
    with closing(sqlite3.connect(":memory:")) as stored:
        stored.deserialize(zlib.decompress(content))
        stored.backup(copy, pages=-1)


def _old_files(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder that are too old, or have too many newer ones."""
    made_at: dict[Path, float] = {}
    for path in folder.glob("*.db"):
        with contextlib.suppress(FileNotFoundError):  # another process makes room too
            made_at[path] = path.stat().st_mtime
    newest_first = sorted(made_at, key=lambda path: made_at[path], reverse=True)
    for number, path in enumerate(newest_first):
        if number >= _MAX_COPIES - 1 or time.time() - made_at[path] > _KEPT_S:
            yield path


def _remove(copies: Iterable[Path]) -> None:
    """Remove the files of copies, with SQLite's own next to them."""
    for path in list(copies):
        for file in path.parent.glob(f"{path.stem}.*"):
            file.unlink(missing_ok=True)
