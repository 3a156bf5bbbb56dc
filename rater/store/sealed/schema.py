"""Tables of the sealed database: completions with their arms, and the key."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, MetaData, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped

from rater.store.dictionary import column
from rater.store.engine import CONSTRAINT_NAMES, UtcDateTime
from rater.store.log import EventColumns, EventKind
from rater.study.state import State


class SealedBase(DeclarativeBase):
    """The metadata of the sealed database."""

    metadata = MetaData(naming_convention=CONSTRAINT_NAMES)


class SealedStudyRow(SealedBase):
    """A study, frozen by its hash from the first completion on."""

    __tablename__ = "study"

    id: Mapped[int] = column("Row number.", primary_key=True, seen_by="sealed")
    name: Mapped[str] = column("Name of the study on the command line.", unique=True)
    hash: Mapped[str] = column("SHA-256 of the canonical JSON.")
    canonical_json: Mapped[str] = column("The whole study as canonical JSON.", seen_by="sealed")
    created_at: Mapped[datetime] = column("Time at which generation began, in UTC.", UtcDateTime)


class CompletionRow(SealedBase):
    """One text generated from one prompt under one arm with one seed."""

    __tablename__ = "completion"
    __table_args__ = (
        UniqueConstraint("study_id", "prompt_index", "arm", "sample", name="completion_is_made_once"),
        CheckConstraint(
            "stop_reason IN ('eos', 'length', 'unknown')", name="completion_stop_reason_is_known"
        ),
    )

    id: Mapped[int] = column("Row number, in the order of generation.", primary_key=True, seen_by="sealed")
    study_id: Mapped[int] = column(
        "The study that the completion belongs to.", ForeignKey("study.id"), index=True, seen_by="sealed"
    )
    prompt_index: Mapped[int] = column("Index of the prompt in the study, from 0.", seen_by="sealed")
    arm: Mapped[str] = column("The arm's name.", seen_by="sealed")
    sample: Mapped[int] = column(
        "Number of the sample of this prompt, from 0; all arms share its random stream.", seen_by="sealed"
    )
    seed: Mapped[int | None] = column(
        "Seed of that random stream; empty for a text from a file.", BigInteger, seen_by="sealed"
    )
    token_ids: Mapped[list[int]] = column(
        "The generated token ids; empty for a text from a file.", JSON, seen_by="sealed"
    )
    text: Mapped[str] = column("The generated text, as the tokenizer decodes it.", seen_by="sealed")
    stop_reason: Mapped[str] = column(
        "eos; length if the text was cut off; unknown for a text from a file.", seen_by="sealed"
    )
    nll: Mapped[float | None] = column(
        "Mean negative log-likelihood of the tokens under the same model, unsteered and given the "
        "study's prompt alone, in nats per token, to two decimals; empty for a text from a file.",
        seen_by="sealed",
    )
    repetition: Mapped[float] = column(
        "Share of the text's three-word sequences that occur earlier in the text.", seen_by="sealed"
    )
    versions: Mapped[dict[str, str]] = column(
        "Versions of the software, and the device, that generated the text.", JSON, seen_by="sealed"
    )
    created_at: Mapped[datetime] = column("Time of generation, in UTC.", UtcDateTime, seen_by="sealed")


class Publication(SealedBase):
    """The secret half of a publication, from which identifiers, order and booklets are derived."""

    __tablename__ = "publication"

    id: Mapped[int] = column("Row number.", primary_key=True, seen_by="sealed")
    study_id: Mapped[int] = column(
        "The published study.", ForeignKey("study.id"), unique=True, seen_by="sealed"
    )
    seed: Mapped[str] = column("256 random bits in hexadecimal, disclosed at unblinding.", seen_by="sealed")
    salt: Mapped[str] = column(
        "256 random bits in hexadecimal, hashed together with the key.", seen_by="sealed"
    )
    commitment: Mapped[str] = column("SHA-256 over salt, seed, study hash and key.")
    published_at: Mapped[datetime] = column("Time of publication, in UTC.", UtcDateTime)


class KeyEntry(SealedBase):
    """One line of the key: the completion that an item shows."""

    __tablename__ = "key_entry"

    item_id: Mapped[str] = column(
        "The item's random identifier in the rating database.", primary_key=True, seen_by="sealed"
    )
    publication_id: Mapped[int] = column(
        "The publication that the item belongs to.",
        ForeignKey("publication.id"),
        index=True,
        seen_by="sealed",
    )
    completion_id: Mapped[int] = column(
        "The completion.", ForeignKey("completion.id"), unique=True, seen_by="sealed"
    )


class MetricRow(SealedBase):
    """A metric of a study's texts: a count, a classifier or a judge, frozen by its definition."""

    __tablename__ = "metric"
    __table_args__ = (UniqueConstraint("study_id", "name", name="metric_has_unique_name"),)

    id: Mapped[int] = column("Row number.", primary_key=True, seen_by="sealed")
    study_id: Mapped[int] = column(
        "The study whose texts are measured.", ForeignKey("study.id"), seen_by="sealed"
    )
    name: Mapped[str] = column("Name of the metric on the command line.", seen_by="sealed")
    kind: Mapped[str] = column(
        "Kind of metric: text, words, classifier, embedding, judge …", seen_by="sealed"
    )
    dimension: Mapped[str | None] = column(
        "The dimension whose question a judge answered; empty for other metrics.", seen_by="sealed"
    )
    definition: Mapped[str] = column(
        "Canonical JSON with everything that determines a value, without keys of a server.", seen_by="sealed"
    )
    order_seed: Mapped[str] = column(
        "128 random bits in hexadecimal: the seed of the order in which texts are measured.", seen_by="sealed"
    )
    created_at: Mapped[datetime] = column("Time of the first measurement, in UTC.", UtcDateTime)


