"""Tables of the rating database, in the order of a rater's way through a study.

No table has a column that an arm could be read from.
"""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    UniqueConstraint,
)
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped

from rater.store.dictionary import column
from rater.store.engine import EnumColumn, UtcDateTime
from rater.store.log import EventColumns, EventKind
from rater.store.rating.base import RatingBase
from rater.store.rating.desk_schema import (
    DeskGrant,
    DeskPreview,
    DeskSession,
    DeskUser,
    StudyRole,
    WebhookEvent,
)
from rater.store.rating.recruitment_schema import (
    Identifier,
    Invitation,
    ListedParticipant,
    ParticipantList,
    UnfilledParameter,
)
from rater.study.state import PUBLISHED_STATES, State
from rater.study.visit import Channel, FreedReason, GuessChoice, LeavingReason

__all__ = [
    "Amendment",
    "Answer",
    "AttentionCheckRow",
    "Booklet",
    "Comment",
    "DeskGrant",
    "DeskPreview",
    "DeskSession",
    "DeskUser",
    "EventRow",
    "Guess",
    "Identifier",
    "Invitation",
    "Item",
    "ListedParticipant",
    "NetworkCount",
    "ParticipantList",
    "QuestionnaireAnswer",
    "Rater",
    "RatingBase",
    "ShownEnding",
    "StudyRole",
    "StudyRow",
    "Tally",
    "Token",
    "TrialRow",
    "TrialTextRow",
    "UnfilledParameter",
    "WebhookEvent",
]


class StudyRow(RatingBase):
    """A published study, as raters and the web process know it."""

    __tablename__ = "study"
    __table_args__ = (
        CheckConstraint(
            f"state IN ({', '.join(map(repr, map(str, PUBLISHED_STATES)))})",
            name="study_state_is_known",
        ),
    )

    id: Mapped[int] = column("Row number.", primary_key=True)
    name: Mapped[str] = column("Name of the study on the command line.", unique=True)
    slug: Mapped[str] = column("Random part of the study's web address.", unique=True, seen_by="rater")
    state: Mapped[State] = column(
        "published, open, paused, closed, unblinded or archived.",
        EnumColumn(PUBLISHED_STATES, "study state"),
    )
    protocol: Mapped[str] = column(
        "Canonical JSON of all that raters are shown except the rated texts, as published.",
        seen_by="rater",
    )
    study_hash: Mapped[str] = column("SHA-256 of the whole study as published.")
    commitment: Mapped[str] = column(
        "SHA-256 over the salted key; proves at unblinding that the key has not changed."
    )
    published_at: Mapped[datetime] = column("Time of publication, in UTC.", UtcDateTime)


class Amendment(RatingBase):
    """A later version of the protocol, with the reason for the change; the latest version applies."""

    __tablename__ = "amendment"
    __table_args__ = (CheckConstraint("version >= 2", name="amendment_counts_from_two"),)

    study_id: Mapped[int] = column("The amended study.", ForeignKey("study.id"), primary_key=True)
    version: Mapped[int] = column(
        "Version of the protocol: 2 for the first amendment, 3 for the second …", primary_key=True
    )
    protocol: Mapped[str] = column(
        "Canonical JSON of what raters are shown from this version on.", seen_by="rater"
    )
    reason: Mapped[str] = column("Reason for the amendment.")
    amended_at: Mapped[datetime] = column("Time of the amendment, in UTC.", UtcDateTime)


class Item(RatingBase):
    """A text that raters see: a completion, or the text of an attention check."""

    __tablename__ = "item"

    id: Mapped[str] = column("Random identifier (128 bits).", primary_key=True)
    study_id: Mapped[int] = column("The study that the item belongs to.", ForeignKey("study.id"), index=True)
    prompt: Mapped[str] = column("The prompt that the model continued.", seen_by="rater")
    text: Mapped[str] = column("The model's continuation of the prompt.", seen_by="rater")
    fields: Mapped[str] = column(
        "Canonical JSON of the fields of the prompt that questions may name, with their values.",
        seen_by="rater",
    )
    is_check: Mapped[bool] = column("True for the text of an attention check, false for a completion.")


class Booklet(RatingBase):
    """The list of trials assigned to one rater."""

    __tablename__ = "booklet"

    id: Mapped[str] = column("Random identifier (128 bits).", primary_key=True)
    study_id: Mapped[int] = column(
        "The study that the booklet belongs to.", ForeignKey("study.id"), index=True
    )
    n_trials: Mapped[int] = column("Number of trials.", seen_by="rater")
    n_lines: Mapped[int] = column(
        "Lines of the booklet's longest text on a wide page; the page reserves room for it.", seen_by="rater"
    )
    n_narrow_lines: Mapped[int] = column("Lines of the booklet's longest text on a phone.", seen_by="rater")
    n_shared_lines: Mapped[int] = column(
        "Most lines above several texts on a wide page: fields, reference and conversation.", seen_by="rater"
    )


