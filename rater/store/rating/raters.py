"""Deal a booklet to a rater, show its trials, and keep what is answered.

The channel (web or terminal) holds a random token; the database knows only its digest. Trials are answered in
order, so that a rater's answered positions are always 1 … n, and the next trial is n + 1.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.orm import Session

from rater.errors import ClosedError, FullError, StateError
from rater.store.rating.schema import Answer, Booklet, Item, Rater, Study, Trial

Channel = Literal["web", "terminal"]

# The statements of every rating are built once: building them takes longer than SQLite takes to run them.
_SITTING = (
    select(
        Rater,
        Booklet.n_trials,
        select(func.coalesce(func.max(Answer.position), 0))
        .where(Answer.rater_id == Rater.id)
        .scalar_subquery(),
    )
    .join(Booklet, Booklet.id == Rater.booklet_id)
    .where(Rater.token_digest == bindparam("digest"), Rater.study_id == bindparam("study_id"))
)
_ITEM = (
    select(Item.prompt, Item.text)
    .join(Trial, Trial.item_id == Item.id)
    .where(Trial.booklet_id == bindparam("booklet_id"), Trial.position == bindparam("position"))
)
_LONGEST = (
    select(func.max(func.length(Item.prompt) + func.length(Item.text)))
    .join(Trial, Trial.item_id == Item.id)
    .where(Trial.booklet_id == bindparam("booklet_id"))
)
# a rater's submissions take turns, so that one sent twice at the same time finds the other
_LOCK_RATER = (
    select(Rater.finished_at).where(Rater.id == bindparam("rater_id")).with_for_update(key_share=True)
)
# shared with other raters, but not with who closes the study: no answer comes after the closing
_LOCK_STATE = select(Study.state).where(Study.id == bindparam("study_id")).with_for_update(read=True)
_STORED = (
    select(Answer.id)
    .where(Answer.rater_id == bindparam("rater_id"), Answer.submission_id == bindparam("submission_id"))
    .limit(1)
)
_ANSWERS = (
    select(Answer)
    .where(Answer.rater_id == bindparam("rater_id"), Answer.position == bindparam("position"))
    .order_by(Answer.revision)
)


@dataclass(frozen=True)
class Sitting:
    """A rater and how far they have come."""

    rater_id: str
    booklet_id: str
    n_trials: int
    n_answered: int
    has_read_instructions: bool
    has_finished: bool

    @property
    def next_position(self) -> int:
        """The trial to be answered next; one past the last when all are."""
        return self.n_answered + 1


@dataclass(frozen=True)
class TrialView:
    """What a rater sees of one trial, with the answers given so far by dimension."""

    position: int
    prompt: str
    text: str
    answers: dict[str, int]


@dataclass(frozen=True)
class Offer:
    """What a free booklet would ask of one more rater."""

    n_trials: int
    mean_characters: float
    """Of a prompt with its text, over the whole study."""


@dataclass(frozen=True)
class Submission:
    """One sending of a trial's answers; ``id`` is made with the page: sending it twice is harmless."""

    id: str
    position: int
    answers: dict[str, int]
    shown_ms: int | None


