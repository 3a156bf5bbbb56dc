"""Show a rater a trial and store each answer as a revision, recovered answers included."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, aliased

from rater.errors import ClosedError, StateError
from rater.store.engine import connection_of
from rater.store.rating.schema import Answer, Booklet, Item, Rater, StudyRow, Token, TrialRow, TrialTextRow
from rater.store.rating.sessions import SITTING_COLUMNS, RaterSession, digest
from rater.store.rating.studies import STUDY_COLUMNS, PublishedStudy, published_of
from rater.study.fields import PROMPT, Fields, read_fields
from rater.study.protocol import Revising
from rater.study.state import State

_JUDGEMENT = (Answer.dimension, Answer.value, Answer.comment, Answer.not_applicable, Answer.confidence)
"""The columns of a `Judgement`, with its dimension."""
# The statements of every rating are built once: building them takes longer than running them in SQLite.
_TEXTS = (
    select(TrialRow.position, Item.prompt, Item.text, Item.fields, TrialRow.dimension)
    .join(
        TrialTextRow,
        and_(TrialTextRow.booklet_id == TrialRow.booklet_id, TrialTextRow.position == TrialRow.position),
    )
    .join(Item, Item.id == TrialTextRow.item_id)
    .where(TrialRow.booklet_id == bindparam("booklet_id"))
    .order_by(TrialRow.position, TrialTextRow.place)
)
"""The texts of trials, a row each."""
_TRIAL = _TEXTS.where(TrialRow.position == bindparam("position"))
_TRIALS = _TEXTS.where(TrialRow.position >= bindparam("first"))
_ALL_ANSWERS = (
    select(Answer.position, *_JUDGEMENT)
    .where(Answer.rater_id == bindparam("rater_id"), Answer.position >= bindparam("first"))
    .order_by(Answer.revision)
)
_DIMENSION = select(TrialRow.dimension).where(
    TrialRow.booklet_id == bindparam("booklet_id"), TrialRow.position == bindparam("position")
)
# The lock on the rater's row serialises their submissions, so that a duplicate finds the first one. The lock
# on the study's row is shared with other raters and excludes closing: no answer follows the closing.
_LOCK = (
    select(Rater.finished_at, StudyRow.state)
    .join(StudyRow, StudyRow.id == Rater.study_id)
    .where(Rater.id == bindparam("rater_id"), StudyRow.id == bindparam("study_id"))
    .with_for_update(of=Rater, key_share=True)
    .suffix_with("FOR SHARE OF study", dialect="postgresql")  # for which SQLAlchemy has no words
)
_STORED = (
    select(Answer.id)
    .where(Answer.rater_id == bindparam("rater_id"), Answer.submission_id == bindparam("submission_id"))
    .limit(1)
)
_ANSWERS = (
    select(*_JUDGEMENT)
    .where(Answer.rater_id == bindparam("rater_id"), Answer.position == bindparam("position"))
    .order_by(Answer.revision)
)
_ANSWERS_AND_SENT = (
    select(Answer.dimension, Answer.revision, Answer.submission_id)
    .where(
        Answer.rater_id == bindparam("rater_id"),
        or_(Answer.position == bindparam("position"), Answer.submission_id == bindparam("submission_id")),
    )
    .order_by(Answer.revision)
)
"""The answers to a trial, and those of the present submission to any trial."""
# Of answers that are stored already, nothing is returned.
_KEEP = {
    dialect.__name__.rsplit(".", 1)[-1]: dialect.insert(Answer)
    .on_conflict_do_nothing()
    .returning(Answer.dimension)
    for dialect in (postgresql, sqlite)
}
_This, _Next = aliased(TrialRow), aliased(TrialRow)
_N_STUDY, _N_SITTING = len(STUDY_COLUMNS), len(SITTING_COLUMNS)
_TURN = (
    select(
        *STUDY_COLUMNS,
        *SITTING_COLUMNS,
        _This.dimension,
        _Next.position,
        Item.prompt,
        Item.text,
        Item.fields,
        _Next.dimension,
    )
    .select_from(Token)
    .join(Rater, Rater.id == Token.rater_id)
    .join(StudyRow, StudyRow.id == Rater.study_id)
    .join(Booklet, Booklet.id == Rater.booklet_id)
    .outerjoin(_This, (_This.booklet_id == Booklet.id) & (_This.position == bindparam("position")))
    .outerjoin(_Next, (_Next.booklet_id == Booklet.id) & (_Next.position == bindparam("next_position")))
    .outerjoin(
        TrialTextRow,
        (TrialTextRow.booklet_id == _Next.booklet_id) & (TrialTextRow.position == _Next.position),
    )
    .outerjoin(Item, Item.id == TrialTextRow.item_id)
    .where(Token.digest == bindparam("digest"))
    .order_by(TrialTextRow.place)
    .with_for_update(of=Rater, key_share=True)
    .suffix_with("FOR SHARE OF study", dialect="postgresql")
)
"""All that a submission needs, with the locks of `_LOCK`; a row for each text of the next trial.

