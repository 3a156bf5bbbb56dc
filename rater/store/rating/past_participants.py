"""Participants of other studies, whom a study excludes.

A participant is recognised by the recruitment site's ID. A study in the same database has the IDs in its
table of identifiers. Of a study in another database there is a list of digests: HMAC-SHA-256 with a random
key that is part of the list. Anyone with the list who has an ID, or can try all possible ones, can find out
whether it is listed. So a list is still personal data.

A rater whose identifiers were deleted (`rater.store.rating.forget`) cannot be recognised.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from rater.errors import StateError, nearest
from rater.store.engine import overwrite_deleted
from rater.store.rating.schema import Identifier, ListedParticipant, ParticipantList, StudyRow
from rater.store.rating.studies import PublishedStudy, find_study
from rater.study.protocol import Protocol

_KEY_BYTES = 32


@dataclass(frozen=True)
class ParticipantDigests:
    """The participants of a study as digests of their IDs."""

    study: str
    """The name of the study."""
    parameter: str
    """The parameter of the link with the participant ID."""
    key: str
    """The key of the digests, in hexadecimal."""
    digests: tuple[str, ...]
    """In hexadecimal, sorted, so that their order does not show who came when."""
    made_at: datetime


def digest_participant(participant_id: str, *, key: str) -> str:
    """Return the digest of a participant ID in a list: HMAC-SHA-256 in hexadecimal."""
    return hmac.new(bytes.fromhex(key), participant_id.encode(), hashlib.sha256).hexdigest()


def digest_participants(session: Session, study: PublishedStudy, *, now: datetime) -> ParticipantDigests:
    """Digest the IDs of everybody who agreed to take part in a study, with a new key. Costs one query.

    Raises:
        StateError: the study reads no participant ID from its link.
    """
    recruitment = study.protocol.recruitment
    if recruitment is None:
        msg = f"Study {study.name!r} declares no recruitment, so it knows no participant IDs."
        raise StateError(msg)
    ids = session.scalars(
        select(Identifier.value).where(
            Identifier.study_id == study.id,
            Identifier.name == recruitment.participant_id,
            Identifier.is_person,
        )
    )
    key = secrets.token_hex(_KEY_BYTES)
    digests = sorted(digest_participant(each, key=key) for each in ids)
    return ParticipantDigests(study.name, recruitment.participant_id, key, tuple(digests), now)


def store_participants(session: Session, given: ParticipantDigests) -> None:
    """Store the participants of a study in another database; they replace an earlier list of that study.

    Must run in a `writing` transaction. Costs a query, two deletions and two inserts.

    Raises:
        StateError: a study of that name is published in this database, which knows its participants itself.
    """
    if find_study(session, given.study) is not None:
        msg = (
            f"Study {given.study!r} is published in this database, which knows its participants without a "
            "list. Valid: a list of a study in another database."
        )
        raise StateError(msg)
    overwrite_deleted(session)
    session.execute(delete(ListedParticipant).where(ListedParticipant.study == given.study))
    session.execute(delete(ParticipantList).where(ParticipantList.study == given.study))
    session.execute(
        insert(ParticipantList).values(
            study=given.study, parameter=given.parameter, key=given.key, made_at=given.made_at
        )
    )
    rows = [{"study": given.study, "digest": digest} for digest in given.digests]
    if rows:
        session.execute(insert(ListedParticipant), rows)


def is_excluded(session: Session, identifiers: Mapping[str, str], protocol: Protocol) -> bool:
    """Return whether a study excludes a newcomer, because they took part in another one.

    Costs nothing if the study excludes nobody or the link has no participant ID; otherwise up to three
    queries.

    Args:
        session: The database.
        identifiers: The parameters of the newcomer's link, in the form in which they are compared.
        protocol: The study.
    """
    parameter = protocol.recruitment.participant_id if protocol.recruitment else ""
    participant_id = identifiers.get(parameter)
    if not protocol.excluded_studies or participant_id is None:
        return False
    here = (
        select(Identifier.rater_id)
        .join(StudyRow, StudyRow.id == Identifier.study_id)
        .where(
            StudyRow.name.in_(protocol.excluded_studies),
            Identifier.name == parameter,
            Identifier.value == participant_id,
            Identifier.is_person,
        )
    )
    if session.execute(here.limit(1)).first() is not None:
        return True
    lists = session.execute(
        select(ParticipantList.study, ParticipantList.key).where(
            ParticipantList.study.in_(protocol.excluded_studies), ParticipantList.parameter == parameter
        )
    ).all()
    digests = {row.study: digest_participant(participant_id, key=row.key) for row in lists}
    if not digests:
        return False
    listed = select(ListedParticipant.study, ListedParticipant.digest).where(
        ListedParticipant.study.in_(digests), ListedParticipant.digest.in_(digests.values())
    )
    return any(digests[row.study] == row.digest for row in session.execute(listed))


def require_known_studies(session: Session, protocol: Protocol, *, name: str) -> None:
    """Refuse a study that excludes participants who could not be recognised. Costs two queries.

    Raises:
        StateError: it names itself or an unknown study, or one whose link has its participant ID in another
            parameter.
    """
    if not protocol.excluded_studies or protocol.recruitment is None:
        return
    lists = session.execute(select(ParticipantList.study, ParticipantList.parameter))
    known: dict[str, str | None] = {row.study: row.parameter for row in lists}
    for other in session.scalars(select(StudyRow.name)).all():
        study = find_study(session, other) if other in protocol.excluded_studies else None
        recruitment = study.protocol.recruitment if study else None
        known[other] = recruitment.participant_id if recruitment else None
    known.pop(name, None)
    own = protocol.recruitment.participant_id
    for index, other in enumerate(protocol.excluded_studies):
        if other not in known:
            msg = (
                f"excluded_studies[{index}]: no study {other!r} is published in this database, other than "
                f"this one.{nearest(other, known)} For a study in another database, run rater participants "
                f"{other} --digests FILE there, and rater import-participants FILE here."
            )
            raise StateError(msg)
        if known[other] != own:
            has = f"the parameter {known[other]}" if known[other] else "no participant ID"
            msg = (
                f"excluded_studies[{index}]: the links of {other!r} have {has}, and those of {name!r} have "
                f"{own}, so that its participants cannot be recognised; valid: studies with {own}"
            )
            raise StateError(f"{msg}.")
