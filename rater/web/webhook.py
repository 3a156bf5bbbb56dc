"""The operator's webhook: signed messages about studies under way and errors of the server.

Each process queues its own server errors. One process of the machine, which holds the lock of a file, looks
at the open studies once a minute and sends what is queued; another process takes over where it ends. A
message has counts of a study, never an arm, an identifier or an answer.

The address and the secret are the operator's own, so an address in a private network is allowed. Redirects
are not followed, and an answer's body is not read.
"""

import contextlib
import hashlib
import hmac
import http.client
import ipaddress
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from flask import Flask, Response
from sqlalchemy.orm import Session

from rater.errors import DatabaseError, RaterError
from rater.store.engine import reading, writing
from rater.store.rating.monitoring import Watched, WatchedRater, watch_raters, watch_study
from rater.store.rating.places import Limits, has_free_booklet
from rater.store.rating.studies import PublishedStudy, list_studies
from rater.store.rating.webhook_queue import (
    DueEvent,
    WebhookKind,
    claim_event,
    forget_old_events,
    note_delivered,
    note_failed,
    queue_event,
)
from rater.study.state import State
from rater.web.settings import Running, WebhookSettings

SIGNATURE = "Rater-Signature"
EVENT_ID = "Rater-Event-Id"
MIN_SECRET_LENGTH = 16
MIN_RATERS = 10
"""Raters below which a proportion of them is not reported: one rater would decide it."""
LOCK_FILE = "webhook.lock"
_EXTENSION = "rater-webhook"
_TIMEOUT_S = 10
_LOOK_EVERY_S = 60.0
_SEND_EVERY_S = 5.0
_SERVER_ERROR = 500
_log = logging.getLogger("rater.web")


def read_webhook(
    url: str | None, secret: str | None, *, max_attrition: float, max_failing: float
) -> WebhookSettings | None:
    """Return the settings of the webhook that the options of `rater serve` declare; None without an address.

    Raises:
        RaterError: the address is not https or has a user's name in it, or the secret is missing or short.
    """
    if not url:
        return None
    try:
        split = urlsplit(url)
        host, _ = split.hostname or "", split.port
    except ValueError:
        host, split = "", urlsplit("")
    is_safe = split.scheme == "https" or (split.scheme == "http" and _is_loopback(host))
    if not host or not is_safe or split.username is not None or split.fragment:
        msg = (
            f"--webhook is {url!r}; valid: an https address, such as https://hooks.example.org/rater, or an "
            "http address of this machine, without a user's name."
        )
        raise RaterError(msg)
    if secret is None or len(secret) < MIN_SECRET_LENGTH:
        length = "missing" if not secret else f"{len(secret)} characters long"
        msg = (
            f"RATER_WEBHOOK_SECRET is {length}; valid: at least {MIN_SECRET_LENGTH} characters, with which "
            "messages are signed. A new one: openssl rand -hex 32"
        )
        raise RaterError(msg)
    return WebhookSettings(url, secret, max_attrition=max_attrition, max_failing=max_failing)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def sign(secret: str, body: bytes, *, now: datetime) -> str:
    """Return the value of the signature's header: ``t=SECONDS,v1=HEX``.

    HEX is the HMAC-SHA256 of ``SECONDS.BODY`` with the secret. A receiver computes it again, compares both in
    constant time, and refuses an old timestamp.
    """
    seconds = int(now.timestamp())
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


class ServerErrors:
    """Count the server errors of this process since they were last taken."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n = 0

    def note(self, response: Response) -> Response:
        """Count an answer with a status of 500 or higher."""
        if response.status_code >= _SERVER_ERROR:
            self.add(1)
        return response

    def add(self, n: int) -> None:
        """Add to the count."""
        with self._lock:
            self._n += n

    def take(self) -> int:
        """Return the count, and begin again at 0."""
        with self._lock:
            n, self._n = self._n, 0
        return n


def init_app(app: Flask, running: Running) -> None:
    """Count server errors, and report them and the open studies from a thread of this process."""
    errors = ServerErrors()
    app.after_request(errors.note)
    reporter = Reporter(running, errors)
    app.extensions[_EXTENSION] = reporter
    reporter.start()


def find_events(
    session: Session, study: PublishedStudy, settings: WebhookSettings, *, now: datetime
) -> Iterator[tuple[WebhookKind, dict[str, float]]]:
    """Find what there is to report of a study. Costs up to 17 queries, whatever its size."""
    watched, raters = watch_study(session, study, now=now), watch_raters(session, study, now=now)
    numbers = _count(watched, raters)
    if not has_free_booklet(session, study.id, Limits.of(study.protocol, now)):
        yield WebhookKind.FULL, numbers
    n_started = len(raters)
    if n_started >= MIN_RATERS and watched.n_left / n_started > settings.max_attrition:
        yield WebhookKind.ATTRITION, {**numbers, "limit": settings.max_attrition}
    n_checked = int(numbers["n_raters_checked"])
    if n_checked >= MIN_RATERS and numbers["n_raters_failing"] / n_checked > settings.max_failing:
        yield WebhookKind.CHECKS_FAILING, {**numbers, "limit": settings.max_failing}


def _count(watched: Watched, raters: list[WatchedRater]) -> dict[str, float]:
    return {
        "n_booklets": watched.n_booklets,
        "n_started": len(raters),
        "n_finished": watched.n_finished,
        "n_under_way": watched.n_under_way,
        "n_left": watched.n_left,
        "n_raters_checked": sum(rater.n_checks > 0 for rater in raters),
        "n_raters_failing": sum(rater.n_checks_passed < rater.n_checks for rater in raters),
    }


class _RefuseRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow no redirect: the answer is an error of the receiver."""