The token is the only condition. Given the study's address too, PostgreSQL may begin with the study and read
the trials of all its raters: with 100 raters, it computed for three times as long.
"""


@dataclass(frozen=True)
class Judgement:
    """A rater's judgement of a trial on one dimension."""

    value: float | None
    """The answer on the dimension's scale; None where they cannot judge, or the question does not apply."""
    comment: str | None = None
    not_applicable: bool = False
    """True if the question does not apply to the trial."""
    confidence: int | None = None
    """Confidence in the answer, from 1; None where that was not asked or not given."""


@dataclass(frozen=True)
class TrialView:
    """The content of one trial, with the answers so far by dimension."""

    position: int
    prompt: str
    texts: tuple[str, ...]
    """The texts shown, from left to right, or from top to bottom."""
    fields: Fields
    """Those of the prompt, which is one of them."""
    dimension: str | None
    """The one dimension asked; None for all."""
    answers: Mapping[str, Judgement]

    @classmethod
    def of(
        cls, texts: Sequence[Row[int, str, str, str, str | None]], answers: Mapping[str, Judgement]
    ) -> "TrialView":
        """Make a view of the rows of a trial's texts, in their order."""
        first = texts[0]
        return cls(
            position=first.position,
            prompt=first.prompt,
            texts=tuple(row.text for row in texts),
            fields=_fields_of(first.prompt, first.fields),
            dimension=first.dimension,
            answers=answers,
        )


def _fields_of(prompt: str, written: str) -> Fields:
    return {PROMPT: prompt, **read_fields(written)}


@dataclass(frozen=True)
class Timing:
    """Times of a trial on the screen, in milliseconds; None without a script."""

    shown_ms: int | None = None
    """From its first frame to the submission."""
    first_render_ms: int | None = None
    """From the request to its first frame."""
    hidden_ms: int | None = None
    """The part of `shown_ms` during which the page was hidden."""


@dataclass(frozen=True)
class Submission:
    """One sending of a trial's answers; ``id`` is made with the page: a repeated submission has no effect."""

    id: str
    position: int
    answers: Mapping[str, Judgement]
    timing: Timing = Timing()


@dataclass(frozen=True)
class Turn:
    """The state of a rater who submits answers; it cannot change until the transaction ends."""

    study: PublishedStudy
    rater_session: RaterSession
    dimension: str | None
    """The one dimension asked by the trial that is submitted; None for all."""
    next_trial: TrialView | None
    """The trial after it, without answers; None if there is none."""


