"""The list of studies, and the transitions that the desk offers, with a page to confirm each.

The other transitions of a study need the sealed database.
"""

import contextlib
from dataclasses import dataclass
from datetime import datetime

from flask import abort, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from rater.errors import DatabaseError
from rater.store.engine import empty_wal, reading, writing
from rater.store.rating import counts
from rater.store.rating.rights import studies_granted
from rater.store.rating.statuses import RaterStatus, rater_status
from rater.store.rating.studies import list_studies, move_study
from rater.study.state import State, Transition, transitions_from
from rater.web.desk import access
from rater.web.desk.page import DeskPage, Right, blueprint, find_or_404, needs, render
from rater.web.settings import running

_OFFERED = {State.OPEN, State.PAUSED, State.CLOSED}


@dataclass(frozen=True)
class StudyLine:
    """A study in the list."""

    url: str
    title: str
    name: str
    state: State
    n_finished: int
    n_booklets: int
    last_at: datetime | None
    """The time at which the last rater arrived."""


@dataclass(frozen=True)
class StudiesPage(DeskPage):
    """The studies of this database that the user may see."""

    template = "desk/studies.html"

    user: str
    studies: tuple[StudyLine, ...]
    sees_all: bool
    """False if the user sees only the studies that were granted."""


@blueprint.get("")
def studies() -> str:
    """List the studies that the user may see. Costs up to four queries, however many; no answer is read."""
    with reading(running().engine) as session:
        granted = studies_granted(session, access.user())
        published = [each for each in list_studies(session) if granted is None or each.id in granted]
        progress = counts.read_progress_by_study(session)
    lines = [
        StudyLine(
            url=url_for("desk.study", name=study.name),
            title=study.protocol.title,
            name=study.name,
            state=study.state,
            n_finished=progress[study.id].n_finished,
            n_booklets=progress[study.id].n_booklets,
            last_at=progress[study.id].last_at,
        )
        for study in published
    ]
    return render(
        StudiesPage(title="Studies", user=access.user().name, studies=tuple(lines), sees_all=granted is None)
    )


def offered_transitions(state: State) -> tuple[Transition, ...]:
    """Return the transitions that the desk offers for a study in this state, the usual next one first."""
    return tuple(each for each in transitions_from(state) if each.target in _OFFERED)


def find_transition(state: State, target: str) -> Transition | None:
    """Find the transition between two states; None where the desk offers none."""
    return next((each for each in offered_transitions(state) if each.target == target), None)


@dataclass(frozen=True)
class ConfirmPage(DeskPage):
    """The effects of a change of state, shown before it is made."""

    template = "desk/confirm.html"

    user: str
    description: str
    warning: str
    """Raters whom closing would interrupt, in a sentence; may be empty."""
    pause_url: str
    """The page to pause the study instead; empty where there is nobody to interrupt."""
    post_url: str
    button: str
    back_url: str


@blueprint.get("/studies/<name>/move/<state>")
@needs(Right.CHANGE)
def confirm(name: str, state: str) -> str:
    """Show the effects of a change of state, before it is made. Costs up to two queries."""
    now = running().settings.now()
    with reading(running().engine) as session:
        published = find_or_404(session, name)
        transition = find_transition(published.state, state) or abort(404)
        n_rating = 0
        if transition.target is State.CLOSED and published.state is State.OPEN:
            raters = counts.read_raters(session, published.id)
            statuses = [rater_status(rater, now=now, is_over=False) for rater in raters]
            n_rating = statuses.count(RaterStatus.UNDER_WAY)
    warning = (
        f"{n_rating} rater{' is' if n_rating == 1 else 's are'} rating now and could not finish. "
        "To keep their places, pause the study instead."
    )
    return render(
        ConfirmPage(
            title=f"{transition.label}: {published.protocol.title}",
            user=access.user().name,
            description=transition.description,
            warning=warning if n_rating else "",
            pause_url=url_for("desk.confirm", name=name, state=State.PAUSED) if n_rating else "",
            post_url=url_for("desk.move", name=name, state=state),
            button=transition.label,
            back_url=url_for("desk.study", name=name),
        )
    )


@blueprint.post("/studies/<name>/move/<state>")
def move(name: str, state: str) -> AnyResponse:
    """Change a study's state; its log records by whom. Costs four queries; closing reads every answer."""
    with writing(running().engine) as session:
        published = find_or_404(session, name)
        transition = find_transition(published.state, state)
        if transition is not None:
            move_study(session, name, transition.target, at=running().settings.now(), by=access.user().name)
    if state == State.CLOSED:
        with contextlib.suppress(DatabaseError):  # the study is closed, also where the disk is full
            empty_wal(running().engine)
    return redirect(url_for("desk.study", name=name), 303)
