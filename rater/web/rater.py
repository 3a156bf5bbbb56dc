"""Serve the raters' pages: each view reads the form, calls the store, and renders or redirects."""

from collections.abc import Mapping

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from rater.errors import FullError, StateError
from rater.store.engine import reading, writing
from rater.store.rating import raters
from rater.web import flow, forms, notices, pages, security
from rater.web.flow import Place
from rater.web.markdown import render_markdown
from rater.web.settings import running

blueprint = Blueprint("rater", __name__)


@blueprint.get("/")
def home() -> str:
    """Say that a link is needed; no study is named here. Costs no query."""
    return pages.render(notices.HOME)


@blueprint.get("/s/<slug>")
def landing(slug: str) -> str:
    """Welcome a new rater, or send one who began to where they are. Costs up to four queries."""
    with reading(running().engine) as session:
        visit = flow.find_visit(session, slug)
        flow.require(visit, Place("landing"))
        notice = notices.not_takeable(visit)
        if notice:
            return pages.render(notice)
        offer = raters.read_offer(session, visit.study.id)
    protocol = visit.study.protocol
    if offer is None:
        return pages.render(notices.full(protocol))
    return pages.render(
        pages.LandingPage(
            title=protocol.title,
            n_texts=offer.n_trials,
            n_minutes=pages.estimate_minutes(offer, protocol),
            consent_url=flow.url_of(slug, Place("consent")),
        )
    )


@blueprint.get("/s/<slug>/consent")
def consent(slug: str) -> str:
    """Ask for consent while a place is free. Costs up to three queries.

    The token is made with the page and comes into use when its form is sent, so that a double click deals one
    booklet, and a browser keeps nothing of who declines.
    """
    with reading(running().engine) as session:
        visit = flow.find_visit(session, slug)
        flow.require(visit, Place("consent"))
        if not raters.has_free_booklet(session, visit.study.id):
            flow.go_to_current(visit)  # the landing page, which says so
    protocol = visit.study.protocol
    return pages.render(
        pages.ConsentPage(
            title=protocol.title, consent=render_markdown(protocol.consent), token=raters.new_token()
        )
    )


@blueprint.post("/s/<slug>/consent")
def decide(slug: str) -> AnyResponse:
    """Deal a booklet to who agrees; store nothing of who declines. Costs up to six queries and an insert."""
    token = forms.read_decision(request.form)
    with writing(running().engine) as session:
        visit = flow.find_visit(session, slug)
        flow.require(visit, Place("consent"))
        if token is None:
            return redirect(flow.url_of(slug, Place("declined")), 303)
        try:
            raters.claim_booklet(session, visit.study.id, token, channel="web", now=running().settings.now())
        except FullError:
            flow.go_to_current(visit)  # the landing page, which says so
    response = redirect(flow.url_of(slug, Place("instructions")), 303)
    security.keep_token(response, token, path=flow.url_of(slug, Place("landing")))
    return response


@blueprint.get("/s/<slug>/declined")
def declined(slug: str) -> str:
    """Say that declining is fine. Costs up to two queries."""
    with reading(running().engine) as session:
        visit = flow.find_visit(session, slug)
    flow.require(visit, Place("declined"))
    return pages.render(notices.declined(visit.study.protocol))


@blueprint.get("/s/<slug>/instructions")
def instructions(slug: str) -> str:
    """Explain how to rate. Costs two queries."""
    with reading(running().engine) as session:
        visit = flow.find_visit(session, slug)
    flow.require(visit, Place("instructions"))
    protocol = visit.study.protocol
    return pages.render(
        pages.InstructionsPage(
            title=protocol.title,
            instructions=render_markdown(protocol.instructions),
            n_texts=flow.require_sitting(visit).n_trials,
            last_key=pages.last_key(protocol),
        )
    )


@blueprint.post("/s/<slug>/instructions")
def begin(slug: str) -> AnyResponse:
    """Note that the instructions were read, and go to the first text. Costs three queries and an update."""
    with writing(running().engine) as session:
        visit = flow.find_visit(session, slug)
        flow.require(visit, Place("instructions"))
        sitting = flow.require_sitting(visit)
        raters.finish_instructions(session, sitting.rater_id, now=running().settings.now())
    return redirect(flow.url_of(slug, Place("trial", sitting.next_position)), 303)


@blueprint.get("/s/<slug>/trial/<int:position>")
def trial(slug: str, position: int) -> str:
    """Show a text, with the answers given to it before. Costs five queries."""
    return _render_trial(slug, position)


@blueprint.post("/s/<slug>/trial/<int:position>")
def answer(slug: str, position: int) -> AnyResponse:
    """Keep a text's answers, committed before the redirect. Costs six queries, and an insert per answer."""
    with writing(running().engine) as session:
        visit = flow.find_visit(session, slug)
        sitting = flow.require_rater(visit)
        dimensions = visit.study.protocol.dimensions
        sent = forms.read_trial_form(request.form, dimensions)
        is_complete = sent.is_complete(dimensions)
        if is_complete:
            submission = raters.Submission(sent.submission_id, position, dict(sent.answers), sent.shown_ms)
            try:
                raters.record_answers(
                    session, visit.study.id, sitting, submission, now=running().settings.now()
                )
            except StateError:  # closed, or a text whose turn has not come
                flow.go_to_current(visit)
    if is_complete or sent.goes_back:
        return redirect(_next_url(slug, sitting, position, goes_back=sent.goes_back), 303)
    return _ask_again(slug, position, sent)


@blueprint.get("/s/<slug>/thanks")
def thanks(slug: str) -> str:
    """Say thanks after the last text. Costs two queries."""
    with reading(running().engine) as session:
        visit = flow.find_visit(session, slug)
    flow.require(visit, Place("thanks"))
    protocol = visit.study.protocol
    return pages.render(
        pages.ThanksPage(
            title=protocol.title,
            thanks=render_markdown(protocol.thanks),
            n_texts=flow.require_sitting(visit).n_trials,
        )
    )


@blueprint.get("/s/<slug>/<path:_rest>")
def elsewhere(slug: str, _rest: str) -> str:
    """Send whoever asks for any other page of a study to where they are. Costs up to two queries."""
    with reading(running().engine) as session:
        flow.go_to_current(flow.find_visit(session, slug))


def _next_url(slug: str, sitting: raters.Sitting, position: int, *, goes_back: bool) -> str:
    """Say where to go after a text was sent; the page asked there decides once more."""
    if goes_back:
        return flow.url_of(slug, Place("trial", max(1, position - 1)))
    if position < sitting.n_trials:
        return flow.url_of(slug, Place("trial", position + 1))
    return flow.url_of(slug, Place("thanks"))


def _ask_again(slug: str, position: int, sent: forms.TrialForm) -> Response:
    """Show a text again, pointing at what was not answered; nothing was stored. Costs five queries."""
    return Response(_render_trial(slug, position, sent.answers), status=422, mimetype="text/html")


def _render_trial(slug: str, position: int, sent: Mapping[str, int] | None = None) -> str:
    with reading(running().engine) as session:
        visit = flow.find_visit(session, slug)
        flow.require(visit, Place("trial", position))
        sitting = flow.require_sitting(visit)
        view = raters.view_trial(session, sitting, position)
        longest = raters.longest_text(session, sitting.booklet_id)
    return pages.render(pages.trial_page(visit.study.protocol, sitting, view, longest=longest, sent=sent))
