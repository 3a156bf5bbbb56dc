"""Rate limits per session, per IP address, and for logins.

A lab shares one address, so raters are limited by their cookie, and one address may ask for far more than one
person can. Requests from this machine itself are not limited, except logins: they come from a rehearsal, an
audit, a test or the experimenter.

Each worker process counts in its own memory, so a server of N processes allows at most N times a limit. With
``rater serve --limits-storage redis://host`` all processes and machines count together, in Redis or Valkey.
While Redis cannot be reached, each process counts in its own memory (`rater.web.counters`).

The package ``limits`` counts. Its extension for Flask is not used: finding out which limits apply took it a
tenth of the CPU time of a rating.

The limit that protects a result, on booklets begun per network and day, is not here: it is counted in the
database (`rater.store.rating.networks`).
"""

import hashlib
import ipaddress
import logging
from collections.abc import Iterator
from urllib.parse import urlsplit

from flask import Flask, request
from limits import RateLimitItem, RateLimitItemPerSecond, parse
from limits.errors import ConfigurationError
from limits.storage import storage_from_string
from werkzeug.exceptions import HTTPException, TooManyRequests

from rater.errors import DatabaseError, RaterError
from rater.store.engine import hide_password, reading, writing
from rater.store.rating.networks import forget_old_networks, network_digest
from rater.store.rating.sessions import is_token_known
from rater.web.counters import Counters
from rater.web.security import DESK_COOKIE, TOKEN_COOKIE, is_same_site
from rater.web.settings import running

_log = logging.getLogger("rater.web")

# 20 requests a second with one cookie: a rater makes three a text
SESSION = "600 per 30 seconds"
# 200 requests a second from one address: a lab of a hundred raters makes half of that
ADDRESS = "12000 per minute"
# requests without a known cookie from one address: a class that begins at once makes a few each
STRANGER = "900 per minute"
LOGIN_BY_ADDRESS = "20 per 15 minutes"
# by name and address: by name alone, anybody could lock a user out
LOGIN_BY_NAME = "10 per 15 minutes"

_LOGIN = "access.check_login"
_UNLIMITED = {"static", "health.healthz", "health.readyz", "health.metrics"}
_SCHEMES = ("memory", "redis", "rediss", "redis+unix", "valkey", "valkeys", "valkey+unix")
# a cookie that belongs to a rater is looked up again after this time
_KNOWN = RateLimitItemPerSecond(1, 600)
_HOUR_S = 3600


class _Limits:
    """The limits of an app, and their counters."""

    def __init__(self, storage: str) -> None:
        self._counters = Counters(read_storage(storage))
        self._session, self._address, self._stranger = map(parse, (SESSION, ADDRESS, STRANGER))
        self._login_by_address, self._login_by_name = map(parse, (LOGIN_BY_ADDRESS, LOGIN_BY_NAME))

    def check(self) -> None:
        """Count this request against the limits that apply to it, up to the first that it exceeds.

        Raises:
            TooManyRequests: it is beyond one of them.
        """
        refused = next(((limit, name) for limit, name, is_allowed in self._count() if not is_allowed), None)
        if refused is None:
            return
        limit, name = refused
        if running().is_first(f"refused by {name}", within_s=60):  # once a minute, and not from where
            _log.warning("Requests beyond the limit %r are refused.", name)
        raise TooManyRequests(retry_after=limit.get_expiry())

    def _hit(self, limit: RateLimitItem, name: str, key: str) -> tuple[RateLimitItem, str, bool]:
        return limit, name, self._counters.hit(limit, key, name)

    def _count(self) -> Iterator[tuple[RateLimitItem, str, bool]]:
        is_limited = request.endpoint not in _UNLIMITED and not is_from_this_machine()
        # A form on another site must not use up the attempts of the user whose browser sends it. It is
        # refused after this, for coming from another site.
        is_login = request.endpoint == _LOGIN and is_same_site(request)
        if not (is_limited or is_login):
            return
        # Keys are digests, so that Redis holds no cookie by which somebody could continue as a rater.
        network = network_of_request()
        address = _digest(network)
        if is_limited:
            cookie = request.cookies.get(TOKEN_COOKIE) or request.cookies.get(DESK_COOKIE)
            session = _digest(cookie) if cookie else None
            if session:
                yield self._hit(self._session, "session", session)
            yield self._hit(self._address, "address", address)
            # a cookie that was found to be known within ten minutes
            is_remembered = session is not None and not running().seen.test(_KNOWN, f"known {session}")
            if not is_remembered:
                limit, name, is_allowed = self._hit(self._stranger, "stranger", address)
                yield limit, name, is_allowed or _is_known(cookie, session)
        if is_login:
            yield self._hit(self._login_by_address, "login by address", address)
            user = _digest(f"{_login_name()} {network}")
            yield self._hit(self._login_by_name, "login by name", user)


