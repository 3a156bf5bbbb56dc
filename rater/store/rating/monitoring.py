"""Masked monitoring of a running study for the desk and `rater status`: counts and times."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import fmean, median

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rater.rendering.shown import visible_whole
from rater.store.rating.counts import (
    RaterConduct,
    RaterProgress,
    count_answers_since,
    count_booklets,
    count_ratings_per_item,
    describe_turned_away,
    read_conduct,
    read_raters,
    read_tallies,
)
from rater.store.rating.frame import read_visits
from rater.store.rating.raters import Offer, read_usual_offer
from rater.store.rating.schema import Answer, EventRow, Item, Rater
from rater.store.rating.studies import PublishedStudy
from rater.study.duration import stated_minutes
from rater.study.state import State
from rater.study.trial_times import gaps_between
from rater.study.visit import LeavingReason


def read_seconds_per_text(session: Session, rater_id: str) -> float | None:
    """Return a rater's median time from one answer to the next; None before the second. Costs one query."""
    rows = session.scalars(
        select(func.min(Answer.answered_at))
        .where(Answer.rater_id == rater_id, Answer.revision == 1)
        .group_by(Answer.position)
        .order_by(Answer.position)
    )
    return seconds_between(list(rows))


def with_shown_length(session: Session, study: PublishedStudy, offer: Offer) -> Offer:
    """Return an offer with the length of what raters see: without folded reasoning and signs of Markdown.

    Costs nothing where texts are plain; otherwise a query and about 0.3 ms a text, once in a process.
    """
    if not study.protocol.has_blocks:
        return offer
    mean_characters = _SHOWN_LENGTHS.get(study.slug)
    if mean_characters is None:
        rows = session.execute(select(Item.prompt, Item.text).where(Item.study_id == study.id)).all()
        lengths = [len(visible_whole(study.protocol, row.prompt, row.text)) for row in rows]
        mean_characters = _SHOWN_LENGTHS[study.slug] = fmean(lengths or [0])
    return replace(offer, mean_characters=mean_characters)


# by the random address of a publication, whose texts never change
_SHOWN_LENGTHS: dict[str, float] = {}


def seconds_between(times: list[datetime]) -> float | None:
    """Return the median time between neighbours, without those who were away; None where there is none."""
    gaps = gaps_between(times)
    return median(gaps) if gaps else None


LEFT_AFTER = timedelta(hours=1)
"""A rater who has not finished or answered for this time counts as gone; they may come back."""
PACE_OVER = timedelta(hours=24)
_MIN_PACE_TIME = timedelta(minutes=30)
"""A shorter time does not predict how long the rest will take."""
_QUICK_SHARE = 1 / 3
_MIN_ANSWERS_FOR_SAME = 10


class RaterStatus(StrEnum):
    """The progress of a rater."""

    FINISHED = "finished"
    UNDER_WAY = "under way"
    AWAY = "away"
    """They have not answered for an hour, and may come back."""
    UNFINISHED = "unfinished"
    """The study was over before they finished."""
    STOPPED = "stopped"
    WITHDRAWN = "withdrawn"
    SCREENED_OUT = "screened out"
    FAILED_PRACTICE = "failed the practice"
    REPLACED = "replaced"
    """Their booklet was assigned again because they were inactive too long."""

    @property
    def is_gone(self) -> bool:
        """True if they neither finished nor are rating now."""
        return self not in {RaterStatus.FINISHED, RaterStatus.UNDER_WAY}


_LEFT = {
    LeavingReason.STOPPED: RaterStatus.STOPPED,
    LeavingReason.WITHDRAWN: RaterStatus.WITHDRAWN,
    LeavingReason.SCREENED_OUT: RaterStatus.SCREENED_OUT,
    LeavingReason.FAILED_PRACTICE: RaterStatus.FAILED_PRACTICE,
}


@dataclass(frozen=True)
class Watched:
    """The progress of a published study, masked: nothing is by arm."""

    name: str
    title: str
    state: State
    published_at: datetime
    n_booklets: int
    n_finished: int
    n_under_way: int
    """0 once the study is closed."""
    n_left: int
    """Raters who have not finished and not answered for an hour, or have left for good; once the study is
    closed, all who have not finished."""
    n_answers: int
    n_answers_last_day: int
    ratings_per_item: dict[int, int]
    """The number of items with 0, 1, 2 … ratings."""
    median_minutes: float | None
    """Median time from consent to the last answer, of raters who finished."""
    stated_minutes: int | None
    """The duration stated to raters; None in a study without a booklet."""
    left_at: tuple[int, ...]
    """The number of texts that each rater who left had answered."""
    days_to_go: float | None
    """At the pace of the last day, or since the study was first opened where that is shorter; None where
    nobody finished in it, it is too short to tell, or the study is not open."""
    pace_hours: float
    """The hours over which the pace is measured."""
    turned_away: tuple[str, ...]
    """Sentences on visitors who could not begin, with the reason and the remedy."""


@dataclass(frozen=True)
class WatchedRater:
    """The progress of one rater, without answers."""

    id: str
    consented_at: datetime
    status: RaterStatus
    n_answered: int
    n_trials: int
    seconds_a_text: float | None
    n_checks_passed: int
    n_checks: int
    flags: tuple[str, ...]
    """Unusual answering; it excludes nobody."""


