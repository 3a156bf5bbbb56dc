"""CSRF protection by Fetch Metadata, security headers and request limits.

Browsers send ``Sec-Fetch-Site`` on https and localhost, and ``Origin`` everywhere; no page can set either.
The origin is compared with the host that was asked for, name and port. Behind trusted proxies a port that one
of them left out of ``Host`` is not missed: nginx's ``$host`` has none.

Forms carry no tokens against cross-site requests. A browser itself sends the origin of a POST, in
``Sec-Fetch-Site`` (on https and localhost) and in ``Origin`` (everywhere), and neither can be set by a page;
so a POST that names another site is refused, cookies are also SameSite=Lax, and a form that was opened
hours ago, in another tab or before a restart is never refused for an expired token. A client that sends
neither header is not a browser, and has no rater's cookie that somebody else could ride on.
"""

import logging
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Flask, Request, Response, g, request
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response as AnyResponse

from rater.sanitize import sanitize_for_display
from rater.web.settings import running

_log = logging.getLogger("rater.web")
_DEFAULT_PORTS = {80, 443}
_MAX_LOGGED = 200


@dataclass(frozen=True)
class _Host:
    name: str
    port: int | None
    """None for the scheme's own port."""


def is_same_site(sent: Request) -> bool:
    """Return whether a request comes from our own pages, by its browser's headers."""
    fetch_site = sent.headers.get("Sec-Fetch-Site")
    if fetch_site is not None:
        return fetch_site in {"same-origin", "none"}
    origin = sent.headers.get("Origin")
    if origin is None:  # not a browser, so without a rater's cookie that another site could use
        return True
    from_host = _read(origin) if "://" in origin else None
    return from_host is not None and any(
        _is_same(from_host, asked, behind_proxy=running().settings.n_proxies > 0)
        for asked in map(_read, _asked_hosts(sent))
    )


def log_refusal(sent: Request) -> None:
    """Log what was compared where a form is refused, once a minute."""
    if not running().is_first("refused form", within_s=60):
        return
    headers = [
        f"{name} {sanitize_for_display(sent.headers[name][:_MAX_LOGGED])!r}"
        for name in ("Sec-Fetch-Site", "Origin")
        if name in sent.headers
    ]
    asked = ", ".join(repr(sanitize_for_display(host[:_MAX_LOGGED])) for host in _asked_hosts(sent))
    _log.warning(
        "A form was refused: its browser gives %s as its origin, and the server was asked for as %s. If "
        "these are the same site, the proxy must pass on the host with its port, and --proxies must count "
        "the proxies: see docs/how-to/deploy.md.",
        " and ".join(headers),
        asked,
    )


def _asked_hosts(sent: Request) -> list[str]:
    """Return the hosts that a request asked for: as a proxy forwards it, and as it arrived here."""
    arrived = sent.environ.get("werkzeug.proxy_fix.orig", {}).get("HTTP_HOST")
    return list(dict.fromkeys(each for each in (sent.host, arrived) if each))


def _read(written: str) -> _Host | None:
    """Read ``scheme://host:port`` or ``host:port``; None for what is neither."""
    try:
        split = urlsplit(written if "://" in written else f"//{written}")
        port = split.port
    except ValueError:
        return None
    has_more = split.path or split.query or split.fragment or "@" in split.netloc
    if not split.hostname or has_more:
        return None
    return _Host(split.hostname.rstrip("."), None if port in _DEFAULT_PORTS else port)


def _is_same(from_host: _Host, asked: _Host | None, *, behind_proxy: bool) -> bool:
    if asked is None or asked.name != from_host.name:
        return False
    return asked.port == from_host.port or (behind_proxy and asked.port is None)


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


def is_framed_by_other_site() -> bool:
    """Return whether a browser reports that it opens this page inside a page of another site."""
    return request.headers.get("Sec-Fetch-Dest") in _FRAMES and not running().settings.is_preview


def allow_framing() -> None:
    """Let any site show this answer in a frame: it has a link to open, and nothing to press by mistake."""
    g.may_be_framed = True


def allow_caching() -> None:
    """Let the browser keep this answer: its address changes when its content does."""
    g.may_be_kept = True


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
    present = {name for name, _ in response.headers}
    if g.get("may_be_framed"):
        present.add("X-Frame-Options")
    response.headers.extend([each for each in HEADERS.items() if each[0] not in present])
    if request.endpoint == "static" and response.status_code == 200:
        response.headers["Cache-Control"] = f"public, max-age={response.cache_control.max_age}, immutable"
    elif g.get("may_be_kept"):
        response.headers["Cache-Control"] = f"private, max-age={_TOKEN_LIFETIME_S}, immutable"
    else:
        # a page kept by a browser would show old answers to the next user
        response.headers["Cache-Control"] = "no-store"
    if running().settings.secure_cookies or request.is_secure:
        response.headers["Strict-Transport-Security"] = f"max-age={_TOKEN_LIFETIME_S}"
    return response


def is_secure() -> bool:
    """Return whether a cookie is to be sent over https only."""
    return running().settings.secure_cookies or request.is_secure


def read_token() -> str | None:
    """Read the rater's token from the cookie of this study's path; None if there is none worth looking up."""
    token = request.cookies.get(TOKEN_COOKIE, "")
    return token if is_token(token) else None


def is_token(sent: str) -> bool:
    """Return whether a text has the form of a token, as `rater.store.rating.raters.new_token` draws them."""
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
