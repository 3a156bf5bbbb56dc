"""Keep the desk's previews where every server finds them.

A preview is a small SQLite database of its own (`rater.web.desk.preview`). With one server it is a file. With
several servers on one PostgreSQL database, any of them may get the next request of a preview, so its content
is kept here, compressed, with a version that grows with each change.
"""

from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from rater.store.rating.schema import DeskPreview


def insert_preview(session: Session, key: str, content: bytes, *, now: datetime) -> None:
    """Store a new preview with version 1. Costs one insert."""
    session.execute(insert(DeskPreview).values(key=key, version=1, content=content, made_at=now))


def has_preview(session: Session, key: str) -> bool:
    """Return whether a preview is stored. Costs one query."""
    return session.scalar(select(DeskPreview.version).where(DeskPreview.key == key)) is not None


def list_previews(session: Session) -> set[str]:
    """Return the names of all previews. Costs one query."""
    return set(session.scalars(select(DeskPreview.key)))


def lock_preview(session: Session, key: str) -> int | None:
    """Lock a preview until the commit, so that its requests are answered in turn; returns its version.

    Must run in a `writing` transaction. Costs one query.
    """
    return session.scalar(select(DeskPreview.version).where(DeskPreview.key == key).with_for_update())


def read_preview(session: Session, key: str) -> bytes:
    """Read the content of a preview that is locked. Costs one query."""
    return session.scalars(select(DeskPreview.content).where(DeskPreview.key == key)).one()


def update_preview(session: Session, key: str, content: bytes, *, version: int) -> None:
    """Store a new version of a preview that is locked. Costs one update."""
    session.execute(
        update(DeskPreview).where(DeskPreview.key == key).values(content=content, version=version)
    )


def delete_old_previews(session: Session, *, n_kept: int, made_before: datetime) -> None:
    """Delete all but the newest previews, and those made before a time. Costs two deletes."""
    session.execute(delete(DeskPreview).where(DeskPreview.made_at < made_before))
    newest = select(DeskPreview.key).order_by(DeskPreview.made_at.desc(), DeskPreview.key).limit(n_kept)
    session.execute(delete(DeskPreview).where(DeskPreview.key.not_in(newest)))
