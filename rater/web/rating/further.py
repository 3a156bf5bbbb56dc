"""A further booklet for raters who have finished one: the offer, the choice, and the code earned before."""

from dataclasses import dataclass

from flask import redirect
from werkzeug.wrappers import Response as AnyResponse

from rater.errors import StateError
from rater.store.engine import reading, writing
from rater.store.rating.further_booklets import find_latest, read_further_offer, take_further_booklet
from rater.store.rating.monitoring import with_shown_length
from rater.store.rating.sessions import RaterSession
from rater.study.duration import further_minutes
from rater.study.endings import Outcome
from rater.web import security
from rater.web.rating import flow
from rater.web.rating.flow import Place, Visit, blueprint, read_visit
from rater.web.rating.page import Page, WayOut, frame_of, render, way_out
from rater.web.settings import running


@dataclass(frozen=True)
class FurtherOffer:
    """A further booklet that a rater may take, or has taken."""

    n_texts: int
    n_minutes: int
    bonus: str | None
    """The bonus for it, with two decimals; None if none is declared."""
    has_checks: bool
    """True if the bonus depends on the attention checks."""
    is_begun: bool
    """True if the rater took it in another tab or on another device."""


@dataclass(frozen=True)
class CodePage(Page):
    """The code that a rater has earned with an earlier booklet."""

    template = "code.html"

    way: WayOut
    back_url: str


def read_further(visit: Visit, rater_session: RaterSession) -> FurtherOffer | None:
    """Return the further booklet that a rater may take or continue; None if there is none.

    Costs nothing if the study allows one booklet only, or takes no answers; otherwise up to 14 queries.
    """
    protocol = visit.study.protocol
    if protocol.booklets_per_rater == 1 or not visit.is_open:
        return None
    with reading(running().engine) as session:
        if find_latest(session, rater_session) != rater_session.rater_id:
            return FurtherOffer(0, 0, None, has_checks=False, is_begun=True)
        offer = read_further_offer(session, visit.study.id, rater_session, protocol, now=visit.now)
        if offer is None:
            return None
        offer = with_shown_length(session, visit.study, offer)
    bonus = protocol.bonus.per_extra_booklet if protocol.bonus else None
    return FurtherOffer(
        n_texts=offer.n_trials,
        n_minutes=further_minutes(
            protocol,
            n_trials=offer.n_trials,
            characters_per_text=offer.mean_characters,
            asks_all=offer.asks_all,
        ),
        bonus=f"{bonus:.2f}" if bonus else None,
        has_checks=protocol.check_rule is not None,
        is_begun=False,
    )


@blueprint.post("/s/<slug>/another")
def another(slug: str) -> AnyResponse:
    """Assign a further booklet to a rater who wants one, and lead to it. Costs up to 17 queries.

    The browser gets a new cookie. Another device of the rater keeps the earlier one, whose last page leads to
    the further booklet as well.
    """
    visit, rater_session = read_visit(slug, Place("another"))
    try:
        with writing(running().engine) as session:
            token = take_further_booklet(
                session, visit.study.id, rater_session, visit.study.protocol, now=visit.now
            )
    except StateError:  # the last page shows what is left
        return redirect(flow.url_of(slug, flow.current_place(visit)), 303)
    response = redirect(flow.landing_url(visit), 303)  # which leads to the first trial
    security.keep_token(response, token, path=flow.url_of(slug, Place("landing")))
    return response


@blueprint.get("/s/<slug>/code")
def code(slug: str) -> str:
    """Show a rater at a further booklet the code of the first. Costs a query, and what `way_out` costs."""
    visit, _ = read_visit(slug, Place("code"))
    return render(
        CodePage(
            frame=frame_of(visit),
            title=visit.protocol.title,
            way=way_out(visit, Outcome.FINISHED, leads_on=False),
            back_url=flow.url_of(slug, flow.current_place(visit)),
        )
    )