def init_app(app: Flask, *, storage: str) -> None:
    """Count each request before its view runs.

    Args:
        app: The app.
        storage: Where counts are kept: ``memory://``, or the URL of a Redis or Valkey server.

    Raises:
        RaterError: the storage's URL is not valid.
    """
    app.before_request(_Limits(storage).check)
    app.before_request(_forget_networks_hourly)


def read_storage(url: str) -> str:
    """Return the URL of a storage as the package ``limits`` takes it.

    Raises:
        RaterError: the URL is not valid, or the client for Redis is not installed.
    """
    # Valkey speaks Redis's protocol, so that one client is enough
    as_redis = url.replace("valkey", "redis", 1) if url.startswith("valkey") else url
    try:
        if urlsplit(url).scheme not in _SCHEMES:
            raise ConfigurationError
        if not as_redis.startswith("memory:"):
            storage_from_string(as_redis)  # checks the URL, and that the client is installed
    except (ConfigurationError, ValueError, TypeError) as error:
        reason = f" ({error})" if "prerequisite" in str(error) else ""
        msg = (
            f"{hide_password(url)!r} is not a storage for rate limits{reason}. Valid: memory://, or "
            "redis://host:6379 or valkey://host:6379 with rater[redis] installed."
        )
        raise RaterError(msg) from None
    return as_redis


def is_from_this_machine() -> bool:
    """Return whether a request comes from this machine itself, and not through a proxy on it."""
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    parsed = _parsed_address()
    return parsed is not None and parsed.is_loopback


def network_of_request() -> str:
    """Return the network that a request comes from: the IPv4 address, or the /64 of an IPv6 address.

    Providers give one customer a /64, in which a computer can take any address.
    """
    parsed = _parsed_address()
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def limited_network(slug: str) -> str | None:
    """Return the digest by which booklets begun from this network are counted; None where they are not."""
    settings = running().settings
    if settings.one_network or settings.is_preview or is_from_this_machine():
        return None
    return network_digest(network_of_request(), slug=slug)


def _is_known(cookie: str | None, session: str | None) -> bool:
    """Return whether a cookie belongs to a rater or a user; remember that it does.

    Up to the limit for strangers all requests count. Beyond it the database is asked about the cookie, once
    in ten minutes for each: a lab whose raters share an address is let through and costs one query per rater,
    and an invented cookie lifts no limit.
    """
    if cookie is None:
        return False
    try:
        with reading(running().engine) as at:
            is_known = is_token_known(at, cookie)
    except DatabaseError:  # the page meets the same error by itself
        return False
    if is_known:
        running().seen.hit(_KNOWN, f"known {session}")
    return is_known


def _forget_networks_hourly() -> None:
    """Delete old counts of networks, once an hour in each process, with a form that is stored anyway."""
    if request.method != "POST" or request.blueprint != "rater" or is_from_this_machine():
        return
    if running().is_first("forget networks", within_s=_HOUR_S):
        with writing(running().engine) as session:
            forget_old_networks(session, now=running().settings.now())


def _login_name() -> str:
    try:
        return request.form.get("name", "")
    except HTTPException:  # a form that is too large, which the view refuses
        return ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:32]


def _parsed_address() -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(request.remote_addr or "")
    except ValueError:  # a socket file, or nonsense
        return None