class MeasurementRow(SealedBase):
    """One value of a metric for one text or pair of texts, or the reason why there is none."""

    __tablename__ = "measurement"
    __table_args__ = (
        UniqueConstraint(
            "metric_id",
            "completion_id",
            "second_completion_id",
            "repeat",
            "shown_hash",
            name="measurement_is_made_once",
        ),
    )

    id: Mapped[int] = column("Row number, in the order of measurement.", primary_key=True, seen_by="sealed")
    metric_id: Mapped[int] = column("The metric.", ForeignKey("metric.id"), seen_by="sealed")
    completion_id: Mapped[int] = column(
        "The measured completion; of a pair, the one that was shown first.",
        ForeignKey("completion.id"),
        index=True,
        seen_by="sealed",
    )
    second_completion_id: Mapped[int] = column(
        "Of a pair, the completion that was shown second; otherwise the measured completion.",
        ForeignKey("completion.id"),
        index=True,
        seen_by="sealed",
    )
    repeat: Mapped[int] = column("Number of the repetition, from 0.", seen_by="sealed")
    shown_hash: Mapped[str] = column(
        "SHA-256 of the prompt, text and fields that the metric was given.", seen_by="sealed"
    )
    value: Mapped[float | None] = column("The value; empty where there is none.", seen_by="sealed")
    reason: Mapped[str] = column(
        "Reason for a missing value; empty where there is a value.", seen_by="sealed"
    )
    reply: Mapped[str | None] = column(
        "The raw reply of a judge, or the label of a classifier.", seen_by="sealed"
    )
    created_at: Mapped[datetime] = column("Time of the measurement, in UTC.", UtcDateTime)


class SealedEventRow(EventColumns, SealedBase):
    """The study's hash-chained log of generation."""

    kinds: ClassVar[frozenset[EventKind | State]] = frozenset(
        {
            EventKind.FROZEN,
            EventKind.CHANGED,
            EventKind.TAKEN,
            EventKind.LOOK,
            EventKind.MEASURED,
            State.GENERATED,
            State.PUBLISHED,
        }
    )
