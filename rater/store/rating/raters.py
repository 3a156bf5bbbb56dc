"""Assign booklets to raters who consented, and keep personal links.

`rater.store.rating.places` has the rules by which a booklet is free.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from rater.errors import ClosedError, ExcludedError, FullError, StateError
from rater.store.rating.networks import count_network, require_quiet_network
from rater.store.rating.past_participants import is_excluded
from rater.store.rating.places import Limits, find_free_booklet, take_booklet
from rater.store.rating.schema import (
    Booklet,
    Identifier,
    Invitation,
    Item,
    Rater,
    StudyRow,
    Token,
    TrialRow,
)
from rater.store.rating.sessions import RaterSession, digest, find_rater_session
from rater.study.protocol import Protocol
from rater.study.state import State
from rater.study.visit import Channel


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
    """List the labels of a study's personal links. Costs one query."""
    return list(session.scalars(select(Invitation.label).where(Invitation.study_id == study_id)))


@dataclass(frozen=True)
class Offer:
    """The work that a booklet asks of a rater."""

    n_trials: int
    mean_characters: float
    """Of a prompt with its fields and its text, over the whole study."""
    asks_all: bool
    """True if each trial asks all dimensions; otherwise one."""


@dataclass(frozen=True)
class Arrival:
    """The way by which somebody came to the study."""

    channel: Channel
    identifiers: Mapping[str, str] = field(default_factory=dict)
    """Values of the recruitment parameters that the study declares, by name."""
    invitation: str | None = None
    """The code of a personal link."""
    network: str | None = None
    """The digest of the network (`rater.store.rating.networks`); None where it is not limited."""


def read_offer(session: Session, study_id: int, limits: Limits) -> Offer | None:
    """Describe the work of the next free booklet; None if all are assigned. Costs up to 4 queries."""
    booklet_id = find_free_booklet(session, study_id, limits)
    return None if booklet_id is None else read_size(session, study_id, booklet_id)


def read_usual_offer(session: Session, study_id: int) -> Offer | None:
    """Describe the work of a typical booklet; None if there is none. Costs up to 3 queries."""
    booklet_id = session.scalars(
        select(Booklet.id).where(Booklet.study_id == study_id).order_by(Booklet.id).limit(1)
    ).first()
    return None if booklet_id is None else read_size(session, study_id, booklet_id)


def read_size(session: Session, study_id: int, booklet_id: str) -> Offer:
    """Describe the work of a booklet. Costs up to two queries."""
    asked = select(TrialRow.dimension).where(TrialRow.booklet_id == booklet_id).limit(1).scalar_subquery()
    # without fields their JSON is {}; with fields their names count in place of their labels
    length = func.length(Item.prompt) + func.length(Item.fields) - 2 + func.length(Item.text)
    mean, dimension = session.execute(select(func.avg(length), asked).where(Item.study_id == study_id)).one()
    booklet = session.get_one(Booklet, booklet_id)
    return Offer(booklet.n_trials, mean_characters=float(mean or 0), asks_all=dimension is None)


def claim_booklet(
    session: Session, study_id: int, token: str, *, arrival: Arrival, protocol: Protocol, now: datetime
) -> RaterSession:
    """Assign a free booklet to a rater who consented; a rater who already has one keeps it.

    A person known by their recruitment identifier or personal link continues their booklet.
    Must run in a `writing` transaction. Costs up to 15 queries and five inserts.

    Raises:
        BusyNetworkError: the rater's network has begun half of the booklets within a day.
        ClosedError: the study is not open.
        ExcludedError: the rater took part in one of the study's `excluded_studies`.
        FullError: every booklet is assigned.
        StateError: the link is not a personal one, and the study is open to those only; or the token is in
            use in another study.
    """
    # The lock on the study's row serialises assignments: two transactions could otherwise choose the same
    # booklet, or find one taken whose transaction then rolls back.
    state = session.scalars(
        select(StudyRow.state).where(StudyRow.id == study_id).with_for_update(key_share=True)
    ).one()
    rater_session = find_rater_session(session, study_id, token)
    if rater_session is not None:
        return rater_session
    if session.get(Token, digest(token)) is not None:
        msg = "This form was sent in another study before."
        raise StateError(msg)
    known = find_known(session, study_id, arrival=arrival, protocol=protocol)
    if known is None:
        if state is not State.OPEN:
            msg = "This study is not collecting answers now."
            raise ClosedError(msg)
        known = _assign(session, study_id, arrival=arrival, protocol=protocol, now=now)
    session.add(Token(digest=digest(token), rater_id=known))
    session.flush()
    claimed = find_rater_session(session, study_id, token)
    assert claimed is not None  # noqa: S101 (inserted just above, in this transaction)
    return claimed


