"""Digests of what a study publishes and of what raters have given.

Each digest is SHA-256 over lines of canonical JSON, each ended by a line feed, in UTF-8, so that anyone who
has the rows can recompute it:

- study: ``["<name>","<slug>","<study hash>","<commitment>","<time of publication>"]``;
- items: ``["<item id>","<prompt>","<text>","<fields>",is_check]``, sorted by item id;
- booklets: ``["<booklet id>",n_trials,n_lines,n_narrow_lines,n_shared_lines,<trials>]``, sorted by booklet
  id; trials are ``[position,"<dimension>",is_repeat,<texts>],…`` in their order; a booklet without trials is
  a line too; the texts of a trial are ``[[place,"<item id>",is_repeat],…]`` in the order of their places;
- checks: ``["<item id>","<dimension>",lowest,highest]``, sorted by item id and dimension.

Values are those of the table's columns, in their order, so that a new column is digested too. Times are ISO
8601 in UTC, ``null`` where there is none. The protocol's digest is SHA-256 over its own JSON. What raters
give is digested in `rater.store.rating.digests`.

First the digests of each rater: SHA-256 over lines of canonical JSON as in `rater.store.rating.digests`,

- row: the columns of the table ``rater``, in their order, without the study's;
- answers: the columns of the table ``answer``, in their order, without the row's number: every revision, in
  the order in which they were stored;
- guesses: the columns of the table ``guess``, in their order, sorted by position.

Then of all raters: for each of the three SHA-256 over lines ``["<rater>","<digest>"]``, sorted by rater,
leaving out raters without any. Comments at the end are not digested: they may identify their author, and can
be deleted alone.

**Every closing can be recomputed later**, also after the study was opened again. Answers have numbers that
only grow, and the log has the last one of each closing. A step of a visit is noted once and never changed,
and the log has which steps each rater had taken (`CollectedDigests.visits`), so that the row as it was at the
closing can be made from the row of today: what was added later is left out. Guesses are all stored in one
step.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, String, select, type_coerce
from sqlalchemy.orm import Session

from rater.store.engine import EnumColumn
from rater.store.log import Event
from rater.store.rating.schema import (
    Answer,
    AttentionCheckRow,
    Booklet,
    Guess,
    Item,
    Rater,
    RatingBase,
    StudyRow,
    TrialRow,
    TrialTextRow,
)
from rater.study.state import State


@dataclass(frozen=True)
class Published:
    """Digests of everything fixed at publication."""

    study: str
    protocol: str
    items: str
    booklets: str
    checks: str


def digest_published(session: Session, study_id: int) -> Published:
    """Digest a study's row, protocol, items, booklets and checks. Costs six queries."""
    name, slug, protocol, study_hash, commitment, at = session.execute(
        select(
            StudyRow.name,
            StudyRow.slug,
            StudyRow.protocol,
            StudyRow.study_hash,
            StudyRow.commitment,
            StudyRow.published_at,
        ).where(StudyRow.id == study_id)
    ).one()
    items = session.execute(select(*columns_of(Item, but={"study_id"})).where(Item.study_id == study_id))
    checks = session.execute(
        select(*columns_of(AttentionCheckRow))
        .join(Item, Item.id == AttentionCheckRow.item_id)
        .where(Item.study_id == study_id)
    )
    return Published(
        study=digest_rows([[name, slug, study_hash, commitment, written_time(at)]]),
        protocol=hashlib.sha256(protocol.encode()).hexdigest(),
        items=digest_rows(sorted(list(row) for row in items)),
        booklets=_digest_booklets(session, study_id),
        checks=digest_rows(sorted(list(row) for row in checks)),
    )


def _digest_booklets(session: Session, study_id: int) -> str:
    booklets = session.execute(
        select(*columns_of(Booklet, but={"study_id"})).where(Booklet.study_id == study_id)
    ).all()
    texts = session.execute(
        select(
            TrialTextRow.booklet_id,
            TrialTextRow.position,
            *columns_of(TrialTextRow, but={"booklet_id", "position"}),
        )
        .join(Booklet, Booklet.id == TrialTextRow.booklet_id)
        .where(Booklet.study_id == study_id)
        .order_by(TrialTextRow.booklet_id, TrialTextRow.position, TrialTextRow.place)
    )
    of_trials: defaultdict[tuple[str, int], list[list[object]]] = defaultdict(list)
    for booklet_id, position, *row in texts:
        of_trials[booklet_id, position].append(row)
    trials = session.execute(
        select(TrialRow.booklet_id, *columns_of(TrialRow, but={"booklet_id"}))
        .join(Booklet, Booklet.id == TrialRow.booklet_id)
        .where(Booklet.study_id == study_id)
        .order_by(TrialRow.booklet_id, TrialRow.position)
    )
    shown: defaultdict[str, list[list[object]]] = defaultdict(list)
    for booklet_id, position, *trial in trials:
        shown[booklet_id].append([position, *trial, of_trials[booklet_id, position]])
    in_order = sorted(booklets, key=lambda booklet: str(booklet.id))
    return digest_rows([*booklet, *shown[booklet.id]] for booklet in in_order)


