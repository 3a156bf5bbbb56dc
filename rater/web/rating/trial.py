"""The trial page and the break between trials."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from flask import Response, redirect, request
from sqlalchemy import Connection
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from rater.errors import ClosedError, StateError
from rater.store.engine import reading, writing_rows
from rater.store.rating import trials
from rater.store.rating.monitoring import read_seconds_per_text
from rater.store.rating.proofs import prove
from rater.store.rating.sessions import RaterSession, digest
from rater.store.rating.trials import TrialView, Turn, first_revisable
from rater.study.dimension import Dimension
from rater.study.protocol import Protocol, TrialNoun
from rater.web.language import gettext as _
from rater.web.rating import flow
from rater.web.rating.flow import Place, Visit, blueprint
from rater.web.rating.forms import (
    FormAnswer,
    TrialForm,
    drop_draft,
    keep_draft,
    new_submission_id,
    read_booklet_number,
    read_kept_draft,
    read_trial_form,
)
from rater.web.rating.page import Page, frame_of, render
from rater.web.rating.questions import (
    AnswerKeys,
    QuestionField,
    Room,
    ShownValue,
    answer_keys,
    questions_of,
    room_for,
    shown_fields,
)
from rater.web.rating.request_context import find_turn
from rater.web.rating.shown_text import TextField, text_fields
from rater.web.settings import running


@dataclass(frozen=True)
class TrialPage(Page):
    """One text, or several side by side, and the questions about them."""

    template = "trial.html"

    noun: TrialNoun
    position: int
    n_texts: int
    n_saved: int
    shown_fields: tuple[ShownValue, ...]
    texts_of: tuple[TextField, ...]
    room: Room
    questions: tuple[QuestionField, ...]
    digits: AnswerKeys
    submission_id: str
    booklet_number: int
    """1 for the rater's first booklet; a page of an earlier one must not answer this one."""
    may_go_back: bool
    auto_advances: bool
    may_change: bool
    """True if an answer can be changed after it is sent."""
    is_answered: bool
    """True if the trial was answered before, and so was read."""
    least_seconds: float | None
    """The time for which the trial must be shown before it is answered; None for no limit."""
    seconds_left: int
    """The part of that time which was left when an answer was sent too early; else 0."""
    reads_to_end: bool
    """True if the end of each text must have been on the screen."""
    proof: str
    """That the submission id is from this rater's page, for `rater recover`."""


@dataclass(frozen=True)
class RestPage(Page):
    """A rest between two texts."""

    template = "rest.html"

    noun: TrialNoun
    n_texts: int
    n_saved: int
    n_minutes: int | None
    """Minutes left at the rater's own pace; None before it is known."""
    next_url: str


def asked_dimensions(protocol: Protocol, name: str | None) -> tuple[Dimension, ...]:
    """Return the dimensions that a trial asks: the one it names, or all, before fields are filled in."""
    return tuple(dimension for dimension in protocol.dimensions if name in {None, dimension.name})


def trial_page(
    visit: Visit,
    rater_session: RaterSession,
    view: TrialView,
    *,
    dimensions: Sequence[Dimension],
    given: Mapping[str, FormAnswer],
    seconds_left: int = 0,
) -> TrialPage:
    """Make a trial's page.

    Args:
        visit: Who is at it, by which token.
        rater_session: The rater.
        view: The trial.
        dimensions: What it asks.
        given: What was given on them so far: stored, drafted, or just sent.
        seconds_left: How much too early the answers were sent.
    """
    assert visit.token is not None  # noqa: S101 (a session is found by it)
    submission_id, token_digest = new_submission_id(), digest(visit.token)
    protocol = visit.protocol
    return TrialPage(
        frame=frame_of(visit, holds_answers=True),
        title=_(
            "%(position)s of %(n)s – %(title)s",
            title=protocol.title,
            position=view.position,
            n=rater_session.n_trials,
        ),
        noun=protocol.trial_noun,
        position=view.position,
        n_texts=rater_session.n_trials,
        n_saved=rater_session.n_answered,
        shown_fields=shown_fields(protocol, view.fields),
        texts_of=text_fields(protocol, view.prompt, view.texts),
        room=room_for(protocol, rater_session),
        questions=questions_of(dimensions, given, fields=view.fields, rater_id=rater_session.person_id),
        digits=answer_keys(dimensions),
        submission_id=submission_id,
        booklet_number=rater_session.booklet_number,
        may_go_back=view.position > first_revisable(rater_session, protocol.revising),
        auto_advances=protocol.auto_advance,
        may_change=protocol.revising != "none",
        is_answered=view.position <= rater_session.n_answered,
        least_seconds=protocol.least_seconds,
        seconds_left=seconds_left,
        reads_to_end=protocol.read_to_end,
        proof=prove(token_digest, submission_id, view.position),
    )


ASKED_BY_SCRIPT = "X-Rater"
"""With it, a save is answered with the next page instead of a redirect to it: one round trip a text."""
NEXT_URL = "X-Rater-Url"
"""The address of the page in the answer; without a page in it, where to go."""
OUTCOME = "X-Rater"
"""saved; incomplete; refused, for good; or closed, which may be opened again."""


@dataclass(frozen=True)
class _Read:
    """A trial as it was read; its page is made after the commit, so that nobody waits for that."""

    rater_session: RaterSession
    view: trials.TrialView
    dimensions: tuple[Dimension, ...]
    given: Mapping[str, FormAnswer]
    seconds_left: int = 0

    def page(self, visit: Visit) -> str:
        """Make the page."""
        return render(
            trial_page(
                visit,
                self.rater_session,
                self.view,
                dimensions=self.dimensions,
                given=self.given,
                seconds_left=self.seconds_left,
            )
        )