def find_known(session: Session, study_id: int, *, arrival: Arrival, protocol: Protocol) -> str | None:
    """Find the rater who came before as the same person, or by the same personal link, at the latest booklet.

    Costs two queries.
    """
    latest = select(Rater.id).order_by(Rater.booklet_number.desc()).limit(1)
    person = protocol.recruitment and arrival.identifiers.get(protocol.recruitment.participant_id)
    if person:
        by_person = latest.join(Identifier, Identifier.rater_id == Rater.person_id).where(
            Identifier.study_id == study_id, Identifier.value == person, Identifier.is_person
        )
        found = session.scalars(by_person).first()
        if found:
            return found
    if arrival.invitation is None:
        return None
    by_link = latest.join(Invitation, Invitation.rater_id == Rater.person_id).where(
        Invitation.code_digest == digest(arrival.invitation), Invitation.study_id == study_id
    )
    return session.scalars(by_link).first()


def read_identifiers(session: Session, rater_id: str) -> dict[str, str]:
    """Read the identifiers from a rater's link, by parameter. Costs one query."""
    mine = select(Identifier).where(Identifier.rater_id == rater_id)
    return {each.name: each.value for each in session.scalars(mine)}


def read_consented_at(session: Session, rater_id: str) -> datetime:
    """Read when a rater agreed to take part. Costs one query."""
    return session.scalars(select(Rater.consented_at).where(Rater.id == rater_id)).one()


def is_invitation(session: Session, study_id: int, code: str) -> bool:
    """Return whether a code belongs to one of the study's personal links. Costs one query."""
    invitation = session.get(Invitation, digest(code))
    return invitation is not None and invitation.study_id == study_id


def _assign(session: Session, study_id: int, *, arrival: Arrival, protocol: Protocol, now: datetime) -> str:
    is_invited = arrival.invitation is not None and is_invitation(session, study_id, arrival.invitation)
    if protocol.invited_only and not is_invited:
        msg = "This study is open by personal links only."
        raise StateError(msg)
    if is_excluded(session, arrival.identifiers, protocol):
        msg = "Participants of an earlier study cannot take part in this one."
        raise ExcludedError(msg)
    # a personal link begins one booklet, and its code cannot be guessed
    network = None if is_invited else arrival.network
    if network is not None:
        require_quiet_network(session, study_id, network, now=now)
    booklet_id = take_booklet(session, study_id, Limits.of(protocol, now))
    if booklet_id is None:
        msg = "Every place in this study is taken."
        raise FullError(msg)
    rater_id = secrets.token_hex(16)
    session.add(
        Rater(
            id=rater_id,
            study_id=study_id,
            booklet_id=booklet_id,
            channel=arrival.channel,
            consented_at=now,
        )
    )
    session.flush()
    _store_identifiers(session, study_id, rater_id, arrival=arrival, protocol=protocol)
    if network is not None:
        count_network(session, study_id, network, now=now)
    if arrival.invitation is not None:
        session.execute(
            update(Invitation)
            .where(Invitation.code_digest == digest(arrival.invitation), Invitation.study_id == study_id)
            .values(rater_id=rater_id)
        )
    return rater_id


def _store_identifiers(
    session: Session, study_id: int, rater_id: str, *, arrival: Arrival, protocol: Protocol
) -> None:
    """Store only the link parameters that the study declares."""
    if protocol.recruitment is None:
        return
    for name in protocol.recruitment.parameters:
        if name in arrival.identifiers:
            session.add(
                Identifier(
                    rater_id=rater_id,
                    name=name,
                    study_id=study_id,
                    value=arrival.identifiers[name],
                    is_person=name == protocol.recruitment.participant_id,
                )
            )
