"""Copy both databases while they are in use, once or at regular times, and delete old copies."""

import logging
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rater.errors import DatabaseError
from rater.store.engine import OWNER_ONLY, reraise_unusable_file, shown_url, sqlite_path
from rater.temp_files import locked, remove_abandoned

_BUSY_S = 30.0
_log = logging.getLogger("rater.backup")
_NAME = re.compile(r"(rating|sealed)-\d{8}T\d{6}Z\.db")
UNFINISHED = ".unfinished"
"""The suffix of an unfinished copy."""


@dataclass(frozen=True)
class Copied:
    """A copy that was made."""

    which: str
    path: Path
    n_bytes: int


def back_up(rating_url: str, sealed_url: str, folder: Path, *, now: datetime) -> list[Copied]:
    """Copy the existing databases into a folder, each as of one moment.

    The rating database comes first: what it knows of a publication the sealed one knew before, so that the
    pair fits together. A copy is checked before it gets its name, so that half a copy is never taken for one.
    Only its owner may read it.

    Raises:
        DatabaseError: neither exists, one is not a SQLite file, or a copy fails or is damaged.
    """
    wanted = [(which, _file(url)) for which, url in (("rating", rating_url), ("sealed", sealed_url))]
    there = [(which, path) for which, path in wanted if path.is_file()]
    if not there:
        msg = f"Nothing to back up: neither {wanted[0][1]} nor {wanted[1][1]} exists."
        raise DatabaseError(msg)
    with reraise_unusable_file(folder, what="folder of copies"):
        folder.mkdir(exist_ok=True)  # a misspelt path is refused, not made
    _remove_unfinished(folder)
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    return [_copy(which, path, folder / f"{which}-{stamp}.db") for which, path in there]


def delete_old_copies(folder: Path, *, n_kept: int) -> list[Path]:
    """Delete all but the newest copies of each database in a folder; returns the deleted files.

    Only files that have the name of a copy are deleted.

    Raises:
        DatabaseError: a file cannot be deleted.
    """
    by_database: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir(), reverse=True):  # the time is in the name
        named = _NAME.fullmatch(path.name)
        if named is not None:
            by_database.setdefault(named[1], []).append(path)
    old = [path for paths in by_database.values() for path in paths[n_kept:]]
    for path in old:
        with reraise_unusable_file(path, what="old copy"):
            path.unlink(missing_ok=True)
    return old


def back_up_repeatedly(
    back_up_once: Callable[[], Sequence[Copied]], *, every_s: float, wait: Callable[[float], bool]
) -> Iterator[Sequence[Copied]]:
    """Back up now and at regular times; yields the copies of each time.

    A failure of the first backup is raised, since it is most likely a mistake in its settings. A later one is
    logged, and the next backup is made at its time.

    Args:
        back_up_once: Makes the copies of one time.
        every_s: Seconds from the beginning of one backup to that of the next.
        wait: Waits some seconds; returns True if the backups should end.

    Raises:
        DatabaseError: the first backup failed.
    """
    due = time.monotonic() + every_s
    yield back_up_once()
    while not wait(max(0.0, due - time.monotonic())):
        # a backup that was due while this machine slept is made once
        due = max(due, time.monotonic()) + every_s
        try:
            copies = back_up_once()
        except DatabaseError as error:
            _log.error("No backup was made: %s", error)
        else:
            yield copies


def _remove_unfinished(folder: Path) -> None:
    """Remove copies left by a killed process, which may contain the key, with SQLite's files next to them."""
    for which in ("rating", "sealed"):
        remove_abandoned(folder, f"{which}-*{UNFINISHED}")
        for path in folder.glob(f"{which}-*{UNFINISHED}-*"):
            if not path.with_name(path.name.rpartition("-")[0]).exists():
                path.unlink(missing_ok=True)


def _file(url: str) -> Path:
    path = sqlite_path(url)
    if path is None:
        msg = f"{shown_url(url)} is not a SQLite file. Back it up with its own tools, such as pg_dump."
        raise DatabaseError(msg)
    return path


def _copy(which: str, source: Path, target: Path) -> Copied:
    unfinished = target.with_suffix(UNFINISHED)
    with reraise_unusable_file(target, what="copy"):
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OWNER_ONLY))
        try:
            with locked(unfinished):
                _copy_pages(source, unfinished)
                _sync(unfinished)
                unfinished.rename(target)
            _sync(target.parent)
        finally:
            unfinished.unlink(missing_ok=True)
    return Copied(which, target, target.stat().st_size)


def _copy_pages(source: Path, target: Path) -> None:
    """Copy all pages in one step under one read lock; concurrent writes go to the WAL and are not copied."""
    try:
        with (
            closing(
                sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True, timeout=_BUSY_S)
            ) as read,
            closing(sqlite3.connect(target, timeout=_BUSY_S)) as written,
        ):
            read.backup(written, pages=-1)
            # without a WAL the copy is a single file
            written.execute("PRAGMA journal_mode = DELETE")
            (state,) = written.execute("PRAGMA integrity_check").fetchone()
    except sqlite3.Error as error:
        msg = f"{source} cannot be copied to {target.parent}: {error}."
        raise DatabaseError(msg) from error
    if state != "ok":
        msg = f"{source} is damaged, so its copy is too: {state}."
        raise DatabaseError(msg)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