def columns_of(table: type[RatingBase], *, but: Iterable[str] = ()) -> list[ColumnElement[Any]]:
    """List a table's columns in their order, so that a digest leaves out only what it names.

    A member of a closed set is read as text, since a database that was tampered with may have any other.
    """
    left_out = set(but)
    return [
        type_coerce(column, String).label(column.name) if isinstance(column.type, EnumColumn) else column
        for column in table.__table__.columns
        if column.name not in left_out
    ]


def written_time(at: datetime | None) -> str | None:
    """Format a time for a digest."""
    return None if at is None else at.isoformat()


def written(value: object) -> object:
    """Format a value of any column for a digest."""
    return written_time(value) if isinstance(value, datetime) else value


def digest_rows(rows: Iterable[Sequence[object]]) -> str:
    """Digest rows, one line of canonical JSON each."""
    found = hashlib.sha256()
    for row in rows:
        found.update(line_of(row))
    return found.hexdigest()


def line_of(row: Sequence[object]) -> bytes:
    """Write a row as one line of canonical JSON."""
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


_BATCH = 10_000
_ROW = [column.name for column in columns_of(Rater, but={"study_id"})]
_REASONS = {"left_why": "left_at", "replaced_why": "replaced_at"}
# the columns with the reason of a step, and the step
_STEPS = [
    column.name for column in Rater.__table__.columns if column.nullable and column.name not in _REASONS
]
"""The steps of a visit, each noted once: a bit each in `CollectedDigests.visits`, the first one lowest."""

_AFTER_PRACTICE = ("practised_at", "finished_at", "left_at")


@dataclass(frozen=True)
class RaterDigests:
    """Digests of everything collected from one rater by a closing."""

    row: str
    n_answers: int = 0
    """The number of revisions of answers."""
    answers: str | None = None
    guesses: str | None = None


@dataclass(frozen=True)
class Closing:
    """The answers and visits recorded when a study was closed."""

    sequence: int
    """Its row in the log."""
    last_answer_id: int
    visits: Mapping[str, str]


@dataclass(frozen=True)
class CollectedDigests:
    """Digests of everything collected from raters."""

    n_answers: int
    """The number of revisions of answers."""
    last_answer_id: int
    """The row number of the last of them; 0 where there is none."""
    answers: str
    raters: str
    guesses: str
    visits: Mapping[str, str] = field(default_factory=dict)
    """By rater: the steps taken as a hexadecimal number, a colon, the failed attempts at the practice."""


def read_closings(events: Sequence[Event]) -> list[Closing]:
    """Read a study's closings from its log.

    Raises:
        TypeError: a row is not one that rater wrote.
    """
    found = []
    for event in events:
        if event.kind != State.CLOSED:
            continue
        last, visits = event.detail.get("last_answer_id"), event.detail.get("visits")
        if not isinstance(last, int) or not isinstance(visits, dict):
            msg = f"row {event.sequence} of the log has no last answer, or not how far each visit had come"
            raise TypeError(msg)
        found.append(Closing(event.sequence, last, visits))
    return found


def digest_collected(
    session: Session, study_id: int, *, redacted: Mapping[str, RaterDigests] | None = None
) -> CollectedDigests:
    """Digest everything collected from a study's raters. Costs three queries.

    Memory grows with the number of raters, not of answers.

    Args:
        session: A snapshot.
        study_id: The study.
        redacted: What the log has of raters who were deleted since.
    """
    answers, last = _answers(session, study_id, [None])
    rows = _read_raters(session, study_id)
    whole = {rater: RaterDigests(_digest_row(row)) for rater, row in rows.items()}
    guesses = _guesses(session, study_id)
    found = {
        rater: RaterDigests(each.row, *answers.get(rater, [(0, None)])[0], guesses.get(rater))
        for rater, each in whole.items()
    }
    found.update(redacted or {})
    # the steps that a rater has taken, as bits, and the number of attempts at the practice
    visits = {
        rater: f"{sum(1 << bit for bit, name in enumerate(_STEPS) if row[name] is not None):x}"
        f":{row['n_practice_attempts']}"
        for rater, row in rows.items()
    }
    return _together(found, last, visits)


def digest_closings(
    session: Session,
    study_id: int,
    closings: Sequence[Closing],
    *,
    redacted: Mapping[int, Mapping[str, RaterDigests]],
) -> list[CollectedDigests]:
    """Digest what was collected by each closing. Costs three queries, whatever their number.

    Args:
        session: A snapshot.
        study_id: The study.
        closings: Its closings, in the order of the log.
        redacted: By closing: what the log has of raters who were deleted since.
    """
    by_rater = _digests_at(session, study_id, closings)
    return [
        _together({**found, **redacted.get(closing.sequence, {})}, closing.last_answer_id, {})
        for closing, found in zip(closings, by_rater, strict=True)
    ]


