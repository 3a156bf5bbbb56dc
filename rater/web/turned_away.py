"""Report visitors who could not begin to the experimenter: in the log, and counted for the desk and `status`.

Nothing is kept of who they are: the log names the parameter or the header, never the value of an identifier.
"""

import logging
from collections.abc import Mapping
from urllib.parse import urlsplit

from flask import request, url_for

from rater.harmless import harmless
from rater.names import Unnamed
from rater.store.engine import writing
from rater.store.rating.studies import PublishedStudy
from rater.store.rating.tallies import Turned, count_visitor
from rater.study.state import State
from rater.web import rate_limits, security
from rater.web.settings import running

_log = logging.getLogger("rater.web")
_SAME_VISITOR_S = 3600
_SAME_MESSAGE_S = 60


def note_unnamed(study: PublishedStudy, unnamed: Mapping[str, Unnamed]) -> None:
    """Report a link whose parameters name nobody. Costs an insert, once an hour for an address."""
    names = ", ".join(f"{name} is {reason}" for name, reason in unnamed.items())
    _note(
        study,
        Turned.UNFILLED_LINK,
        visitor=rate_limits.network_of_request(),
        message=f"somebody came by a link that does not say who they are: {names}. Check the link on the "
        "recruitment site.",
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


def _note(study: PublishedStudy, why: Turned, *, visitor: str, message: str) -> None:
    if running().settings.is_preview:
        return
    # once a minute, and not who it was
    if running().is_first(f"{why} {study.slug}", within_s=_SAME_MESSAGE_S):
        _log.warning("Study %s: %s", study.name, message)
    visit = f"{why} {study.slug} {visitor}"
    if study.state is State.OPEN and running().is_first(visit, within_s=_SAME_VISITOR_S):
        with writing(running().engine) as session:
            count_visitor(session, study.id, why)


def _why_no_cookie() -> str:
    """Explain a missing cookie as far as the request says; browsers name the page that they come from."""
    came_from = urlsplit(request.headers.get("Referer", "")[:2_000])
    if security.is_secure() and came_from.scheme == "http":
        return (
            "the page was opened by http, and cookies are sent by https alone (--https, or "
            "X-Forwarded-Proto). Let the proxy lead http to https."
        )
    own = url_for("rater.home")
    if came_from.path and not came_from.path.startswith(own):
        return (
            f"the page is at {harmless(came_from.path)!r} in the browser, and the cookie is for paths under "
            f"{own!r}. Serve with --prefix, or let the proxy send X-Forwarded-Prefix."
        )
    return "cookies are blocked there, or the page is shown inside another site or an app."
