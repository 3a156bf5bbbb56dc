"""Notices for visitors who cannot rate now, and the count of visitors turned away.

Nothing that identifies them is stored. The log names the parameter or the header, never the value of an
identifier.
"""

import logging
from collections.abc import Mapping
from urllib.parse import urlsplit

from flask import request, url_for

from rater.names import Unnamed
from rater.sanitize import sanitize_for_display
from rater.store.engine import writing
from rater.store.rating.counts import Turned, count_visitor
from rater.store.rating.sessions import RaterSession
from rater.store.rating.studies import PublishedStudy
from rater.store.rating.unfilled_links import count_unfilled
from rater.study.endings import Outcome
from rater.study.state import State
from rater.study.visit import FreedReason, LeavingReason
from rater.web import rate_limits, security
from rater.web.language import gettext as _
from rater.web.language import ngettext
from rater.web.rating import flow
from rater.web.rating.devices import is_admitted
from rater.web.rating.flow import Place
from rater.web.rating.page import Frame, NoticePage, WayOut, frame_of, own_words, way_out
from rater.web.rating.request_context import Visit, is_person_known
from rater.web.settings import running

_log = logging.getLogger("rater.web")
_SAME_VISITOR_S = 3600
_SAME_MESSAGE_S = 60


def note_unnamed(study: PublishedStudy, unnamed: Mapping[str, Unnamed]) -> None:
    """Report a link whose parameters name nobody.

    Costs an insert and one for each parameter, once an hour for an address.
    """
    names = ", ".join(f"{name} is {reason}" for name, reason in unnamed.items())
    _note(
        study,
        Turned.UNFILLED_LINK,
        visitor=rate_limits.network_of_request(),
        message=f"a visitor used a link that does not identify them: {names}. Check the link on the "
        "recruitment site.",
        unnamed=unnamed,
    )


def note_no_cookie(study: PublishedStudy, *, visitor: str) -> None:
    """Report a browser that did not send its cookie back. Costs an insert, once for a form."""
    _note(
        study,
        Turned.NO_COOKIE,
        visitor=visitor,
        message=f"a browser did not send its cookie back, so its rater could not begin: {_why_no_cookie()}",
    )


def note_busy_network(study: PublishedStudy, *, visitor: str) -> None:
    """Report that a network has begun as many booklets as it may. Costs an insert, once for a form."""
    _note(
        study,
        Turned.BUSY_NETWORK,
        visitor=visitor,
        message="many raters have begun from one network today, and no more may. If they are in a lab or a "
        "dormitory, serve with --one-network, or use personal links.",
    )


def _note(
    study: PublishedStudy,
    why: Turned,
    *,
    visitor: str,
    message: str,
    unnamed: Mapping[str, Unnamed] | None = None,
) -> None:
    if running().settings.is_preview:
        return
    # once a minute, and not who it was
    if running().is_first(f"{why} {study.slug}", within_s=_SAME_MESSAGE_S):
        _log.warning("Study %s: %s", study.name, message)
    visit = f"{why} {study.slug} {visitor}"
    if study.state is State.OPEN and running().is_first(visit, within_s=_SAME_VISITOR_S):
        with writing(running().engine) as session:
            count_visitor(session, study.id, why)
            count_unfilled(session, study.id, unnamed or {}, now=running().settings.now())


def _why_no_cookie() -> str:
    """Explain a missing cookie as far as the request shows it; browsers send the page that they come from."""
    came_from = urlsplit(request.headers.get("Referer", "")[:2_000])
    if security.is_secure() and came_from.scheme == "http":
        return (
            "the page was opened by http, and cookies are sent by https alone (--https, or "
            "X-Forwarded-Proto). Let the proxy lead http to https."
        )
    own = url_for("rater.home")
    if came_from.path and not came_from.path.startswith(own):
        return (
            f"the page is at {sanitize_for_display(came_from.path)!r} in the browser, and the cookie is for "
            f"paths under {own!r}. Serve with --prefix, or let the proxy send X-Forwarded-Prefix."
        )
    return "cookies are blocked there, or the page is shown inside another site or an app."


def home() -> NoticePage:
    """Return the notice that a link is needed; no study is named."""
    return NoticePage(
        frame=Frame.bare(),
        title=_("You need a link"),
        paragraphs=(_("To take part in a study, please open the link that you received."),),
    )


