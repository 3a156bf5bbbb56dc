"""Rate limits per session, per IP address, and for logins, by Flask-Limiter.

A lab shares one address, so raters are limited by their cookie, and one address may ask for far more than one
person can. Requests from this machine itself are not limited, except logins: they come from a rehearsal, an
audit, a test or the experimenter.

Each worker process counts in its own memory, so a server of N processes allows at most N times a limit. With
``rater serve --limits-storage redis://host`` all processes and machines count together, in Redis or Valkey.
While Redis cannot be reached, each process counts in its own memory.

The limit that protects a result, on booklets begun per network and day, is not here: it is counted in the
database (`rater.store.rating.networks`).
"""

import hashlib
import ipaddress
import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Flask, request
from flask_limiter import ApplicationLimit, Limiter, RequestLimit
from limits import RateLimitItem, RateLimitItemPerSecond, parse
from limits.errors import ConfigurationError
from limits.storage import storage_from_string
from werkzeug.exceptions import HTTPException

from rater.errors import DatabaseError, RaterError
from rater.store.engine import hide_password, reading, writing
from rater.store.rating.networks import forget_old_networks, network_digest
from rater.store.rating.sessions import is_token_known
from rater.web.security import DESK_COOKIE, TOKEN_COOKIE, is_same_site
from rater.web.settings import running

if TYPE_CHECKING:
    from flask import Response

_log = logging.getLogger("rater.web")

IN_MEMORY = "memory://"
# 20 requests a second with one cookie: a rater makes three a text
SESSION = "600 per 30 seconds"
# 200 requests a second from one address: a lab of a hundred raters makes half of that
ADDRESS = "12000 per minute"
# requests without a known cookie from one address: a class that begins at once makes a few each
STRANGER = "900 per minute"
LOGIN_BY_ADDRESS = "20 per 15 minutes"
# by name and address: by name alone, anybody could lock a user out
LOGIN_BY_NAME = "10 per 15 minutes"

_STRANGER_SCOPE = "stranger"
_LOGIN = "access.check_login"
_UNLIMITED = {"static", "health.healthz", "health.readyz", "health.metrics"}
_SCHEMES = ("memory", "redis", "rediss", "redis+unix", "valkey", "valkeys", "valkey+unix")
# A Redis that does not answer delays one request by this long, and then one request each time that
# Flask-Limiter checks whether it is back (after 1, 2, 4 … seconds).
_REDIS_TIMEOUT_S = 1
# a cookie that belongs to a rater is looked up again after this time
_KNOWN = RateLimitItemPerSecond(1, 600)
_HOUR_S = 3600


def init_app(app: Flask, *, storage: str) -> None:
    """Count each request before its view runs.

    Args:
        app: The app.
        storage: Where counts are kept: ``memory://``, or the URL of a Redis or Valkey server.

    Raises:
        RaterError: the storage's URL is not valid.
    """
    stranger = parse(STRANGER)
    limiter = Limiter(
        _address,
        application_limits=[
            _limit(SESSION, "session", _session, exempt_when=lambda: _is_exempt() or _cookie() is None),
            _limit(ADDRESS, "address", _address, exempt_when=_is_exempt),
            _limit(
                STRANGER,
                _STRANGER_SCOPE,
                _address,
                exempt_when=lambda: _is_exempt() or _is_known(limiter, stranger),
            ),
            _limit(LOGIN_BY_ADDRESS, "login by address", _address, exempt_when=_is_no_login),
            _limit(LOGIN_BY_NAME, "login by name", _name_and_address, exempt_when=_is_no_login),
        ],
        storage_uri=read_storage(storage),
        storage_options=_storage_options(storage),
        strategy="sliding-window-counter",
        # neither open the gates nor stop the study when Redis goes away
        in_memory_fallback_enabled=True,
        # without a name of its own, a request to an unknown address would not be counted
        request_identifier=lambda: request.endpoint or "unknown",
    )
    limiter.init_app(app)
    app.before_request(_forget_networks_hourly)


def read_storage(url: str) -> str:
    """Return the URL of a storage as Flask-Limiter takes it.

    Raises:
        RaterError: the URL is not valid, or the client for Redis is not installed.
    """
    # Valkey speaks Redis's protocol, so that one client is enough
    as_redis = url.replace("valkey", "redis", 1) if url.startswith("valkey") else url
    try:
        if urlsplit(url).scheme not in _SCHEMES:
            raise ConfigurationError
        storage_from_string(as_redis)
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


def _limit(
    amount: str, name: str, key: Callable[[], str], *, exempt_when: Callable[[], bool]
) -> ApplicationLimit:
    return ApplicationLimit(
        amount,
        scope=name,
        key_function=key,
        exempt_when=exempt_when,
        on_breach=partial(_log_breach, name),
    )


def _storage_options(url: str) -> dict[str, str | int]:
    if url.startswith("memory"):
        return {}
    return {
        "socket_connect_timeout": _REDIS_TIMEOUT_S,
        "socket_timeout": _REDIS_TIMEOUT_S,
        # by default the client tries again after waiting, while a rater waits for the page
        "retry": None,  # type: ignore[dict-item] # passed on to redis.Redis
    }


def _log_breach(name: str, _: RequestLimit) -> "Response | None":
    if running().is_first(f"refused by {name}", within_s=60):  # once a minute, and not from where
        _log.warning("Requests beyond the limit %r are refused.", name)
    return None


def _is_exempt() -> bool:
    return request.endpoint in _UNLIMITED or is_from_this_machine()


def _is_no_login() -> bool:
    # A form on another site must not use up the attempts of the user whose browser sends it. It is refused
    # after this, for coming from another site.
    return request.endpoint != _LOGIN or not is_same_site(request)


def _is_known(limiter: Limiter, stranger: RateLimitItem) -> bool:
    """Return whether a request is not counted as a stranger's: its cookie belongs to a rater or a user.

    Up to the limit all requests count. Beyond it the database is asked about the cookie, once in ten minutes
    for each: a lab whose raters share an address is let through and costs one query per rater, and an
    invented cookie lifts no limit.
    """
    token = _cookie()
    if token is None:
        return False
    seen, key = running().seen, f"known {_digest(token)}"
    if not seen.test(_KNOWN, key):
        return True
    if limiter.limiter.test(stranger, _address(), _STRANGER_SCOPE):
        return False
    try:
        with reading(running().engine) as session:
            is_known = is_token_known(session, token)
    except DatabaseError:
        # Flask-Limiter would take the error for one of its storage. The page meets the same error by itself.
        return False
    if is_known:
        seen.hit(_KNOWN, key)
    return is_known


def _forget_networks_hourly() -> None:
    """Delete old counts of networks, once an hour in each process, with a form that is stored anyway."""
    if request.method != "POST" or request.blueprint != "rater" or is_from_this_machine():
        return
    if running().is_first("forget networks", within_s=_HOUR_S):
        with writing(running().engine) as session:
            forget_old_networks(session, now=running().settings.now())


def _cookie() -> str | None:
    return request.cookies.get(TOKEN_COOKIE) or request.cookies.get(DESK_COOKIE)


# Keys are digests, so that Redis holds no cookie by which somebody could continue as a rater.


def _session() -> str:
    return _digest(_cookie() or "none")


def _address() -> str:
    return _digest(network_of_request())


def _name_and_address() -> str:
    try:
        name = request.form.get("name", "")
    except HTTPException:  # a form that is too large, which the view refuses
        name = ""
    return _digest(f"{name} {network_of_request()}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:32]


def _parsed_address() -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(request.remote_addr or "")
    except ValueError:  # a socket file, or nonsense
        return None
