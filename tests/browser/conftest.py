"""Give browser tests a real server on a free port and a real Chromium that tells what went wrong in it."""

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, BrowserType, Playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from rater.web.app import create_app
from rater.web.settings import WebSettings, running

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Complaints:
    """Requests of a browser to other sites, and errors in its console."""

    address: str
    foreign_requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def listen(self, context: BrowserContext) -> None:
        context.set_default_timeout(10_000)
        context.on("request", lambda request: self.note_request(request.url))
        context.on("console", lambda message: self.note(message.type, message.text))
        context.on("weberror", lambda error: self.errors.append(str(error.error)))

    def note_request(self, url: str) -> None:
        if not url.startswith(self.address):
            self.foreign_requests.append(url)

    def note(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.errors.append(text)


def chromium_path() -> str | None:
    """Find a Chromium: the one that RATER_CHROMIUM names, the system's, or (None) playwright's own."""
    named = os.environ.get("RATER_CHROMIUM")
    names = ("chromium", "chromium-browser", "google-chrome")
    return named or next((found for name in names if (found := shutil.which(name))), None)


@pytest.fixture
def chromium(playwright: Playwright) -> BrowserType:
    return playwright.chromium


@pytest.fixture
def address(publish_study: Callable[..., str], rating_url: str) -> Iterator[str]:
    """The address of the app on a free port, with a study of three texts at /s/quiet-river."""
    publish_study()
    app = create_app(WebSettings(rating_url))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(timeout=20)
    server.server_close()
    with app.app_context():
        running().engine.dispose()


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 (werkzeug's name)
        pass


@pytest.fixture
def complaints(address: str) -> Iterator[Complaints]:
    """Collect complaints of browsers; a test fails on any."""
    complaints = Complaints(address)
    yield complaints
    assert complaints.foreign_requests == []
    assert complaints.errors == []


Browse = Callable[..., Any]


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """One Chromium for all tests, each of which opens windows of its own that share nothing."""
    browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture
def chromium_window(browser: Browser) -> Browse:
    """A context manager that opens a fresh Chromium window; its arguments are playwright's."""

    @contextmanager
    def opened(**options: Any) -> Iterator[BrowserContext]:
        context = browser.new_context(**options)
        context.set_default_timeout(10_000)
        try:
            yield context
        finally:
            context.close()

    return opened


@pytest.fixture
def browse(chromium_window: Browse, complaints: Complaints) -> Browse:
    """A `chromium_window` in which nothing may go wrong, not even a page that refuses."""

    @contextmanager
    def opened(**options: Any) -> Iterator[BrowserContext]:
        with chromium_window(**options) as context:
            complaints.listen(context)
            yield context

    return opened


@pytest.fixture
def browse_profile(chromium: BrowserType, complaints: Complaints) -> Browse:
    """A context manager that opens Chromium on a profile folder, as a person's browser has one."""

    @contextmanager
    def opened(folder: str) -> Iterator[BrowserContext]:
        context = chromium.launch_persistent_context(folder, executable_path=chromium_path(), args=FLAGS)
        complaints.listen(context)
        try:
            yield context
        finally:
            context.close()

    return opened


@pytest.fixture
def answers(rating_url: str) -> Callable[[], list[tuple[int, int, float]]]:
    """A function that reads position, revision and value of all answers from the database file."""

    def read() -> list[tuple[int, int, float]]:
        with closing(sqlite3.connect(rating_url.removeprefix("sqlite:///"))) as connection:
            rows = connection.execute("SELECT position, revision, value FROM answer ORDER BY id")
            return rows.fetchall()

    return read
