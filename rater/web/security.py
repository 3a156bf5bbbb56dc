"""Confine what a page may do and what a request may ask.

Forms carry no tokens against cross-site requests. A browser says itself where a POST comes from, in
``Sec-Fetch-Site`` (on https and localhost) and in ``Origin`` (everywhere), and neither can be set by a page;
so a POST that names another site is refused, cookies are SameSite=Lax besides, and a form that was opened
hours ago, in another tab or before a restart is never refused for an expired token. A client that sends
neither header is no browser, and has no rater's cookie that somebody else could ride on.
"""

import re

from flask import Flask, Response, g, request
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response as AnyResponse

from rater.web.same_site import is_same_site, log_refusal
from rater.web.settings import running

MAX_REQUEST_BYTES = 64 * 1024
MAX_FORM_PARTS = 200
TOKEN_COOKIE = "rater"  # noqa: S105 (the cookie's name, no secret)
DESK_COOKIE = "rater-desk"
DESK_PATH = "/desk"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_TOKEN_LIFETIME_S = 180 * 24 * 3600
_FRAMES = {"iframe", "frame", "embed", "object"}
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; "
    + "; ".join(
        f"{kind} 'self'" for kind in ("style-src", "script-src", "img-src", "connect-src", "form-action")
    )
    + "; frame-ancestors 'none'; base-uri 'none'"
)
PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in (
        "camera",
        "display-capture",
        "geolocation",
        "microphone",
        "payment",
        "publickey-credentials-get",
        "usb",
    )
)
"""No page of ours needs any of them, nor may a frame or a script ask for them."""
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    # not no-referrer: that makes browsers send `Origin: null` with our own forms
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    "Permissions-Policy": PERMISSIONS_POLICY,
}


def init_app(app: Flask) -> None:
    """Refuse cross-site requests before a view runs, and add the headers after it."""
    app.before_request(_refuse_cross_site)
    app.after_request(_add_headers)


def _refuse_cross_site() -> None:
    # a request to a preview has passed the desk's own check
    if running().settings.is_preview or request.method in _SAFE_METHODS:
        return
    if not is_same_site(request):
        log_refusal(request)
        raise Forbidden


def is_framed_elsewhere() -> bool:
    """Return whether a browser says that it opens this page inside a page of another site."""
    return request.headers.get("Sec-Fetch-Dest") in _FRAMES and not running().settings.is_preview


def allow_framing() -> None:
    """Let any site show this answer in a frame: it has a link to open, and nothing to press by mistake."""
    g.may_be_framed = True


def _add_headers(response: Response) -> Response:
    if g.get("may_be_framed"):
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY.replace(
            "frame-ancestors 'none'", "frame-ancestors *"
        )
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    if running().settings.is_preview:  # which the desk shows in a frame of its own
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY.replace(
            "frame-ancestors 'none'", "frame-ancestors 'self'"
        )
    for name, value in HEADERS.items():
        if name != "X-Frame-Options" or not g.get("may_be_framed"):
            response.headers.setdefault(name, value)
    if request.endpoint == "static" and response.status_code == 200:
        response.headers["Cache-Control"] = f"public, max-age={response.cache_control.max_age}, immutable"
    else:
        # a page kept by a browser would show old answers, to whoever uses it next
        response.headers["Cache-Control"] = "no-store"
    if running().settings.secure_cookies or request.is_secure:
        response.headers["Strict-Transport-Security"] = f"max-age={_TOKEN_LIFETIME_S}"
    return response


def is_secure() -> bool:
    """Say whether a cookie is to be sent over https only."""
    return running().settings.secure_cookies or request.is_secure


def read_token() -> str | None:
    """Read the rater's token from the cookie of this study's path; None if there is none worth looking up."""
    token = request.cookies.get(TOKEN_COOKIE, "")
    return token if is_token(token) else None


def is_token(sent: str) -> bool:
    """Say whether a text has the form of a token, as `rater.store.rating.raters.new_token` draws them."""
    return _TOKEN.fullmatch(sent) is not None


def keep_token(response: AnyResponse, token: str, *, path: str) -> None:
    """Let the browser keep the rater's token for this study's path, so that coming back resumes."""
    set_rater_cookie(response, TOKEN_COOKIE, token, lifetime_s=_TOKEN_LIFETIME_S, path=path)


def set_rater_cookie(response: AnyResponse, name: str, value: str, *, lifetime_s: int, path: str) -> None:
    """Set a cookie on a study's path that scripts and other sites' forms cannot use."""
    response.set_cookie(
        name,
        value,
        max_age=lifetime_s,
        path=path,
        httponly=True,
        secure=is_secure(),
        samesite="Lax",
    )
