"""The two databases of a workspace: their places, the studies in them, and the user who works with them."""

import getpass
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rater.store.rating.studies import PublishedStudy

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


def user_for_log(who: str | None) -> str:
    """Return the person that the log names: by default the system's user."""
    return current_user() if who is None else who


def utc_now() -> datetime:
    """Return the time of an action on a study."""
    return datetime.now(UTC)


class DatabasePair:
    """A sealed and a rating database, and the published studies in them.

    Args:
        folder: The folder of the two SQLite files, made when it is needed.
        rating: URL of the rating database, or the path of its SQLite file, instead of the one in the folder.
        sealed: URL of the sealed database, or the path of its SQLite file, likewise.
    """

    def __init__(
        self,
        folder: str | Path = DEFAULT_FOLDER,
        *,
        rating: str | Path | None = None,
        sealed: str | Path | None = None,
    ) -> None:
        defaults = databases_in(folder)
        self.databases = Databases(
            sealed_url=defaults.sealed_url if sealed is None else as_url(sealed),
            rating_url=defaults.rating_url if rating is None else as_url(rating),
        )

    def __repr__(self) -> str:
        from rater.store.engine import shown_url

        rating, sealed = shown_url(self.rating_url), shown_url(self.sealed_url)
        return f"{type(self).__name__}(rating={rating!r}, sealed={sealed!r})"

    @property
    def rating_url(self) -> str:
        """URL of the rating database, which has no arms."""
        return self.databases.rating_url

    @property
    def sealed_url(self) -> str:
        """URL of the sealed database, which has the arms and the key."""
        return self.databases.sealed_url

    def find_published(self, name: str) -> "PublishedStudy | None":
        """Find a published study by its name; None if there is none."""
        from rater.publish.publish import find_published

        return find_published(self.rating_url, name)

    def get_published(self, name: str) -> "PublishedStudy":
        """Return a published study.

        Raises:
            DatabaseError: there is no rating database.
            StateError: the study is not published.
        """
        from rater.store.engine import disposing, reading
        from rater.store.rating.open import open_rating
        from rater.store.rating.studies import get_study

        with disposing(open_rating(self.rating_url)) as rating, reading(rating) as session:
            return get_study(session, name)

    def read_log_head(self, name: str) -> str:
        """Return the head of a published study's log; a copy of it proves later that the log is complete.

        Raises:
            StateError: the study is not published.
        """
        from rater.publish.publish import read_head

        return read_head(self.rating_url, name)