class TrialRow(RatingBase):
    """One screen of a booklet."""

    __tablename__ = "trial"
    # for the reference of its texts
    __table_args__ = (UniqueConstraint("booklet_id", "position", "is_repeat", name="trial_and_repeat"),)

    booklet_id: Mapped[str] = column(
        "The booklet that the trial belongs to.", ForeignKey("booklet.id"), primary_key=True
    )
    position: Mapped[int] = column("Position in the booklet, from 1.", primary_key=True, seen_by="rater")
    dimension: Mapped[str | None] = column(
        "The one dimension that the trial asks about; empty if it asks about all.", seen_by="rater"
    )
    is_repeat: Mapped[bool] = column(
        "True if the booklet has shown the same items before, for test-retest reliability."
    )


class TrialTextRow(RatingBase):
    """One of the texts that a trial shows."""

    __tablename__ = "trial_text"
    __table_args__ = (
        ForeignKeyConstraint(
            ["booklet_id", "position", "is_repeat"],
            ["trial.booklet_id", "trial.position", "trial.is_repeat"],
        ),
        UniqueConstraint("booklet_id", "item_id", "is_repeat", name="trial_text_shows_an_item_once"),
        CheckConstraint("place >= 1", name="trial_text_place_counts_from_one"),
    )

    booklet_id: Mapped[str] = column("The booklet that the trial belongs to.", primary_key=True)
    position: Mapped[int] = column("Position of the trial in the booklet, from 1.", primary_key=True)
    place: Mapped[int] = column(
        "Place among the trial's texts, from 1: from left to right, or from top to bottom.",
        primary_key=True,
        seen_by="rater",
    )
    item_id: Mapped[str] = column("The item shown.", ForeignKey("item.id"), index=True)
    is_repeat: Mapped[bool] = column("True if the trial is a repeat; the same as the trial's.")


class AttentionCheckRow(RatingBase):
    """The range of answers that passes an attention check."""

    __tablename__ = "attention_check"
    __table_args__ = (CheckConstraint("lowest <= highest", name="attention_check_can_be_passed"),)

    item_id: Mapped[str] = column(
        "The item of the attention check; of several, the one in the first place.",
        ForeignKey("item.id"),
        primary_key=True,
    )
    dimension: Mapped[str] = column("The dimension asked about.", primary_key=True)
    lowest: Mapped[float] = column("Lowest answer that passes.")
    highest: Mapped[float] = column("Highest answer that passes.")


class Tally(RatingBase):
    """Number of visitors who did not become raters, by reason; nothing else is stored about them."""

    __tablename__ = "tally"

    study_id: Mapped[int] = column("The study visited.", ForeignKey("study.id"), primary_key=True)
    kind: Mapped[str] = column(
        "Reason: declined, no_cookie, unfilled_link, busy_network, wrong_device or excluded.",
        primary_key=True,
    )
    n: Mapped[int] = column("Number of visits.")


class NetworkCount(RatingBase):
    """Number of booklets assigned to one network in one hour; deleted after a day."""

    __tablename__ = "network_count"

    study_id: Mapped[int] = column("The study begun.", ForeignKey("study.id"), primary_key=True)
    network_digest: Mapped[str] = column(
        "scrypt digest of an IPv4 address, or of the /64 of an IPv6 address, salted with the study's slug.",
        primary_key=True,
    )
    hour: Mapped[datetime] = column("Start of the hour, in UTC.", UtcDateTime, primary_key=True)
    n: Mapped[int] = column("Number of booklets.")


def _own_id(context: DefaultExecutionContext) -> str:
    return str(context.get_current_parameters()["id"])  # type: ignore[no-untyped-call] # SQLAlchemy's


