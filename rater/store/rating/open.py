"""Open the rating database."""

import os

from sqlalchemy import Engine

from rater.errors import DatabaseError
from rater.store.engine import (
    OWNER_ONLY,
    dispose_on_error,
    make_parent,
    open_engine,
    reraise_unusable_file,
    sqlite_path,
)
from rater.store.migrate import prepare, require_current


def open_rating(url: str) -> Engine:
    """Open a rating database that is there already, as the web process and raters do; ATTACH is refused.

    Raises:
        DatabaseError: it is missing or of another revision.
    """
    path = sqlite_path(url)
    if path is not None and not path.is_file():
        msg = f"There is no rating database {path} yet. Publish a study first. Run: rater publish STUDY"
        raise DatabaseError(msg)
    engine = open_engine(url, may_attach=False)
    with dispose_on_error(engine):
        require_current(engine, "rating")
    return engine


def create_rating(url: str) -> Engine:
    """Open a rating database, made first if it is missing, as `publish` does.

    A new one only its owner can read, and its WAL inherits the mode; one that is there keeps the mode that it
    was given, so that a web process of another user can be let in.

    Raises:
        DatabaseError: it cannot be made or is of another revision.
    """
    path = sqlite_path(url)
    if path is not None:
        make_parent(path)
        with reraise_unusable_file(path):
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, OWNER_ONLY))
    engine = open_engine(url)
    with dispose_on_error(engine):
        prepare(engine, "rating")
    return engine
