"""The dashboard of a study at the desk: numbers, charts and the table of raters."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from flask import url_for
from sqlalchemy.orm import Session

from rater.sanitize import sanitize_for_display
from rater.store.log import read_events
from rater.store.rating import counts
from rater.store.rating.counts import Turned, read_tallies
from rater.store.rating.monitoring import RaterStatus, Watched, WatchedRater, watch_raters, watch_study
from rater.store.rating.raters import count_invitations
from rater.store.rating.schema import EventRow
from rater.store.rating.studies import PublishedStudy
from rater.study.protocol import describe_duration
from rater.study.state import State
from rater.web.desk.pages import (
    Action,
    ChartBar,
    CountRow,
    Figure,
    Heading,
    LifecycleStep,
    LogLine,
    RaterLine,
    Strip,
    StudyPage,
)
from rater.web.desk.transitions import offered_transitions

WIDTH, HEIGHT = 480.0, 64.0
_N_BINS = 48
_MIN_BIN = timedelta(minutes=1)
_GAP = 1.0


def strip(came_at: Sequence[datetime], *, now: datetime) -> Strip | None:
    """Draw how many raters came when, up to now; None where nobody has come.

    It begins with the first of them, or earlier where that was a few minutes ago: no bar is shorter than a
    minute, and the chart ends with now.
    """
    if not came_at:
        return None
    now = max(now, *came_at)
    begin = min(*came_at, now - _N_BINS * _MIN_BIN)
    bin_length = (now - begin) / _N_BINS
    counts = Counter(min(_N_BINS - 1, int((at - begin) / bin_length)) for at in came_at)
    most, step = max(counts.values()), WIDTH / _N_BINS
    bars = tuple(
        ChartBar(
            x=round(step * number, 2),
            y=round(HEIGHT * (1 - n / most), 2),
            width=round(step - _GAP, 2),
            height=round(HEIGHT * n / most, 2),
        )
        for number, n in sorted(counts.items())
    )
    n = len(came_at)
    each = describe_duration(bin_length.total_seconds())
    return Strip(
        says=(
            f"{n} rater{'s' * (n != 1)} arrived from {_moment(min(came_at))} to {_moment(max(came_at))}, "
            f"at most {most} per {each}."
        ),
        bars=bars,
        first=_moment(begin),
        last=_moment(now),
        most=f"each bar: {each}; highest: {most}",
    )


def rows(counts: Mapping[str, int]) -> tuple[CountRow, ...]:
    """Make a histogram of counts by label, in the order given."""
    most = max(counts.values(), default=0) or 1
    return tuple(CountRow(label, n, round(100 * n / most, 1)) for label, n in counts.items())


def _moment(at: datetime) -> str:
    return f"{at:%d %b %H:%M} UTC"


ORDERS = ("came", "status", "at", "pace", "checks", "flags")
DEFAULT_ORDER = "came"
_REVERSED = "-"
_ID_CHARACTERS = 8


class _Column(NamedTuple):
    label: str
    key: Callable[[WatchedRater], tuple[object, ...]]
    is_number: bool


_COLUMNS = {
    "came": _Column("Arrived (UTC)", lambda rater: (rater.consented_at,), is_number=False),
    "status": _Column("Status", lambda rater: (rater.status,), is_number=False),
    "at": _Column("{Trials} rated", lambda rater: (rater.n_answered,), is_number=True),
    "pace": _Column("Seconds per {trial}", lambda rater: (rater.seconds_a_text or 0.0,), is_number=True),
    "checks": _Column(
        "Checks passed", lambda rater: (rater.n_checks_passed - rater.n_checks,), is_number=True
    ),
    "flags": _Column("Flags", lambda rater: (-len(rater.flags), rater.flags), is_number=False),
}


def read_order(sent: str) -> str:
    """Read by which column the table is to be sorted, ``-`` before it for the other way round."""
    return sent if sent.removeprefix(_REVERSED) in _COLUMNS else DEFAULT_ORDER


def headings(order: str, trial: str, url_of: Callable[[str], str]) -> tuple[Heading, ...]:
    """Make the headings; pressing the one that sorts already turns the order round.

    Args:
        order: By which column the table is sorted.
        trial: What a trial of the study shows: a text, or a pair.
        url_of: The address of the page in an order.
    """
    made = []
    for name, column in _COLUMNS.items():
        is_sorted = order.removeprefix(_REVERSED) == name
        direction = "descending" if order.startswith(_REVERSED) else "ascending"
        other = f"{_REVERSED}{name}" if order == name else name
        made.append(
            Heading(
                column.label.format(trial=trial, Trials=f"{trial.capitalize()}s"),
                f"{url_of(other)}#raters",
                direction if is_sorted else "none",
                column.is_number,
            )
        )
    return tuple(made)


def rater_lines(raters: Sequence[WatchedRater], order: str) -> tuple[RaterLine, ...]:
    """Write the table's rows in an order."""
    column = _COLUMNS[order.removeprefix(_REVERSED)]
    in_order = sorted(raters, key=column.key, reverse=order.startswith(_REVERSED))
    return tuple(
        RaterLine(
            id=rater.id[:_ID_CHARACTERS],
            came=rater.consented_at,
            status=rater.status,
            at=f"{rater.n_answered} of {rater.n_trials}",
            pace="–" if rater.seconds_a_text is None else f"{rater.seconds_a_text:.1f}",
            checks=f"{rater.n_checks_passed} of {rater.n_checks}" if rater.n_checks else "–",
            flags=", ".join(rater.flags) or "–",
        )
        for rater in in_order
    )


