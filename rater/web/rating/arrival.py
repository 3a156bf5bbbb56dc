"""Pages up to consent: landing, personal links, consent, declined.

Agreeing stores nothing yet. The browser is given its cookie and led on by an address that only a browser that
keeps cookies gets past; there the booklet is assigned, once for a cookie.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from flask import Response, redirect, request
from markupsafe import Markup
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from rater.errors import BusyNetworkError, StateError
from rater.store.engine import reading, writing
from rater.store.rating import places, raters, sessions
from rater.store.rating.counts import Turned, count_visitor
from rater.store.rating.monitoring import with_shown_length
from rater.store.rating.past_participants import is_excluded
from rater.store.rating.raters import Offer
from rater.store.rating.studies import read_protocol_at
from rater.study.duration import stated_minutes
from rater.study.endings import Outcome
from rater.study.protocol import Protocol, TrialNoun
from rater.web import language, rate_limits, security
from rater.web.markdown import render_markdown
from rater.web.rating import flow, forms, notices
from rater.web.rating.ending import EndedPage
from rater.web.rating.flow import Place, Visit, blueprint, read_visit
from rater.web.rating.page import Page, frame_of, own_words, render, way_out
from rater.web.rating.request_context import ARRIVAL_PREFIX, find_newcomer, write_arrival
from rater.web.settings import running


@dataclass(frozen=True)
class LandingPage(Page):
    """A summary of the study and its duration."""

    template = "landing.html"

    noun: TrialNoun
    n_texts: int
    n_minutes: int
    consent_url: str


@dataclass(frozen=True)
class FramedPage(Page):
    """For a study that another site shows inside its own page: a link to a tab of its own."""

    template = "framed.html"

    tab_url: str


@dataclass(frozen=True)
class ReturnPage(Page):
    """For raters who started in another browser: their link lets them continue in this one."""

    template = "return.html"

    has_ended: bool
    """True if they have finished or left."""
    consent_url: str
    token: str
    arrival: Mapping[str, str]


@dataclass(frozen=True)
class ConsentPage(Page):
    """The consent form; its token becomes valid if the rater agrees."""

    template = "consent.html"

    consent: Markup
    content_notice: Markup | None
    token: str
    arrival: Mapping[str, str]
    """The parameters of the link, as fields."""


@dataclass(frozen=True)
class AgreedPage(Page):
    """The consent form, to be read again."""

    template = "agreed.html"

    consent: Markup
    content_notice: Markup | None
    back_url: str


def estimate_minutes(offer: Offer, protocol: Protocol) -> int:
    """Return the duration of a booklet in minutes that a rater is shown."""
    return stated_minutes(
        protocol,
        n_trials=offer.n_trials,
        characters_per_text=offer.mean_characters,
        asks_all=offer.asks_all,
    )


_A_MOMENT_S = 3600
_MARK_LENGTH = 16
COOKIE_CHECK = "cookie-check"
"""The parameter with the mark of the cookie that was set; no site's parameter has a hyphen."""


@blueprint.get("/")
def home() -> str:
    """Show that a link is needed; no study is named here. Costs no query."""
    return render(notices.home())


@blueprint.get("/s/<slug>")
def landing(slug: str) -> str:
    """Welcome a new rater, or send one who began to where they are. Costs up to eight queries."""
    return _welcome(slug, None)


@blueprint.get("/s/<slug>/i/<code>")
def invited(slug: str, code: str) -> str:
    """Welcome a rater who uses a personal link. Costs up to nine queries."""
    return _welcome(slug, code)


def _welcome(slug: str, code: str | None) -> str:
    with reading(running().engine) as session:
        visit = find_newcomer(session, slug, request.args, code=code)
        flow.require(visit, Place("landing"))
        was_excluded = visit.is_open and visit.known is None and _is_excluded(session, visit)
        page = notices.excluded(visit) if was_excluded else _welcome_page(session, visit)
    if security.is_framed_by_other_site():
        security.allow_framing()
        return render(_framed_page(visit))
    if visit.unnamed and visit.arrival.invitation is None:
        notices.note_unnamed(visit.study, visit.unnamed)
    if was_excluded:
        notices.note_excluded(visit.study)
    elif visit.is_open and visit.known is None and notices.wrong_device(visit) is not None:
        notices.note_wrong_device(visit.study)
    return render(page)


