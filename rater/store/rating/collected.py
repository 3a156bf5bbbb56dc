"""Digest what raters have given, rater by rater, so that one can be taken out and the rest vouched for.

First each rater's own digests: SHA-256 over lines of canonical JSON as in `rater.store.rating.digests`,

- row: ``["<id>","<booklet id>","<channel>","<left why>",times…]``, the times in the order of the table's
  columns: consented, screened, instructed, practised, finished, asked, guessed, commented, left, replaced;
- answers: ``["<rater>","<booklet>",position,"<dimension>",revision,value,"<comment>","<submission>",shown_ms,
  first_render_ms,hidden_ms,"<time>"]``, every revision, in the order they were stored in;
- guesses: ``["<rater>",position,"<choice>","<time>"]``, sorted by position.

Then of all raters: for each of the three SHA-256 over lines ``["<rater>","<digest>"]``, sorted by rater,
leaving out who gave none. A rater who is redacted leaves these digests in the log. Comments at the end are no
answers and are not digested: they may say who wrote them, and can be taken out alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from rater.store.rating.digests import digest_rows, written_time
from rater.store.rating.schema import Answer, Guess, Rater

_BATCH = 10_000
_ANSWER_COLUMNS = (
    Answer.rater_id,
    Answer.booklet_id,
    Answer.position,
    Answer.dimension,
    Answer.revision,
    Answer.value,
    Answer.comment,
    Answer.submission_id,
    Answer.shown_ms,
    Answer.first_render_ms,
    Answer.hidden_ms,
    Answer.answered_at,
)


@dataclass(frozen=True)
class RaterDigests:
    """Digests of all that one rater has given, up to one stored answer."""

    rater: str
    row: str
    n_answers: int = 0
    """How many revisions of answers."""
    answers: str | None = None
    guesses: str | None = None


@dataclass(frozen=True)
class Collected:
    """Digests of all that raters have given, up to one stored answer."""

    n_answers: int
    """How many revisions of answers."""
    last_answer_id: int
    """The row number of the last of them; 0 where there is none."""
    answers: str
    raters: str
    guesses: str


def digest_collected(
    session: Session,
    study_id: int,
    *,
    last_answer_id: int | None = None,
    redacted: Sequence[RaterDigests] = (),
) -> Collected:
    """Digest a study's answers, up to a stored one or to the last, its raters and guesses.

    Costs three queries. Memory grows with the number of raters, not of answers.

    Args:
        session: A snapshot.
        study_id: The study.
        last_answer_id: The last answer that counts.
        redacted: What the log has of raters who are not there any more.
    """
    answers, last = _answers_by_rater(session, study_id, last_answer_id)
    guesses, rows = _guesses_by_rater(session, study_id), _rows_by_rater(session, study_id)
    for gone in redacted:
        rows[gone.rater] = gone.row
        if gone.answers is not None:
            answers[gone.rater] = (gone.n_answers, gone.answers)
        if gone.guesses is not None:
            guesses[gone.rater] = gone.guesses
    return Collected(
        n_answers=sum(n for n, _ in answers.values()),
        last_answer_id=last,
        answers=digest_rows(sorted((rater, digest) for rater, (_, digest) in answers.items())),
        raters=digest_rows(sorted(rows.items())),
        guesses=digest_rows(sorted(guesses.items())),
    )


def digest_rater(
    session: Session, study_id: int, rater_id: str, *, last_answer_id: int | None = None
) -> RaterDigests:
    """Digest what one rater has given, up to a stored answer or to the last. Costs three queries."""
    answers, _ = _answers_by_rater(session, study_id, last_answer_id, rater_id=rater_id)
    n_answers, digest = answers.get(rater_id, (0, None))
    return RaterDigests(
        rater=rater_id,
        row=_rows_by_rater(session, study_id, rater_id=rater_id)[rater_id],
        n_answers=n_answers,
        answers=digest,
        guesses=_guesses_by_rater(session, study_id, rater_id=rater_id).get(rater_id),
    )


def _answers_by_rater(
    session: Session, study_id: int, last_answer_id: int | None, *, rater_id: str | None = None
) -> tuple[dict[str, tuple[int, str]], int]:
    query = (
        select(Answer.id, *_ANSWER_COLUMNS)
        .join(Rater, Rater.id == Answer.rater_id)
        .where(Rater.study_id == study_id)
        .order_by(Answer.rater_id, Answer.id)
        .execution_options(yield_per=_BATCH)
    )
    if last_answer_id is not None:
        query = query.where(Answer.id <= last_answer_id)
    if rater_id is not None:
        query = query.where(Answer.rater_id == rater_id)
    found, last = {}, 0
    for rater, given in groupby(session.execute(query), key=lambda row: str(row.rater_id)):
        own = list(given)
        last = max(last, own[-1].id)
        found[rater] = (len(own), digest_rows([*row[1:-1], written_time(row.answered_at)] for row in own))
    return found, last


def _guesses_by_rater(session: Session, study_id: int, *, rater_id: str | None = None) -> dict[str, str]:
    query = (
        select(Guess.rater_id, Guess.position, Guess.choice, Guess.guessed_at)
        .join(Rater, Rater.id == Guess.rater_id)
        .where(Rater.study_id == study_id)
        .order_by(Guess.rater_id, Guess.position)
    )
    if rater_id is not None:
        query = query.where(Guess.rater_id == rater_id)
    return {
        rater: digest_rows([*given, written_time(at)] for *given, at in own)
        for rater, own in groupby(session.execute(query), key=lambda row: str(row.rater_id))
    }


def _rows_by_rater(session: Session, study_id: int, *, rater_id: str | None = None) -> dict[str, str]:
    query = select(Rater).where(Rater.study_id == study_id)
    if rater_id is not None:
        query = query.where(Rater.id == rater_id)
    return {rater.id: digest_rows([_row(rater)]) for rater in session.scalars(query)}


def _row(rater: Rater) -> list[str | None]:
    times = (
        rater.consented_at,
        rater.screened_at,
        rater.instructed_at,
        rater.practised_at,
        rater.finished_at,
        rater.asked_at,
        rater.guessed_at,
        rater.commented_at,
        rater.left_at,
        rater.replaced_at,
    )
    return [rater.id, rater.booklet_id, rater.channel, rater.left_why, *map(written_time, times)]