class Rater(RatingBase):
    """A person who agreed to take part, with the assigned booklet and the steps completed.

    A person who rates several booklets has a row for each: all have the id of the first one as person_id.
    """

    __tablename__ = "rater"
    __table_args__ = (
        UniqueConstraint("id", "booklet_id", name="rater_and_booklet"),
        UniqueConstraint("person_id", "booklet_number", name="rater_has_one_booklet_of_a_number"),
        CheckConstraint(
            "booklet_number >= 1 AND (booklet_number = 1) = (person_id = id)",
            name="rater_is_the_person_of_a_first_booklet",
        ),
        CheckConstraint("channel IN ('web', 'terminal')", name="rater_channel_is_known"),
        CheckConstraint("(left_at IS NULL) = (left_why IS NULL)", name="rater_left_for_a_reason"),
        CheckConstraint(
            "left_why IN ('stopped', 'withdrawn', 'screened_out', 'failed_practice', 'over_quota')",
            name="rater_reason_is_known",
        ),
        CheckConstraint(
            "(replaced_at IS NULL) = (replaced_why IS NULL)", name="rater_was_replaced_for_a_reason"
        ),
        CheckConstraint(
            "replaced_why IN ('inactive', 'by_hand', 'returned', 'timed_out', 'rejected', 'failed_checks')",
            name="rater_reason_for_freeing_is_known",
        ),
    )

    id: Mapped[str] = column("Random identifier (128 bits).", primary_key=True)
    study_id: Mapped[int] = column("The study rated.", ForeignKey("study.id"), index=True)
    booklet_id: Mapped[str] = column("The assigned booklet.", ForeignKey("booklet.id"), index=True)
    # rows of an archive may come in any order, so it is checked at the commit
    person_id: Mapped[str] = column(
        "The person: the id of the row of their first booklet.",
        ForeignKey("rater.id", deferrable=True, initially="DEFERRED"),
        default=_own_id,
    )
    booklet_number: Mapped[int] = column("1 for the person's first booklet, 2 for the second …", default=1)
    channel: Mapped[Channel] = column(
        "web or terminal: where the rater takes part.", EnumColumn(tuple(Channel), "channel")
    )
    consented_at: Mapped[datetime] = column(
        "Time of consent, in UTC; of a later booklet, the time at which it was assigned.", UtcDateTime
    )
    screened_at: Mapped[datetime | None] = column(
        "Time at which the rater passed the screening, in UTC.", UtcDateTime
    )
    questions_before_at: Mapped[datetime | None] = column(
        "Time of the answers to the questionnaire before the trials, in UTC.", UtcDateTime
    )
    instructed_at: Mapped[datetime | None] = column(
        "Time at which the rater left the instructions, in UTC.", UtcDateTime
    )
    practised_at: Mapped[datetime | None] = column(
        "Time at which the rater left the practice, in UTC.", UtcDateTime
    )
    n_practice_attempts: Mapped[int] = column("Number of failed attempts at the practice.", default=0)
    finished_at: Mapped[datetime | None] = column(
        "Time of the answer to the last trial, in UTC.", UtcDateTime
    )
    asked_at: Mapped[datetime | None] = column(
        "Time at which the blinding question was opened, in UTC; answers are final from then on.", UtcDateTime
    )
    guessed_at: Mapped[datetime | None] = column(
        "Time of the answer to the blinding question, in UTC.", UtcDateTime
    )
    questions_after_at: Mapped[datetime | None] = column(
        "Time of the answers to the questionnaire after the trials, in UTC.", UtcDateTime
    )
    commented_at: Mapped[datetime | None] = column(
        "Time at which the rater left the page for a final comment, in UTC.", UtcDateTime
    )
    left_at: Mapped[datetime | None] = column(
        "Time at which the rater left the study before its end, in UTC.", UtcDateTime
    )
    left_why: Mapped[LeavingReason | None] = column(
        "Reason for leaving: stopped, withdrawn, screened_out, failed_practice or over_quota.",
        EnumColumn(tuple(LeavingReason), "reason for leaving"),
    )
    replaced_at: Mapped[datetime | None] = column(
        "Time at which the place was freed, so that the booklet is assigned to another rater, in UTC.",
        UtcDateTime,
    )
    replaced_why: Mapped[FreedReason | None] = column(
        "Reason for freeing the place: inactive, by_hand, returned, timed_out, rejected or failed_checks.",
        EnumColumn(tuple(FreedReason), "reason for freeing a place"),
    )


class Token(RatingBase):
    """A browser or terminal in which a rater can continue."""

    __tablename__ = "token"

    digest: Mapped[str] = column("SHA-256 of the random token kept there.", primary_key=True)
    rater_id: Mapped[str] = column("The rater that the token belongs to.", ForeignKey("rater.id"), index=True)


class QuestionnaireAnswer(RatingBase):
    """A rater's answer to a question of the questionnaire; personal data, which can be deleted alone."""

    __tablename__ = "questionnaire_answer"

    rater_id: Mapped[str] = column("The rater who answered.", ForeignKey("rater.id"), primary_key=True)
    question: Mapped[str] = column("Name of the question.", primary_key=True)
    value: Mapped[str | None] = column(
        "The answer as JSON: a text, a number, or a list; empty if the rater declined."
    )