def not_takeable(visit: Visit) -> NoticePage | None:
    """Return the notice of a study that takes no answers now from this rater; None if it does.

    Costs nothing, or what `way_out` costs.
    """
    if visit.is_stopped_late and visit.is_open:
        return _notice(
            visit,
            _why_late(visit),
            _what_is_saved(visit, visit.rater_session),
            outcome=Outcome.LATE,
        )
    if visit.is_open:
        return None
    if visit.study.state is State.PUBLISHED:
        return _notice(
            visit,
            _("This study is not open yet."),
            _("Please keep your link and open it again later."),
        )
    if visit.study.state is State.PAUSED:
        return _notice(
            visit,
            _("This study is currently paused."),
            _("Please keep your link and open it again later."),
            *([_what_is_saved(visit, visit.rater_session)] if visit.rater_session else []),
            outcome=Outcome.PAUSED,
            leads_on=False,  # they are to keep their link first
        )
    return _notice(
        visit,
        _("This study is closed."),
        _what_is_saved(visit, visit.rater_session),
        outcome=Outcome.CLOSED,
    )


def not_invited(visit: Visit, *, is_invitation: bool) -> NoticePage | None:
    """Return the notice for a link that lacks required information; None if it is complete. Costs nothing.

    Args:
        visit: A newcomer.
        is_invitation: Whether the link has the code of a personal one of this study.
    """
    protocol = visit.study.protocol
    if visit.arrival.invitation is not None and not is_invitation:
        return _notice(
            visit,
            _("This personal link is not valid for this study."),
            _("The link may be incomplete. Please copy the whole link, or ask for a new one."),
        )
    if protocol.invited_only and not is_invitation:
        return _notice(
            visit,
            _("This study can only be opened with a personal link."),
            _("Please open the complete link that you received."),
        )
    is_known = is_invitation or is_person_known(visit.arrival, protocol)
    if protocol.recruitment is not None and protocol.recruitment.required and not is_known:
        return _notice(
            visit,
            _("This link is incomplete."),
            _("The site that sent you here did not send us your participant ID. You did nothing wrong."),
            _("Please open the study again from the site where you found it."),
            _("If you see this page again, please contact the researchers."),
        )
    return None


def wrong_device(visit: Visit) -> NoticePage | None:
    """Return the notice for a device that the study does not admit; None if it does. Costs nothing."""
    devices = visit.study.protocol.devices
    if running().settings.is_preview or is_admitted(request, devices):
        return None
    if devices == "phone":
        return _notice(
            visit,
            _("This study can only be taken on a phone or a tablet."),
            _("Please open your link on a phone or a tablet. Nothing was stored, and no place was taken."),
        )
    return _notice(
        visit,
        _("This study can only be taken on a computer."),
        _("Please open your link on a computer. Nothing was stored, and no place was taken."),
    )


def note_wrong_device(study: PublishedStudy) -> None:
    """Report a device that the study does not admit. Costs an insert, once an hour for an address."""
    _note(
        study,
        Turned.WRONG_DEVICE,
        visitor=rate_limits.network_of_request(),
        message=f"a visitor came with a device that the study does not admit (devices is "
        f"{study.protocol.devices!r}).",
    )


def excluded(visit: Visit) -> NoticePage:
    """Return the notice for a participant of a study whose participants are excluded."""
    return _notice(
        visit,
        _("You are not eligible for this study, because you took part in an earlier one."),
        _("Thank you for your interest. Nothing about your visit was stored."),
        outcome=Outcome.EXCLUDED,
    )


def note_excluded(study: PublishedStudy) -> None:
    """Report a participant of an excluded study. Costs an insert, once an hour for an address."""
    _note(
        study,
        Turned.EXCLUDED,
        visitor=rate_limits.network_of_request(),
        message="a visitor took part in one of excluded_studies before.",
    )


def no_cookie(visit: Visit, *, again_url: str) -> NoticePage:
    """Return the notice for a browser that does not keep the cookie by which a rater comes back."""
    return NoticePage(
        frame=frame_of(visit),
        title=visit.protocol.title,
        paragraphs=(
            _("Your browser blocked the cookie that this study needs, so you have not started yet."),
            _(
                "Please allow cookies for this site and try again. In a private window or inside an app, "
                "open the link in your usual browser instead."
            ),
            _("Nothing was stored, and no place was taken."),
        ),
        next_url=again_url,
        next_label=_("Try again"),
    )