_LOG_LINES = 20


@dataclass(frozen=True)
class Overview:
    """All that the desk says of one study."""

    study: PublishedStudy
    watched: Watched
    raters: Sequence[WatchedRater]
    n_planned: int
    tallies: Mapping[Turned, int]
    """Visitors who did not become raters, by why."""
    n_invited: int
    n_came_by_invitation: int

    @property
    def numbers(self) -> dict[str, str]:
        """The numbers that update by themselves, as they are shown."""
        watched = self.watched
        n_begun = len(self.raters)
        return {
            "n_finished": f"{watched.n_finished:,}",
            "n_rated": f"{sum(rater.n_answered for rater in self.raters):,}",
            "median_minutes": _minutes(watched.median_minutes),
            "drop_out": f"{watched.n_left / n_begun:.0%}" if n_begun else "–",
        }

    @property
    def version(self) -> str:
        """Hash what is shown, so that a page knows whether it is still true."""
        shown = [
            self.study.state,
            self.numbers,
            sorted(self.tallies.items()),
            self.n_invited,
            [(rater.id, rater.status, rater.n_answered, rater.flags) for rater in self.raters],
        ]
        return hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:16]


def read_overview(session: Session, study: PublishedStudy, *, now: datetime) -> Overview:
    """Read how a study goes. Costs twelve queries, whatever its size."""
    n_invited, n_came = count_invitations(session, study.id)
    return Overview(
        study=study,
        watched=watch_study(session, study, now=now),
        raters=watch_raters(session, study, now=now),
        n_planned=counts.count_planned(session, study.id),
        tallies=read_tallies(session, study.id),
        n_invited=n_invited,
        n_came_by_invitation=n_came,
    )


def study_page(
    session: Session, seen: Overview, *, user: str, order: str, has_report: bool, now: datetime
) -> StudyPage:
    """Make the page of a study. Costs up to three queries more."""
    study = seen.study
    state, name = study.state, study.name
    is_masked = not state.is_unblinded
    actions = [
        Action(_url("confirm", name, state=each.target), each.label) for each in offered_transitions(state)
    ]
    is_under_way = state is State.OPEN and seen.watched.n_finished < seen.watched.n_booklets
    primary = actions[0] if actions and not state.is_over and not is_under_way else None
    return StudyPage(
        title=study.protocol.title,
        user=user,
        name=name,
        state=state,
        state_description=state.description,
        next_command=f"rater analyze {name}" if state is State.CLOSED else "",
        is_masked=is_masked,
        rater_url=""
        if study.protocol.invited_only
        else url_for("rater.landing", slug=study.slug, _external=True),
        preview_url=_url("make_preview", name),
        invite_url=_url("invite", name) if state.takes_raters else "",
        download_url=_url("download_answers", name),
        raters_url=_url("download_raters", name),
        progress_url=_url("progress", name),
        report_url=_url("report", name) if has_report else "",
        primary=primary,
        actions=tuple(action for action in actions if action != primary),
        version=seen.version,
        figures=_figures(seen),
        turned_away=seen.watched.turned_away,
        steps=_steps(seen),
        arrivals=_arrivals(seen, now=now),
        ratings=rows({str(n): texts for n, texts in seen.watched.ratings_per_item.items()}),
        places_left=_places_left(seen),
        headings=headings(order, _trial(seen), lambda by: _url("study", name, sort=by)),
        raters=rater_lines(seen.raters, order),
        comments=tuple(map(sanitize_for_display, counts.read_comments(session, study.id))),
        guesses=() if is_masked else _guesses(session, study),
        log=tuple(
            LogLine(event.at, event.kind, event.hash)
            for event in read_events(session, EventRow, study.id)[: -_LOG_LINES - 1 : -1]
        ),
    )


