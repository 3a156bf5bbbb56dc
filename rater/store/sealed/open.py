"""Open the sealed database, whose file only its owner can read."""

import os
from pathlib import Path

from sqlalchemy import Engine

from rater.errors import MissingSealedError
from rater.store.engine import (
    OWNER_ONLY,
    dispose_on_error,
    make_parent,
    open_engine,
    reraise_unusable_file,
    sqlite_path,
)
from rater.store.migrate import current_revision, prepare, require_current, require_kind


def open_sealed(url: str) -> Engine:
    """Open a sealed database that is there already; a file that others could read is closed to them first.

    Raises:
        MissingSealedError: it is missing.
        DatabaseError: it is of another revision, or a file that is not ours to close.
    """
    path = sqlite_path(url)
    if path is not None and not path.is_file():
        msg = f"There is no sealed database {path} yet. Generate a study first. Run: rater generate FILE"
        raise MissingSealedError(msg)
    if path is not None:
        _close_to_others(path)
    engine = open_engine(url)
    with dispose_on_error(engine):
        require_current(engine, "sealed")
    return engine


def open_sealed_if_begun(url: str) -> Engine | None:
    """Open a sealed database; None where there is none yet, or one that was stopped before it had tables.

    Raises:
        DatabaseError: it is of another kind or revision.
    """
    path = sqlite_path(url)
    if path is not None and not path.is_file():
        return None
    engine = open_engine(url)
    with dispose_on_error(engine):
        require_kind(engine, "sealed")
        is_begun = current_revision(engine) is not None
    engine.dispose()
    return open_sealed(url) if is_begun else None


def create_sealed(url: str) -> Engine:
    """Open a sealed database, made first if it is missing, with mode 0600 (its WAL inherits the mode).

    Raises:
        DatabaseError: it cannot be made or is of another revision.
    """
    path = sqlite_path(url)
    if path is not None:
        make_parent(path)
        with reraise_unusable_file(path):
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, OWNER_ONLY))
        _close_to_others(path)
    engine = open_engine(url)
    with dispose_on_error(engine):
        prepare(engine, "sealed")
    return engine


def _close_to_others(path: Path) -> None:
    if path.stat().st_mode & 0o077:
        with reraise_unusable_file(path):
            path.chmod(OWNER_ONLY)