@dataclass(frozen=True)
class _Taken:
    """The result of a submitted form."""

    visit: Visit
    outcome: str
    place: Place
    read: _Read | None = None
    """The next trial, where a script asked; or the same one again."""


@blueprint.get("/s/<slug>/trial/<int:position>")
def trial(slug: str, position: int) -> str:
    """Show a text, with the answers given to it before. Costs two queries, three for one answered before."""
    with reading(running().engine) as session:
        visit = flow.find_visit(session, slug)
        read = _read(session, visit, position)
    return read.page(visit)


@blueprint.post("/s/<slug>/trial/<int:position>")
def answer(slug: str, position: int) -> AnyResponse:
    """Keep a text's answers, committed before the reply. Costs a query and an insert.

    One query more for a text that was answered before, and for a reply with any page but the next new text's.
    """
    by_script = ASKED_BY_SCRIPT in request.headers
    with writing_rows(running().engine) as connection:
        visit, turn = find_turn(connection, slug, position)
        rater_session = flow.require_rater(visit, position)
        dimensions = asked_dimensions(visit.protocol, None if turn is None else turn.dimension)
        sent = read_trial_form(request.form, dimensions)
        if read_booklet_number(request.form) == rater_session.booklet_number:
            taken = _take(connection, visit, rater_session, position, sent=sent, turn=turn)
        else:  # a page of an earlier booklet in another tab
            taken = _Taken(visit, "refused", flow.current_place(visit))
        if taken.outcome == "incomplete":
            read = _read(connection, visit, position, sent.given)
            seconds_left = seconds_too_early(visit, rater_session, position) if sent.is_complete else 0
            taken = replace(taken, read=replace(read, seconds_left=seconds_left))
        elif by_script and taken.outcome == "saved" and taken.place.step == "trial":
            assert taken.place.position is not None  # noqa: S101 (a trial has one)
            next_trial = None if turn is None else turn.next_trial
            taken = replace(
                taken, read=_read(connection, taken.visit, taken.place.position, next_trial=next_trial)
            )
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
        rater_session = flow.require_rater_session(visit, Place("rest", position))
        pace_s = read_seconds_per_text(session, rater_session.rater_id)
    n_left = rater_session.n_trials - rater_session.n_answered
    return render(
        RestPage(
            frame=frame_of(visit),
            title=visit.protocol.title,
            noun=visit.protocol.trial_noun,
            n_texts=rater_session.n_trials,
            n_saved=rater_session.n_answered,
            n_minutes=None if pace_s is None else max(1, ceil(n_left * pace_s / 60)),
            next_url=flow.url_of(slug, Place("trial", rater_session.next_position)),
        )
    )


def seconds_too_early(visit: Visit, rater_session: RaterSession, position: int) -> int:
    """Return how many seconds too early the first answer to a trial comes; 0 where it may be stored.

    A trial is shown after the answer to the one before it, so the time since then is at least as long as the
    trial was shown. The browser sends nothing that this relies on.
    """
    least = visit.protocol.least_seconds
    if least is None or position <= rater_session.n_answered:
        return 0
    return max(0, ceil(least - (visit.now - rater_session.last_seen_at).total_seconds()))


def _take(
    connection: Connection,
    visit: Visit,
    rater_session: RaterSession,
    position: int,
    *,
    sent: TrialForm,
    turn: Turn | None,
) -> _Taken:
    """Store a complete form, keep the part of an incomplete one, and return the next address."""
    revising = visit.protocol.revising
    if sent.goes_back and (not sent.is_complete or revising != "all"):
        return _Taken(visit, "drafted", flow.next_place(visit, position, goes_back=True))
    if not sent.is_complete or seconds_too_early(visit, rater_session, position):
        return _Taken(visit, "incomplete", Place("trial", position))
    submission = trials.Submission(sent.submission_id, position, sent.judgements, sent.timing)
    try:
        trials.record_answers(
            connection,
            visit.study.id,
            rater_session,
            submission,
            revising=revising,
            now=visit.now,
            locked=None if turn is None else visit.study.state,
        )
    except ClosedError:
        return _Taken(visit, "closed", flow.current_place(visit))
    except StateError:  # a text whose turn has not come, or has passed
        return _Taken(visit, "refused", flow.current_place(visit))
    answered = max(rater_session.n_answered, position)
    after = replace(
        rater_session,
        n_answered=answered,
        has_finished=rater_session.has_finished or answered == rater_session.n_trials,
        last_seen_at=visit.now,
    )
    visit = replace(visit, rater_session=after)
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


def _read(
    at: Session | Connection,
    visit: Visit,
    position: int,
    sent: Mapping[str, FormAnswer] | None = None,
    *,
    next_trial: TrialView | None = None,
) -> _Read:
    """Read a trial with what was given on it: just sent, stored, or drafted before.

    Args:
        at: The database.
        visit: Who asks.
        position: The trial.
        sent: What was just sent.
        next_trial: A trial that is read already; it is used if it is this one and has no answers yet.
    """
    rater_session = flow.require_rater_session(visit, Place("trial", position))
    if next_trial is not None and next_trial.position == position == rater_session.next_position:
        view = next_trial
    else:
        view = trials.view_trial(at, rater_session, position)
    dimensions = asked_dimensions(visit.protocol, view.dimension)
    if sent is not None:
        return _Read(rater_session, view, dimensions, sent)
    stored = {name: FormAnswer.of(judgement) for name, judgement in view.answers.items()}
    return _Read(rater_session, view, dimensions, {**stored, **read_kept_draft(position, dimensions)})
