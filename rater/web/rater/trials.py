"""Serve the trials: show a text, keep what was answered, and answer a script with the next page at once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil

from flask import Response, redirect, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from rater.errors import ClosedError, StateError
from rater.store.engine import reading, writing
from rater.store.rating import trials
from rater.store.rating.pace import read_seconds_per_text
from rater.store.rating.sittings import Sitting
from rater.study.protocol import Dimension
from rater.web import flow, pages
from rater.web.drafts import drop_draft, keep_draft, read_kept_draft
from rater.web.flow import Place, Visit
from rater.web.pages.frame import frame_of
from rater.web.pages.trial import RestPage, asked_dimensions, trial_page
from rater.web.rater.blueprint import blueprint
from rater.web.settings import running
from rater.web.trial_form import Given, TrialForm, read_trial_form

ASKED_BY_SCRIPT = "X-Rater"
"""With it, a save is answered with the next page instead of a redirect to it: one round trip a text."""
NEXT_URL = "X-Rater-Url"
"""The address of the page in the answer; without a page in it, where to go."""
OUTCOME = "X-Rater"
"""saved; incomplete; refused, for good; or closed, which may be opened again."""


@dataclass(frozen=True)
class _Read:
    """A trial as it was read; its page is made after the commit, so that nobody waits for that."""

    sitting: Sitting
    view: trials.TrialView
    dimensions: tuple[Dimension, ...]
    given: Mapping[str, Given]

    def page(self, visit: Visit) -> str:
        """Make the page."""
        return pages.render(
            trial_page(visit, self.sitting, self.view, dimensions=self.dimensions, given=self.given)
        )


@dataclass(frozen=True)
class _Taken:
    """What became of a form."""

    visit: Visit
    outcome: str
    place: Place
    read: _Read | None = None
    """The next trial, where a script asked; or the same once more."""


@blueprint.get("/s/<slug>/trial/<int:position>")
def trial(slug: str, position: int) -> str:
    """Show a text, with the answers given to it before. Costs two queries, three for one answered before."""
    with reading(running().engine) as session:
        visit = flow.find_visit(session, slug)
        read = _read(session, visit, position)
    return read.page(visit)


@blueprint.post("/s/<slug>/trial/<int:position>")
def answer(slug: str, position: int) -> AnyResponse:
    """Keep a text's answers, committed before the reply. Costs three queries and an insert.

    With the next page in the reply: one query more. Where a trial may ask one dimension of several, one more.
    """
    by_script = ASKED_BY_SCRIPT in request.headers
    with writing(running().engine) as session:
        visit = flow.find_visit(session, slug)
        sitting = flow.require_rater(visit, position)
        dimensions = asked_dimensions(visit.protocol, _asked(session, visit, sitting, position))
        sent = read_trial_form(request.form, dimensions)
        taken = _take(session, visit, sitting, position, sent=sent)
        if taken.outcome == "incomplete":
            taken = replace(taken, read=_read(session, visit, position, sent.given))
        elif by_script and taken.outcome == "saved" and taken.place.step == "trial":
            assert taken.place.position is not None  # noqa: S101 (a trial has one)
            taken = replace(taken, read=_read(session, taken.visit, taken.place.position))
    response = _reply(taken, by_script=by_script)
    if taken.outcome == "drafted" and sent.draft:
        keep_draft(response, sent.draft, slug=slug, position=position)
    elif taken.outcome == "saved":
        drop_draft(response, slug=slug, position=position)
    return response


@blueprint.get("/s/<slug>/rest/<int:position>")
def rest(slug: str, position: int) -> str:
    """Offer a rest. Costs two queries."""
    with reading(running().engine) as session:
        visit = flow.find_visit(session, slug)
        sitting = flow.require_sitting(visit, Place("rest", position))
        pace_s = read_seconds_per_text(session, sitting.rater_id)
    n_left = sitting.n_trials - sitting.n_answered
    return pages.render(
        RestPage(
            frame=frame_of(visit),
            title=visit.protocol.title,
            is_pairwise=visit.protocol.is_pairwise,
            n_texts=sitting.n_trials,
            n_saved=sitting.n_answered,
            n_minutes=None if pace_s is None else max(1, ceil(n_left * pace_s / 60)),
            next_url=flow.url_of(slug, Place("trial", sitting.next_position)),
        )
    )


def _take(session: Session, visit: Visit, sitting: Sitting, position: int, *, sent: TrialForm) -> _Taken:
    """Store a complete form, keep of another what there is, and say where to go."""
    revising = visit.protocol.revising
    if sent.goes_back and (not sent.is_complete or revising != "all"):
        return _Taken(visit, "drafted", flow.next_place(visit, position, goes_back=True))
    if not sent.is_complete:
        return _Taken(visit, "incomplete", Place("trial", position))
    submission = trials.Submission(sent.submission_id, position, sent.judgements, sent.timing)
    try:
        trials.record_answers(session, visit.study.id, sitting, submission, revising=revising, now=visit.now)
    except ClosedError:
        return _Taken(visit, "closed", flow.current_place(visit))
    except StateError:  # a text whose turn has not come, or has passed
        return _Taken(visit, "refused", flow.current_place(visit))
    answered = max(sitting.n_answered, position)
    after = replace(
        sitting,
        n_answered=answered,
        has_finished=sitting.has_finished or answered == sitting.n_trials,
        last_seen_at=visit.now,
    )
    visit = replace(visit, sitting=after)
    return _Taken(visit, "saved", flow.next_place(visit, position, goes_back=sent.goes_back))


def _reply(taken: _Taken, *, by_script: bool) -> AnyResponse:
    url = flow.url_of(taken.visit.study.slug, taken.place)
    if not by_script and taken.read is None:
        return redirect(url, 303)
    body = "" if taken.read is None else taken.read.page(taken.visit)
    status = 422 if taken.outcome == "incomplete" else 200
    return Response(
        body, status=status, mimetype="text/html", headers={NEXT_URL: url, OUTCOME: taken.outcome}
    )


def _asked(session: Session, visit: Visit, sitting: Sitting, position: int) -> str | None:
    """Read which dimension a trial asks, where the study has several."""
    if len(visit.protocol.dimensions) == 1 or not 1 <= position <= sitting.n_trials:
        return None
    return trials.read_dimension(session, sitting.booklet_id, position)


def _read(session: Session, visit: Visit, position: int, sent: Mapping[str, Given] | None = None) -> _Read:
    """Read a trial with what was given on it: just sent, stored, or drafted before."""
    sitting = flow.require_sitting(visit, Place("trial", position))
    view = trials.view_trial(session, sitting, position)
    dimensions = asked_dimensions(visit.protocol, view.dimension)
    if sent is not None:
        return _Read(sitting, view, dimensions, sent)
    stored = {name: Given.of(judgement) for name, judgement in view.answers.items()}
    return _Read(sitting, view, dimensions, {**stored, **read_kept_draft(position, dimensions)})
