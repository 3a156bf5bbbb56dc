import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from bs4 import BeautifulSoup
from flask import Flask, render_template_string
from jinja2 import UndefinedError
from werkzeug.test import TestResponse

from rater.errors import RaterError
from rater.store.engine import disposing, writing
from rater.store.rating.open import create_rating
from rater.store.rating.users import add_user
from rater.web.app import create_app, read_prefix
from rater.web.settings import WebSettings, running


@pytest.mark.parametrize("name", ["arm", "request", "session", "config", "g"])
def test_a_template_sees_nothing_but_its_page(app: Flask, name: str) -> None:
    with app.test_request_context(), pytest.raises(UndefinedError):
        render_template_string("{{ " + name + " }}")


@pytest.mark.parametrize("header", ["//evil.example", "/a/../b", "https://evil.example", "/x y", "/a?b"])
def test_a_prefix_that_is_no_path_is_not_taken(slug: str, rating_url: str, header: str) -> None:
    app = create_app(WebSettings(rating_url, n_proxies=1))
    page = app.test_client().get(f"/s/{slug}", headers={"X-Forwarded-Prefix": header})

    assert f'href="/s/{slug}/consent"' in page.text
    with app.app_context():
        running().engine.dispose()


def test_without_a_trusted_proxy_no_header_makes_a_prefix(app: Flask, slug: str) -> None:
    page = app.test_client().get(f"/s/{slug}", headers={"X-Forwarded-Prefix": "/rater"})

    assert f'href="/s/{slug}/consent"' in page.text


NOW = datetime(2026, 2, 3, tzinfo=UTC)


class Proxy:
    """A proxy that hands on what is under /rater, and a browser in front of it."""

    def __init__(self, app: Flask, *, cuts: bool, header: bool) -> None:
        self._client = app.test_client(use_cookies=False)
        self._cuts = cuts
        self._headers = {"X-Forwarded-Prefix": "/rater"} if header else {}
        self._cookies: dict[str, tuple[str, str]] = {}
        self.asked: list[str] = []

    def send(self, path: str, form: dict[str, str] | None = None) -> TestResponse:
        for _ in range(6):
            self.asked.append(path)
            assert path.startswith("/rater/"), path
            page = self._send_once(path, form)
            if page.status_code != 303:
                return page
            path, form = page.location, None
        raise AssertionError(self.asked)

    def _send_once(self, path: str, form: dict[str, str] | None) -> TestResponse:
        kept = [f"{name}={value}" for name, (value, of) in self._cookies.items() if path.startswith(of)]
        options = {"headers": {**self._headers, "Cookie": "; ".join(kept)}}
        inner = path.removeprefix("/rater") if self._cuts else path
        page = (
            self._client.get(inner, **options)
            if form is None
            else self._client.post(inner, data=form, **options)
        )
        for cookie in page.headers.getlist("Set-Cookie"):
            name, value = cookie.split(";")[0].split("=", 1)
            of = re.search(r"Path=([^;]+)", cookie)
            assert of is not None
            self._cookies[name] = (value, of[1])
        return page


@pytest.fixture(params=["cut, told", "cut, by option", "whole, by option"])
def proxy(request: pytest.FixtureRequest, slug: str, rating_url: str, tmp_path: object) -> Iterator[Proxy]:
    """A proxy that cuts the prefix off and tells it, or cuts it off, or leaves it on."""
    header = request.param == "cut, told"
    settings = WebSettings(
        rating_url,
        prefix="" if header else "/rater",
        n_proxies=1 if header else 0,
        with_desk=True,
        previews_folder=tmp_path,  # type: ignore[arg-type] # pytest's own
    )
    app = create_app(settings)
    yield Proxy(app, cuts=request.param.startswith("cut"), header=header)
    app.extensions["rater-previews"].close()
    with app.app_context():
        running().engine.dispose()


def fields(page: TestResponse) -> dict[str, str]:
    hidden = BeautifulSoup(page.text, "html.parser").select("main form input[type=hidden]")
    return {str(each["name"]): str(each.get("value", "")) for each in hidden}


def test_a_rater_walks_from_landing_to_thanks_under_a_prefix(proxy: Proxy, slug: str) -> None:
    base = f"/rater/s/{slug}"
    landing = proxy.send(base)
    page = proxy.send(f"{base}/consent")
    page = proxy.send(f"{base}/consent", {**fields(page), "decision": "agree"})
    page = proxy.send(f"{base}/instructions", {})
    for position in (1, 2, 3):
        answer = {**fields(page), "answer.happiness": "3", "go": "next"}
        page = proxy.send(f"{base}/trial/{position}", answer)
    page = proxy.send(f"{base}/finish", {})

    assert proxy.asked[-1] == f"{base}/thanks"
    assert "All your answers are saved" in page.text
    for shown in (landing, page):
        links = BeautifulSoup(shown.text, "html.parser").select("link[href], a[href], script[src]")
        addresses = [str(each.get("href") or each.get("src")) for each in links]
        assert addresses
        assert [each for each in addresses if not each.startswith("/rater/")] == []
    style = next(
        str(each["href"]) for each in BeautifulSoup(page.text, "html.parser").select("link[rel=stylesheet]")
    )
    file = proxy.send(style)
    file.close()
    assert file.status_code == 200


def test_the_desk_and_its_preview_work_under_a_prefix(proxy: Proxy, slug: str, rating_url: str) -> None:
    with disposing(create_rating(rating_url)) as rating, writing(rating) as session:
        add_user(session, "ada", "correct horse battery", now=NOW)
    asked = proxy.send("/rater/desk/studies/a_study")
    assert proxy.asked[-1].startswith("/rater/desk/login")

    page = proxy.send(
        "/rater/desk/login", {**fields(asked), "name": "ada", "password": "correct horse battery"}
    )

    assert proxy.asked[-1] == "/rater/desk/studies/a_study"
    assert f"http://localhost/rater/s/{slug}" in page.text
    preview = proxy.send("/rater/desk/studies/a_study/preview", {})
    frame = BeautifulSoup(preview.text, "html.parser").select_one("iframe")
    assert frame is not None
    assert "You will read 3 texts" in proxy.send(str(frame["src"])).text


@pytest.mark.parametrize(
    ("written", "prefix"), [("", ""), ("/", ""), ("/rater/", "/rater"), ("/a/b", "/a/b")]
)
def test_a_prefix_is_a_path_without_a_slash_at_its_end(written: str, prefix: str) -> None:
    assert read_prefix(written) == prefix


@pytest.mark.parametrize("written", ["rater", "/ra ter", "//x", "/a/../b", "https://x.org/rater", "/a?b"])
def test_what_is_no_path_is_refused(written: str) -> None:
    with pytest.raises(RaterError, match="--prefix is"):
        read_prefix(written)
