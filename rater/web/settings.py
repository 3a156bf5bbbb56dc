"""Hold what the web process was started with, and give views the one engine they read and write by."""

import os
import sys
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from flask import Flask, current_app
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy import Engine

_EXTENSION = "rater"
_SEALED_VARIABLE = "RATER_SEALED"


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class WebSettings:
    """What the web process is told; it knows of no other database than the rating database."""

    rating_url: str
    """The rating database, as an SQLAlchemy URL."""
    secure_cookies: bool = False
    """True behind TLS: cookies are sent over https only, and browsers are told to stay on https."""
    n_proxies: int = 0
    """How many proxies in front of the server are trusted to say whom they forward for."""
    prefix: str = ""
    """The path under which raters reach the server, such as ``/rater``; empty for a host of its own."""
    one_network: bool = False
    """True where raters sit behind one address, as in a lab: then it may begin any number of booklets."""
    with_desk: bool = False
    """Whether experimenters have their desk at /desk."""
    reports_folder: Path | None = None
    """Where `rater analyze --report` wrote, a folder for each study; the desk shows it after unblinding."""
    previews_folder: Path | None = None
    """A folder of our own for the throwaway copies that the desk's previews run on."""
    is_preview: bool = False
    """Whether this app serves such a copy, inside a frame on the desk."""
    metrics_token: str | None = None
    """What a client must send to read /metrics from another machine; None: only this machine may."""
    limits_storage: str = "memory://"
    """Where rate limits are counted: in the memory of each process, or the URL of a Redis server."""
    now: Callable[[], datetime] = _utc_now
    """The clock, so that a test can set it."""


@dataclass(frozen=True)
class Running:
    """What a running app holds: its settings and its one engine."""

    settings: WebSettings
    engine: Engine
    seen: FixedWindowRateLimiter = field(default_factory=lambda: FixedWindowRateLimiter(MemoryStorage()))
    """Events of this process, each remembered for a time."""

    def is_first(self, key: str, *, within_s: int) -> bool:
        """Return whether an event is the first of its kind in this process within a time; remember it."""
        return self.seen.hit(RateLimitItemPerSecond(1, within_s), key)


def init_app(app: Flask, running: Running) -> None:
    """Give an app what its views read by `running`."""
    app.extensions[_EXTENSION] = running


def running() -> Running:
    """Return what the app that handles this request holds."""
    return cast("Running", current_app.extensions[_EXTENSION])


def restart_without_sealed_settings() -> None:
    """Start this command anew without the sealed database's URL in its environment, where it is there.

    Taking a variable out of ``os.environ`` leaves the process's initial environment as it was: whoever can
    read ``/proc/PID/environ`` would find the URL, with its password, for as long as the server runs. The
    process keeps its number. Does not return where it starts anew.
    """
    if _SEALED_VARIABLE not in os.environ or not _was_given_at_start(_SEALED_VARIABLE):
        return
    environ = {name: value for name, value in os.environ.items() if name != _SEALED_VARIABLE}
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, sys.orig_argv, environ)  # noqa: S606 (our own command once again)


def _was_given_at_start(name: str) -> bool:
    """Return whether a variable was in the environment that this process was started with."""
    try:
        environ = Path("/proc/self/environ").read_bytes()
    except OSError:  # a system without /proc
        return True
    return any(each.startswith(f"{name}=".encode()) for each in environ.split(b"\0"))


def drop_sealed_settings(environ: MutableMapping[str, str]) -> bool:
    """Forget where the sealed database is, before anything is served; say whether that was known.

    The web process has no use for it, and its children inherit the environment.
    """
    return environ.pop(_SEALED_VARIABLE, None) is not None