def new_token() -> str:
    """Draw the random token by which a rater comes back (256 bits)."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """Hash a token for the database, so that who reads the database cannot come back as a rater."""
    return hashlib.sha256(token.encode()).hexdigest()


def find_sitting(session: Session, study_id: int, token: str) -> Sitting | None:
    """Find a rater of a study by their token. Costs one query."""
    row = session.execute(_SITTING, {"digest": digest(token), "study_id": study_id}).first()
    if row is None:
        return None
    rater, n_trials, answered = row
    return Sitting(
        rater_id=rater.id,
        booklet_id=rater.booklet_id,
        n_trials=n_trials,
        n_answered=answered,
        has_read_instructions=rater.instructed_at is not None,
        has_finished=rater.finished_at is not None,
    )


def has_free_booklet(session: Session, study_id: int) -> bool:
    """Say whether a booklet is left for one more rater. Costs one query."""
    return session.scalars(_free_booklets(study_id)).first() is not None


def read_offer(session: Session, study_id: int) -> Offer | None:
    """Say what a free booklet would ask of one more rater; None when all are dealt. Costs two queries."""
    n_trials = session.scalars(
        select(Booklet.n_trials).where(Booklet.id == _free_booklets(study_id).scalar_subquery())
    ).first()
    if n_trials is None:
        return None
    mean = session.scalar(
        select(func.avg(func.length(Item.prompt) + func.length(Item.text))).where(Item.study_id == study_id)
    )
    return Offer(n_trials=n_trials, mean_characters=float(mean or 0))


def claim_booklet(session: Session, study_id: int, token: str, *, channel: Channel, now: datetime) -> Sitting:
    """Deal a free booklet to a rater who consented; one who already has one keeps it.

    Must run in a `writing` transaction. Costs up to four queries and an insert.

    Raises:
        ClosedError: the study is not open.
        FullError: every booklet is dealt.
    """
    # claims of a study take turns: none finds a booklet free that is being dealt, or taken that will not be
    state = session.scalars(
        select(Study.state).where(Study.id == study_id).with_for_update(key_share=True)
    ).one()
    sitting = find_sitting(session, study_id, token)
    if sitting is not None:
        return sitting
    _require_open(state)
    booklet_id = session.scalars(_free_booklets(study_id)).first()
    if booklet_id is None:
        msg = "Every place in this study is taken."
        raise FullError(msg)
    session.add(
        Rater(
            id=secrets.token_hex(16),
            study_id=study_id,
            booklet_id=booklet_id,
            token_digest=digest(token),
            channel=channel,
            consented_at=now,
        )
    )
    session.flush()
    claimed = find_sitting(session, study_id, token)
    assert claimed is not None  # noqa: S101 (inserted two lines above, in this transaction)
    return claimed


def finish_instructions(session: Session, rater_id: str, *, now: datetime) -> None:
    """Note that a rater has left the instructions; the first time counts. Costs a query and an update."""
    rater = session.get_one(Rater, rater_id)
    rater.instructed_at = rater.instructed_at or now


def view_trial(session: Session, sitting: Sitting, position: int) -> TrialView:
    """Read one trial of a rater's booklet with its latest answers. Costs two queries.

    Raises:
        StateError: the trial is not there, or not yet its turn.
    """
    _require_turn(sitting, position)
    item = session.execute(_ITEM, {"booklet_id": sitting.booklet_id, "position": position}).one()
    latest = _latest_answers(session, sitting.rater_id, position)
    answers = {dimension: int(answer.value) for dimension, answer in latest.items()}
    return TrialView(position=position, prompt=item.prompt, text=item.text, answers=answers)


def longest_text(session: Session, booklet_id: str) -> int:
    """Count the characters of a booklet's longest prompt with its text, so that a page can keep room for it.

    Costs one query.
    """
    return session.scalar(_LONGEST, {"booklet_id": booklet_id}) or 0


def record_answers(
    session: Session, study_id: int, sitting: Sitting, sent: Submission, *, now: datetime
) -> None:
    """Keep a trial's answers: new ones as revision 1, changed ones as the next, equal ones not again.

    Sending the same submission twice stores it once. The rater has finished when the last trial is answered.
    Must run in a `writing` transaction, with a sitting read in it. Costs four queries and an insert.

    Raises:
        ClosedError: the study takes no answers now.
        StateError: the trial is not there, or not yet its turn.
    """
    finished_at = session.scalars(_LOCK_RATER, {"rater_id": sitting.rater_id}).one()
    if _is_stored(session, sitting.rater_id, sent.id):
        return
    _require_open(session.scalars(_LOCK_STATE, {"study_id": study_id}).one())
    _require_turn(sitting, sent.position)
    latest = _latest_answers(session, sitting.rater_id, sent.position)
    for dimension, value in sent.answers.items():
        before = latest.get(dimension)
        if before is not None and before.value == value:
            continue
        session.add(
            Answer(
                rater_id=sitting.rater_id,
                booklet_id=sitting.booklet_id,
                position=sent.position,
                dimension=dimension,
                revision=before.revision + 1 if before else 1,
                value=value,
                submission_id=sent.id,
                shown_ms=sent.shown_ms,
                answered_at=now,
            )
        )
    if sent.position == sitting.n_trials and finished_at is None:
        session.get_one(Rater, sitting.rater_id).finished_at = now


def _free_booklets(study_id: int) -> Select[str]:
    taken = select(Rater.id).where(Rater.booklet_id == Booklet.id).exists()
    # ids are random, so that the lowest free one is a random one
    return select(Booklet.id).where(Booklet.study_id == study_id, ~taken).order_by(Booklet.id).limit(1)


def _require_open(state: str) -> None:
    if state != "open":
        msg = "This study takes no answers now."
        raise ClosedError(msg)


def _require_turn(sitting: Sitting, position: int) -> None:
    last = min(sitting.next_position, sitting.n_trials)
    if not 1 <= position <= last:
        msg = f"Text {position} is not there to be rated yet; valid: 1 to {last}."
        raise StateError(msg)


def _is_stored(session: Session, rater_id: str, submission_id: str) -> bool:
    sent = {"rater_id": rater_id, "submission_id": submission_id}
    return session.scalars(_STORED, sent).first() is not None


def _latest_answers(session: Session, rater_id: str, position: int) -> dict[str, Answer]:
    rows = session.scalars(_ANSWERS, {"rater_id": rater_id, "position": position})
    return {row.dimension: row for row in rows}
