"""Rights of the desk's users: a role in every study, and roles in single studies.

A role decides what a user may change. Whether the user may see participants' identifiers is a right of its
own: a monitor may have it, for payments, and an owner may lack it, to stay masked.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from rater.errors import StateError
from rater.store.log import EventKind, append_event
from rater.store.rating.schema import DeskGrant, DeskUser, EventRow, StudyRole, StudyRow
from rater.store.rating.studies import get_study
from rater.store.rating.users import User, get_user


@dataclass(frozen=True)
class Rights:
    """The rights of a user in one study."""

    role: StudyRole
    sees_identifiers: bool

    @property
    def may_change(self) -> bool:
        """True if the user may change the study: open or close it, invite, amend."""
        return self.role is StudyRole.OWNER


@dataclass(frozen=True)
class Grant:
    """A role in one study that was granted to a user."""

    user: str
    study: str
    rights: Rights


def rights_in(session: Session, user: User, study: str) -> Rights | None:
    """Return the rights of a user in a study; None where the user has no role in it.

    The role in every study and the granted one are combined: the higher role applies, and one of them is
    enough to see identifiers. Costs one query, or none for an owner of every study who sees identifiers.
    """
    everywhere = None if user.role is None else Rights(user.role, user.sees_identifiers)
    if everywhere == Rights(StudyRole.OWNER, sees_identifiers=True):
        return everywhere
    granted = session.execute(
        select(DeskGrant.role, DeskGrant.sees_identifiers)
        .join(StudyRow, StudyRow.id == DeskGrant.study_id)
        .where(DeskGrant.user_id == user.id, StudyRow.name == study)
    ).first()
    if granted is None:
        return everywhere
    if everywhere is None:
        return Rights(granted.role, granted.sees_identifiers)
    is_owner = StudyRole.OWNER in {everywhere.role, granted.role}
    return Rights(
        StudyRole.OWNER if is_owner else StudyRole.MONITOR,
        sees_identifiers=everywhere.sees_identifiers or granted.sees_identifiers,
    )


def studies_granted(session: Session, user: User) -> frozenset[int] | None:
    """Return the ids of the studies that a user may see; None for all. Costs up to one query."""
    if user.role is not None:
        return None
    return frozenset(session.scalars(select(DeskGrant.study_id).where(DeskGrant.user_id == user.id)))


def set_role(session: Session, name: str, role: StudyRole | None, *, sees_identifiers: bool) -> None:
    """Set the role of a user in every study; None leaves the user with the granted studies only.

    Raises:
        StateError: the user does not exist, or is to see identifiers without a role.
    """
    if role is None and sees_identifiers:
        msg = (
            "The role none cannot see identifiers in every study. Grant it in one study: "
            f"rater user grant {name} STUDY ROLE --identifiers"
        )
        raise StateError(msg)
    user = get_user(session, name)
    user.role, user.sees_identifiers = role, sees_identifiers


def grant(session: Session, name: str, study: str, rights: Rights, *, by: str, now: datetime) -> str:
    """Set the role of a user in one study, and return the new head of the study's log.

    Must run in a `writing` transaction.

    Raises:
        StateError: the user does not exist, or the study is not published.
    """
    user, study_id = get_user(session, name), _lock_study(session, study)
    row = session.get(DeskGrant, (user.id, study_id)) or DeskGrant(user_id=user.id, study_id=study_id)
    row.role, row.sees_identifiers = rights.role, rights.sees_identifiers
    session.add(row)
    return append_event(
        session,
        EventRow,
        study_id,
        kind=EventKind.GRANTED,
        at=now,
        by=by,
        user=name,
        role=rights.role.value,
        identifiers=rights.sees_identifiers,
    )


def revoke(session: Session, name: str, study: str, *, by: str, now: datetime) -> str:
    """Remove the role of a user in one study, and return the new head of the study's log.

    Must run in a `writing` transaction.

    Raises:
        StateError: the user does not exist or has no role in this study, or the study is not published.
    """
    user, study_id = get_user(session, name), _lock_study(session, study)
    row = session.get(DeskGrant, (user.id, study_id))
    if row is None:
        msg = f"User {name!r} has no role of their own in study {study!r}. Roles: rater user list"
        raise StateError(msg)
    session.delete(row)
    return append_event(
        session, EventRow, study_id, kind=EventKind.GRANTED, at=now, by=by, user=name, role=None
    )


def list_grants(session: Session) -> list[Grant]:
    """List the roles in single studies, by user and study. Costs one query."""
    rows = session.execute(
        select(DeskUser.name, StudyRow.name, DeskGrant.role, DeskGrant.sees_identifiers)
        .join(DeskGrant, DeskGrant.user_id == DeskUser.id)
        .join(StudyRow, StudyRow.id == DeskGrant.study_id)
        .order_by(DeskUser.name, StudyRow.name)
    )
    return [Grant(user, study, Rights(role, sees)) for user, study, role, sees in rows]


def _lock_study(session: Session, name: str) -> int:
    """Return the id of a study whose row is locked, so that nobody else appends to its log."""
    study_id = get_study(session, name).id
    session.get_one(StudyRow, study_id, with_for_update={"key_share": True})
    return study_id
