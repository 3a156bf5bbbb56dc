"""Tables of the desk: its users with their roles and logins, and events to report by a webhook."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped

from rater.store.dictionary import column
from rater.store.engine import EnumColumn, UtcDateTime
from rater.store.rating.base import RatingBase


class StudyRole(StrEnum):
    """A role of a user of the desk, in one study or in all."""

    OWNER = "owner"
    """Sees the study's progress, and can change the study."""
    MONITOR = "monitor"
    """Sees the study's progress, and can change nothing."""


_ROLES = EnumColumn(tuple(StudyRole), "role")


class DeskUser(RatingBase):
    """An experimenter who can log in to the desk."""

    __tablename__ = "desk_user"
    __table_args__ = (CheckConstraint("role IN ('owner', 'monitor')", name="desk_user_role_is_known"),)

    id: Mapped[int] = column("Row number.", primary_key=True)
    name: Mapped[str] = column("Login name.", unique=True)
    password_hash: Mapped[str] = column("Argon2id hash of the password, with its salt and parameters.")
    made_at: Mapped[datetime] = column("Time at which the user was added, in UTC.", UtcDateTime)
    role: Mapped[StudyRole | None] = column(
        "owner or monitor of every study; empty for a user of the granted studies only.",
        _ROLES,
    )
    sees_identifiers: Mapped[bool] = column(
        "True if the user may see participants' identifiers in every study.", default=False
    )


class DeskGrant(RatingBase):
    """The role of a user of the desk in one study."""

    __tablename__ = "desk_grant"
    __table_args__ = (CheckConstraint("role IN ('owner', 'monitor')", name="desk_grant_role_is_known"),)

    user_id: Mapped[int] = column(
        "The user.", ForeignKey("desk_user.id", ondelete="CASCADE"), primary_key=True
    )
    study_id: Mapped[int] = column("The study.", ForeignKey("study.id"), primary_key=True)
    role: Mapped[StudyRole] = column("owner or monitor.", _ROLES)
    sees_identifiers: Mapped[bool] = column(
        "True if the user may see participants' identifiers in this study.", default=False
    )


class DeskSession(RatingBase):
    """A browser that is logged in to the desk."""

    __tablename__ = "desk_session"

    token_digest: Mapped[str] = column(
        "SHA-256 of the random token in the browser's cookie.", primary_key=True
    )
    user_id: Mapped[int] = column(
        "The user who is logged in.", ForeignKey("desk_user.id", ondelete="CASCADE"), index=True
    )
    begun_at: Mapped[datetime] = column("Time of the login, in UTC.", UtcDateTime)
    seen_at: Mapped[datetime] = column("Time of the last request, to within a minute, in UTC.", UtcDateTime)


class DeskPreview(RatingBase):
    """A preview of a study at the desk, which several servers share; with SQLite, previews are files."""

    __tablename__ = "desk_preview"

    key: Mapped[str] = column("Random name of the preview.", primary_key=True)
    version: Mapped[int] = column("1 for a new preview, and one more after each change.")
    content: Mapped[bytes] = column("SQLite file of the preview, compressed with zlib.")
    made_at: Mapped[datetime] = column("Time at which the preview was made, in UTC.", UtcDateTime)


class WebhookEvent(RatingBase):
    """An event that the server reports to the operator's webhook; numbers of a study, never by arm."""

    __tablename__ = "webhook_event"
    __table_args__ = (
        UniqueConstraint("kind", "study", "period", name="webhook_event_is_reported_once"),
        CheckConstraint(
            "kind IN ('full', 'attrition', 'checks_failing', 'server_errors')",
            name="webhook_event_kind_is_known",
        ),
    )

    id: Mapped[str] = column("Random identifier (128 bits), sent with each attempt.", primary_key=True)
    kind: Mapped[str] = column("full, attrition, checks_failing or server_errors.")
    study: Mapped[str] = column("Name of the study; empty for an event of the server.")
    period: Mapped[datetime] = column(
        "Start of the hour or day in which an event of this kind is reported once, in UTC.", UtcDateTime
    )
    body: Mapped[str] = column("Canonical JSON that is sent: the event, the study, and its numbers.")
    made_at: Mapped[datetime] = column("Time of the event, in UTC.", UtcDateTime)
    n_attempts: Mapped[int] = column("Number of attempts to send it.", default=0)
    next_at: Mapped[datetime] = column("Time from which the next attempt may be made, in UTC.", UtcDateTime)
    delivered_at: Mapped[datetime | None] = column(
        "Time at which the receiver confirmed it, in UTC; empty until then.", UtcDateTime
    )
