"""Define the tables of the rating database; none has a column that an arm could be read from."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, MetaData, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from rater.store.engine import CONSTRAINT_NAMES, UtcDateTime
from rater.store.log import EventColumns


class Base(DeclarativeBase):
    """The rating database's own metadata."""

    metadata = MetaData(naming_convention=CONSTRAINT_NAMES)


class Study(Base):
    """A published study as raters and the web process know it."""

    __tablename__ = "study"
    __table_args__ = (
        CheckConstraint("state IN ('published', 'open', 'closed', 'unblinded')", name="study_state_is_known"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    """Row number. (experimenter)"""
    name: Mapped[str] = mapped_column(unique=True)
    """What the command line calls the study. (experimenter)"""
    slug: Mapped[str] = mapped_column(unique=True)
    """The random part of the study's address. (rater)"""
    state: Mapped[str]
    """published, open, closed or unblinded. (experimenter)"""
    protocol: Mapped[str]
    """Canonical JSON of what raters are shown around the texts. (rater)"""
    study_hash: Mapped[str]
    """SHA-256 of the whole study as it was published. (experimenter)"""
    commitment: Mapped[str]
    """SHA-256 over the salted key, by which the key is later shown to be unchanged. (experimenter)"""
    published_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When the study was published, in UTC. (experimenter)"""


class Item(Base):
    """A completion as raters see it."""

    __tablename__ = "item"

    id: Mapped[str] = mapped_column(primary_key=True)
    """Random, 128 bits. (experimenter)"""
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    """The study it belongs to. (experimenter)"""
    prompt: Mapped[str]
    """What the model was asked to continue. (rater)"""
    text: Mapped[str]
    """How it continued. (rater)"""


class Booklet(Base):
    """The list of trials dealt to one rater."""

    __tablename__ = "booklet"

    id: Mapped[str] = mapped_column(primary_key=True)
    """Random, 128 bits. (experimenter)"""
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    """The study it belongs to. (experimenter)"""
    n_trials: Mapped[int]
    """How many trials it has. (rater)"""


class Trial(Base):
    """One screen of a booklet."""

    __tablename__ = "trial"
    __table_args__ = (UniqueConstraint("booklet_id", "item_id", name="trial_shows_an_item_once"),)

    booklet_id: Mapped[str] = mapped_column(ForeignKey("booklet.id"), primary_key=True)
    """The booklet it stands in. (experimenter)"""
    position: Mapped[int] = mapped_column(primary_key=True)
    """Its place in the booklet, from 1. (rater)"""
    item_id: Mapped[str] = mapped_column(ForeignKey("item.id"), index=True)
    """What it shows. (experimenter)"""


class Rater(Base):
    """A person who agreed to take part, and the booklet dealt to them."""

    __tablename__ = "rater"
    __table_args__ = (
        UniqueConstraint("booklet_id", name="rater_has_a_booklet_of_their_own"),
        UniqueConstraint("token_digest", name="rater_token_is_unique"),
        UniqueConstraint("id", "booklet_id", name="rater_and_booklet"),
        CheckConstraint("channel IN ('web', 'terminal')", name="rater_channel_is_known"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    """Random, 128 bits. (experimenter)"""
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    """The study rated. (experimenter)"""
    booklet_id: Mapped[str] = mapped_column(ForeignKey("booklet.id"))
    """The booklet dealt. (experimenter)"""
    token_digest: Mapped[str]
    """SHA-256 of the random token by which the rater comes back. (experimenter)"""
    channel: Mapped[str]
    """web or terminal. (experimenter)"""
    consented_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When the rater agreed to take part, in UTC. (experimenter)"""
    instructed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the rater left the instructions, in UTC. (experimenter)"""
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the last trial was answered, in UTC. (experimenter)"""


class Answer(Base):
    """One judgement of one trial on one dimension; a change of mind is a new revision, never an update."""

    __tablename__ = "answer"
    __table_args__ = (
        UniqueConstraint("rater_id", "position", "dimension", "revision", name="answer_revision_is_unique"),
        UniqueConstraint("rater_id", "submission_id", "dimension", name="answer_is_stored_once"),
        ForeignKeyConstraint(["booklet_id", "position"], ["trial.booklet_id", "trial.position"]),
        ForeignKeyConstraint(["rater_id", "booklet_id"], ["rater.id", "rater.booklet_id"]),
        CheckConstraint("revision >= 1", name="answer_revision_counts_from_one"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    """Row number. (experimenter)"""
    rater_id: Mapped[str]
    """Who answered. (experimenter)"""
    booklet_id: Mapped[str]
    """The booklet the rater holds. (experimenter)"""
    position: Mapped[int]
    """The trial answered, by its place in the booklet. (experimenter)"""
    dimension: Mapped[str]
    """The dimension answered. (experimenter)"""
    revision: Mapped[int]
    """1 for the first answer, 2 for the first change … (experimenter)"""
    value: Mapped[float]
    """The point chosen. (experimenter)"""
    submission_id: Mapped[str]
    """Made with the page that was sent, so that sending it twice stores it once. (experimenter)"""
    shown_ms: Mapped[int | None]
    """How long the trial was shown before it was answered, in ms; empty without JavaScript. (experimenter)"""
    answered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When the answer was stored, in UTC. (experimenter)"""


class Event(EventColumns, Base):
    """The study's hash-chained log: published, opened, closed, unblinded."""
