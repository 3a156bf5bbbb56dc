"""Refuse who asks too much: by session, by address, and for beginnings, so that no script takes every place.

A lab shares one address, so that what raters do is limited by their cookie, and their address may ask for far
more than one person can. A cookie is easily thrown away, though, and what a new one costs is a booklet: from
one address at most half of a study's booklets are begun within a day, unless the server is told that the
raters sit behind one address (``rater serve --one-network``).

A browser on this machine itself is not limited: it is a rehearsal, an audit, a test or the experimenter.
"""

import ipaddress
import logging
import time
from dataclasses import dataclass

from flask import Flask, request
from werkzeug.exceptions import TooManyRequests

from rater.store.engine import reading
from rater.store.rating.masked import count_booklets
from rater.store.rating.raters import is_invitation
from rater.store.rating.sittings import is_token_known
from rater.web.security import DESK_COOKIE, TOKEN_COOKIE
from rater.web.settings import running
from rater.web.visit import Visit

_log = logging.getLogger("rater.web")


@dataclass(frozen=True)
class Limit:
    """So many events within so long."""

    name: str
    most: int
    window_s: float


SESSION = Limit("session", 600, 30)
"""Twenty requests a second with one cookie: a rater makes three a text."""
ADDRESS = Limit("address", 12_000, 60)
"""Two hundred a second from one address: a lab of a hundred raters makes half of that."""
STRANGER = Limit("stranger", 900, 60)
"""Requests of strangers from one address: a class that comes in at once makes a few each."""
_KNOWN_FOR_S = 600.0
LOGIN_BY_ADDRESS = Limit("login by address", 20, 900)
LOGIN_BY_NAME = Limit("login by name", 10, 900)
"""By address and name: were it by name alone, anybody could keep a user out."""
_DAY_S = 24 * 3600.0
_FEWEST_BEGINNINGS = 5

_UNLIMITED = {"static", "health.healthz", "health.readyz", "health.metrics"}


def init_app(app: Flask) -> None:
    """Count each request before its view runs."""
    app.before_request(_limit_request)


def hit(limit: Limit, who: str) -> None:
    """Count an event against a limit.

    Raises:
        TooManyRequests: that was one too many.
    """
    counted = _count(f"{limit.name} {who}", limit.window_s)
    if counted <= limit.most:
        return
    if _count(f"told of {limit.name}", 60) < 2:  # once a minute, and not who it was
        _log.warning("Requests beyond the limit %r are refused.", limit.name)
    raise TooManyRequests(retry_after=round(min(limit.window_s, 3600)))


def is_from_this_machine() -> bool:
    """Say whether a request comes from this machine itself, and not by way of a proxy on it."""
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    parsed = _address()
    return parsed is not None and parsed.is_loopback


def address_key() -> str:
    """Return by what an address is counted: IPv4 as it is, IPv6 by the /64 that one customer has."""
    parsed = _address()
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _limit_request() -> None:
    if request.endpoint in _UNLIMITED or is_from_this_machine():
        return
    address = address_key()
    hit(ADDRESS, address)
    token = request.cookies.get(TOKEN_COOKIE) or request.cookies.get(DESK_COOKIE)
    if token:
        hit(SESSION, token)
    _limit_strangers(address, token)


def _limit_strangers(address: str, token: str | None) -> None:
    """Limit what strangers of one address ask for; a cookie that somebody made up lifts no limit.

    Up to the limit everybody counts. Beyond it the database is asked whose a cookie is, once in ten minutes
    for each: a lab whose raters share an address is let through, and costs a query a rater.
    """
    known = f"known {token}"
    if token and _count(known, _KNOWN_FOR_S, adds=False) > 0:
        return
    if token and _count(f"{STRANGER.name} {address}", STRANGER.window_s, adds=False) >= STRANGER.most:
        with reading(running().engine) as session:
            if is_token_known(session, token):
                _count(known, _KNOWN_FOR_S)
                return
    hit(STRANGER, address)


def is_network_busy(visit: Visit, token: str) -> bool:
    """Return whether half of a study's booklets were begun from this address within a day; count this one.

    A personal link needs no limit: it begins one booklet, and its code cannot be guessed. Costs two queries.
    """
    settings = running().settings
    if settings.one_network or settings.is_preview or is_from_this_machine() or visit.sitting or visit.known:
        return False
    with reading(running().engine) as session:
        invitation = visit.arrival.invitation
        if invitation is not None and is_invitation(session, visit.study.id, invitation):
            return False
        n_booklets = count_booklets(session, visit.study.id)
    # a page that is opened twice begins once
    slug = visit.study.slug
    is_first = _count(f"begun {slug} {token}", _DAY_S) < 2
    counted = _count(f"beginnings {slug} {address_key()}", _DAY_S, adds=is_first)
    return counted > max(_FEWEST_BEGINNINGS, n_booklets // 2)


def _count(key: str, window_s: float, *, adds: bool = True) -> float:
    return running().settings.counters.count(key, window_s=window_s, now=time.time(), adds=adds)


def _address() -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(request.remote_addr or "")
    except ValueError:  # a socket file, or nonsense
        return None