def unknown_browser(visit: Visit) -> NoticePage:
    """Return the notice for a browser whose cookie is gone, or was never there."""
    protocol = visit.study.protocol
    words = [
        _("We no longer recognise this browser."),
        _("Your saved answers are not lost."),
    ]
    has_links = protocol.recruitment is not None or protocol.invited_only
    if has_links:
        words.append(
            _(
                "Please open your personal link again, or return to the study from the site where you found "
                "it. You will continue where you left off."
            )
        )
    else:
        words.append(
            _(
                "If you started this study before, the cookie was deleted or you used a different browser. "
                "If you received a personal link, please open it again."
            )
        )
    is_closed_to_others = protocol.invited_only or (
        protocol.recruitment is not None and protocol.recruitment.required
    )
    return NoticePage(
        frame=frame_of(visit),
        title=visit.protocol.title,
        paragraphs=tuple(words),
        next_url=None if is_closed_to_others else flow.url_of(visit.study.slug, Place("landing")),
        next_label=_("I have not started this study yet"),
        is_next_usual=False,  # it would take a second place
    )


def busy_network(visit: Visit) -> NoticePage:
    """Return the notice for a network from which as many raters have begun today as may."""
    return _notice(
        visit,
        _("Too many people have started this study from your network today."),
        _("Please let the researchers know that you could not start."),
        _("Nothing about your visit was stored."),
    )


def full(visit: Visit) -> NoticePage:
    """Return the notice that every place is taken."""
    return _notice(
        visit,
        _("This study is full."),
        _("Thank you for your interest. Nothing about your visit was stored."),
        outcome=Outcome.FULL,
    )


def declined() -> tuple[str, ...]:
    """Return the sentences for a visitor who declined."""
    return (
        _("You chose not to take part. That is perfectly fine."),
        _("Nothing about you was stored. You can close this page."),
    )


def left(visit: Visit, rater_session: RaterSession, why: LeavingReason) -> tuple[str, ...]:
    """Return the sentences for a rater who left before the end."""
    if why is LeavingReason.SCREENED_OUT:
        return (
            _("Thank you for your answers. Unfortunately, you are not eligible for this study."),
            _("Your answers to these questions were not stored. You can close this page."),
        )
    if why is LeavingReason.OVER_QUOTA:
        return (
            _("Thank you for your answers. Enough people of your group have taken part already."),
            _("Your answers to these questions were not stored. You can close this page."),
        )
    if why is LeavingReason.FAILED_PRACTICE:
        return (
            _("Thank you for trying. This study needs people who use the scale in the same way."),
            _(
                "Your practice answers were not stored; we only recorded that you tried. "
                "You can close this page."
            ),
        )
    if why is LeavingReason.WITHDRAWN:
        return (
            _("You have withdrawn. That is perfectly fine."),
            _("Your answers are marked as withdrawn and will not be used. You can close this page."),
        )
    return _("You have stopped. That is perfectly fine."), _what_is_saved(visit, rater_session)


def _notice(
    visit: Visit, *paragraphs: str, outcome: Outcome | None = None, leads_on: bool = True
) -> NoticePage:
    return NoticePage(
        frame=frame_of(visit),
        title=visit.protocol.title,
        paragraphs=paragraphs,
        own_words=own_words(visit, outcome) if outcome else None,
        way=way_out(visit, outcome, leads_on=leads_on) if outcome else WayOut(),
    )


def _why_late(visit: Visit) -> str:
    rater_session = visit.rater_session
    if rater_session is not None and rater_session.replaced_why is not FreedReason.INACTIVE:
        return _("Your place was given to someone else.")
    return _("Your place was given to someone else because you were inactive for too long.")


def _what_is_saved(visit: Visit, rater_session: RaterSession | None) -> str:
    if rater_session is None:
        return _("Thank you for your interest. Nothing about your visit was stored.")
    if rater_session.is_further and rater_session.n_answered == 0:
        return _("The answers of your earlier sets are saved. Thank you. You can close this page.")
    if visit.protocol.trial_noun == "pair":
        return _which_pairs_are_saved(rater_session.n_answered)
    if rater_session.n_answered == 0:
        return _("You have not rated any texts, so no answers were saved.")
    if visit.protocol.trial_noun == "group":
        return ngettext(
            "Your answer to %(num)s group of texts is saved. Thank you. You can close this page.",
            "Your answers to %(num)s groups of texts are saved. Thank you. You can close this page.",
            rater_session.n_answered,
        )
    return ngettext(
        "Your answer to %(num)s text is saved. Thank you. You can close this page.",
        "Your answers to %(num)s texts are saved. Thank you. You can close this page.",
        rater_session.n_answered,
    )


def _which_pairs_are_saved(n_answered: int) -> str:
    if n_answered == 0:
        return _("You have not rated any pairs, so no answers were saved.")
    return ngettext(
        "Your answer to %(num)s pair is saved. Thank you. You can close this page.",
        "Your answers to %(num)s pairs are saved. Thank you. You can close this page.",
        n_answered,
    )
