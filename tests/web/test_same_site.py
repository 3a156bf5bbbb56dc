"""Forms of our own pages are taken behind every usual proxy, and those of other sites are refused."""

import logging
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from rater.web.app import create_app
from rater.web.settings import WebSettings, running

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
