"""The raters' blueprint and the flow of its pages: the current page, and redirects to it.

What a rater has done is in the database, never in the address or the browser: so back, reload, pasted links
and second tabs are harmless.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Literal, NamedTuple, NoReturn
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response as AnyResponse

from rater.store.engine import reading, writing
from rater.store.rating.sessions import RaterSession
from rater.store.rating.trials import first_revisable
from rater.web import theme
from rater.web.rating.request_context import Visit, find_newcomer, find_visit, write_arrival
from rater.web.settings import running

__all__ = ["Place", "Step", "Visit", "current_place", "find_visit"]

blueprint = Blueprint("rater", __name__)

Step = Literal[
    "landing",
    "consent",
    "start",
    "declined",
    "change_language",
    "screening",
    "questions_before",
    "instructions",
    "practice",
    "feedback",
    "again",
    "agreed",
    "again_practice",
    "again_feedback",
    "trial",
    "rest",
    "finish",
    "guesses",
    "questions_after",
    "comment",
    "thanks",
    "another",
    "code",
    "leave",
    "ended",
]


class Place(NamedTuple):
    """A page of the flow; a trial, a rest and a practice text have a position, from 1."""

    step: Step
    position: int | None = None


_Due = Callable[[Visit, RaterSession], bool]
FLOW: tuple[tuple[Step, _Due], ...] = (
    ("ended", lambda _, rater_session: rater_session.left_why is not None),
    # which explains that the study takes no answers now, and what is saved
    ("landing", lambda visit, rater_session: not rater_session.has_finished and not visit.is_open),
    ("landing", lambda visit, rater_session: not rater_session.has_finished and visit.is_stopped_late),
    (
        "screening",
        lambda visit, rater_session: bool(visit.protocol.screening) and not rater_session.has_been_screened,
    ),
    (
        "questions_before",
        lambda visit, rater_session: (
            bool(visit.protocol.questions("before"))
            and not rater_session.has_answered_before
            and not rater_session.has_read_instructions
        ),
    ),
    ("instructions", lambda _, rater_session: not rater_session.has_read_instructions),
    (
        "practice",
        lambda visit, rater_session: bool(visit.protocol.practice) and not rater_session.has_practised,
    ),
    ("again", lambda visit, rater_session: not rater_session.has_finished and visit.is_away),
    ("trial", lambda _, rater_session: not rater_session.has_finished),
    ("finish", lambda visit, rater_session: visit.is_open and _is_to_be_closed(visit, rater_session)),
    (
        "guesses",
        lambda visit, rater_session: (
            visit.is_open and visit.protocol.blinding is not None and not rater_session.has_guessed
        ),
    ),
    (
        "questions_after",
        lambda visit, rater_session: (
            visit.is_open and bool(visit.protocol.questions("after")) and not rater_session.has_answered_after
        ),
    ),
    (
        "comment",
        lambda visit, rater_session: (
            visit.is_open and visit.protocol.final_comment is not None and not rater_session.has_commented
        ),
    ),
    ("thanks", lambda _visit, _rater_session: True),
)
"""The pages of raters who consented, in order: the current page is the first that is due."""


def _is_to_be_closed(visit: Visit, rater_session: RaterSession) -> bool:
    """Return whether a rater may still change answers before the blinding question or the thanks."""
    return not visit.protocol.finish_is_final and not rater_session.has_been_asked


def current_place(visit: Visit) -> Place:
    """Return the current place of a visitor."""
    rater_session = visit.rater_session
    if rater_session is None:
        return Place("landing")
    step = next(step for step, is_due in FLOW if is_due(visit, rater_session))
    return Place(step, {"trial": rater_session.next_position, "practice": 1}.get(step))


_OPENED_FROM: Mapping[Step, frozenset[Step]] = {
    "feedback": frozenset({"practice"}),
    "again": frozenset({"practice", "trial"}),
    "again_practice": frozenset({"again", "trial"}),
    "again_feedback": frozenset({"again", "trial"}),
    "leave": frozenset(
        {
            "screening",
            "questions_before",
            "instructions",
            "practice",
            "again",
            "trial",
            "finish",
            "guesses",
            "questions_after",
            "comment",
        }
    ),
}
"""Pages outside the flow, and the steps from which they may be opened."""


_BEFORE_CONSENT = frozenset[Step]({"landing", "consent", "start", "declined", "change_language"})


class UnknownBrowser(Forbidden):
    """Raised when a page of somebody who has begun is asked for by a browser that nobody is known by."""

    def __init__(self, visit: Visit, place: Place) -> None:
        super().__init__()
        self.visit = visit
        self.place = place


def may_open(visit: Visit, place: Place) -> bool:
    """Return whether a visitor may open a place: the current one, or one that is reachable from it."""
    current, rater_session = current_place(visit), visit.rater_session
    if rater_session is None:
        return place == current or (place.step in {"consent", "start", "declined"} and visit.is_open)
    by_state = {
        "agreed": True,
        "code": rater_session.is_further,
        "another": current.step == "thanks",
    }
    if place.step in by_state:
        return by_state[place.step]
    if place.step == "trial":
        first = first_revisable(rater_session, visit.protocol.revising)
        last = min(rater_session.next_position, rater_session.n_trials)
        return current.step in {"trial", "finish"} and first <= (place.position or 0) <= last
    if place.step == "rest":
        return current.step == "trial" and place.position == rater_session.n_answered
    return place.step == current.step or (
        visit.is_open and current.step in _OPENED_FROM.get(place.step, frozenset())
    )


def next_place(visit: Visit, position: int, *, goes_back: bool) -> Place:
    """Return the place after a trial that was sent: back, a rest, or the next one."""
    rater_session = visit.rater_session
    assert rater_session is not None  # noqa: S101 (who sent a trial has one)
    if goes_back:
        return Place("trial", max(1, position - 1))
    every = visit.protocol.break_every or rater_session.n_trials
    n_left = rater_session.n_trials - position
    is_worth_a_rest = 2 * n_left >= every  # a rest just before the end would only delay it
    if position == rater_session.n_answered and is_worth_a_rest and position % every == 0:
        return Place("rest", position)
    if position < rater_session.n_trials and not rater_session.has_finished:
        return Place("trial", position + 1)
    return current_place(visit)


def require(visit: Visit, place: Place) -> None:
    """Send a visitor to where they are now, unless they may be at this place.

    Raises:
        HTTPException: the redirect.
    """
    if not may_open(visit, place):
        if visit.rater_session is None and place.step not in _BEFORE_CONSENT:
            raise UnknownBrowser(visit, place)
        go_to_current(visit)


def require_rater_session(visit: Visit, place: Place) -> RaterSession:
    """Return the session of a rater who may open a place, or redirect them to where they are now.

    Raises:
        HTTPException: the redirect.
    """
    require(visit, place)
    if visit.rater_session is None:
        go_to_current(visit)
    return visit.rater_session


def require_rater(visit: Visit, position: int) -> RaterSession:
    """Return the session of a rater who may answer: any who has reached the texts, finished or not.

    A second tab may send a changed answer after the last text was answered in the first; it is kept.

    Raises:
        HTTPException: the redirect for all others.
    """
    rater_session = visit.rater_session
    if rater_session is None:
        raise UnknownBrowser(visit, Place("trial", position))
    early = {"ended", "landing", "screening", "questions_before", "instructions", "practice"}
    if visit.is_open and current_place(visit).step in early:
        go_to_current(visit)
    return rater_session


def go_to_current(visit: Visit) -> NoReturn:
    """Send a visitor to where they are now, as GET whatever was asked.

    Raises:
        HTTPException: the redirect.
    """
    place = current_place(visit)
    abort(redirect(landing_url(visit) if place.step == "landing" else url_of(visit.study.slug, place), 303))


def landing_url(visit: Visit) -> str:
    """Build the address by which a visitor comes to a study, with the parameters of their link."""
    slug, arrival = visit.study.slug, visit.arrival
    if arrival.invitation is not None:
        return url_for("rater.invited", slug=slug, code=arrival.invitation)
    return url_of(slug, Place("landing"), write_arrival(arrival))


def url_of(slug: str, place: Place, fields: Mapping[str, str] | None = None) -> str:
    """Build the address of a place in a study, with fields where it carries any."""
    url = _path_of(request.script_root, slug, place)
    # not by url_for, to which a field named `_external` or `slug` would mean something
    return f"{url}?{urlencode(fields)}" if fields else url


# A trial's page has five addresses. Flask takes longer to build one than the page's text to be read.
@lru_cache(maxsize=2_000)
def _path_of(_prefix: str, slug: str, place: Place) -> str:
    values = {"slug": slug} if place.position is None else {"slug": slug, "position": place.position}
    return url_for(f"rater.{place.step}", **values)


StoreStep = Callable[[Session, Visit, RaterSession], None]


def read_visit(slug: str, place: Place) -> tuple[Visit, RaterSession]:
    """Return the visit of a rater who may open a place, or redirect them. Costs one query.

    Raises:
        HTTPException: the redirect.
    """
    with reading(running().engine) as session:
        visit = find_visit(session, slug)
    return visit, require_rater_session(visit, place)


def move_on(slug: str, place: Place, step: StoreStep) -> AnyResponse:
    """Take a step in one transaction, and lead to where the rater is then. Costs two queries and the step's.

    Args:
        slug: The study's address.
        place: Where the rater must be.
        step: Stores what was done there; what it aborts with, such as a page that points at what is missing,
            is the answer, and nothing is stored.

    Raises:
        HTTPException: the redirect of raters at another page, or what the step aborted with.
    """
    with writing(running().engine) as session:
        visit = find_visit(session, slug)
        step(session, visit, require_rater_session(visit, place))
        visit = find_visit(session, slug)
    return redirect(url_of(slug, current_place(visit)), 303)


@blueprint.get("/look/<accent>.css")
def look(accent: str) -> Response:
    """Serve the style sheet of an accent colour. Costs no query: the address has the colour."""
    if not theme.ACCENT.fullmatch(accent):
        abort(404)
    return Response(theme.look_css(accent), mimetype="text/css")


@blueprint.get("/s/<slug>/")
@blueprint.get("/s/<slug>/<path:_rest>")
def other_page(slug: str, _rest: str = "") -> str:
    """Redirect requests for any other page of a study to the current page. Costs up to three queries."""
    with reading(running().engine) as session:
        go_to_current(find_newcomer(session, slug, request.args))
