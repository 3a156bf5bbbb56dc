"""The two databases of a workspace: their default places, and the user who works with them."""

import getpass
import os
from pathlib import Path
from typing import NamedTuple

DEFAULT_FOLDER = "rater-data"


class Databases(NamedTuple):
    """The URLs of a study's two halves."""

    sealed_url: str
    rating_url: str


def as_url(place: str | Path) -> str:
    """Return a database URL; a path is the path of an SQLite file."""
    return str(place) if "://" in str(place) else f"sqlite:///{place}"


def databases_in(folder: str | Path) -> Databases:
    """Return the URLs of the two SQLite files in a folder."""
    return Databases(as_url(Path(folder) / "sealed.db"), as_url(Path(folder) / "rating.db"))


def current_user() -> str:
    """Return the login name of the user, or "uid 12345" where the system has no name for the user's number.

    A container that runs as an arbitrary number has no entry in the password database.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"
