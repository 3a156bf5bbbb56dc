"""Define the tables of who may sit at the desk: experimenters and their sessions."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from rater.store.engine import UtcDateTime
from rater.store.rating.schema.tables import Base


class DeskUser(Base):
    """An experimenter who may log in at the desk."""

    __tablename__ = "desk_user"

    id: Mapped[int] = mapped_column(primary_key=True)
    """Row number. (experimenter)"""
    name: Mapped[str] = mapped_column(unique=True)
    """By which they log in. (experimenter)"""
    password_hash: Mapped[str]
    """Argon2id, with its salt and parameters. (experimenter)"""
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When the user was added, in UTC. (experimenter)"""


class DeskSession(Base):
    """A browser that is logged in at the desk."""

    __tablename__ = "desk_session"

    token_digest: Mapped[str] = mapped_column(primary_key=True)
    """SHA-256 of the random token in the browser's cookie. (experimenter)"""
    user_id: Mapped[int] = mapped_column(ForeignKey("desk_user.id", ondelete="CASCADE"), index=True)
    """Who is logged in. (experimenter)"""
    begun_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When they logged in, in UTC. (experimenter)"""
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When they were last seen, within a minute, in UTC. (experimenter)"""
