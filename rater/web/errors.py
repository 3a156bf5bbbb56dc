"""Error pages for raters, and log records for experimenters."""

import logging
import secrets

from flask import Flask, Response, request, url_for
from werkzeug.exceptions import BadHost, HTTPException, TooManyRequests

from rater.errors import DatabaseError
from rater.web.language import gettext, marked
from rater.web.rating import flow, notices
from rater.web.rating.flow import UnknownBrowser
from rater.web.rating.page import ErrorPage, Frame, render
from rater.web.rating.trial import ASKED_BY_SCRIPT, NEXT_URL, OUTCOME
from rater.web.security import DESK_PATH
from rater.web.settings import running

_log = logging.getLogger("rater.web")

_WORDS = {
    400: (
        marked("Invalid request"),
        marked("The data that was sent could not be read, so nothing was saved."),
    ),
    403: (
        marked("Request blocked"),
        marked("The request did not come from this study's pages."),
    ),
    404: (marked("Page not found"), marked("Please check that the link is complete.")),
    405: (marked("Action not available"), marked("This page does not accept this kind of request.")),
    413: (
        marked("Request too large"),
        marked("The request was larger than allowed, so it was not saved."),
    ),
    429: (
        marked("Too many requests"),
        marked("Please wait a few minutes and try again."),
    ),
    500: (marked("Something went wrong"), marked("The problem is on our side. Please try again later.")),
    503: (
        marked("Answers cannot be saved at the moment"),
        marked("The problem is on our side. Please try again later."),
    ),
}
_WHAT_NOW = marked(
    "Your saved answers are not affected. Open your link again to continue where you left off."
)


def init_app(app: Flask) -> None:
    """Register the pages for refused requests, an unusable database, and our own mistakes."""
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(UnknownBrowser, _unknown)
    app.register_error_handler(BadHost, _nowhere)
    app.register_error_handler(DatabaseError, _unusable)
    app.register_error_handler(Exception, _broken)


def _refused(error: HTTPException) -> Response:
    code = error.code or 500
    response = _page(code if code in _WORDS else 400, status=code)
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    if isinstance(error, TooManyRequests):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _unknown(error: UnknownBrowser) -> Response:
    """Answer an unknown browser; a script gets the address of the page that explains it."""
    if ASKED_BY_SCRIPT in request.headers:
        url = flow.url_of(error.visit.study.slug, error.place)
        return Response(status=error.code, headers={OUTCOME: "redirected", NEXT_URL: url})
    page = render(notices.unknown_browser(error.visit))
    return Response(page, status=error.code, mimetype="text/html")


def _nowhere(_error: BadHost) -> Response:
    """Refuse a host that no address can be made of, and so no link on a page."""
    return Response(f"{_WORDS[400][0]}\n", status=400, mimetype="text/plain")


def _unusable(error: DatabaseError) -> Response:
    reference = _new_reference()
    _log.error("%s: the database cannot be used: %s", reference, error, extra={"reference": reference})
    response = _page(503, reference=reference)
    response.headers["Retry-After"] = "60"
    return response


def _broken(error: Exception) -> Response:
    reference = _new_reference()
    _log.error("%s: a page failed", reference, exc_info=error, extra={"reference": reference})
    return _page(500, reference=reference)


def _new_reference() -> str:
    return secrets.token_hex(4)


def _page(code: int, *, status: int | None = None, reference: str | None = None) -> Response:
    heading, text = map(gettext, _WORDS[code])
    is_desk = request.path.startswith(f"{DESK_PATH}/")
    page = ErrorPage(
        frame=Frame.bare(),
        title=heading,
        paragraphs=(text,) if is_desk else (text, gettext(_WHAT_NOW)),
        reference=reference,
        studies_url=url_for("desk.studies") if is_desk and running().settings.with_desk else "",
    )
    return Response(render(page), status=status or code, mimetype="text/html")
