"""Forms of our own pages are taken behind every usual proxy, and those of other sites are refused."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from rater.web.app import create_app
from rater.web.settings import WebSettings, running
from rater.web.theme import STATIC_FOLDER, static_version

Send = Callable[..., TestResponse]


@pytest.fixture
def send(slug: str, rating_url: str) -> Iterator[Send]:
    """A function that agrees to take part, as a browser without Sec-Fetch-Site does, behind some proxies."""
    apps: list[Flask] = []

    def agree(host: str, origin: str, *, n_proxies: int = 0, **headers: str) -> TestResponse:
        apps.append(create_app(WebSettings(rating_url, n_proxies=n_proxies)))
        sent = {"Host": host, "Origin": origin} | {name.replace("_", "-"): headers[name] for name in headers}
        form = {"decision": "agree", "token": "a" * 43}
        return apps[-1].test_client().post(f"/s/{slug}/consent", data=form, headers=sent)

    yield agree
    for app in apps:
        with app.app_context():
            running().engine.dispose()


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8280", "http://127.0.0.1:8280"),
        ("localhost:8080", "http://localhost:8080"),  # a container's mapped port
        ("[::1]:8000", "http://[::1]:8000"),
        ("[2001:db8::7]", "https://[2001:db8::7]"),
        ("Ratings.Example.org", "https://ratings.example.org"),
        ("ratings.example.org:443", "https://ratings.example.org"),
        ("ratings.example.org:80", "http://ratings.example.org"),
    ],
)
def test_the_same_host_and_port_is_our_own(send: Send, host: str, origin: str) -> None:
    assert send(host, origin).status_code == 303


@pytest.mark.parametrize(
    ("host", "origin", "headers"),
    [
        ("127.0.0.1", "http://127.0.0.1:8280", {}),  # nginx: Host $host
        ("[::1]", "http://[::1]:8280", {}),
        ("ratings.example.org:80", "http://ratings.example.org:8280", {}),  # $host:$server_port, mapped
        ("ratings.example.org", "https://ratings.example.org:8443", {}),
        (
            "127.0.0.1:8000",
            "https://ratings.example.org",
            {"X_Forwarded_Host": "ratings.example.org"},
        ),  # Apache
        ("app:8000", "https://r.example.org:8443", {"X_Forwarded_Host": "r.example.org:8443"}),  # Traefik
        ("r.example.org:8443", "https://r.example.org:8443", {"X_Forwarded_Host": "inner.example"}),
    ],
)
def test_behind_a_trusted_proxy_a_port_that_it_left_out_is_not_missed(
    send: Send, host: str, origin: str, headers: dict[str, str]
) -> None:
    assert send(host, origin, n_proxies=1, **headers).status_code == 303


@pytest.mark.parametrize(
    ("host", "origin", "n_proxies", "headers"),
    [
        ("127.0.0.1:8280", "http://127.0.0.1:9000", 1, {}),
        ("127.0.0.1", "http://127.0.0.1:9000", 0, {}),  # asked for directly, so on port 80
        ("ratings.example.org", "https://evil.example.org:8280", 1, {}),
        ("ratings.example.org", "https://ratings.example.org.evil.example", 1, {}),
        ("ratings.example.org", "https://evil.example", 0, {"X_Forwarded_Host": "evil.example"}),
        ("[::1]:8000", "http://[::2]:8000", 1, {}),
        ("ratings.example.org", "http://[::1", 1, {}),
        ("ratings.example.org", "null", 1, {}),
        ("ratings.example.org", "https://ratings.example.org@evil.example", 1, {}),
        ("ratings.example.org", "https://x@ratings.example.org", 1, {}),
        ("ratings.example.org", "ratings.example.org", 1, {}),
        ("ratings.example.org", "https://ratings.example.org", 1, {"Sec_Fetch_Site": "same-site"}),
    ],
)
def test_another_site_is_refused(
    send: Send, host: str, origin: str, n_proxies: int, headers: dict[str, str]
) -> None:
    assert send(host, origin, n_proxies=n_proxies, **headers).status_code == 403


def test_a_refusal_logs_what_was_compared_once(send: Send, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="rater.web"):
        send("127.0.0.1:8000", "https://ratings.example.org:8280\x1b[2J", n_proxies=1)

    [record] = caplog.records
    assert "Origin 'https://ratings.example.org:8280" in record.getMessage()
    assert "'127.0.0.1:8000'" in record.getMessage()
    assert "\x1b" not in record.getMessage()


@pytest.mark.parametrize("path", ["/", "/nothing", "/s/quiet-river", "/s/quiet-river/trial/1", "/healthz"])
def test_every_answer_is_confined(client: FlaskClient, slug: str, path: str) -> None:
    headers = client.get(path).headers

    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", ["trial.html", "_base.html", "consent.html", "_macros.html"])
def test_templates_have_no_inline_script_or_style(name: str) -> None:
    source = (STATIC_FOLDER.parent / "templates" / name).read_text()

    assert "<style" not in source
    assert "style=" not in source
    assert " on" + "click" not in source
    assert "<script>" not in source


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://another.example"},
        {"Origin": "null"},
        {"Origin": "http://[::1"},
        {"Origin": "http://localhost@another.example"},
        {"Origin": "http://localhost.another.example"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_post_from_another_site_is_refused(client: FlaskClient, slug: str, headers: dict[str, str]) -> None:
    form = {"decision": "agree", "token": "a" * 43}

    page = client.post(f"/s/{slug}/consent", data=form, headers=headers)

    assert page.status_code == 403
    assert "Set-Cookie" not in page.headers


@pytest.mark.parametrize(
    "headers",
    [{}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost"}, {"Origin": "https://localhost"}],
)
def test_a_post_from_our_pages_is_taken(client: FlaskClient, slug: str, headers: dict[str, str]) -> None:
    form = {"decision": "agree", "token": "a" * 43}

    assert client.post(f"/s/{slug}/consent", data=form, headers=headers).status_code == 303


def test_a_link_from_another_site_is_followed(client: FlaskClient, slug: str) -> None:
    assert client.get(f"/s/{slug}", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_the_cookie_belongs_to_one_study_and_to_no_script(client: FlaskClient, slug: str) -> None:
    answer = client.post(f"/s/{slug}/consent", data={"decision": "agree", "token": "a" * 43})
    cookie = answer.headers["Set-Cookie"]

    assert "; HttpOnly" in cookie
    assert "; SameSite=Lax" in cookie
    assert f"; Path=/s/{slug};" in cookie
    assert "; Max-Age=15552000;" in cookie
    assert "Secure" not in cookie


def test_behind_tls_cookies_are_secure_and_browsers_stay_on_it(rating_url: str, slug: str) -> None:
    app = create_app(WebSettings(rating_url, secure_cookies=True))

    answer = app.test_client().post(f"/s/{slug}/consent", data={"decision": "agree", "token": "a" * 43})

    assert "; Secure;" in answer.headers["Set-Cookie"]
    assert answer.headers["Strict-Transport-Security"] == "max-age=15552000"
    with app.app_context():
        running().engine.dispose()


def test_a_huge_request_is_refused(client: FlaskClient, slug: str) -> None:
    page = client.post(f"/s/{slug}/consent", data={"decision": "x" * 70_000})

    assert page.status_code == 413
    assert "larger than allowed" in page.text


def test_a_cookie_that_is_no_token_is_nobody(client: FlaskClient, slug: str) -> None:
    client.set_cookie("rater", "x" * 3000, path=f"/s/{slug}")

    assert client.get(f"/s/{slug}").status_code == 200


def test_static_files_are_kept_for_good_under_an_address_that_changes(
    app: Flask, client: FlaskClient
) -> None:
    page = client.get(f"/static/{static_version(STATIC_FOLDER)}/rater.css")

    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert client.get("/static/000000000000/rater.css").status_code == 404
    page.close()


def test_the_static_version_follows_names_and_content(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("a{}")
    before = static_version(tmp_path)
    (tmp_path / "a.css").write_text("a{ }")
    changed = static_version(tmp_path)
    (tmp_path / "a.css").rename(tmp_path / "b.css")

    assert len({before, changed, static_version(tmp_path)}) == 3


def test_no_page_may_use_the_camera_or_the_like(client: FlaskClient, slug: str) -> None:
    policy = client.get(f"/s/{slug}").headers["Permissions-Policy"]

    for feature in ("camera", "microphone", "geolocation", "payment"):
        assert f"{feature}=()" in policy
