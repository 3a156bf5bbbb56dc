"""Serve the pages up to consent: landing, personal links, consent, declined; and the choice of language."""

from flask import redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from rater.errors import FullError, StateError
from rater.store.engine import reading, writing
from rater.store.rating import raters, sittings, steps
from rater.web import arrivals, flow, forms, language, notices, pages, security
from rater.web.flow import Place, Visit
from rater.web.markdown import render_markdown
from rater.web.pages.arrival import ConsentPage, LandingPage, ReturnPage, estimate_minutes
from rater.web.pages.ending import EndedPage, WayOut
from rater.web.pages.frame import frame_of
from rater.web.rater.blueprint import blueprint
from rater.web.settings import running
from rater.web.visit import find_newcomer

_A_MOMENT_S = 3600.0


@blueprint.get("/")
def home() -> str:
    """Say that a link is needed; no study is named here. Costs no query."""
    return pages.render(notices.home())


@blueprint.get("/s/<slug>")
def landing(slug: str) -> str:
    """Welcome a new rater, or send one who began to where they are. Costs up to six queries."""
    return _welcome(slug, None)


@blueprint.get("/s/<slug>/i/<code>")
def invited(slug: str, code: str) -> str:
    """Welcome who comes by a personal link. Costs up to seven queries."""
    return _welcome(slug, code)


def _welcome(slug: str, code: str | None) -> str:
    with reading(running().engine) as session:
        visit = find_newcomer(session, slug, request.args, code=code)
        flow.require(visit, Place("landing"))
        if visit.known is not None:
            return _welcome_back(visit, has_ended=sittings.has_ended(session, visit.known))
        invitation = visit.arrival.invitation
        is_invitation = invitation is not None and raters.is_invitation(session, visit.study.id, invitation)
        notice = notices.not_takeable(visit) or notices.not_invited(visit, is_invitation=is_invitation)
        if notice:
            return pages.render(notice)
        offer = raters.read_offer(session, visit.study.id, _limits(visit))
    if offer is None:
        return pages.render(notices.full(visit))
    return pages.render(
        LandingPage(
            frame=frame_of(visit),
            title=visit.protocol.title,
            is_pairwise=visit.protocol.is_pairwise,
            n_texts=offer.n_trials,
            n_minutes=estimate_minutes(offer, visit.protocol),
            consent_url=flow.url_of(slug, Place("consent"), arrivals.write_arrival(visit.arrival)),
        )
    )


def _welcome_back(visit: Visit, *, has_ended: bool) -> str:
    return pages.render(
        ReturnPage(
            frame=frame_of(visit),
            title=visit.protocol.title,
            has_ended=has_ended,
            consent_url=flow.url_of(visit.study.slug, Place("consent")),
            token=sittings.new_token(),
            arrival=arrivals.write_arrival(visit.arrival, prefix=arrivals.PREFIX),
        )
    )


@blueprint.get("/s/<slug>/consent")
def consent(slug: str) -> AnyResponse | str:
    """Ask for consent while a place is free. Costs up to five queries.

    The token is made with the page and comes into use when its form is sent, so that a double click deals one
    booklet, and a browser keeps nothing of who declines.
    """
    with reading(running().engine) as session:
        visit = find_newcomer(session, slug, request.args)
        flow.require(visit, Place("consent"))
        if visit.known or not raters.has_free_booklet(session, visit.study.id, _limits(visit)):
            return redirect(_landing_url(visit), 303)  # which says so
    protocol = visit.protocol
    return pages.render(
        ConsentPage(
            frame=frame_of(visit),
            title=protocol.title,
            consent=render_markdown(protocol.consent),
            content_notice=render_markdown(protocol.content_notice) if protocol.content_notice else None,
            token=sittings.new_token(),
            arrival=arrivals.write_arrival(visit.arrival, prefix=arrivals.PREFIX),
        )
    )


@blueprint.post("/s/<slug>/consent")
def decide(slug: str) -> AnyResponse:
    """Deal a booklet to who agrees; count who declines. Costs up to thirteen queries and five inserts."""
    token, agrees = forms.read_decision(request.form)
    with writing(running().engine) as session:
        visit = find_newcomer(session, slug, request.form, prefix=arrivals.PREFIX)
        if visit.known is None:
            flow.require(visit, Place("consent"))
        if not agrees:
            if _is_first_time(f"declined {slug} {token}"):
                steps.count_declined(session, visit.study.id)
            return redirect(flow.url_of(slug, Place("declined")), 303)
        try:
            sitting = raters.claim_booklet(
                session,
                visit.study.id,
                token,
                arrival=visit.arrival,
                protocol=visit.study.protocol,
                now=visit.now,
            )
        except (FullError, StateError):
            return redirect(_landing_url(visit), 303)  # which says so
    begun = Visit(visit.study, visit.protocol, visit.language, visit.now, sitting)
    response = redirect(flow.url_of(slug, flow.current_place(begun)), 303)
    security.keep_token(response, token, path=flow.url_of(slug, Place("landing")))
    return response


@blueprint.get("/s/<slug>/declined")
def declined(slug: str) -> str:
    """Say that declining is fine. Costs one query."""
    with reading(running().engine) as session:
        visit = flow.find_visit(session, slug)
    flow.require(visit, Place("declined"))
    return pages.render(
        EndedPage(
            frame=frame_of(visit),
            title=visit.protocol.title,
            paragraphs=notices.declined(),
            way=WayOut.of(visit.protocol.endings.declined),
        )
    )


@blueprint.post("/s/<slug>/language")
def change_language(slug: str) -> AnyResponse:
    """Keep the language that a rater chose, and go back to where they were. Costs up to three queries."""
    with reading(running().engine) as session:
        visit = find_newcomer(session, slug, request.args)
    if visit.sitting is not None:
        url = flow.url_of(slug, flow.current_place(visit))
    elif request.args.get("at") == "consent":
        url = flow.url_of(slug, Place("consent"), arrivals.write_arrival(visit.arrival))
    else:
        url = _landing_url(visit)
    response = redirect(url, 303)
    chosen = request.form.get("language", "")
    if chosen in language.offered(visit.study.protocol):
        language.keep_language(response, chosen, path=flow.url_of(slug, Place("landing")))
    return response


def _landing_url(visit: Visit) -> str:
    slug, arrival = visit.study.slug, visit.arrival
    if arrival.invitation is not None:
        return url_for("rater.invited", slug=slug, code=arrival.invitation)
    return flow.url_of(slug, Place("landing"), arrivals.write_arrival(arrival))


def _limits(visit: Visit) -> raters.Limits:
    return raters.Limits.of(visit.study.protocol, visit.now)


def _is_first_time(key: str) -> bool:
    """Say whether a form is sent for the first time; told by a count in memory, and not for long."""
    counters, now = running().settings.counters, running().settings.now().timestamp()
    return counters.count(key, window_s=_A_MOMENT_S, now=now) < 2
