"""Make personal links: each a random code, of which the database keeps only the digest."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from rater.store.rating.schema import Invitation
from rater.store.rating.sittings import digest


@dataclass(frozen=True)
class NewInvitation:
    """A personal link as it is handed out; its code cannot be read again."""

    label: str
    code: str


def make_invitations(
    session: Session, study_id: int, labels: Sequence[str], *, now: datetime
) -> list[NewInvitation]:
    """Make a personal link for each label. Costs one insert; must run in a `writing` transaction."""
    made = [NewInvitation(label, secrets.token_urlsafe(12)) for label in labels]
    rows = [
        {"code_digest": digest(each.code), "study_id": study_id, "label": each.label, "made_at": now}
        for each in made
    ]
    if rows:
        session.execute(insert(Invitation), rows)
    return made


class InvitationCounts(NamedTuple):
    """The number of a study's personal links, and of those that a rater came by."""

    n_made: int
    n_used: int


def count_invitations(session: Session, study_id: int) -> InvitationCounts:
    """Count a study's personal links. Costs one query."""
    made, used = session.execute(
        select(func.count(), func.count(Invitation.rater_id)).where(Invitation.study_id == study_id)
    ).one()
    return InvitationCounts(made, used)


def has_invitations(session: Session, codes: Sequence[str]) -> bool:
    """Return whether the personal links with these codes are all there. Costs one query."""
    digests = set(map(digest, codes))
    found = select(func.count()).select_from(Invitation).where(Invitation.code_digest.in_(digests))
    return session.scalar(found) == len(digests)


def list_labels(session: Session, study_id: int) -> list[str]:
    """List what a study's personal links are called. Costs one query."""
    return list(session.scalars(select(Invitation.label).where(Invitation.study_id == study_id)))
