"""Tell a form of our own pages from one of another site, by what the browser says of where it comes from.

Browsers send ``Sec-Fetch-Site`` on https and localhost, and ``Origin`` everywhere; no page can set either.
The origin is compared with the host that was asked for, name and port. Behind trusted proxies a port that one
of them left out of ``Host`` is not missed: nginx's ``$host`` has none.
"""

import logging
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Request

from rater.harmless import harmless
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
    """Return whether a request comes from our own pages, by what its browser says of it."""
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
    said = [
        f"{name} {harmless(sent.headers[name][:_MAX_LOGGED])!r}"
        for name in ("Sec-Fetch-Site", "Origin")
        if name in sent.headers
    ]
    asked = ", ".join(repr(harmless(host[:_MAX_LOGGED])) for host in _asked_hosts(sent))
    _log.warning(
        "A form was refused: its browser says that it comes from %s, and the server was asked for as %s. If "
        "these are the same site, the proxy must pass on the host with its port, and --proxies must count "
        "the proxies: see docs/deploy.md.",
        " and ".join(said),
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