def lock_turn(at: Session | Connection, slug: str, token: str, position: int) -> Turn | None:
    """Read all that a submission needs, and lock it until the commit; None for an unknown study or rater.

    Must run in a `writing` transaction. Costs one query.

    Args:
        at: The transaction.
        slug: The study's address.
        token: The rater's token.
        position: The trial that is submitted.
    """
    sought = {"digest": digest(token), "position": position, "next_position": position + 1}
    rows = connection_of(at).execute(_TURN, sought).all()
    if not rows:
        return None
    study, rater_session = published_of(rows[0][:_N_STUDY]), rows[0][_N_STUDY:][:_N_SITTING]
    if study.slug != slug:
        return None
    dimension, next_position, prompt, _, fields, next_dimension = rows[0][_N_STUDY + _N_SITTING :]
    next_trial = None
    if next_position is not None:
        texts = tuple(row.text for row in rows)
        own = _fields_of(prompt, fields)
        next_trial = TrialView(next_position, prompt, texts, own, next_dimension, answers={})
    return Turn(study, RaterSession(*rater_session), dimension, next_trial)


def view_trial(at: Session | Connection, rater_session: RaterSession, position: int) -> TrialView:
    """Read one trial of a rater's booklet with its latest answers. Costs two queries, one for a new trial.

    Raises:
        StateError: the trial is not there, or not yet its turn.
    """
    _require_turn(rater_session, position, 1)
    connection = connection_of(at)
    sought = {"booklet_id": rater_session.booklet_id, "position": position}
    texts = connection.execute(_TRIAL, sought).all()
    latest: dict[str, Judgement] = {}
    if position <= rater_session.n_answered:
        rows = connection.execute(_ANSWERS, {"rater_id": rater_session.rater_id, "position": position})
        latest = {row.dimension: _judgement(row) for row in rows}
    return TrialView.of(texts, latest)


def _judgement(row: Row[*tuple[Any, ...]]) -> Judgement:
    return Judgement(row.value, row.comment, not_applicable=row.not_applicable, confidence=row.confidence)


def view_trials(session: Session, rater_session: RaterSession, first: int) -> list[TrialView]:
    """Read the trials of a booklet from a position on, with their latest answers. Costs two queries."""
    connection = session.connection()
    latest: dict[int, dict[str, Judgement]] = {}
    answered = connection.execute(_ALL_ANSWERS, {"rater_id": rater_session.rater_id, "first": first})
    for row in answered:
        latest.setdefault(row.position, {})[row.dimension] = _judgement(row)
    found = connection.execute(_TRIALS, {"booklet_id": rater_session.booklet_id, "first": first})
    trials = (
        (position, list(texts)) for position, texts in groupby(found, key=lambda row: int(row.position))
    )
    return [TrialView.of(texts, latest.get(position, {})) for position, texts in trials]


def read_dimension(session: Session, booklet_id: str, position: int) -> str | None:
    """Read the one dimension that a trial asks; None where it asks all of them. Costs one query."""
    return session.scalars(_DIMENSION, {"booklet_id": booklet_id, "position": position}).first()


def first_revisable(rater_session: RaterSession, revising: Revising) -> int:
    """Return the first trial whose answer may be given or changed now; one past the last if none may."""
    if rater_session.has_been_asked or rater_session.left_why is not None:
        return rater_session.n_trials + 1
    return {"all": 1, "last": max(1, rater_session.n_answered), "none": rater_session.next_position}[revising]


