"""Come to a study in Chromium: with cookies refused, by http to a server for https, inside another page."""

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserType, Page
from werkzeug.serving import make_server

from rater.study.protocol import Protocol
from rater.study.visit import MTURK, PROLIFIC
from rater.web.app import create_app
from rater.web.settings import WebSettings, running

from .conftest import FLAGS, chromium_path

pytestmark = pytest.mark.browser

Publish = Callable[..., str]
ADA = "5f3a9c0b1d2e3f4a5b6c7d8e"
LINK = f"/s/recruited?PROLIFIC_PID={ADA}&SESSION_ID=s-1"
BLOCKED = "Your browser blocked the cookie that this study needs"


@pytest.fixture
def recruited(publish_study: Publish, protocol: Protocol) -> None:
    """A study at /s/recruited whose raters come from a recruitment site."""
    shown = protocol.model_copy(update={"recruitment": PROLIFIC})
    publish_study(slug="recruited", name="recruited", shown=shown)


@pytest.fixture
def n_raters(rating_url: str) -> Callable[[], int]:
    """A function that counts the raters in the database file."""

    def count() -> int:
        with closing(sqlite3.connect(rating_url.removeprefix("sqlite:///"))) as connection:
            [(n,)] = connection.execute("SELECT count(*) FROM rater").fetchall()
        return int(n)

    return count


@contextmanager
def served(rating_url: str, **settings: Any) -> Iterator[int]:
    """Serve the app on a free port of this machine; yields the port."""
    app = create_app(WebSettings(rating_url, **settings))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(timeout=20)
        server.server_close()
        with app.app_context():
            running().engine.dispose()


def agree(page: Page) -> None:
    page.get_by_role("link", name="Begin").click()
    page.get_by_role("button", name="I agree to take part").click()


@pytest.mark.usefixtures("recruited")
def test_a_browser_that_refuses_cookies_is_told_takes_no_place_and_keeps_its_link(
    chromium: BrowserType, rating_url: str, tmp_path: Path, n_raters: Callable[[], int]
) -> None:
    profile = tmp_path / "profile"
    (profile / "Default").mkdir(parents=True)
    refused = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (profile / "Default" / "Preferences").write_text(json.dumps(refused))

    with served(rating_url) as port:
        context = chromium.launch_persistent_context(profile, executable_path=chromium_path(), args=FLAGS)
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}{LINK}")
        for _ in range(3):
            if page.get_by_role("link", name="Begin").count():
                page.get_by_role("link", name="Begin").click()
            page.get_by_role("button", name="I agree to take part").click()
            assert BLOCKED in page.inner_text("main")
            page.get_by_role("link", name="Try again").click()

        assert f"PROLIFIC_PID={ADA}&SESSION_ID=s-1" in page.url
        context.close()
    assert n_raters() == 0


@pytest.mark.usefixtures("recruited")
def test_a_secure_cookie_over_http_is_noticed(
    chromium: BrowserType, rating_url: str, n_raters: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    with served(rating_url, secure_cookies=True) as port:
        flags = [*FLAGS, "--host-resolver-rules=MAP ratings.test 127.0.0.1"]
        browser = chromium.launch(executable_path=chromium_path(), args=flags)
        page = browser.new_page()
        page.goto(f"http://ratings.test:{port}{LINK}")
        agree(page)

        assert BLOCKED in page.inner_text("main")
        browser.close()
    assert n_raters() == 0
    assert "the page was opened by http" in caplog.text


def test_a_browser_whose_cookie_is_gone_is_told_and_takes_no_second_place(
    chromium_window: Callable[..., Any], address: str, n_raters: Callable[[], int]
) -> None:
    with chromium_window() as context:
        page = context.new_page()
        page.goto(f"{address}/s/quiet-river")
        agree(page)
        page.locator("main form .primary").click()
        context.clear_cookies()
        page.locator("main input[type=radio]").first.check()
        page.get_by_role("button", name="Next").click()
        page.get_by_text("We no longer recognise this browser.").wait_for()

        assert page.url == f"{address}/s/quiet-river/trial/1"
    assert n_raters() == 1


class _Hit(BaseHTTPRequestHandler):
    """Another site's page with the study in a frame, as MTurk shows an ExternalQuestion."""

    study = ""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(f'<iframe width=380 height=400 src="{self.study}"></iframe>'.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
        pass


def test_inside_another_sites_page_the_study_opens_a_tab_of_its_own(
    chromium: BrowserType, rating_url: str, publish_study: Publish, protocol: Protocol
) -> None:
    shown = protocol.model_copy(update={"recruitment": MTURK})
    publish_study(slug="hit", name="hit", shown=shown)
    outside = HTTPServer(("127.0.0.1", 0), _Hit)
    threading.Thread(target=outside.serve_forever, daemon=True).start()
    with served(rating_url) as port:
        _Hit.study = f"http://127.0.0.1:{port}/s/hit?workerId=W1&hitId=H1&turkSubmitTo=x"
        flags = [*FLAGS, "--host-resolver-rules=MAP worker.test 127.0.0.1"]
        browser = chromium.launch(executable_path=chromium_path(), args=flags)
        page = browser.new_page()
        page.goto(f"http://worker.test:{outside.server_port}/")
        with page.expect_popup() as opened:
            page.frame_locator("iframe").get_by_role("link", name="Open the study").click()
        tab = opened.value
        agree(tab)

        assert "How to rate" in tab.inner_text("main")
        browser.close()
    outside.shutdown()
    outside.server_close()
    with closing(sqlite3.connect(rating_url.removeprefix("sqlite:///"))) as connection:
        assert connection.execute("SELECT name, value FROM identifier ORDER BY name").fetchall() == [
            ("hitId", "H1"),
            ("workerId", "W1"),
        ]
