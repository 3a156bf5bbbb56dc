from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from rater.web import limits
from rater.web.app import create_app
from rater.web.arrivals import INVITATION, PREFIX
from rater.web.limits import Limit
from rater.web.settings import WebSettings, running

FAR = {"REMOTE_ADDR": "192.0.2.7"}
Field = Callable[[TestResponse, str], str]
Rows = Callable[[str], list[tuple[object, ...]]]


@pytest.fixture
def begin(app: Flask, slug: str, field: Field) -> Callable[..., int]:
    """A function that agrees to take part in a browser of its own, from an address."""

    def send(address: str = "192.0.2.7", app: Flask = app) -> int:
        client = app.test_client()
        where = {"environ_base": {"REMOTE_ADDR": address}}
        page = client.get(f"/s/{slug}/consent", **where)
        if page.status_code != 200:
            return page.status_code
        form = {"decision": "agree", "token": field(page, "token")}
        led_on = client.post(f"/s/{slug}/consent", data=form, **where)
        return client.get(led_on.location, **where).status_code

    return send


@pytest.fixture
def slug(publish_study: Callable[..., str]) -> str:
    return publish_study(n_booklets=20)


def test_one_address_begins_half_of_the_booklets_and_no_more(begin: Callable[..., int], rows: Rows) -> None:
    statuses = [begin() for _ in range(12)]

    assert statuses == [303] * 10 + [429] * 2
    assert rows("SELECT count(*) FROM rater") == [(10,)]
    assert begin("198.51.100.9") == 303  # somebody elsewhere still can


def test_an_ipv6_customer_is_one_address(begin: Callable[..., int]) -> None:
    statuses = [begin(f"2001:db8:0:1::{number:x}") for number in range(1, 12)]

    assert statuses == [303] * 10 + [429]


def test_a_lab_may_begin_every_booklet_from_its_address(
    slug: str, rating_url: str, begin: Callable[..., int]
) -> None:
    lab = create_app(WebSettings(rating_url, one_network=True))

    assert [begin(app=lab) for _ in range(15)] == [303] * 15
    with lab.app_context():
        running().engine.dispose()


def test_an_invented_invitation_begins_nothing(
    begin: Callable[..., int], app: Flask, slug: str, rows: Rows
) -> None:
    for _ in range(10):
        begin()

    form = {"decision": "agree", "token": "t" * 43, PREFIX + INVITATION: "i" * 22}
    client = app.test_client()
    led_on = client.post(f"/s/{slug}/consent", data=form, environ_base=FAR)
    page = client.get(led_on.location, environ_base=FAR, follow_redirects=True)
    assert page.request.path == f"/s/{slug}/i/{'i' * 22}"  # which says that it is not a link of this study
    assert rows("SELECT count(*) FROM rater") == [(10,)]


def test_this_machine_is_not_limited(begin: Callable[..., int]) -> None:
    assert [begin("127.0.0.1") for _ in range(15)] == [303] * 15


def test_a_proxy_on_this_machine_does_not_lift_the_limits(app: Flask) -> None:
    with app.test_request_context(
        headers={"X-Forwarded-For": "192.0.2.7"}, environ_base={"REMOTE_ADDR": "::1"}
    ):
        assert not limits.is_from_this_machine()
    with app.test_request_context(environ_base={"REMOTE_ADDR": "::1"}):
        assert limits.is_from_this_machine()


def test_whom_a_trusted_proxy_forwards_for_is_who_is_counted(slug: str, rating_url: str) -> None:
    app = create_app(WebSettings(rating_url, n_proxies=1))
    app.add_url_rule("/who", view_func=limits.address_key)

    page = app.test_client().get("/who", headers={"X-Forwarded-For": "203.0.113.5, 192.0.2.7"})

    assert page.text == "192.0.2.7"  # the last proxy said so; what is before it anybody can write
    with app.app_context():
        running().engine.dispose()


def test_a_form_that_is_sent_twice_is_one_beginning(client: FlaskClient, slug: str, field: Field) -> None:
    page = client.get(f"/s/{slug}/consent", environ_base=FAR)
    form = {"decision": "agree", "token": field(page, "token")}

    statuses = []
    for each in [client.application.test_client() for _ in range(12)]:
        led_on = each.post(f"/s/{slug}/consent", data=form, environ_base=FAR)
        statuses.append(each.get(led_on.location, environ_base=FAR).status_code)

    assert statuses == [303] * 12


@pytest.mark.parametrize(
    ("limit", "cookie"), [("SESSION", "rater=" + "a" * 43), ("STRANGER", ""), ("ADDRESS", "rater=x")]
)
def test_too_many_requests_get_a_page_that_says_what_to_do(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, limit: str, cookie: str
) -> None:  # a low limit: reaching the real ones takes seconds
    monkeypatch.setattr(limits, limit, replace(getattr(limits, limit), most=3))
    client = client.application.test_client(use_cookies=False)
    headers = {"Cookie": cookie} if cookie else {}

    pages = [client.get("/", headers=headers, environ_base=FAR) for _ in range(4)]

    assert [page.status_code for page in pages] == [200, 200, 200, 429]
    assert int(pages[-1].headers["Retry-After"]) == getattr(limits, limit).window_s
    assert "That was too fast" in pages[-1].text
    assert client.get("/", headers=headers, environ_base={"REMOTE_ADDR": "192.0.2.8"}).status_code == (
        429 if limit == "SESSION" else 200  # a cookie is one session wherever it is used
    )


def test_static_files_and_health_are_not_counted(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STRANGER", Limit("stranger", 0, 60))

    assert client.get("/healthz", environ_base=FAR).status_code == 200
    assert client.get("/", environ_base=FAR).status_code == 429


def test_a_lab_of_a_hundred_at_work_stays_below_the_limits() -> None:
    rating_s, requests_a_rating = 2.0, 3  # a save, the next page, and its prefetch

    assert requests_a_rating / rating_s * limits.SESSION.window_s < limits.SESSION.most
    assert 100 * requests_a_rating / rating_s * limits.ADDRESS.window_s < limits.ADDRESS.most
