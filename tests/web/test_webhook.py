"""The webhook against a real receiver on this machine."""

import hashlib
import hmac
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from rater.errors import RaterError
from rater.store.engine import disposing, writing
from rater.store.rating.open import open_rating
from rater.store.rating.schema import Booklet, Rater, StudyRow
from rater.store.rating.webhook_queue import WebhookKind, queue_event
from rater.study.state import State
from rater.study.visit import Channel, LeavingReason
from rater.web.app import create_app
from rater.web.settings import Running, WebhookSettings, WebSettings
from rater.web.webhook import EVENT_ID, SIGNATURE, Reporter, ServerErrors, read_webhook, sign

SECRET = "a secret of enough characters"  # noqa: S105 (a test's)
LIMITS = {"max_attrition": 0.3, "max_failing": 0.3}
NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
Rows = Callable[[str], list[tuple[Any, ...]]]
SERVE = """
import sys
from rater.web.server import serve
from rater.web.settings import WebhookSettings, WebSettings
settings = WebSettings(sys.argv[1], webhook=WebhookSettings(sys.argv[2], sys.argv[3]))
serve(settings, port=0, on_listening=lambda address: print(address, flush=True))
"""


@dataclass
class Receiver:
    """The messages that came, and the statuses of the next answers; after them 204."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    received: list[tuple[Message, bytes]] = field(default_factory=list)

    @property
    def events(self) -> list[str]:
        return [json.loads(body)["event"] for _, body in self.received]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.received.append((self.headers, body))
            self.send_response(found.statuses.pop(0) if found.statuses else 204)
            self.send_header("Location", f"{found.url}/other")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    thread.join(timeout=20)
    server.server_close()


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def reporter(
    receiver: Receiver, publish_study: Callable[..., str], rating_url: str
) -> Iterator[tuple[Reporter, Clock]]:
    """A reporter on a database with one open study of twelve booklets, and its clock."""
    publish_study(n_booklets=12)
    clock = Clock()
    settings = WebSettings(rating_url, webhook=WebhookSettings(receiver.url, SECRET), now=clock)
    with disposing(open_rating(rating_url)) as engine:
        yield Reporter(Running(settings, engine), ServerErrors()), clock


def let_raters_come(rating_url: str, n: int, *, n_left: int = 0) -> None:
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        for number, booklet in enumerate(session.scalars(select(Booklet).limit(n))):
            has_left = number < n_left
            session.add(
                Rater(
                    id=f"{number:x}" * 32,
                    study_id=booklet.study_id,
                    booklet_id=booklet.id,
                    channel=Channel.WEB,
                    consented_at=NOW,
                    left_at=NOW if has_left else None,
                    left_why=LeavingReason.STOPPED if has_left else None,
                )
            )


def test_nothing_is_reported_of_a_study_that_goes_well(
    reporter: tuple[Reporter, Clock], receiver: Receiver, rating_url: str
) -> None:
    let_raters_come(rating_url, 10, n_left=3)

    reporter[0].step()

    assert receiver.received == []


def test_attrition_is_reported_once_with_counts_and_without_ids(
    reporter: tuple[Reporter, Clock], receiver: Receiver, rating_url: str
) -> None:
    let_raters_come(rating_url, 11, n_left=5)

    for _ in range(3):
        reporter[0].step()

    assert receiver.events == ["attrition"]
    body = json.loads(receiver.received[0][1])
    assert body["study"] == "a_study"
    assert (body["numbers"]["n_started"], body["numbers"]["n_left"], body["numbers"]["limit"]) == (11, 5, 0.3)
    assert not re.search(rb"[0-9a-f]{32}", receiver.received[0][1])
    assert all(isinstance(number, int | float) for number in body["numbers"].values())


def test_a_study_without_a_free_place_is_reported_while_it_is_open(
    reporter: tuple[Reporter, Clock], receiver: Receiver, rating_url: str
) -> None:
    let_raters_come(rating_url, 12)
    reporter[0].step()
    assert receiver.events == ["full"]

    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        session.scalars(select(StudyRow)).one().state = State.CLOSED
    reporter[1].now += timedelta(days=1)
    reporter[0].step()

    assert receiver.events == ["full"]


def test_a_message_is_signed_with_its_time(reporter: tuple[Reporter, Clock], receiver: Receiver) -> None:
    reporter[0].errors.add(2)
    reporter[0].step()

    headers, body = receiver.received[0]
    seconds = int(NOW.timestamp())
    expected = hmac.new(SECRET.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers[SIGNATURE] == f"t={seconds},v1={expected}" == sign(SECRET, body, now=NOW)
    assert headers["Content-Type"] == "application/json"
    assert re.fullmatch("[0-9a-f]{32}", headers[EVENT_ID])
    assert json.loads(body) == {
        "event": "server_errors",
        "study": None,
        "at": NOW.isoformat(),
        "numbers": {"n_server_errors": 2},
    }


def test_errors_are_retried_with_growing_waits_until_the_receiver_confirms(
    reporter: tuple[Reporter, Clock], receiver: Receiver, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    work, clock = reporter
    receiver.statuses = [500, 503]
    work.errors.add(1)
    for seconds in (0, 29, 1, 59, 1, 600):
        clock.now += timedelta(seconds=seconds)
        work.step()

    assert len(receiver.received) == 3
    assert len({headers[EVENT_ID] for headers, _ in receiver.received}) == 1
    assert rows("SELECT n_attempts, delivered_at IS NOT NULL FROM webhook_event") == [(3, 1)]
    assert "status 500" in caplog.text
    assert SECRET not in caplog.text


def test_a_redirect_is_not_followed(reporter: tuple[Reporter, Clock], receiver: Receiver, rows: Rows) -> None:
    receiver.statuses = [307]
    reporter[0].errors.add(1)

    reporter[0].step()

    assert len(receiver.received) == 1
    assert rows("SELECT delivered_at FROM webhook_event") == [(None,)]


def test_an_event_survives_a_server_that_is_killed_before_it_was_sent(
    receiver: Receiver, reporter: tuple[Reporter, Clock], rating_url: str
) -> None:
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        queue_event(session, WebhookKind.FULL, "a_study", {"n_booklets": 3}, now=datetime.now(UTC))
    command = [sys.executable, "-c", SERVE, rating_url, receiver.url, SECRET]

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        server.stdout.readline()
        until = time.monotonic() + 60
        while not receiver.received and time.monotonic() < until:
            time.sleep(0.1)
        server.terminate()

    assert receiver.events == ["full"]  # of two workers, one sent it


def test_a_failed_page_is_counted_and_a_preview_is_not(
    publish_study: Callable[..., str], rating_url: str, receiver: Receiver, tmp_path: Path
) -> None:
    publish_study()
    settings = WebSettings(rating_url, webhook=WebhookSettings(receiver.url, SECRET))
    app = create_app(settings)
    reporter: Reporter = app.extensions["rater-webhook"]
    reporter.stop()

    def fail() -> str:
        raise ZeroDivisionError

    app.add_url_rule("/fails", view_func=fail)
    assert app.test_client().get("/fails").status_code == 500
    assert app.test_client().get("/").status_code == 200

    assert reporter.errors.take() == 1
    app.extensions["rater"].engine.dispose()


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/x",
        "ftp://127.0.0.1/x",
        "https://",
        "nothing",
        "https://ada:pw@example.org/",
        "http://127.0.0.1.example.org/",
        "https://example.org:99999/",
    ],
)
def test_an_address_that_is_not_https_or_of_this_machine_is_refused(url: str) -> None:
    with pytest.raises(RaterError, match="valid: an https address"):
        read_webhook(url, SECRET, **LIMITS)


def test_a_missing_or_short_secret_is_refused_and_not_shown() -> None:
    for secret in (None, "", "short-secret"):
        with pytest.raises(RaterError, match="RATER_WEBHOOK_SECRET is") as refused:
            read_webhook("https://example.org/", secret, **LIMITS)
        assert "short-secret" not in str(refused.value)
    assert read_webhook(None, None, **LIMITS) is None
    found = read_webhook("http://[::1]:8080/x", SECRET, **LIMITS)
    assert found is not None
    assert SECRET not in repr(found)
