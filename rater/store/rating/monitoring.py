"""Masked monitoring of a running study for the desk and `rater status`: counts and times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import fmean, median

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rater.rendering.shown import visible_whole
from rater.store.rating.counts import (
    RaterProgress,
    count_answers_since,
    count_booklets,
    count_ratings_per_item,
    describe_turned_away,
    read_conduct,
    read_raters,
    read_tallies,
)
from rater.store.rating.frame import count_checks
from rater.store.rating.raters import Offer, read_usual_offer
from rater.store.rating.schema import Answer, EventRow, Item, Rater
from rater.store.rating.statuses import RaterStatus, explain_flags, rater_status
from rater.store.rating.studies import PublishedStudy
from rater.study.duration import stated_minutes
from rater.study.state import State
from rater.study.trial_times import gaps_between


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


PACE_OVER = timedelta(hours=24)
_MIN_PACE_TIME = timedelta(minutes=30)
"""A shorter time does not predict how long the rest will take."""


@dataclass(frozen=True)
class Watched:
    """The progress of a published study, masked: nothing is by arm."""

    name: str
    title: str
    state: State
    published_at: datetime
    n_booklets: int
    n_finished: int
    """Booklets finished."""
    n_further: int
    """Those of them that a rater finished after another one."""
    n_under_way: int
    """0 once the study is closed."""
    n_left: int
    """Raters who have not finished and not answered for 40 minutes, or have left for good; once the study is
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
    """The progress of one rater in one booklet, without answers."""

    id: str
    consented_at: datetime
    status: RaterStatus
    n_answered: int
    n_trials: int
    last_at: datetime | None
    """When they last answered; None before the first answer."""
    seconds_a_text: float | None
    n_checks_passed: int
    n_checks: int
    flags: Mapping[str, str]
    """Unusual answering, with the numbers that show it; it excludes nobody."""
    person_id: str
    """The person, who may have several booklets."""
    booklet_number: int
    """1 for the person's first booklet."""


def watch_study(session: Session, study: PublishedStudy, *, now: datetime) -> Watched:
    """Read the progress of a study. Costs ten queries, whatever its size."""
    raters = read_raters(session, study.id)
    n_answers, n_recent_answers = count_answers_since(session, study.id, now - PACE_OVER)
    n_booklets = count_booklets(session, study.id)
    statuses = read_statuses(session, study, raters, now=now)
    gone = [rater for rater in raters if statuses[rater.id].is_gone]
    n_further = sum(rater.booklet_number > 1 and statuses[rater.id].has_finished for rater in raters)
    finished = [
        (rater.consented_at, rater.finished_at)
        for rater in raters
        if rater.finished_at is not None and statuses[rater.id].has_finished
    ]
    n_recent = sum(now - at <= PACE_OVER for _, at in finished)
    over = min(PACE_OVER, now - (_first_opened_at(session, study) or study.published_at))
    has_pace = study.state is State.OPEN and over >= _MIN_PACE_TIME and n_recent > 0
    to_go = max(0, n_booklets - len(finished))
    # a further booklet takes less time, since nothing is read or asked around its trials
    minutes = [
        (rater.finished_at - rater.consented_at).total_seconds() / 60
        for rater in raters
        if rater.finished_at is not None and rater.booklet_number == 1 and statuses[rater.id].has_finished
    ]
    return Watched(
        name=study.name,
        title=study.protocol.title,
        state=study.state,
        published_at=study.published_at,
        n_booklets=n_booklets,
        n_finished=len(finished),
        n_further=n_further,
        n_under_way=list(statuses.values()).count(RaterStatus.UNDER_WAY),
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
    """Read the minutes from consent to the last answer of each rater who finished. Costs one query.

    Further booklets are left out.
    """
    rows = session.execute(
        select(Rater.consented_at, Rater.finished_at).where(
            Rater.study_id == study_id, Rater.finished_at.is_not(None), Rater.booklet_number == 1
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


def read_statuses(
    session: Session, study: PublishedStudy, raters: Sequence[RaterProgress], *, now: datetime
) -> dict[str, RaterStatus]:
    """Derive the status of each rater. Costs a query."""
    rule, is_over = study.protocol.check_rule, study.state.is_over
    checks = count_checks(session, study.id)
    return {
        rater.id: rater_status(
            rater, now=now, is_over=is_over, checks=checks.get(rater.id, (0, 0)), rule=rule
        )
        for rater in raters
    }


def watch_raters(session: Session, study: PublishedStudy, *, now: datetime) -> list[WatchedRater]:
    """Read the progress of each rater, in the order in which they came. Costs four queries."""
    conduct = read_conduct(session, study.id)
    checks, rule = count_checks(session, study.id), study.protocol.check_rule
    watched = []
    for rater in read_raters(session, study.id):
        own, own_checks = conduct.get(rater.id), checks.get(rater.id, (0, 0))
        watched.append(
            WatchedRater(
                id=rater.id,
                consented_at=rater.consented_at,
                status=rater_status(
                    rater, now=now, is_over=study.state.is_over, checks=own_checks, rule=rule
                ),
                n_answered=rater.n_answered,
                n_trials=rater.n_trials,
                last_at=rater.last_at,
                seconds_a_text=own.seconds_a_text if own else None,
                n_checks_passed=own_checks[1],
                n_checks=own_checks[0],
                flags=explain_flags(own) if own else {},
                person_id=rater.person_id,
                booklet_number=rater.booklet_number,
            )
        )
    return watched