def watch_study(session: Session, study: PublishedStudy, *, now: datetime) -> Watched:
    """Read the progress of a study. Costs nine queries, whatever its size."""
    raters = read_raters(session, study.id)
    n_answers, n_recent_answers = count_answers_since(session, study.id, now - PACE_OVER)
    n_booklets = count_booklets(session, study.id)
    statuses = [rater_status(rater, now=now, is_over=study.state.is_over) for rater in raters]
    gone = [r for r, at in zip(raters, statuses, strict=True) if at.is_gone]
    finished = [(rater.consented_at, rater.finished_at) for rater in raters if rater.finished_at is not None]
    n_recent = sum(now - at <= PACE_OVER for _, at in finished)
    over = min(PACE_OVER, now - (_first_opened_at(session, study) or study.published_at))
    has_pace = study.state is State.OPEN and over >= _MIN_PACE_TIME and n_recent > 0
    to_go = max(0, n_booklets - len(finished))
    minutes = [(end - begin).total_seconds() / 60 for begin, end in finished]
    return Watched(
        name=study.name,
        title=study.protocol.title,
        state=study.state,
        published_at=study.published_at,
        n_booklets=n_booklets,
        n_finished=len(finished),
        n_under_way=statuses.count(RaterStatus.UNDER_WAY),
        n_left=len(gone),
        n_answers=n_answers,
        n_answers_last_day=n_recent_answers,
        ratings_per_item=count_ratings_per_item(session, study.id),
        median_minutes=median(minutes) if minutes else None,
        stated_minutes=read_stated_minutes(session, study),
        left_at=tuple(sorted(rater.n_answered for rater in gone)),
        days_to_go=to_go / n_recent * (over / timedelta(days=1)) if has_pace else None,
        pace_hours=over / timedelta(hours=1),
        turned_away=describe_turned_away(read_tallies(session, study.id)),
    )


def read_session_minutes(session: Session, study_id: int) -> list[float]:
    """Read the minutes from consent to the last answer of each rater who finished. Costs one query."""
    rows = session.execute(
        select(Rater.consented_at, Rater.finished_at).where(
            Rater.study_id == study_id, Rater.finished_at.is_not(None)
        )
    )
    return [(end - begin).total_seconds() / 60 for begin, end in rows if end is not None]


def read_stated_minutes(session: Session, study: PublishedStudy) -> int | None:
    """Return the minutes that raters are shown; None in a study without a booklet. Costs up to 4 queries."""
    offer = read_usual_offer(session, study.id)
    if offer is None:
        return None
    offer = with_shown_length(session, study, offer)
    return stated_minutes(
        study.protocol,
        n_trials=offer.n_trials,
        characters_per_text=offer.mean_characters,
        asks_all=offer.asks_all,
    )


def _first_opened_at(session: Session, study: PublishedStudy) -> datetime | None:
    return session.scalar(
        select(EventRow.at)
        .where(EventRow.study_id == study.id, EventRow.kind == State.OPEN.value)
        .order_by(EventRow.sequence)
        .limit(1)
    )


def watch_raters(session: Session, study: PublishedStudy, *, now: datetime) -> list[WatchedRater]:
    """Read the progress of each rater, in the order in which they came. Costs four queries."""
    conduct = read_conduct(session, study.id)
    visits = {visit.rater_id: visit for visit in read_visits(session, study.id)}
    watched = []
    for rater in read_raters(session, study.id):
        own = conduct.get(rater.id)
        watched.append(
            WatchedRater(
                id=rater.id,
                consented_at=rater.consented_at,
                status=rater_status(rater, now=now, is_over=study.state.is_over),
                n_answered=rater.n_answered,
                n_trials=rater.n_trials,
                seconds_a_text=own.seconds_a_text if own else None,
                n_checks_passed=visits[rater.id].n_passed,
                n_checks=visits[rater.id].n_checks,
                flags=flags(own) if own else (),
            )
        )
    return watched


def rater_status(rater: RaterProgress, *, now: datetime, is_over: bool) -> RaterStatus:
    """Return the status of a rater; is_over states whether the study is over."""
    if rater.finished_at is not None:
        return RaterStatus.FINISHED
    if rater.left_why is not None:
        return _LEFT[rater.left_why]
    if rater.replaced_at is not None:
        return RaterStatus.REPLACED
    if is_over:
        return RaterStatus.UNFINISHED
    is_away = now - (rater.last_at or rater.consented_at) > LEFT_AFTER
    return RaterStatus.AWAY if is_away else RaterStatus.UNDER_WAY


def flags(conduct: RaterConduct) -> tuple[str, ...]:
    """Return what is unusual in a rater's answering: too fast, or always the same."""
    unusual = []
    if conduct.n_timed and conduct.n_quick / conduct.n_timed > _QUICK_SHARE:
        unusual.append("very fast")
    if conduct.n_judged >= _MIN_ANSWERS_FOR_SAME and conduct.n_values == 1:
        unusual.append("always the same")
    return tuple(unusual)
