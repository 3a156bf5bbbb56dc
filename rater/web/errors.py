"""Show a page that a rater understands for all that goes wrong, and log what an experimenter needs."""

import logging
import secrets

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from rater.errors import DatabaseError
from rater.web.pages import ErrorPage, render

_log = logging.getLogger("rater.web")

_WORDS = {
    400: (
        "This could not be read",
        "What was sent is not what this page asks for, so nothing of it was kept.",
    ),
    403: ("This came from elsewhere", "The request did not come from this study's own pages."),
    404: ("There is nothing at this address", "It may have been cut off on its way to you."),
    405: ("This does not work here", "The request is not one that this page answers."),
    413: ("This is too much", "More was sent than these pages ask for, so nothing of it was kept."),
    500: ("Something went wrong here", "This is our fault, not yours."),
    503: ("The answers cannot be stored right now", "This is our fault, not yours."),
}
_WHAT_NOW = "Every answer that was saved before is still there. Open your link again to go on where you were."


def install(app: Flask) -> None:
    """Register the pages for refused requests, an unusable database, and our own mistakes."""
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(DatabaseError, _unusable)
    app.register_error_handler(Exception, _broken)


def _refused(error: HTTPException) -> Response:
    code = error.code or 500
    response = _page(code if code in _WORDS else 400, status=code)
    allowed = getattr(error, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _unusable(error: DatabaseError) -> Response:
    reference = _new_reference()
    _log.error("%s: %s", reference, error)
    response = _page(503, reference=reference)
    response.headers["Retry-After"] = "60"
    return response


def _broken(error: Exception) -> Response:
    reference = _new_reference()
    _log.error("%s: a page failed", reference, exc_info=error)
    return _page(500, reference=reference)


def _new_reference() -> str:
    return secrets.token_hex(4)


def _page(code: int, *, status: int | None = None, reference: str | None = None) -> Response:
    heading, text = _WORDS[code]
    page = ErrorPage(title=heading, paragraphs=(text, _WHAT_NOW), reference=reference)
    return Response(render(page), status=status or code, mimetype="text/html")
