"""The dashboard of a study at the desk: numbers, charts, the table of raters and the report."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from flask import Response, abort, request, url_for
from sqlalchemy.orm import Session

from rater.sanitize import sanitize_for_display
from rater.store.engine import reading
from rater.store.log import read_events
from rater.store.rating import counts
from rater.store.rating.counts import Turned, read_tallies
from rater.store.rating.monitoring import Watched, WatchedRater, watch_raters, watch_study
from rater.store.rating.raters import count_invitations
from rater.store.rating.schema import EventRow
from rater.store.rating.statuses import RaterStatus
from rater.store.rating.studies import PublishedStudy
from rater.study.state import State
from rater.study.visit import GuessChoice
from rater.web.desk import access
from rater.web.desk.log_lines import LogLine, log_lines
from rater.web.desk.page import DeskPage, blueprint, find_or_404, render, rights
from rater.web.desk.studies import offered_transitions
from rater.web.desk.widgets import (
    CountRow,
    Heading,
    RaterLine,
    Strip,
    headings,
    rater_lines,
    read_order,
    rows,
    strip,
)
from rater.web.settings import running

_REPORT = "report.html"
# a report is a file that somebody made: it may look like something, and do nothing
_REPORT_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class Figure:
    """A number that updates by itself."""

    key: str
    label: str
    value: str
    of: str
    """The total, or an explanation; may be empty."""


@dataclass(frozen=True)
class LifecycleStep:
    """A box of the flow diagram."""

    label: str
    n: int
    lost: str
    """Raters who did not reach the next step, in words; may be empty."""


@dataclass(frozen=True)
class Action:
    """An action that is available for a study now."""

    url: str
    label: str


@dataclass(frozen=True)
class StudyPage(DeskPage):
    """The progress of one study."""

    template = "desk/study.html"

    user: str
    name: str
    state: State
    state_description: str
    next_command: str
    """Empty where the next step is taken at the desk."""
    is_masked: bool
    is_monitor: bool
    """True if the user can see the study and not change it."""
    rater_url: str
    """Empty where personal links alone let raters in."""
    preview_url: str
    invite_url: str
    """Empty where nobody can come any more, and for a monitor."""
    recruit_url: str
    texts_url: str
    download_url: str
    raters_url: str
    progress_url: str
    report_url: str
    """Empty where there is none."""
    primary: Action | None
    actions: tuple[Action, ...]
    version: str
    """Changes with any number on the page."""
    figures: tuple[Figure, ...]
    attention: tuple[str, ...]
    """Flags of raters and failed attention checks, in a sentence each."""
    attention_url: str
    """The table of raters, with flags first."""
    turned_away: tuple[str, ...]
    """Visitors who could not begin, with the reason and what to do, in a sentence each."""
    steps: tuple[LifecycleStep, ...]
    arrivals: Strip | None
    ratings: tuple[CountRow, ...]
    places_left: tuple[CountRow, ...]
    headings: tuple[Heading, ...]
    raters: tuple[RaterLine, ...]
    comments: tuple[str, ...]
    guesses: tuple[CountRow, ...]
    log: tuple[LogLine, ...]


@dataclass(frozen=True)
class Overview:
    """The page of one study."""

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
        n_begun, median = len(self.raters), watched.median_minutes
        minutes = "–" if median is None else f"{median:.0f}" if median >= 1 else "under 1"
        return {
            "n_finished": f"{watched.n_finished:,}",
            "n_rated": f"{sum(rater.n_answered for rater in self.raters):,}",
            "median_minutes": minutes,
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
            [(rater.id, rater.status, rater.n_answered, *rater.flags) for rater in self.raters],
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
    session: Session,
    seen: Overview,
    *,
    user: str,
    may_change: bool,
    order: str,
    has_report: bool,
    now: datetime,
) -> StudyPage:
    """Make the page of a study. Costs up to three queries more."""
    study = seen.study
    state, name = study.state, study.name
    consented_at = [rater.consented_at for rater in seen.raters]
    is_masked = not state.is_unblinded
    actions = [
        Action(_url("confirm", name, state=each.target), each.label)
        for each in sorted(offered_transitions(state), key=lambda each: each.target is State.CLOSED)
        if may_change
    ]
    is_under_way = state is State.OPEN and seen.watched.n_finished < seen.watched.n_booklets
    primary = _primary(actions, seen) if not state.is_over and not is_under_way else None
    return StudyPage(
        title=study.protocol.title,
        user=user,
        name=name,
        state=state,
        state_description=state.description,
        next_command=f"rater analyze {name}" if state is State.CLOSED else "",
        is_masked=is_masked,
        is_monitor=not may_change,
        rater_url=""
        if study.protocol.invited_only
        else url_for("rater.landing", slug=study.slug, _external=True),
        preview_url=_url("make_preview", name),
        invite_url=_url("invite", name) if state.takes_raters and may_change else "",
        recruit_url=_url("recruit", name),
        texts_url=_url("texts", name),
        download_url=_url("download_answers", name),
        raters_url=_url("download_raters", name),
        progress_url=_url("progress", name),
        report_url=_url("report", name) if has_report else "",
        primary=primary,
        actions=tuple(action for action in actions if action != primary),
        version=seen.version,
        figures=_figures(seen),
        attention=describe_attention(seen.raters),
        attention_url=f"{_url('study', name, sort='flags')}#raters",
        turned_away=seen.watched.turned_away,
        steps=_steps(seen),
        # up to now while raters can come, else up to the last of them
        arrivals=strip(consented_at, now=max(consented_at, default=now) if state.is_over else now),
        ratings=rows({str(n): texts for n, texts in seen.watched.ratings_per_item.items()}),
        places_left=_places_left(seen),
        headings=headings(order, _trial(seen), lambda by: _url("study", name, sort=by)),
        raters=rater_lines(seen.raters, order),
        comments=tuple(map(sanitize_for_display, counts.read_comments(session, study.id))),
        guesses=() if is_masked else _guesses(session, study),
        log=log_lines(read_events(session, EventRow, study.id)),
    )


def _primary(actions: Sequence[Action], seen: Overview) -> Action | None:
    """Choose the usual next action: the last one, to close the study, where an open study is complete."""
    if not actions:
        return None
    return actions[-1 if seen.study.state is State.OPEN else 0]


def _url(view: str, name: str, *, state: str | None = None, sort: str | None = None) -> str:
    return url_for(f"desk.{view}", name=name, state=state, sort=sort)


def _figures(seen: Overview) -> tuple[Figure, ...]:
    trial, stated = _trial(seen), seen.watched.stated_minutes
    estimate = f"; estimate shown to raters: {stated}" if stated else ""
    captions = {
        "n_finished": _caption_finished(seen),
        "n_rated": (f"{trial.capitalize()}s rated", f"of {seen.n_planned:,} planned"),
        "median_minutes": ("Median minutes", f"from consent to the last {trial}{estimate}"),
        "drop_out": ("Drop-out", f"of {len(seen.raters):,} {_begun(seen)}"),
    }
    return tuple(
        Figure(key, captions[key][0], value, captions[key][1]) for key, value in seen.numbers.items()
    )


def _begun(seen: Overview) -> str:
    return "who started" if seen.study.protocol.booklets_per_rater == 1 else "booklets started"


def _caption_finished(seen: Overview) -> tuple[str, str]:
    of = f"of {seen.watched.n_booklets:,}"
    if seen.study.protocol.booklets_per_rater == 1:
        return "Raters finished", of
    n_people = seen.watched.n_finished - seen.watched.n_further
    return "Booklets finished", f"{of}, by {n_people:,} rater{'s' * (n_people != 1)}"


def _steps(seen: Overview) -> tuple[LifecycleStep, ...]:
    """Lay out who came how far; nobody is excluded before the analysis, by rules declared beforehand."""
    raters, n_declined = seen.raters, seen.tallies.get(Turned.DECLINED, 0)
    n_consented = sum(rater.booklet_number == 1 for rater in raters)
    n_started = sum(rater.n_answered > 0 and rater.booklet_number == 1 for rater in raters)
    n_finished = seen.watched.n_finished - seen.watched.n_further
    gone = Counter(rater.status for rater in raters if rater.status.is_gone)
    waiting: dict[RaterStatus, str] = {
        RaterStatus.SILENT: "silent for over 40 minutes",
        RaterStatus.UNFINISHED: "unfinished",
    }
    left = ", ".join(f"{n} {at}" for at, n in sorted(gone.items()) if at not in waiting)
    still = ", ".join(f"{gone[at]} {words}" for at, words in waiting.items() if at in gone)
    steps = [
        LifecycleStep("Consented", n_consented, f"{n_declined} declined consent" if n_declined else ""),
        LifecycleStep(f"Rated a {_trial(seen)}", n_started, left),
        LifecycleStep("Finished", n_finished, still),
    ]
    n_further = len(raters) - n_consented
    if n_further:
        steps.append(LifecycleStep("Further booklets", n_further, f"{seen.watched.n_further} finished"))
    if seen.n_invited:
        came = f"{seen.n_came_by_invitation} arrived"
        steps.insert(0, LifecycleStep("Invited", seen.n_invited, came))
    return tuple(steps)


def describe_attention(raters: Sequence[WatchedRater]) -> tuple[str, ...]:
    """Describe the flags of raters and their attention checks, in a sentence each; empty without raters."""
    if not raters:
        return ()
    n_flagged = sum(bool(rater.flags) for rater in raters)
    by_flag = Counter(flag for rater in raters for flag in rater.flags)
    named = ", ".join(f"{flag} {n}" for flag, n in sorted(by_flag.items()))
    of = f"{n_flagged} of {len(raters)} raters"
    sentences = [f"{of} {'has' if n_flagged == 1 else 'have'} flags{f': {named}' if named else ''}."]
    n_checks = sum(rater.n_checks for rater in raters)
    if n_checks:
        n_passed = sum(rater.n_checks_passed for rater in raters)
        n_failing = sum(rater.n_checks_passed < rater.n_checks for rater in raters)
        who = f"{n_failing} rater{'s' * (n_failing != 1)} failed at least one"
        sentences.append(f"Attention checks: {n_passed} of {n_checks} passed; {who}.")
    return tuple(sentences)


def _places_left(seen: Overview) -> tuple[CountRow, ...]:
    left = Counter(rater.n_answered for rater in seen.raters if rater.status.is_gone)
    trial = _trial(seen)
    return rows(
        {
            f"before the first {trial}" if n == 0 else f"after {n} {trial}{'s' * (n != 1)}": left[n]
            for n in sorted(left)
        }
    )


def _trial(seen: Overview) -> str:
    """Return what a trial of a study shows: a text, a pair or a group."""
    return seen.study.protocol.trial_noun


def _guesses(session: Session, study: PublishedStudy) -> tuple[CountRow, ...]:
    asked = study.protocol.blinding
    if asked is None:
        return ()
    n_by_choice = counts.count_guesses(session, study.id)
    labels = {
        GuessChoice.FIRST: asked.labels[0],
        GuessChoice.SECOND: asked.labels[1],
        GuessChoice.UNSURE: asked.unsure,
    }
    return rows({label: n_by_choice.get(choice, 0) for choice, label in labels.items()})


@blueprint.get("/studies/<name>")
def study(name: str) -> str:
    """Show how a study goes. Costs up to sixteen queries."""
    now = running().settings.now()
    order = read_order(request.args.get("sort", ""))
    with reading(running().engine) as session:
        published = find_or_404(session, name)
        page = study_page(
            session,
            read_overview(session, published, now=now),
            user=access.user().name,
            may_change=rights().may_change,
            order=order,
            has_report=_report_file(published) is not None,
            now=now,
        )
    return render(page)


@blueprint.get("/studies/<name>/progress.json")
def progress(name: str) -> dict[str, object]:
    """Give the numbers that update by themselves. Costs up to thirteen queries."""
    with reading(running().engine) as session:
        seen = read_overview(session, find_or_404(session, name), now=running().settings.now())
    return {"version": seen.version, "state": seen.study.state, "numbers": seen.numbers}


@blueprint.get("/studies/<name>/report")
def report(name: str) -> Response:
    """Show the report that `rater analyze --report` wrote, once the study is unblinded. Costs one query."""
    with reading(running().engine) as session:
        file = _report_file(find_or_404(session, name))
    if file is None:
        abort(404)
    response = Response(file.read_bytes(), mimetype="text/html")
    response.headers["Content-Security-Policy"] = _REPORT_POLICY
    return response


def _report_file(study: PublishedStudy) -> Path | None:
    """Find the report of a study that may be read: one that is unblinded."""
    folder = running().settings.reports_folder
    if folder is None or not study.state.is_unblinded:
        return None
    file = folder / study.name / _REPORT
    is_readable = file.is_file() and os.access(file, os.R_OK)
    return file if is_readable and file.resolve().is_relative_to(folder.resolve()) else None
