"""Masked counts of a study: visitors, raters and answers, never by arm."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby

from sqlalchemy import case, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from rater.store.rating.frame import (
    has_answered_first_text,
    has_finished_booklet,
    has_not_withdrawn,
)
from rater.store.rating.schema import Answer, Booklet, Comment, Guess, Item, Rater, Tally, TrialTextRow
from rater.study.trial_times import Pace, TrialTime, pace_of
from rater.study.visit import FreedReason, GuessChoice, LeavingReason


class Turned(StrEnum):
    """Reasons why a visitor did not become a rater."""

    DECLINED = "declined"
    NO_COOKIE = "no_cookie"
    """Their browser did not return the cookie that identifies them."""
    UNFILLED_LINK = "unfilled_link"
    """Their link did not name them: a placeholder, or nothing, was where the identifier belongs."""
    BUSY_NETWORK = "busy_network"
    """Many raters had begun from the same network on that day."""
    WRONG_DEVICE = "wrong_device"
    """They came with a device that the study does not admit."""
    EXCLUDED = "excluded"
    """They took part in a study whose participants are excluded."""


def count_visitor(session: Session, study_id: int, why: Turned) -> None:
    """Add one to a tally. Must run in a `writing` transaction. Costs one insert."""
    # one statement, so that two visitors who are the first of their kind do not collide
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    new = dialect.insert(Tally).values(study_id=study_id, kind=why.value, n=1)
    session.execute(new.on_conflict_do_update(index_elements=("study_id", "kind"), set_={"n": Tally.n + 1}))


def read_tallies(session: Session, study_id: int) -> dict[Turned, int]:
    """Count visitors who did not become raters, by reason. Costs one query."""
    rows = session.execute(select(Tally.kind, Tally.n).where(Tally.study_id == study_id))
    known = set(Turned)
    return {Turned(kind): n for kind, n in rows if kind in known}


def describe_turned_away(tallies: Mapping[Turned, int]) -> tuple[str, ...]:
    """Describe visitors who wanted to begin and could not, in a sentence each, with what to do."""
    return tuple(
        f"{n:,} visit{'s' * (n != 1)} {sentence}"
        for why, sentence in _TURNED_AWAY.items()
        if (n := tallies.get(why, 0))
    )


_TURNED_AWAY = {
    Turned.UNFILLED_LINK: (
        "by a link without an identifier: a placeholder was not filled in, or the parameter is missing. "
        "Check the link on the recruitment site."
    ),
    Turned.NO_COOKIE: (
        "by browsers that did not return the cookie. The log of rater serve states the likely reason."
    ),
    Turned.BUSY_NETWORK: (
        "from a network that started half of the booklets within a day. For a lab, serve with "
        "--one-network, or use personal links."
    ),
    Turned.WRONG_DEVICE: (
        "with a device that the study does not admit (`devices`). Name the device on the recruitment site."
    ),
    Turned.EXCLUDED: (
        "by participants of an excluded study (`excluded_studies`). Exclude them on the site as well, "
        "so that they do not see this study."
    ),
}


QUICK_S = 1.0
"""A text answered within this time was hardly read."""


@dataclass(frozen=True)
class RaterProgress:
    """The progress of one rater in one booklet."""

    id: str
    n_answered: int
    """Trials answered."""
    n_trials: int
    consented_at: datetime
    instructed_at: datetime | None
    finished_at: datetime | None
    left_at: datetime | None
    left_why: LeavingReason | None
    replaced_at: datetime | None
    replaced_why: FreedReason | None
    last_at: datetime | None
    """When they last answered."""
    person_id: str
    """The person, who may have several booklets."""
    booklet_number: int
    """1 for the person's first booklet."""


@dataclass(frozen=True)
class StudyProgress:
    """The progress of one study."""

    n_booklets: int
    n_finished: int
    last_at: datetime | None
    """The time when the latest rater consented."""


@dataclass(frozen=True)
class RaterConduct:
    """Times and variation of one rater's answers, without the answers themselves."""

    seconds_a_text: float | None
    """The median time for a trial (`rater.study.trial_times`); None where no time is known."""
    n_timed: int
    n_quick: int
    """The number of timed answers given within a second."""
    n_judged: int
    n_values: int
    """The number of distinct answers, on the dimension with the fewest."""


def read_raters(session: Session, study_id: int) -> list[RaterProgress]:
    """Read the progress of each rater. Costs one query."""
    rows = session.execute(
        select(
            Rater,
            Booklet.n_trials,
            func.count(func.distinct(Answer.position)),
            func.max(Answer.answered_at),
        )
        .join(Booklet, Booklet.id == Rater.booklet_id)
        .outerjoin(Answer, Answer.rater_id == Rater.id)
        .where(Rater.study_id == study_id)
        .group_by(Rater.id, Booklet.n_trials)
        .order_by(Rater.consented_at, Rater.id)
    )
    return [
        RaterProgress(
            id=rater.id,
            n_answered=n_answered,
            n_trials=n_trials,
            consented_at=rater.consented_at,
            instructed_at=rater.instructed_at,
            finished_at=rater.finished_at,
            left_at=rater.left_at,
            left_why=rater.left_why,
            replaced_at=rater.replaced_at,
            replaced_why=rater.replaced_why,
            last_at=last_at,
            person_id=rater.person_id,
            booklet_number=rater.booklet_number,
        )
        for rater, n_trials, n_answered, last_at in rows
    ]


