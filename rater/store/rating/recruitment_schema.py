"""Tables of recruitment: links, identifiers of raters, and participants of studies in other databases."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped

from rater.store.dictionary import column
from rater.store.engine import UtcDateTime
from rater.store.rating.base import RatingBase


class UnfilledParameter(RatingBase):
    """Number of visits by links in which a parameter named nobody; the value is not stored."""

    __tablename__ = "unfilled_parameter"
    __table_args__ = (
        CheckConstraint(
            "reason IN ('absent', 'blank', 'template', 'nothing', 'malformed')",
            name="unfilled_parameter_reason_is_known",
        ),
    )

    study_id: Mapped[int] = column("The study visited.", ForeignKey("study.id"), primary_key=True)
    parameter: Mapped[str] = column("Name of the link's parameter.", primary_key=True)
    reason: Mapped[str] = column(
        "Reason: absent, blank, template, nothing (such as undefined) or malformed.", primary_key=True
    )
    n: Mapped[int] = column("Number of visits.")
    last_at: Mapped[datetime] = column("Time of the latest visit, in UTC.", UtcDateTime)


class ParticipantList(RatingBase):
    """The participants of a study in another database, whom studies here can exclude."""

    __tablename__ = "participant_list"

    study: Mapped[str] = column("Name of the other study.", primary_key=True)
    parameter: Mapped[str] = column("Name of the link's parameter with the participant ID.")
    key: Mapped[str] = column("Random key of the digests, in hexadecimal.")
    made_at: Mapped[datetime] = column("Time at which the list was made, in UTC.", UtcDateTime)


class ListedParticipant(RatingBase):
    """A participant of a study in another database, as a digest of the participant ID."""

    __tablename__ = "listed_participant"

    study: Mapped[str] = column(
        "Name of the other study.", ForeignKey("participant_list.study"), primary_key=True
    )
    digest: Mapped[str] = column(
        "HMAC-SHA-256 of the participant ID with the key of the list.", primary_key=True
    )


class Invitation(RatingBase):
    """A personal link, identified by the digest of its code."""

    __tablename__ = "invitation"

    code_digest: Mapped[str] = column("SHA-256 of the code in the link.", primary_key=True)
    study_id: Mapped[int] = column("The study that the link opens.", ForeignKey("study.id"), index=True)
    label: Mapped[str] = column("The experimenter's label: a number or a name.")
    rater_id: Mapped[str | None] = column("The rater who used the link.", ForeignKey("rater.id"))
    made_at: Mapped[datetime] = column("Time at which the link was created, in UTC.", UtcDateTime)


class Identifier(RatingBase):
    """A recruitment platform's identifier of a rater; in a table of its own, so that it can be deleted."""

    __tablename__ = "identifier"
    __table_args__ = (
        Index(
            "identifier_starts_once",
            "study_id",
            "value",
            unique=True,
            sqlite_where=text("is_person"),
            postgresql_where=text("is_person"),
        ),
    )

    rater_id: Mapped[str] = column("The rater identified.", ForeignKey("rater.id"), primary_key=True)
    name: Mapped[str] = column("Name of the link's parameter.", primary_key=True)
    study_id: Mapped[int] = column("The study rated.", ForeignKey("study.id"))
    value: Mapped[str] = column("Value of the link's parameter.")
    is_person: Mapped[bool] = column(
        "True if the value identifies the person, who can then begin the study only once."
    )
