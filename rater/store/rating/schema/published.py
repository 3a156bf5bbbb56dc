"""Define the tables of what is published: studies, texts, booklets; none says anything of an arm."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from rater.store.engine import UtcDateTime
from rater.store.rating.schema.tables import Base


class Study(Base):
    """A published study as raters and the web process know it."""

    __tablename__ = "study"
    __table_args__ = (
        CheckConstraint(
            "state IN ('published', 'open', 'paused', 'closed', 'unblinded', 'archived')",
            name="study_state_is_known",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    """Row number. (experimenter)"""
    name: Mapped[str] = mapped_column(unique=True)
    """What the command line calls the study. (experimenter)"""
    slug: Mapped[str] = mapped_column(unique=True)
    """The random part of the study's address. (rater)"""
    state: Mapped[str]
    """published, open, paused, closed, unblinded or archived. (experimenter)"""
    protocol: Mapped[str]
    """Canonical JSON of what raters are shown around the texts, as published. (rater)"""
    study_hash: Mapped[str]
    """SHA-256 of the whole study as it was published. (experimenter)"""
    commitment: Mapped[str]
    """SHA-256 over the salted key, by which the key is later shown to be unchanged. (experimenter)"""
    published_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When the study was published, in UTC. (experimenter)"""


class Amendment(Base):
    """A later version of what raters are shown around the texts, with its reason; the newest counts."""

    __tablename__ = "amendment"
    __table_args__ = (CheckConstraint("version >= 2", name="amendment_counts_from_two"),)

    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), primary_key=True)
    """The study amended. (experimenter)"""
    version: Mapped[int] = mapped_column(primary_key=True)
    """2 for the first amendment, 3 for the second … (experimenter)"""
    protocol: Mapped[str]
    """Canonical JSON of what raters are shown from then on. (rater)"""
    reason: Mapped[str]
    """Why it was changed. (experimenter)"""
    amended_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When it was changed, in UTC. (experimenter)"""


class Item(Base):
    """A text as raters see it: a completion, or the text of an attention check."""

    __tablename__ = "item"

    id: Mapped[str] = mapped_column(primary_key=True)
    """Random, 128 bits. (experimenter)"""
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    """The study it belongs to. (experimenter)"""
    prompt: Mapped[str]
    """What the model was asked to continue. (rater)"""
    text: Mapped[str]
    """How it continued. (rater)"""
    is_check: Mapped[bool]
    """Whether it belongs to an attention check, and is no completion. (experimenter)"""


class Booklet(Base):
    """The list of trials dealt to one rater."""

    __tablename__ = "booklet"

    id: Mapped[str] = mapped_column(primary_key=True)
    """Random, 128 bits. (experimenter)"""
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    """The study it belongs to. (experimenter)"""
    n_trials: Mapped[int]
    """How many trials it has. (rater)"""
    n_lines: Mapped[int]
    """Lines of its longest text on a wide page, so that the page can reserve room for it. (rater)"""
    n_narrow_lines: Mapped[int]
    """The same on a phone. (rater)"""


class Trial(Base):
    """One screen of a booklet."""

    __tablename__ = "trial"
    __table_args__ = (
        UniqueConstraint("booklet_id", "item_id", "is_repeat", name="trial_shows_an_item_once"),
        CheckConstraint("item_id <> other_item_id", name="trial_shows_two_items"),
    )

    booklet_id: Mapped[str] = mapped_column(ForeignKey("booklet.id"), primary_key=True)
    """The booklet it stands in. (experimenter)"""
    position: Mapped[int] = mapped_column(primary_key=True)
    """Its place in the booklet, from 1. (rater)"""
    item_id: Mapped[str] = mapped_column(ForeignKey("item.id"), index=True)
    """What it shows; the left one of a pair. (experimenter)"""
    other_item_id: Mapped[str | None] = mapped_column(ForeignKey("item.id"), index=True)
    """The right one of a pair. (experimenter)"""
    dimension: Mapped[str | None]
    """The one dimension asked; empty where all are. (rater)"""
    is_repeat: Mapped[bool]
    """Whether the booklet has shown it before, for test and retest. (experimenter)"""


class AttentionCheck(Base):
    """The answers that pass a trial with a known answer."""

    __tablename__ = "attention_check"
    __table_args__ = (CheckConstraint("lowest <= highest", name="attention_check_can_be_passed"),)

    item_id: Mapped[str] = mapped_column(ForeignKey("item.id"), primary_key=True)
    """What the trial shows; the left one of a pair. (experimenter)"""
    dimension: Mapped[str] = mapped_column(primary_key=True)
    """The dimension asked. (experimenter)"""
    lowest: Mapped[float]
    """The lowest answer that passes. (experimenter)"""
    highest: Mapped[float]
    """The highest answer that passes. (experimenter)"""