def read_progress_by_study(session: Session) -> Mapping[int, StudyProgress]:
    """Read the progress of all studies, by study id. Costs two queries; no answer is read."""
    booklets = session.execute(select(Booklet.study_id, func.count()).group_by(Booklet.study_id))
    raters = session.execute(
        select(
            Rater.study_id,
            func.count(case((has_finished_booklet(), 1))),
            func.max(Rater.consented_at),
        ).group_by(Rater.study_id)
    )
    n_booklets = {study_id: n for study_id, n in booklets}  # noqa: C416 (mypy does not accept rows as pairs)
    came = {study_id: (n_finished, last_at) for study_id, n_finished, last_at in raters}
    found: defaultdict[int, StudyProgress] = defaultdict(lambda: StudyProgress(0, 0, None))
    for study_id in {*n_booklets, *came}:
        n_finished, last_at = came.get(study_id, (0, None))
        found[study_id] = StudyProgress(n_booklets.get(study_id, 0), n_finished, last_at)
    return found


def read_conduct(session: Session, study_id: int) -> dict[str, RaterConduct]:
    """Read times and variation of each rater's first answers. Costs two queries."""
    n_values = func.count(func.distinct(Answer.value))
    rows = session.execute(
        select(Answer.rater_id, func.count(Answer.value), n_values)
        .join(Rater, Rater.id == Answer.rater_id)
        .where(Rater.study_id == study_id, Answer.revision == 1)
        .group_by(Answer.rater_id, Answer.dimension)
        .order_by(Answer.rater_id, n_values.desc())
    )
    paces = read_paces(session, study_id)
    return {
        rater_id: RaterConduct(
            seconds_a_text=paces[rater_id].median_s if rater_id in paces else None,
            n_timed=len(paces[rater_id].seconds) if rater_id in paces else 0,
            n_quick=sum(s < QUICK_S for s in paces[rater_id].seconds) if rater_id in paces else 0,
            n_judged=int(n_judged),
            n_values=int(values),
        )
        for rater_id, n_judged, values in rows
    }


def read_paces(session: Session, study_id: int) -> dict[str, Pace]:
    """Read each rater's times for a trial, without attention checks, as an analysis does. Costs one query."""
    rows = session.execute(
        select(
            Answer.rater_id,
            func.max(Answer.shown_ms),
            func.max(Answer.hidden_ms),
            func.min(Answer.answered_at),
        )
        .join(Rater, Rater.id == Answer.rater_id)
        .join(TrialTextRow, has_answered_first_text())
        .join(Item, Item.id == TrialTextRow.item_id)
        .where(Rater.study_id == study_id, Answer.revision == 1, ~Item.is_check)
        .group_by(Answer.rater_id, Answer.position)
        .order_by(Answer.rater_id, Answer.position)
    )
    return {
        rater_id: pace_of(TrialTime(shown, hidden, at) for _, shown, hidden, at in trials)
        for rater_id, trials in groupby(rows, key=lambda row: str(row.rater_id))
    }


def read_comments(session: Session, study_id: int) -> list[str]:
    """Read the final comments, in an order that does not reveal when raters came. Costs one query.

    Comments of raters who withdrew are left out.
    """
    rows = session.scalars(
        select(Comment.text)
        .join(Rater, Rater.id == Comment.rater_id)
        .where(Rater.study_id == study_id, has_not_withdrawn())
        .order_by(Rater.id)
    )
    return [text for text in rows if text.strip()]


def count_guesses(session: Session, study_id: int) -> dict[GuessChoice, int]:
    """Count the answers to the blinding question by choice, without raters who withdrew. Costs one query."""
    rows = session.execute(
        select(Guess.choice, func.count())
        .join(Rater, Rater.id == Guess.rater_id)
        .where(Rater.study_id == study_id, has_not_withdrawn())
        .group_by(Guess.choice)
    )
    return {choice: int(n) for choice, n in rows}


def count_ratings_per_item(session: Session, study_id: int) -> dict[int, int]:
    """Count texts by their number of raters, including texts with none. Costs one query.

    An answer rates all texts of its trial. Attention checks do not count; raters who withdrew do.
    """
    rated = (
        select(TrialTextRow.item_id, func.count(func.distinct(Answer.rater_id)).label("n"))
        .join(
            Answer,
            (Answer.booklet_id == TrialTextRow.booklet_id) & (Answer.position == TrialTextRow.position),
        )
        .group_by(TrialTextRow.item_id)
        .subquery()
    )
    n = func.coalesce(rated.c.n, 0)
    rows = session.execute(
        select(n, func.count())
        .select_from(Item)
        .outerjoin(rated, rated.c.item_id == Item.id)
        .where(Item.study_id == study_id, ~Item.is_check)
        .group_by(n)
    )
    return dict(sorted((int(ratings), int(items)) for ratings, items in rows))


def count_answers_since(session: Session, study_id: int, since: datetime) -> tuple[int, int]:
    """Count first answers: all, and those stored since a time. Costs one query."""
    recent = func.sum(case((Answer.answered_at >= since, 1), else_=0))
    row = session.execute(
        select(func.count(), func.coalesce(recent, 0))
        .select_from(Answer)
        .join(Rater, Rater.id == Answer.rater_id)
        .where(Rater.study_id == study_id, Answer.revision == 1)
    ).one()
    return int(row[0]), int(row[1])


def count_planned(session: Session, study_id: int) -> int:
    """Count the trials of all booklets. Costs one query."""
    return session.scalar(select(func.sum(Booklet.n_trials)).where(Booklet.study_id == study_id)) or 0


def count_booklets(session: Session, study_id: int) -> int:
    """Count a study's booklets. Costs one query."""
    booklets = select(func.count()).select_from(Booklet).where(Booklet.study_id == study_id)
    return session.scalar(booklets) or 0
