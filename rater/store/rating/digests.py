"""Digest what a study holds, so that its log can vouch for texts, booklets and answers.

Each digest is SHA-256 over lines of canonical JSON, each ended by a line feed, in UTF-8, so that anyone who
has the rows can recompute it:

- items: ``["<item id>","<prompt>","<text>"]``, sorted by item id;
- booklets: ``["<booklet id>","<item id>",…]`` in the order of the trials, sorted by booklet id;
- raters: ``["<id>","<booklet id>","<channel>","<consented>","<instructed>","<finished>"]``, sorted by id;
- answers: ``["<rater>","<booklet>",position,"<dimension>",revision,value,"<submission>",shown_ms,"<time>"]``,
  every revision, in the order they were stored in.

Times are ISO 8601 in UTC, ``null`` where there is none. The protocol's digest is SHA-256 over its own JSON.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from rater.store.rating.schema import Answer, Booklet, Item, Rater, Study, Trial

_BATCH = 10_000
_ANSWER_COLUMNS = (
    Answer.rater_id,
    Answer.booklet_id,
    Answer.position,
    Answer.dimension,
    Answer.revision,
    Answer.value,
    Answer.submission_id,
    Answer.shown_ms,
    Answer.answered_at,
)


@dataclass(frozen=True)
class Published:
    """Digests of all that publication fixed."""

    protocol: str
    items: str
    booklets: str


@dataclass(frozen=True)
class Collected:
    """Digests of all that raters have given, up to one stored answer."""

    n_answers: int
    """How many revisions of answers."""
    last_answer_id: int
    """The row number of the last of them; 0 where there is none."""
    answers: str
    raters: str


def digest_published(session: Session, study_id: int) -> Published:
    """Digest a study's protocol, items and booklets. Costs three queries."""
    protocol = session.scalars(select(Study.protocol).where(Study.id == study_id)).one()
    items = session.execute(select(Item.id, Item.prompt, Item.text).where(Item.study_id == study_id))
    trials = session.execute(
        select(Trial.booklet_id, Trial.item_id)
        .join(Booklet, Booklet.id == Trial.booklet_id)
        .where(Booklet.study_id == study_id)
        .order_by(Trial.booklet_id, Trial.position)
    )
    booklets = [
        [booklet_id, *(trial.item_id for trial in own)]
        for booklet_id, own in groupby(trials, key=lambda trial: trial.booklet_id)
    ]
    return Published(
        protocol=hashlib.sha256(protocol.encode()).hexdigest(),
        items=_digest(sorted(list(row) for row in items)),
        booklets=_digest(sorted(booklets)),
    )


def digest_collected(session: Session, study_id: int, *, last_answer_id: int | None = None) -> Collected:
    """Digest a study's answers, up to a stored one or to the last, and its raters. Costs two queries.

    Memory does not grow with the number of answers.
    """
    query = (
        select(Answer.id, *_ANSWER_COLUMNS)
        .join(Rater, Rater.id == Answer.rater_id)
        .where(Rater.study_id == study_id)
        .order_by(Answer.id)
        .execution_options(yield_per=_BATCH)
    )
    if last_answer_id is not None:
        query = query.where(Answer.id <= last_answer_id)
    found, n_answers, last = hashlib.sha256(), 0, 0
    for last, *given, answered_at in session.execute(query):  # noqa: B007 (the last one is kept)
        found.update(_line([*given, _time(answered_at)]))
        n_answers += 1
    raters = session.scalars(select(Rater).where(Rater.study_id == study_id))
    return Collected(
        n_answers=n_answers,
        last_answer_id=last,
        answers=found.hexdigest(),
        raters=_digest(sorted(map(_rater_row, raters))),
    )


def _rater_row(rater: Rater) -> list[str | None]:
    times = (rater.consented_at, rater.instructed_at, rater.finished_at)
    return [rater.id, rater.booklet_id, rater.channel, *map(_time, times)]


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _digest(rows: Iterable[Sequence[object]]) -> str:
    found = hashlib.sha256()
    for row in rows:
        found.update(_line(row))
    return found.hexdigest()


def _line(row: Sequence[object]) -> bytes:
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