def digest_rater(
    session: Session, study_id: int, rater_id: str, *, closings: Sequence[Closing]
) -> dict[int, RaterDigests]:
    """Digest what one rater had given by each closing after they came. Costs three queries."""
    found = _digests_at(session, study_id, closings, rater_id=rater_id)
    return {
        closing.sequence: digests[rater_id]
        for closing, digests in zip(closings, found, strict=True)
        if rater_id in digests
    }


def read_digests(detail: object) -> RaterDigests:
    """Read a rater's digests from the log."""
    if not isinstance(detail, dict):
        msg = "a row of the log has no digests of a rater"
        raise TypeError(msg)
    return RaterDigests(**{each.name: detail[each.name] for each in fields(RaterDigests)})


def _digests_at(
    session: Session, study_id: int, closings: Sequence[Closing], *, rater_id: str | None = None
) -> list[dict[str, RaterDigests]]:
    answers, _ = _answers(
        session, study_id, [closing.last_answer_id for closing in closings], rater_id=rater_id
    )
    guesses = _guesses(session, study_id, rater_id=rater_id)
    rows = _read_raters(session, study_id, rater_id=rater_id)
    nothing = [(0, None)] * len(closings)
    return [
        {
            rater: RaterDigests(
                _digest_row(_as_at(row, closing.visits[rater])),
                *answers.get(rater, nothing)[place],
                guesses.get(rater) if _has_taken(closing.visits[rater], "guessed_at") else None,
            )
            for rater, row in rows.items()
            if rater in closing.visits
        }
        for place, closing in enumerate(closings)
    ]


def _together(found: Mapping[str, RaterDigests], last: int, visits: Mapping[str, str]) -> CollectedDigests:
    in_order = sorted(found.items())
    return CollectedDigests(
        n_answers=sum(each.n_answers for each in found.values()),
        last_answer_id=last,
        answers=digest_rows((rater, each.answers) for rater, each in in_order if each.answers is not None),
        raters=digest_rows((rater, each.row) for rater, each in in_order),
        guesses=digest_rows((rater, each.guesses) for rater, each in in_order if each.guesses is not None),
        visits=visits,
    )


def _answers(
    session: Session, study_id: int, lasts: Sequence[int | None], *, rater_id: str | None = None
) -> tuple[dict[str, list[tuple[int, str | None]]], int]:
    """Count and digest each rater's answers up to each of several stored ones; None is the last."""
    query = (
        select(Answer.id, *columns_of(Answer, but={"id"}))
        .join(Rater, Rater.id == Answer.rater_id)
        .where(Rater.study_id == study_id)
        .order_by(Answer.rater_id, Answer.id)
        .execution_options(yield_per=_BATCH)
    )
    if rater_id is not None:
        query = query.where(Answer.rater_id == rater_id)
    found: dict[str, list[tuple[int, str | None]]] = {}
    last = 0
    for rater, own in groupby(session.execute(query), key=lambda row: str(row.rater_id)):
        states = [(0, hashlib.sha256()) for _ in lasts]
        for number, *row in own:
            last = max(last, number)
            line = line_of([*map(written, row)])
            for place, until in enumerate(lasts):
                if until is None or number <= until:
                    n, digest = states[place]
                    digest.update(line)
                    states[place] = n + 1, digest
        found[rater] = [(n, digest.hexdigest() if n else None) for n, digest in states]
    return found, last


def _guesses(session: Session, study_id: int, *, rater_id: str | None = None) -> dict[str, str]:
    query = (
        select(*columns_of(Guess))
        .join(Rater, Rater.id == Guess.rater_id)
        .where(Rater.study_id == study_id)
        .order_by(Guess.rater_id, Guess.position)
    )
    if rater_id is not None:
        query = query.where(Guess.rater_id == rater_id)
    return {
        rater: digest_rows([*map(written, row)] for row in own)
        for rater, own in groupby(session.execute(query), key=lambda row: str(row.rater_id))
    }


def _read_raters(
    session: Session, study_id: int, *, rater_id: str | None = None
) -> dict[str, dict[str, object]]:
    query = select(*columns_of(Rater, but={"study_id"})).where(Rater.study_id == study_id)
    if rater_id is not None:
        query = query.where(Rater.id == rater_id)
    return {row["id"]: dict(row) for row in session.execute(query).mappings()}


def _digest_row(row: Mapping[str, object]) -> str:
    return digest_rows([[written(row[name]) for name in _ROW]])


def _has_taken(visit: str, step: str) -> bool:
    return bool(int(visit.partition(":")[0], 16) >> _STEPS.index(step) & 1)


def _as_at(row: Mapping[str, object], visit: str) -> dict[str, object]:
    """Make a rater's row as it was, from the row of today and the steps that had been taken."""
    then = dict(row)
    for step in _STEPS:
        if not _has_taken(visit, step):
            then[step] = None
    for reason, step in _REASONS.items():
        if then[step] is None:
            then[reason] = None
    if not any(then[step] for step in _AFTER_PRACTICE):  # the practice may have continued since
        then["n_practice_attempts"] = int(visit.partition(":")[2])
    return then
