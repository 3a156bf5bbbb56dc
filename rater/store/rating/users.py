"""Users of the desk and their login sessions.

A password is kept as an Argon2id hash (argon2-cffi with its defaults, RFC 9106's second recommendation), a
session as the digest of a random token: a copy of the database lets nobody log in.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from rater.errors import StateError, nearest
from rater.store.rating.schema import DeskGrant, DeskSession, DeskUser, StudyRole

MIN_PASSWORD_LENGTH = 10
MAX_PASSWORD_LENGTH = 1_000
IDLE_FOR = timedelta(hours=1)
"""A session expires after this time without a request."""
LASTS_FOR = timedelta(hours=12)
"""A session expires this long after it began, in any case."""
_SEEN_WITHIN = timedelta(minutes=1)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_HASHER = PasswordHasher()


@dataclass(frozen=True)
class User:
    """An experimenter."""

    id: int
    name: str
    made_at: datetime
    role: StudyRole | None
    """The role in every study; None for a user of the granted studies only."""
    sees_identifiers: bool
    """True if the user may see participants' identifiers in every study."""


def add_user(session: Session, name: str, password: str, *, now: datetime) -> None:
    """Add an experimenter, as an owner of every study. Takes 50 ms, for the hash.

    Raises:
        StateError: the name is taken or is none, or the password is too short.
    """
    if not _NAME.fullmatch(name):
        msg = (
            f"{name!r} is not a valid user name; valid: up to 64 letters, digits and . _ @ -, starting with "
            "a letter or digit."
        )
        raise StateError(msg)
    if _find(session, name) is not None:
        msg = f"There is a user {name!r} already. Another password: rater user password {name}"
        raise StateError(msg)
    session.add(DeskUser(name=name, password_hash=_hash(password), made_at=now, role=StudyRole.OWNER))


def change_password(session: Session, name: str, password: str) -> None:
    """Give a user another password, and log them out everywhere.

    Raises:
        StateError: the user does not exist, or the password is too short.
    """
    user = get_user(session, name)
    user.password_hash = _hash(password)
    session.execute(delete(DeskSession).where(DeskSession.user_id == user.id))


def remove_user(session: Session, name: str) -> None:
    """Remove a user, and log them out everywhere.

    Raises:
        StateError: the user does not exist.
    """
    user = get_user(session, name)
    for table in (DeskSession, DeskGrant):
        session.execute(delete(table).where(table.user_id == user.id))
    session.delete(user)


def list_users(session: Session) -> list[User]:
    """List the experimenters by name. Costs one query."""
    rows = session.scalars(select(DeskUser).order_by(DeskUser.name))
    return [_user_of(row) for row in rows]


def read_password_hash(session: Session, name: str) -> str:
    """Read the hash that a password is checked against, for an unknown user one that no password fits."""
    user = _find(session, name)
    return user.password_hash if user else _unknown_user_hash()


def is_password(password_hash: str, password: str) -> bool:
    """Check a password. Takes 50 ms, whether it is right or wrong; call it outside of a transaction."""
    try:
        return _HASHER.verify(password_hash, password[:MAX_PASSWORD_LENGTH])
    except (VerificationError, InvalidHashError):
        return False


def begin_session(session: Session, name: str, *, now: datetime) -> str:
    """Log a user in, and return the random token (256 bits) that their browser keeps. Costs three queries.

    Raises:
        StateError: the user is not there any more.
    """
    session.execute(delete(DeskSession).where(_is_over(now)))
    token = secrets.token_urlsafe(32)
    session.add(
        DeskSession(
            token_digest=_digest(token), user_id=get_user(session, name).id, begun_at=now, seen_at=now
        )
    )
    return token


def find_session(session: Session, token: str, *, now: datetime) -> tuple[User, bool] | None:
    """Find the user of a token, and whether to update the time they were last seen; None if it expired.

    Costs one query.
    """
    row = session.execute(
        select(DeskUser, DeskSession)
        .join(DeskSession, DeskSession.user_id == DeskUser.id)
        .where(DeskSession.token_digest == _digest(token), ~_is_over(now))
    ).first()
    if row is None:
        return None
    user, found = row
    return _user_of(user), now - found.seen_at > _SEEN_WITHIN


def note_seen(session: Session, token: str, *, now: datetime) -> None:
    """Update the time a desk user was last seen, so that their session continues."""
    found = session.get(DeskSession, _digest(token))
    if found is not None:
        found.seen_at = now


def end_session(session: Session, token: str) -> None:
    """Log a browser out."""
    session.execute(delete(DeskSession).where(DeskSession.token_digest == _digest(token)))


def _user_of(row: DeskUser) -> User:
    return User(row.id, row.name, row.made_at, row.role, row.sees_identifiers)


def _is_over(now: datetime) -> ColumnElement[bool]:
    return (DeskSession.seen_at < now - IDLE_FOR) | (DeskSession.begun_at < now - LASTS_FOR)


def _hash(password: str) -> str:
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        msg = (
            f"The password has {len(password)} characters; valid: {MIN_PASSWORD_LENGTH} to "
            f"{MAX_PASSWORD_LENGTH}, such as four random words."
        )
        raise StateError(msg)
    return _HASHER.hash(password)


@cache
def _unknown_user_hash() -> str:
    """Hash a random password once in a process, so that an unknown name takes as long as a known one."""
    return _HASHER.hash(secrets.token_urlsafe(32))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _find(session: Session, name: str) -> DeskUser | None:
    return session.scalars(select(DeskUser).where(DeskUser.name == name)).first()


def get_user(session: Session, name: str) -> DeskUser:
    """Return the row of a user. Costs one query.

    Raises:
        StateError: the user does not exist.
    """
    user = _find(session, name)
    if user is None:
        names = session.scalars(select(DeskUser.name)).all()
        msg = f"Unknown user {name!r}.{nearest(name, names) if names else ' There is none yet.'}"
        raise StateError(msg)
    return user