class Answer(RatingBase):
    """A rater's answer on one dimension of one trial; a changed answer is a new revision, never an update."""

    __tablename__ = "answer"
    __table_args__ = (
        UniqueConstraint("rater_id", "position", "dimension", "revision", name="answer_revision_is_unique"),
        UniqueConstraint("rater_id", "submission_id", "dimension", name="answer_is_stored_once"),
        ForeignKeyConstraint(["booklet_id", "position"], ["trial.booklet_id", "trial.position"]),
        ForeignKeyConstraint(["rater_id", "booklet_id"], ["rater.id", "rater.booklet_id"]),
        CheckConstraint("revision >= 1", name="answer_revision_counts_from_one"),
        CheckConstraint("value IS NULL OR NOT not_applicable", name="answer_applies_or_has_no_value"),
        # The log of a closing names the last answer by its number, so SQLite must never reuse a number.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = column("Row number.", primary_key=True)
    rater_id: Mapped[str] = column("The rater who answered.")
    booklet_id: Mapped[str] = column("The rater's booklet.")
    position: Mapped[int] = column("Position of the trial in the booklet, from 1.")
    dimension: Mapped[str] = column("The dimension rated.")
    revision: Mapped[int] = column(
        "1 for the first submission of this answer, 2 for the second …, changed or not."
    )
    value: Mapped[float | None] = column(
        "The answer on the dimension's scale; negative for the left one of a pair; empty if "
        "the rater cannot judge, or the question does not apply."
    )
    not_applicable: Mapped[bool] = column(
        "True if the rater answered that the question does not apply.", default=False
    )
    confidence: Mapped[int | None] = column(
        "How sure the rater is of the answer, from 1, the least; empty if it was not asked or not given."
    )
    comment: Mapped[str | None] = column("The rater's comment on this answer.")
    submission_id: Mapped[str] = column(
        "Random identifier of the page that was sent; a page sent twice is stored once."
    )
    shown_ms: Mapped[int | None] = column(
        "Time for which the trial was shown before the answer, in ms; empty without JavaScript."
    )
    first_render_ms: Mapped[int | None] = column(
        "Time until the page was first rendered, in ms; empty without JavaScript."
    )
    hidden_ms: Mapped[int | None] = column(
        "Part of shown_ms for which another tab or window hid the page, in ms."
    )
    answered_at: Mapped[datetime] = column("Time at which the answer was stored, in UTC.", UtcDateTime)


class Guess(RatingBase):
    """A rater's answer to the blinding question; the meaning of its labels is sealed."""

    __tablename__ = "guess"
    __table_args__ = (CheckConstraint("choice IN ('first', 'second', 'unsure')", name="guess_is_known"),)

    rater_id: Mapped[str] = column("The rater who guessed.", ForeignKey("rater.id"), primary_key=True)
    position: Mapped[int] = column(
        "Position of the trial whose text the guess is about; 0 for all texts.", primary_key=True
    )
    choice: Mapped[GuessChoice] = column(
        "The label chosen: first, second or unsure.", EnumColumn(tuple(GuessChoice), "guess")
    )
    guessed_at: Mapped[datetime] = column("Time at which the guess was stored, in UTC.", UtcDateTime)


class Comment(RatingBase):
    """A rater's comment at the end of the study."""

    __tablename__ = "comment"

    rater_id: Mapped[str] = column("The rater who commented.", ForeignKey("rater.id"), primary_key=True)
    text: Mapped[str] = column("The comment.")


class ShownEnding(RatingBase):
    """The ending that a rater was shown, with the completion code of that time."""

    __tablename__ = "shown_ending"

    rater_id: Mapped[str] = column("The rater.", ForeignKey("rater.id"), primary_key=True)
    outcome: Mapped[str] = column("The outcome whose ending was shown.", primary_key=True)
    code: Mapped[str | None] = column("The completion code; empty if the ending has none.", seen_by="rater")
    shown_at: Mapped[datetime] = column("Time at which it was first shown, in UTC.", UtcDateTime)


class EventRow(EventColumns, RatingBase):
    """The study's hash-chained audit log."""

    kinds: ClassVar[frozenset[EventKind | State]] = frozenset(
        {
            *PUBLISHED_STATES,
            EventKind.AMENDED,
            EventKind.EXPORTED,
            EventKind.FORGOTTEN,
            EventKind.FREED,
            EventKind.GRANTED,
            EventKind.LISTED,
            EventKind.LOOK,
            EventKind.RECOVERED,
            EventKind.REDACTED,
            EventKind.SHOWN,
        }
    )
