"""Settings of the web process, and the running app's database engine."""

import os
import sys
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from flask import Flask, current_app
from limits import RateLimitItemPerSecond
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy import Engine

from rater.web.counters import MemoryCounters

_EXTENSION = "rater"
_SEALED_VARIABLE = "RATER_SEALED"


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class WebhookSettings:
    """The operator's webhook, and the limits above which it is told of a study."""

    url: str
    secret: str = field(repr=False)
    """With which messages are signed."""
    max_attrition: float = 0.3
    """Proportion of the raters who started; more who left are reported."""
    max_failing: float = 0.3
    """Proportion of the raters with attention checks; more who failed one are reported."""


@dataclass(frozen=True)
class WebSettings:
    """Settings of the web process. The rating database is the only database that it knows."""

    rating_url: str
    """The rating database, as an SQLAlchemy URL."""
    secure_cookies: bool = False
    """True behind TLS: cookies are sent over HTTPS only, and HSTS is set."""
    n_proxies: int = 0
    """Number of trusted reverse proxies in front of the server (X-Forwarded-For hops)."""
    prefix: str = ""
    """The path under which raters reach the server, such as ``/rater``; empty for the root."""
    one_network: bool = False
    """True if raters share one address, as in a lab; the address may then begin any number of booklets."""
    with_desk: bool = False
    """True to serve the experimenters' desk at /desk."""
    reports_folder: Path | None = None
    """Folder with a report folder per study; the desk shows the reports after unblinding."""
    previews_folder: Path | None = None
    """Folder for the temporary databases of the desk's previews."""
    is_preview: bool = False
    """True if this app serves such a preview, in a frame of the desk."""
    metrics_token: str | None = None
    """Bearer token for reading /metrics from another machine; None allows only this machine."""
    limits_storage: str = "memory://"
    """Storage of the rate limits' counters: each process's memory, or the URL of a Redis server."""
    drain_flag: Path | None = None
    """File that exists once the server is about to stop, when /readyz reports 503 (`rater.web.drain`)."""
    webhook: WebhookSettings | None = None
    """The webhook to which events are reported; None for none."""
    now: Callable[[], datetime] = _utc_now
    """Return the current time; a test can set it."""


@dataclass(frozen=True)
class Running:
    """A running app's settings, its one engine, and the events that it remembers."""

    settings: WebSettings
    engine: Engine
    seen: FixedWindowRateLimiter = field(default_factory=lambda: FixedWindowRateLimiter(MemoryCounters()))
    """Events of this process, each remembered for a time."""

    def is_first(self, key: str, *, within_s: int) -> bool:
        """Return whether an event is the first of its kind in this process within a time; remember it."""
        limit = RateLimitItemPerSecond(1, within_s)
        return self.seen.test(limit, key) and self.seen.hit(limit, key)


def init_app(app: Flask, running: Running) -> None:
    """Attach to an app what its views get from `running`."""
    app.extensions[_EXTENSION] = running


def running() -> Running:
    """Return the settings and the engine of the app that handles this request."""
    return cast("Running", current_app.extensions[_EXTENSION])


def restart_without_sealed_settings() -> None:
    """Restart this command without the sealed database's URL, if the URL is in its environment.

    Removing a variable from ``os.environ`` does not change the process's initial environment: anyone who can
    read ``/proc/PID/environ`` would find the URL, with its password, while the server runs. The process keeps
    its id. This function does not return if it restarts the command.
    """
    if _SEALED_VARIABLE not in os.environ or not _was_given_at_start(_SEALED_VARIABLE):
        return
    environ = {name: value for name, value in os.environ.items() if name != _SEALED_VARIABLE}
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, sys.orig_argv, environ)  # noqa: S606 (our own command)


def _was_given_at_start(name: str) -> bool:
    """Return whether a variable was in the environment that this process was started with."""
    try:
        environ = Path("/proc/self/environ").read_bytes()
    except OSError:  # a system without /proc
        return True
    return any(each.startswith(f"{name}=".encode()) for each in environ.split(b"\0"))


def drop_sealed_settings(environ: MutableMapping[str, str]) -> bool:
    """Remove the sealed database's URL from an environment; return whether it was there.

    The web process does not need it, and its child processes inherit the environment.
    """
    return environ.pop(_SEALED_VARIABLE, None) is not None