def _welcome_page(session: Session, visit: Visit) -> Page:
    if visit.known is not None:
        return _return_page(visit, has_ended=sessions.has_ended(session, visit.known))
    notice = notices.not_takeable(visit) or _kept_out(session, visit)
    if notice is not None:
        return notice
    offer = raters.read_offer(session, visit.study.id, _limits(visit))
    if offer is None:
        return notices.full(visit)
    return _landing_page(visit, with_shown_length(session, visit.study, offer))


def _kept_out(session: Session, visit: Visit) -> Page | None:
    """Return the notice for a newcomer whom the study does not admit: by device, link or earlier study."""
    if _is_excluded(session, visit):
        return notices.excluded(visit)
    return notices.wrong_device(visit) or _not_invited(session, visit)


def _is_excluded(session: Session, visit: Visit) -> bool:
    return is_excluded(session, visit.arrival.identifiers, visit.study.protocol)


def _not_invited(session: Session, visit: Visit) -> Page | None:
    invitation = visit.arrival.invitation
    is_invitation = invitation is not None and raters.is_invitation(session, visit.study.id, invitation)
    return notices.not_invited(visit, is_invitation=is_invitation)


def _framed_page(visit: Visit) -> FramedPage:
    return FramedPage(
        frame=frame_of(visit, holds_answers=True),
        title=visit.protocol.title,
        tab_url=flow.landing_url(visit),
    )


def _landing_page(visit: Visit, offer: raters.Offer) -> LandingPage:
    return LandingPage(
        frame=frame_of(visit),
        title=visit.protocol.title,
        noun=visit.protocol.trial_noun,
        n_texts=offer.n_trials,
        n_minutes=estimate_minutes(offer, visit.protocol),
        consent_url=_url_with_arrival(visit, Place("consent")),
    )


def _return_page(visit: Visit, *, has_ended: bool) -> ReturnPage:
    return ReturnPage(
        frame=frame_of(visit),
        title=visit.protocol.title,
        has_ended=has_ended,
        consent_url=flow.url_of(visit.study.slug, Place("consent")),
        token=sessions.new_token(),
        arrival=write_arrival(visit.arrival, prefix=ARRIVAL_PREFIX),
    )


@blueprint.get("/s/<slug>/consent")
def consent(slug: str) -> AnyResponse | str:
    """Ask for consent while a place is free. Costs up to eight queries.

    The token is made with the page and becomes valid when its form is sent. A double click therefore assigns
    one booklet, and the browser of a visitor who declines stores nothing.
    """
    with reading(running().engine) as session:
        visit = find_newcomer(session, slug, request.args)
        flow.require(visit, Place("consent"))
        is_let_in = not visit.known and _kept_out(session, visit) is None
        if not is_let_in or not places.has_free_booklet(session, visit.study.id, _limits(visit)):
            return redirect(flow.landing_url(visit), 303)  # which explains it
    protocol = visit.protocol
    return render(
        ConsentPage(
            frame=frame_of(visit),
            title=protocol.title,
            consent=render_markdown(protocol.consent),
            content_notice=render_markdown(protocol.content_notice) if protocol.content_notice else None,
            token=sessions.new_token(),
            arrival=write_arrival(visit.arrival, prefix=ARRIVAL_PREFIX),
        )
    )


@blueprint.post("/s/<slug>/consent")
def decide(slug: str) -> AnyResponse:
    """Give a browser whose rater agrees its cookie; count visitors who decline. Costs up to four queries."""
    token, agrees = forms.read_decision(request.form)
    with reading(running().engine) as session:
        visit = find_newcomer(session, slug, request.form, prefix=ARRIVAL_PREFIX)
    if visit.known is None:
        flow.require(visit, Place("consent"))
    if not agrees:
        if running().is_first(f"declined {slug} {token}", within_s=_A_MOMENT_S):
            with writing(running().engine) as session:
                count_visitor(session, visit.study.id, Turned.DECLINED)
        return redirect(_url_with_arrival(visit, Place("declined")), 303)
    url = _url_with_arrival(visit, Place("start"), {COOKIE_CHECK: _mark(token)})
    response = redirect(url, 303)
    security.keep_token(response, token, path=flow.url_of(slug, Place("landing")))
    return response


