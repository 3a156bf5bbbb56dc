"""A published study whose sealed database is missing: only a backup has its key."""

import contextlib
from collections.abc import Iterator

from sqlalchemy import Engine

from rater.errors import DatabaseError, MissingSealedError, NotGeneratedError, SealError
from rater.store.engine import disposing, reading, sqlite_path
from rater.store.rating.open import open_rating
from rater.store.rating.studies import PublishedStudy, find_study
from rater.store.sealed.open import open_sealed_if_begun
from rater.store.sealed.studies import find_sealed_study, find_secrets


@contextlib.contextmanager
def explain_lost_key(rating: str | Engine, name: str) -> Iterator[None]:
    """Turn "generate it first" into "restore a backup" where the rating database has the study published.

    Raises:
        SealError: the sealed database is missing, or lacks the study, and the study is published.
    """
    try:
        yield
    except (MissingSealedError, NotGeneratedError) as error:
        published = _find_published(rating, name)
        if published is None:
            raise
        raise SealError(lost_key(published)) from error


def require_key(sealed_url: str, rating_url: str, name: str) -> None:
    """Refuse to generate a study that is published while the sealed database has no key to it.

    Raises:
        SealError: it is so.
    """
    published = _find_published(rating_url, name)
    if published is not None and not _has_key(sealed_url, name):
        raise SealError(lost_key(published))


def lost_key(published: PublishedStudy) -> str:
    """Write what to do where a published study has no key."""
    return (
        f"The sealed database has no key to study {published.name!r}, which was published on "
        f"{published.published_at:%Y-%m-%d %H:%M} UTC. Restore the sealed database from a backup (rater "
        "backup makes them), or name the one that the study was published from with --sealed (or "
        "RATER_SEALED). Making the study again does not help: its texts would get another key."
    )


def _find_published(rating: str | Engine, name: str) -> PublishedStudy | None:
    if isinstance(rating, Engine):
        with reading(rating) as session:
            return find_study(session, name)
    path = sqlite_path(rating)
    if path is not None and not path.is_file():
        return None
    try:
        with disposing(open_rating(rating)) as engine, reading(engine) as session:
            return find_study(session, name)
    except DatabaseError:  # it cannot be read here, and nothing is known then
        return None


def _has_key(sealed_url: str, name: str) -> bool:
    sealed = open_sealed_if_begun(sealed_url)
    if sealed is None:
        return False
    with disposing(sealed), reading(sealed) as session:
        kept = find_sealed_study(session, name)
        return kept is not None and find_secrets(session, kept.id) is not None
