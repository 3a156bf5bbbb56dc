"""Define the tables of who rates: raters, how they come in and come back."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from rater.store.engine import UtcDateTime
from rater.store.rating.schema.tables import Base


class Rater(Base):
    """A person who agreed to take part, the booklet dealt to them, and how far they came."""

    __tablename__ = "rater"
    __table_args__ = (
        UniqueConstraint("id", "booklet_id", name="rater_and_booklet"),
        CheckConstraint("channel IN ('web', 'terminal')", name="rater_channel_is_known"),
        CheckConstraint("(left_at IS NULL) = (left_why IS NULL)", name="rater_left_for_a_reason"),
        CheckConstraint(
            "left_why IN ('stopped', 'withdrawn', 'screened_out', 'failed_practice')",
            name="rater_reason_is_known",
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    """Random, 128 bits. (experimenter)"""
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    """The study rated. (experimenter)"""
    booklet_id: Mapped[str] = mapped_column(ForeignKey("booklet.id"), index=True)
    """The booklet dealt. (experimenter)"""
    channel: Mapped[str]
    """web or terminal. (experimenter)"""
    consented_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When the rater agreed to take part, in UTC. (experimenter)"""
    screened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the rater passed the screening, in UTC. (experimenter)"""
    instructed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the rater left the instructions, in UTC. (experimenter)"""
    practised_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the rater left the practice, in UTC. (experimenter)"""
    n_practice_attempts: Mapped[int] = mapped_column(default=0)
    """How often the rater went through the practice and failed it. (experimenter)"""
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the last trial was answered, in UTC. (experimenter)"""
    asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the blinding question was opened, which ends revision, in UTC. (experimenter)"""
    guessed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the blinding question was answered, in UTC. (experimenter)"""
    commented_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the rater left the page for a free comment, in UTC. (experimenter)"""
    left_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the rater left for good before the end, in UTC. (experimenter)"""
    left_why: Mapped[str | None]
    """stopped, withdrawn, screened_out or failed_practice. (experimenter)"""
    replaced_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the booklet was dealt again, since the rater had stayed away too long, in UTC. (experimenter)"""


class Token(Base):
    """A browser, or a terminal, by which a rater comes back."""

    __tablename__ = "token"

    digest: Mapped[str] = mapped_column(primary_key=True)
    """SHA-256 of the random token that it holds. (experimenter)"""
    rater_id: Mapped[str] = mapped_column(ForeignKey("rater.id"), index=True)
    """Whose it is. (experimenter)"""


class Identifier(Base):
    """What a recruitment site says of who a rater is; kept apart, so that it can be forgotten."""

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

    rater_id: Mapped[str] = mapped_column(ForeignKey("rater.id"), primary_key=True)
    """Whose it is. (experimenter)"""
    name: Mapped[str] = mapped_column(primary_key=True)
    """The parameter's name. (experimenter)"""
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    """The study rated. (experimenter)"""
    value: Mapped[str]
    """What the link said. (experimenter)"""
    is_person: Mapped[bool]
    """Whether it says who the person is, so that nobody starts twice. (experimenter)"""


class Invitation(Base):
    """A personal link, by the digest of its code."""

    __tablename__ = "invitation"

    code_digest: Mapped[str] = mapped_column(primary_key=True)
    """SHA-256 of the code in the link. (experimenter)"""
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    """The study it opens. (experimenter)"""
    label: Mapped[str]
    """What the experimenter calls it: a number, or a name of their own. (experimenter)"""
    rater_id: Mapped[str | None] = mapped_column(ForeignKey("rater.id"))
    """Who came by it. (experimenter)"""
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When it was made, in UTC. (experimenter)"""


class Tally(Base):
    """A count of those of whom nothing else is stored."""

    __tablename__ = "tally"

    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), primary_key=True)
    """The study. (experimenter)"""
    kind: Mapped[str] = mapped_column(primary_key=True)
    """What is counted: declined, no_cookie, unfilled_link or busy_network. (experimenter)"""
    n: Mapped[int]
    """How many. (experimenter)"""