def send(event: DueEvent, settings: WebhookSettings, *, now: datetime) -> str | None:
    """Send an event once; return the reason where the receiver did not confirm it with a status of 2xx."""
    body = event.body.encode()
    request = Request(  # noqa: S310 (the operator's own address, which `read_webhook` has checked)
        settings.url,
        data=body,
        method="POST",
        headers={
            "Content-Type": "application/json",
            "User-Agent": "rater",
            SIGNATURE: sign(settings.secret, body, now=now),
            EVENT_ID: event.id,
        },
    )
    try:
        with build_opener(_RefuseRedirects).open(request, timeout=_TIMEOUT_S):
            return None
    except HTTPError as error:
        error.close()
        return f"status {error.code}"
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__


@dataclass
class Reporter:
    """Reports from one process: queues its server errors, and looks and sends where it holds the lock."""

    running: Running
    errors: ServerErrors

    def __post_init__(self) -> None:
        webhook = self.running.settings.webhook
        assert webhook is not None  # noqa: S101 (the app has no reporter without it)
        self._settings = webhook
        self._stopped = threading.Event()

    def start(self) -> None:
        """Report from now on, in a thread that ends with the process."""
        threading.Thread(target=self._run, name="webhook", daemon=True).start()

    def stop(self) -> None:
        """Stop after the step under way."""
        self._stopped.set()

    def _run(self) -> None:
        with contextlib.ExitStack() as stack:
            has_lock, looked_at = False, -_LOOK_EVERY_S
            while True:
                has_lock = has_lock or self._take_lock(stack)
                looks = has_lock and time.monotonic() - looked_at >= _LOOK_EVERY_S
                if looks:
                    looked_at = time.monotonic()
                try:
                    self.step(sends=has_lock, looks=looks)
                except DatabaseError as error:
                    _log.warning("The webhook waits, since the database cannot be used: %s", error)
                if self._stopped.wait(_SEND_EVERY_S):
                    return

    def _take_lock(self, stack: contextlib.ExitStack) -> bool:
        """Take the lock that one process of a server holds until it ends; True without a folder for it."""
        folder = self.running.settings.previews_folder
        if folder is None:
            return True
        import fcntl  # noqa: PLC0415 (not on every system)

        file = stack.enter_context(Path(folder / LOCK_FILE).open("a", encoding="utf-8"))  # noqa: SIM115 (it is entered)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        return True

    def step(self, *, sends: bool = True, looks: bool = True) -> None:
        """Queue what happened, and send what is due.

        Args:
            sends: Send what is queued.
            looks: Look at the open studies first.

        Raises:
            DatabaseError: the database cannot be used; server errors stay counted.
        """
        self._queue_errors()
        if looks:
            self._queue_studies()
        while sends and not self._stopped.is_set() and self._send_one():
            pass

    def _queue_errors(self) -> None:
        n = self.errors.take()
        if not n:
            return
        now = self.running.settings.now()
        is_queued = False
        try:
            with writing(self.running.engine) as session:
                is_queued = queue_event(
                    session, WebhookKind.SERVER_ERRORS, "", {"n_server_errors": n}, now=now
                )
        finally:
            if not is_queued:  # reported with those of the next period
                self.errors.add(n)

    def _queue_studies(self) -> None:
        now = self.running.settings.now()
        with reading(self.running.engine) as session:
            studies = [study for study in list_studies(session) if study.state is State.OPEN]
            found = [
                (kind, study.name, numbers)
                for study in studies
                for kind, numbers in find_events(session, study, self._settings, now=now)
            ]
        with writing(self.running.engine) as session:
            forget_old_events(session, now=now)
            for kind, name, numbers in found:
                queue_event(session, kind, name, numbers, now=now)

    def _send_one(self) -> bool:
        """Send the oldest event that is due; return whether there was one."""
        now = self.running.settings.now()
        with writing(self.running.engine) as session:
            event = claim_event(session, now=now)
        if event is None:
            return False
        reason = send(event, self._settings, now=now)  # outside of a transaction
        now = self.running.settings.now()
        with writing(self.running.engine) as session:
            if reason is None:
                note_delivered(session, event, now=now)
            else:
                next_at = note_failed(session, event, now=now)
        if reason is not None:
            _log.warning(
                "The webhook did not confirm an event (%s); next attempt at %s UTC.",
                reason,
                f"{next_at:%H:%M:%S}",
            )
        return True
