"""Set-up for a recruitment site: the link, completion codes, screening text, minutes, pay, unfilled links.

The page shows nothing of any rater; participant IDs are not read.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from statistics import median

from flask import request, url_for
from sqlalchemy.orm import Session

from rater.store.engine import reading
from rater.store.rating.counts import count_booklets
from rater.store.rating.monitoring import read_session_minutes, with_shown_length
from rater.store.rating.raters import count_invitations, read_usual_offer
from rater.store.rating.studies import PublishedStudy
from rater.store.rating.unfilled_links import UnfilledLink, read_unfilled
from rater.study import recruitment_sites
from rater.study.duration import CHARACTERS_PER_WORD, session_parts, stated_minutes
from rater.study.recruitment_sites import MIN_FINISHED, OutcomeCode, Pay, Site
from rater.study.state import State
from rater.web.desk.page import DeskPage, blueprint, find_or_404, render, rights, user
from rater.web.settings import running

_MAX_PAYMENT = Decimal(10_000)
_HOURLY = (Decimal(9), Decimal(12), Decimal(15), Decimal(18))
"""Payments per hour for which the page shows the payment per rater."""


@dataclass(frozen=True)
class Estimate:
    """The minutes of a session: those that raters are shown, with the parts of the estimate."""

    stated: int
    estimated: float
    is_overridden: bool
    """True if the study sets `minutes`."""
    parts: tuple[tuple[str, float], ...]
    """Minutes of each part that the study has, by name."""


@dataclass(frozen=True)
class RecruitPage(DeskPage):
    """Everything that the set-up of a recruitment site asks for."""

    template = "desk/recruit.html"

    user: str
    state: State
    site: Site
    link: str
    mturk_html: str
    """Empty unless the site is Mechanical Turk."""
    codes: tuple[OutcomeCode, ...]
    screening: str
    n_booklets: int
    problems: tuple[str, ...]
    estimate: Estimate | None
    """None in a study without a booklet."""
    n_finished: int
    min_finished: int
    comparison: str
    """The median compared with the estimate; empty before enough raters have finished."""
    payment: str
    """The payment that was asked about, as it was typed."""
    payment_error: str
    pays: tuple[Pay, ...]
    hourly: tuple[tuple[Decimal, Decimal], ...]
    """Payments per hour, each with the payment per rater."""
    unfilled: tuple[UnfilledLink, ...]
    n_links_made: int
    n_links_used: int
    invite_url: str
    """Empty where nobody can come any more, and for a monitor."""
    recruit_url: str
    back_url: str


@blueprint.get("/studies/<name>/recruit")
def recruit(name: str) -> str:
    """Show the set-up of a recruitment site. Costs up to ten queries."""
    with reading(running().engine) as session:
        return render(_page(session, find_or_404(session, name), request.args.get("payment", "")))


def _page(session: Session, published: PublishedStudy, typed: str) -> RecruitPage:
    protocol, name = published.protocol, published.name
    link = url_for("rater.landing", slug=published.slug, _external=True)
    site = recruitment_sites.site_of(protocol)
    estimate = _estimate(session, published)
    minutes = read_session_minutes(session, published.id)
    middle = median(minutes) if len(minutes) >= MIN_FINISHED else None
    payment, error = _read_payment(typed)
    made, used = count_invitations(session, published.id)
    may_invite = published.state.takes_raters and rights().may_change
    return RecruitPage(
        title=f"Recruit: {protocol.title}",
        user=user().name,
        state=published.state,
        site=site,
        link=recruitment_sites.study_link(protocol, link),
        mturk_html=recruitment_sites.mturk_html(protocol, link) if site is Site.MTURK else "",
        codes=recruitment_sites.outcome_codes(protocol),
        screening=recruitment_sites.screening_text(protocol),
        n_booklets=count_booklets(session, published.id),
        problems=recruitment_sites.setup_problems(protocol, link),
        estimate=estimate,
        n_finished=len(minutes),
        min_finished=MIN_FINISHED,
        comparison=""
        if middle is None or estimate is None
        else recruitment_sites.compare_median(estimate.stated, middle, n_finished=len(minutes)),
        payment=typed,
        payment_error=error,
        pays=_pays(payment, estimate, middle),
        hourly=() if estimate is None else _hourly(estimate),
        unfilled=read_unfilled(session, published.id),
        n_links_made=made,
        n_links_used=used,
        invite_url=url_for("desk.invite", name=name) if may_invite else "",
        recruit_url=url_for("desk.recruit", name=name),
        back_url=url_for("desk.study", name=name),
    )


def _estimate(session: Session, published: PublishedStudy) -> Estimate | None:
    offer = read_usual_offer(session, published.id)
    if offer is None:
        return None
    offer, protocol = with_shown_length(session, published, offer), published.protocol
    parts = session_parts(
        protocol,
        n_trials=offer.n_trials,
        words_per_trial=protocol.n_texts * offer.mean_characters / CHARACTERS_PER_WORD,
        n_questions=len(protocol.dimensions) if offer.asks_all else 1,
    )
    return Estimate(
        stated=stated_minutes(
            protocol,
            n_trials=offer.n_trials,
            characters_per_text=offer.mean_characters,
            asks_all=offer.asks_all,
        ),
        estimated=sum(parts.values()) / 60,
        is_overridden=protocol.minutes is not None,
        parts=tuple((part, seconds / 60) for part, seconds in parts.items() if seconds),
    )


def _read_payment(typed: str) -> tuple[Decimal | None, str]:
    """Read a payment; None with an error in words if it is not one, and without an error if it is empty."""
    text = typed.strip().replace(",", ".")
    if not text:
        return None, ""
    try:
        payment = Decimal(text)
    except InvalidOperation:
        payment = Decimal("NaN")
    if payment.is_finite() and 0 < payment <= _MAX_PAYMENT:
        return payment, ""
    return None, f"The payment is {typed[:40]!r}; valid: an amount such as 2.50, up to {_MAX_PAYMENT:,}."


def _pays(payment: Decimal | None, estimate: Estimate | None, middle: float | None) -> tuple[Pay, ...]:
    if payment is None:
        return ()
    pays = []
    if estimate is not None:
        pays.append(Pay(payment, estimate.stated, "the minutes that raters are shown"))
    if middle:
        pays.append(Pay(payment, middle, "the median of raters who finished"))
    return tuple(pays)


def _hourly(estimate: Estimate) -> tuple[tuple[Decimal, Decimal], ...]:
    return tuple((rate, recruitment_sites.pay_for(rate, estimate.stated)) for rate in _HOURLY)
