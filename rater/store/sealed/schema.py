"""Define the tables of the sealed database: completions with their arms, and the key."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, MetaData, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from rater.store.engine import CONSTRAINT_NAMES, UtcDateTime
from rater.store.log import EventColumns


class Base(DeclarativeBase):
    """The sealed database's own metadata."""

    metadata = MetaData(naming_convention=CONSTRAINT_NAMES)


class Study(Base):
    """A study, frozen by its hash from the first completion on."""

    __tablename__ = "study"

    id: Mapped[int] = mapped_column(primary_key=True)
    """Row number. (sealed)"""
    name: Mapped[str] = mapped_column(unique=True)
    """What the command line calls the study. (experimenter)"""
    hash: Mapped[str]
    """SHA-256 of the canonical JSON. (experimenter)"""
    canonical_json: Mapped[str]
    """The whole study. (sealed)"""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When generation was first begun, in UTC. (experimenter)"""


class Completion(Base):
    """One text generated from one prompt under one arm with one seed."""

    __tablename__ = "completion"
    __table_args__ = (
        UniqueConstraint("study_id", "prompt_index", "arm", "sample", name="completion_is_made_once"),
        CheckConstraint(
            "stop_reason IN ('eos', 'length', 'unknown')", name="completion_stop_reason_is_known"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    """Row number, in order of generation. (sealed)"""
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), index=True)
    """The study it was made for. (sealed)"""
    prompt_index: Mapped[int]
    """The prompt's place in the study, from 0. (sealed)"""
    arm: Mapped[str]
    """The arm's name. (sealed)"""
    sample: Mapped[int]
    """Which of the prompt's samples, from 0; all arms share its random stream. (sealed)"""
    seed: Mapped[int | None] = mapped_column(BigInteger)
    """The seed of that stream; none for a text from a file. (sealed)"""
    token_ids: Mapped[list[int]] = mapped_column(JSON)
    """The generated tokens; none for a text from a file. (sealed)"""
    text: Mapped[str]
    """The generated text, as the tokenizer decodes it. (sealed)"""
    stop_reason: Mapped[str]
    """eos, length where it was cut off, or unknown for a text from a file. (sealed)"""
    nll: Mapped[float | None]
    """Mean negative log-likelihood of its tokens under the model that made it, unsteered and given the
    study's prompt alone, in nats per token; none for a text from a file. (sealed)"""
    repetition: Mapped[float]
    """The share of its runs of three words that stood in it before. (sealed)"""
    versions: Mapped[dict[str, str]] = mapped_column(JSON)
    """The software and device that made it. (sealed)"""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When it was made, in UTC. (sealed)"""


class Publication(Base):
    """The secret half of a publication: what the ids, order and booklets were derived from."""

    __tablename__ = "publication"

    id: Mapped[int] = mapped_column(primary_key=True)
    """Row number. (sealed)"""
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), unique=True)
    """The study published. (sealed)"""
    seed: Mapped[str]
    """256 random bits in hexadecimal, disclosed at unblinding. (sealed)"""
    salt: Mapped[str]
    """256 random bits in hexadecimal, hashed with the key. (sealed)"""
    commitment: Mapped[str]
    """SHA-256 over salt, seed, study hash and key. (experimenter)"""
    published_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When, in UTC. (experimenter)"""


class KeyEntry(Base):
    """One line of the key: which completion an item is."""

    __tablename__ = "key_entry"

    item_id: Mapped[str] = mapped_column(primary_key=True)
    """The item's random id in the rating database. (sealed)"""
    publication_id: Mapped[int] = mapped_column(ForeignKey("publication.id"), index=True)
    """The publication it belongs to. (sealed)"""
    completion_id: Mapped[int] = mapped_column(ForeignKey("completion.id"), unique=True)
    """The completion. (sealed)"""


class Event(EventColumns, Base):
    """The study's generation log, hash-chained."""

    kinds: ClassVar[frozenset[str]] = frozenset(
        {"frozen", "changed", "generated", "taken", "published", "look"}
    )