def record_answers(
    at: Session | Connection,
    study_id: int,
    rater_session: RaterSession,
    sent: Submission,
    *,
    revising: Revising,
    now: datetime,
    locked: State | None = None,
) -> None:
    """Store a trial's answers as a new revision each; a repeated submission is stored once.

    The rater has finished when the last trial is answered. Must run in a `writing` transaction, with a
    rater_session read in it. Costs a query and an insert; up to three queries for a trial that was answered
    before.

    Args:
        at: The transaction.
        study_id: The study.
        rater_session: The rater.
        sent: The submission.
        revising: Which answers the study lets raters change.
        now: The time.
        locked: The state of the study, where `lock_turn` has read both; saves a query.

    Raises:
        ClosedError: the study takes no answers now.
        StateError: the trial is not there, not yet its turn, or can no longer be changed.
    """
    first = first_revisable(rater_session, revising)
    if sent.position > rater_session.n_trials:  # possibly too large for a database's integer
        _require_turn(rater_session, sent.position, first)
    connection = connection_of(at)
    state, has_finished = locked, rater_session.has_finished
    if state is None:
        ids = {"rater_id": rater_session.rater_id, "study_id": study_id}
        finished_at, state = connection.execute(_LOCK, ids).one()
        has_finished = finished_at is not None
    is_stored = (
        state is State.OPEN
        and first <= sent.position == rater_session.next_position <= rater_session.n_trials
        and _insert(connection, rater_session, sent, revisions={}, now=now) == sent.answers.keys()
    )
    if not is_stored and not _revise(connection, rater_session, sent, state=state, first=first, now=now):
        return
    if sent.position == rater_session.n_trials and not has_finished:
        connection.execute(update(Rater).where(Rater.id == rater_session.rater_id).values(finished_at=now))


def _revise(
    connection: Connection,
    rater_session: RaterSession,
    sent: Submission,
    *,
    state: State,
    first: int,
    now: datetime,
) -> bool:
    """Store answers to a trial that may have been answered before; return False if they are stored already.

    Answers that another request of the same rater has stored meanwhile are read here for the first time.
    """
    sought = {
        "rater_id": rater_session.rater_id,
        "position": sent.position,
        "submission_id": sent.id,
    }
    before = connection.execute(_ANSWERS_AND_SENT, sought).all()
    stored = {row.dimension for row in before if row.submission_id == sent.id}
    missing = {name: judgement for name, judgement in sent.answers.items() if name not in stored}
    if stored and not missing:
        return False
    if state is not State.OPEN:
        msg = "This study is not collecting answers now."
        raise ClosedError(msg)
    _require_turn(rater_session, sent.position, first)
    revisions = {row.dimension: row.revision for row in before}  # the last one counts
    _insert(connection, rater_session, replace(sent, answers=missing), revisions=revisions, now=now)
    return True


def _insert(
    connection: Connection,
    rater_session: RaterSession,
    sent: Submission,
    *,
    revisions: Mapping[str, int],
    now: datetime,
) -> set[str]:
    """Insert answers that are not stored already; return their dimensions.

    Args:
        connection: The transaction's.
        rater_session: The rater.
        sent: The submission.
        revisions: The latest revision so far of each dimension that was answered before.
        now: The time.
    """
    rows = [
        {
            "rater_id": rater_session.rater_id,
            "booklet_id": rater_session.booklet_id,
            "position": sent.position,
            "dimension": dimension,
            "revision": revisions.get(dimension, 0) + 1,
            "value": judgement.value,
            "not_applicable": judgement.not_applicable,
            "confidence": judgement.confidence,
            "comment": judgement.comment,
            "submission_id": sent.id,
            "shown_ms": sent.timing.shown_ms,
            "first_render_ms": sent.timing.first_render_ms,
            "hidden_ms": sent.timing.hidden_ms,
            "answered_at": now,
        }
        for dimension, judgement in sent.answers.items()
    ]
    if not rows:
        return set()
    keep = _KEEP[connection.dialect.name]
    return set(connection.execute(keep, rows if len(rows) > 1 else rows[0]).scalars())


def _require_turn(rater_session: RaterSession, position: int, first: int) -> None:
    last = min(rater_session.next_position, rater_session.n_trials)
    if not first <= position <= last:
        msg = f"Text {position} cannot be rated now; valid: {first} to {last}."
        raise StateError(msg)


def is_stored(session: Session, rater_id: str, submission_id: str) -> bool:
    """Return whether a submission is stored already. Costs one query."""
    sent = {"rater_id": rater_id, "submission_id": submission_id}
    return session.connection().execute(_STORED, sent).first() is not None
