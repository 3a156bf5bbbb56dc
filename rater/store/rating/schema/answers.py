"""Define the tables of what raters give: answers, guesses and comments."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from rater.store.engine import UtcDateTime
from rater.store.rating.schema.tables import Base


class Answer(Base):
    """One judgement of one trial on one dimension; a change of mind is a new revision, never an update."""

    __tablename__ = "answer"
    __table_args__ = (
        UniqueConstraint("rater_id", "position", "dimension", "revision", name="answer_revision_is_unique"),
        UniqueConstraint("rater_id", "submission_id", "dimension", name="answer_is_stored_once"),
        ForeignKeyConstraint(["booklet_id", "position"], ["trial.booklet_id", "trial.position"]),
        ForeignKeyConstraint(["rater_id", "booklet_id"], ["rater.id", "rater.booklet_id"]),
        CheckConstraint("revision >= 1", name="answer_revision_counts_from_one"),
        # a number is never given twice, so that those up to a closing's last one stay the closing's
        {"sqlite_autoincrement": True},
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
    """1 for the first time it was sent, 2 for the second …, changed or not. (experimenter)"""
    value: Mapped[float | None]
    """The answer on the dimension's scale, negative for the left one of a pair; empty for "cannot judge".
    (experimenter)"""
    comment: Mapped[str | None]
    """What the rater wrote beside it. (experimenter)"""
    submission_id: Mapped[str]
    """Made with the page that was sent, so that sending it twice stores it once. (experimenter)"""
    shown_ms: Mapped[int | None]
    """How long the trial was shown before it was answered, in ms; empty without JavaScript. (experimenter)"""
    first_render_ms: Mapped[int | None]
    """How long the page took to be shown, in ms; empty without JavaScript. (experimenter)"""
    hidden_ms: Mapped[int | None]
    """How much of that time the page was hidden, behind another tab or window, in ms. (experimenter)"""
    answered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When the answer was stored, in UTC. (experimenter)"""


class Guess(Base):
    """What a rater believes of one of their texts, or of all, under labels whose meaning is sealed."""

    __tablename__ = "guess"
    __table_args__ = (CheckConstraint("choice IN ('first', 'second', 'unsure')", name="guess_is_known"),)

    rater_id: Mapped[str] = mapped_column(ForeignKey("rater.id"), primary_key=True)
    """Who guessed. (experimenter)"""
    position: Mapped[int] = mapped_column(primary_key=True)
    """The trial whose text is meant; 0 for all. (experimenter)"""
    choice: Mapped[str]
    """first, second or unsure: which label was chosen. (experimenter)"""
    guessed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When it was stored, in UTC. (experimenter)"""


class Comment(Base):
    """What a rater wrote at the end."""

    __tablename__ = "comment"

    rater_id: Mapped[str] = mapped_column(ForeignKey("rater.id"), primary_key=True)
    """Who wrote it. (experimenter)"""
    text: Mapped[str]
    """What was written. (experimenter)"""