def _minutes(median: float | None) -> str:
    if median is None:
        return "–"
    return f"{median:.0f}" if median >= 1 else "under 1"


def _url(view: str, name: str, *, state: str | None = None, sort: str | None = None) -> str:
    return url_for(f"desk.{view}", name=name, state=state, sort=sort)


def _arrivals(seen: Overview, *, now: datetime) -> Strip | None:
    """Draw who came when: up to now while raters can come, else up to the last of them."""
    came = [rater.consented_at for rater in seen.raters]
    is_over = seen.study.state.is_over
    return strip(came, now=max(came, default=now) if is_over else now)


def _figures(seen: Overview) -> tuple[Figure, ...]:
    trial, stated = _trial(seen), seen.watched.stated_minutes
    told = f"; estimate shown to raters: {stated}" if stated else ""
    said = {
        "n_finished": ("Raters finished", f"of {seen.watched.n_booklets:,}"),
        "n_rated": (f"{trial.capitalize()}s rated", f"of {seen.n_planned:,} planned"),
        "median_minutes": ("Median minutes", f"from consent to the last {trial}{told}"),
        "drop_out": ("Drop-out", f"of {len(seen.raters):,} who started"),
    }
    return tuple(Figure(key, *_split(said[key], value)) for key, value in seen.numbers.items())


def _split(said: tuple[str, str], value: str) -> tuple[str, str, str]:
    return said[0], value, said[1]


def _steps(seen: Overview) -> tuple[LifecycleStep, ...]:
    """Lay out who came how far; nobody is excluded before the analysis, by rules declared beforehand."""
    raters, n_declined = seen.raters, seen.tallies.get(Turned.DECLINED, 0)
    n_started = sum(rater.n_answered > 0 for rater in raters)
    n_finished = seen.watched.n_finished
    gone = Counter(rater.status for rater in raters if rater.status not in {"finished", "under way"})
    waiting: dict[RaterStatus, str] = {"away": "away for over an hour", "unfinished": "unfinished"}
    left = {at: n for at, n in gone.items() if at not in waiting}
    still = ", ".join(f"{gone[at]} {words}" for at, words in waiting.items() if at in gone)
    steps = [
        LifecycleStep("Consented", len(raters), f"{n_declined} declined consent" if n_declined else ""),
        LifecycleStep(f"Rated a {_trial(seen)}", n_started, _words(left)),
        LifecycleStep("Finished", n_finished, still),
    ]
    if seen.n_invited:
        came = f"{seen.n_came_by_invitation} arrived"
        steps.insert(0, LifecycleStep("Invited", seen.n_invited, came))
    return tuple(steps)


def _words(counts: Mapping[RaterStatus, int]) -> str:
    return ", ".join(f"{n} {at}" for at, n in sorted(counts.items()))


def _places_left(seen: Overview) -> tuple[CountRow, ...]:
    left = Counter(rater.n_answered for rater in seen.raters if rater.status not in {"finished", "under way"})
    trial = _trial(seen)
    return rows(
        {
            f"before the first {trial}" if n == 0 else f"after {n} {trial}{'s' * (n != 1)}": left[n]
            for n in sorted(left)
        }
    )


def _trial(seen: Overview) -> str:
    """Return what a trial of a study shows: a text or a pair."""
    return "pair" if seen.study.protocol.is_pairwise else "text"


def _guesses(session: Session, study: PublishedStudy) -> tuple[CountRow, ...]:
    asked = study.protocol.blinding
    if asked is None:
        return ()
    n_by_choice = counts.count_guesses(session, study.id)
    labels = {"first": asked.labels[0], "second": asked.labels[1], "unsure": asked.unsure}
    return rows({label: n_by_choice.get(choice, 0) for choice, label in labels.items()})