@blueprint.get("/s/<slug>/start")
def start(slug: str) -> AnyResponse:
    """Assign a booklet to a rater who agreed and whose browser keeps its cookie. Costs up to 21 queries.

    A browser that does not keep it gets a page that explains this, and nothing is stored of its visit.
    """
    expected, token = request.args.get(COOKIE_CHECK, ""), security.read_token()
    with reading(running().engine) as session:
        visit = find_newcomer(session, slug, request.args)
        if visit.known is None:
            flow.require(visit, Place("start"))
            if not expected or _kept_out(session, visit) is not None:
                return redirect(flow.landing_url(visit), 303)  # which explains it
    if token is None or _mark(token) != expected:
        notices.note_no_cookie(visit.study, visitor=expected[:_MARK_LENGTH])
        page = notices.no_cookie(visit, again_url=_url_with_arrival(visit, Place("consent")))
        return Response(render(page), status=403, mimetype="text/html")
    try:
        return _begin(visit, token)
    except BusyNetworkError:
        notices.note_busy_network(visit.study, visitor=expected)
        return Response(render(notices.busy_network(visit)), status=429, mimetype="text/html")
    except StateError:
        return redirect(flow.landing_url(visit), 303)  # which explains it


def _begin(visit: Visit, token: str) -> AnyResponse:
    """Assign a booklet and lead the rater to their first page.

    Raises:
        StateError: no booklet can be assigned.
    """
    # before the transaction, since it takes 40 ms, in which nobody else could write
    network = rate_limits.limited_network(visit.study.slug)
    with writing(running().engine) as session:
        rater_session = raters.claim_booklet(
            session,
            visit.study.id,
            token,
            arrival=replace(visit.arrival, network=network),
            protocol=visit.study.protocol,
            now=visit.now,
        )
    begun = Visit(visit.study, visit.protocol, visit.language, visit.now, rater_session)
    return redirect(flow.url_of(visit.study.slug, flow.current_place(begun)), 303)


@blueprint.get("/s/<slug>/agreed")
def agreed(slug: str) -> str:
    """Show a rater what they agreed to, as it was then. Costs up to four queries."""
    visit, rater_session = read_visit(slug, Place("agreed"))
    with reading(running().engine) as session:
        agreed_at = raters.read_consented_at(session, rater_session.person_id)
        protocol = read_protocol_at(session, visit.study.id, agreed_at).in_language(visit.language)
    return render(
        AgreedPage(
            frame=frame_of(visit),
            title=visit.protocol.title,
            consent=render_markdown(protocol.consent),
            content_notice=render_markdown(protocol.content_notice) if protocol.content_notice else None,
            back_url=flow.url_of(slug, flow.current_place(visit)),
        )
    )


@blueprint.get("/s/<slug>/declined")
def declined(slug: str) -> str:
    """Confirm that a visitor declined. Costs one query."""
    with reading(running().engine) as session:
        visit = find_newcomer(session, slug, request.args)
    flow.require(visit, Place("declined"))
    return render(
        EndedPage(
            frame=frame_of(visit),
            title=visit.protocol.title,
            paragraphs=notices.declined(),
            own_words=own_words(visit, Outcome.DECLINED),
            way=way_out(visit, Outcome.DECLINED),
        )
    )


@blueprint.post("/s/<slug>/language")
def change_language(slug: str) -> AnyResponse:
    """Keep the language that a rater chose, and go back to where they were. Costs up to three queries."""
    with reading(running().engine) as session:
        visit = find_newcomer(session, slug, request.args)
    if visit.rater_session is not None:
        url = flow.url_of(slug, flow.current_place(visit))
    elif request.args.get("at") == "consent":
        url = _url_with_arrival(visit, Place("consent"))
    else:
        url = flow.landing_url(visit)
    response = redirect(url, 303)
    chosen = request.form.get("language", "")
    if chosen in language.offered(visit.study.protocol):
        language.keep_language(response, chosen, path=flow.url_of(slug, Place("landing")))
    return response


def _url_with_arrival(visit: Visit, place: Place, more: Mapping[str, str] | None = None) -> str:
    """Build an address that keeps the parameters of a newcomer's link."""
    return flow.url_of(visit.study.slug, place, {**write_arrival(visit.arrival), **(more or {})})


def _mark(token: str) -> str:
    """Derive from a token by what it is recognised in an address, where the token itself does not belong."""
    return sessions.digest(f"cookie check {token}")[:_MARK_LENGTH]


def _limits(visit: Visit) -> places.Limits:
    return places.Limits.of(visit.study.protocol, visit.now)
