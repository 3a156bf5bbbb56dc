"""Visitors who cannot begin: their browser keeps no cookie, or their link does not name them."""

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from rater.store.engine import reading
from rater.store.rating.counts import Turned, read_tallies
from rater.store.rating.studies import get_study
from rater.study.protocol import Protocol
from rater.study.visit import MTURK, PROLIFIC, Recruitment
from rater.web.app import create_app
from rater.web.settings import WebSettings, running

ADA = "5f3a9c0b1d2e3f4a5b6c7d8e"
Publish = Callable[..., str]
Rows = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def recruited(publish_study: Publish, protocol: Protocol) -> Callable[..., str]:
    """A function that publishes a study with a recruitment site."""

    def publish(recruitment: Recruitment = PROLIFIC, **changes: object) -> str:
        shown = protocol.model_copy(update={"recruitment": recruitment.model_copy(update=changes)})
        return publish_study(slug="recruited", name="recruited", shown=shown)

    return publish


@pytest.fixture
def tallies(app: Flask) -> Callable[[str], dict[Turned, int]]:
    """A function that reads how many visitors of a study did not become raters."""

    def read(name: str) -> dict[Turned, int]:
        with reading(app.extensions["rater"].engine) as session:
            return read_tallies(session, get_study(session, name).id)

    return read


def agree_without_cookies(client: FlaskClient, slug: str, query: str = "") -> TestResponse:
    """Agree in a browser that keeps no cookies, and follow where that leads."""
    page = client.get(f"/s/{slug}/consent{query}")
    form = BeautifulSoup(page.text, "html.parser").select("main form input[type=hidden]")
    sent = {str(each["name"]): str(each["value"]) for each in form}
    led_on = client.post(f"/s/{slug}/consent", data={**sent, "decision": "agree"})
    return client.get(led_on.location, headers={"Referer": f"http://localhost/s/{slug}/consent"})


def words_of(page: TestResponse) -> str:
    return " ".join(BeautifulSoup(page.text, "html.parser").get_text(" ").split())


def test_a_browser_without_cookies_is_told_and_takes_no_place(
    app: Flask, slug: str, rows: Rows, tallies: Callable[[str], dict[Turned, int]]
) -> None:
    client = app.test_client(use_cookies=False)

    pages = [agree_without_cookies(client, slug) for _ in range(5)]

    assert {page.status_code for page in pages} == {403}
    assert "Your browser blocked the cookie that this study needs" in pages[-1].text
    assert rows("SELECT count(*) FROM rater") == rows("SELECT count(*) FROM token") == [(0,)]
    assert tallies("a_study") == {Turned.NO_COOKIE: 5}


def test_trying_again_keeps_what_the_link_said(app: Flask, recruited: Callable[..., str]) -> None:
    query = "?" + urlencode({"PROLIFIC_PID": ADA, "STUDY_ID": "s-1"})
    client = app.test_client(use_cookies=False)

    page = agree_without_cookies(client, recruited(), query)

    again = BeautifulSoup(page.text, "html.parser").select_one("main a.primary")
    assert again is not None
    assert again["href"] == f"/s/recruited/consent{query}"


def test_a_cookie_of_an_earlier_rater_is_not_taken_for_the_new_one(
    app: Flask, recruited: Callable[..., str], rows: Rows
) -> None:
    client = app.test_client(use_cookies=False)
    led_on = client.post(
        "/s/recruited/consent" if recruited() else "",
        data={"decision": "agree", "token": "a" * 43, "arrival.PROLIFIC_PID": ADA},
    )
    client.get(led_on.location, headers={"Cookie": f"rater={'a' * 43}"})
    other = client.post(
        "/s/recruited/consent",
        data={"decision": "agree", "token": "b" * 43, "arrival.PROLIFIC_PID": ADA[::-1]},
    )

    page = client.get(other.location, headers={"Cookie": f"rater={'a' * 43}"})

    assert page.status_code == 403
    assert rows("SELECT value FROM identifier") == [(ADA,)]


def test_the_log_says_once_why_a_cookie_may_be_missing(
    rating_url: str, slug: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(WebSettings(rating_url, secure_cookies=True))
    client = app.test_client(use_cookies=False)

    with caplog.at_level(logging.WARNING, logger="rater.web"):
        agree_without_cookies(client, slug)
        agree_without_cookies(client, slug)

    [record] = [each for each in caplog.records if "cookie" in each.getMessage()]
    assert "opened by http" in record.getMessage()
    with app.app_context():
        running().engine.dispose()


@pytest.mark.parametrize(
    "value",
    [
        "{{%PROLIFIC_PID%}}",
        "%7B%7B%25PROLIFIC_PID%25%7D%7D",
        "undefined",
        "[participantId]",
        "  ",
        "\u200b",
        "",
        "<PROLIFIC_PID>",
        "${PROLIFIC_PID}",
        "null",
        "PROLIFIC_PID",
        "A1",
        ADA[:-1],
        f"{ADA}0",
    ],
)
def test_two_people_with_an_unfilled_link_are_two_raters(
    app: Flask, recruited: Callable[..., str], rows: Rows, value: str
) -> None:
    slug, query = recruited(), "?" + urlencode({"PROLIFIC_PID": value, "SESSION_ID": "{{%SESSION_ID%}}"})

    for client in (app.test_client(), app.test_client()):
        welcome = client.get(f"/s/{slug}{query}").text
        assert "already started this study" not in welcome
        agree_without_cookies(client, slug, query)

    assert rows("SELECT count(*) FROM rater") == [(2,)]
    assert rows("SELECT count(*) FROM identifier") == [(0,)]


@pytest.mark.parametrize(
    "query", ["", "?workerId=", "?workerId=%24%7BworkerId%7D", "?workerId=None", "?workerId=%E2%80%8B"]
)
def test_where_an_identifier_is_required_an_unfilled_link_is_turned_away_at_every_step(
    app: Flask,
    recruited: Callable[..., str],
    rows: Rows,
    tallies: Callable[[str], dict[Turned, int]],
    query: str,
) -> None:
    slug, client = recruited(MTURK, required=True), app.test_client()

    assert "did not send us your participant ID" in words_of(client.get(f"/s/{slug}{query}"))
    assert client.get(f"/s/{slug}/consent{query}").status_code == 303
    form = {"decision": "agree", "token": "a" * 43}
    client.get(client.post(f"/s/{slug}/consent", data=form).location)
    assert rows("SELECT count(*) FROM rater") == [(0,)]
    assert tallies("recruited") == {Turned.UNFILLED_LINK: 1}


def test_an_unfilled_link_is_logged_by_parameter_and_never_by_value(
    client: FlaskClient, recruited: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="rater.web"):
        client.get(f"/s/{recruited()}?PROLIFIC_PID=%7B%7Bsecret%7D%7D")

    [record] = caplog.records
    assert "recruited" in record.getMessage()
    assert "PROLIFIC_PID is a placeholder that was not filled in" in record.getMessage()
    assert "secret" not in record.getMessage()


@pytest.mark.parametrize("other", [" W 7é ", "W\u00a07\u0065\u0301", "W 7é\u200b", "W  7é"])
def test_identifiers_that_look_the_same_are_one_person(
    app: Flask, recruited: Callable[..., str], rows: Rows, other: str
) -> None:
    slug = recruited(MTURK)
    agree_without_cookies(app.test_client(), slug, "?" + urlencode({"workerId": "W 7é"}))

    welcome = app.test_client().get(f"/s/{slug}?" + urlencode({"workerId": other}))

    assert "You have already started this study." in welcome.text
    assert rows("SELECT value FROM identifier") == [("W 7é",)]


def test_what_the_site_adds_counts_for_more_than_the_placeholder_before_it(
    client: FlaskClient, recruited: Callable[..., str], rows: Rows
) -> None:
    query = f"?PROLIFIC_PID=%7B%7B%25PROLIFIC_PID%25%7D%7D&PROLIFIC_PID={ADA}"

    agree_without_cookies(client, recruited(), query)

    assert rows("SELECT value FROM identifier") == [(ADA,)]


@pytest.mark.parametrize("path", ["/", "/nothing-here"])
def test_a_link_with_something_behind_its_end_keeps_its_parameters(
    client: FlaskClient, recruited: Callable[..., str], path: str
) -> None:
    answer = client.get(f"/s/{recruited()}{path}?PROLIFIC_PID={ADA}&other=x")

    assert answer.location == f"/s/recruited?PROLIFIC_PID={ADA}"


def test_the_seventh_from_one_network_reads_why_and_the_experimenter_too(
    app: Flask, slug: str, rows: Rows, tallies: Callable[[str], dict[Turned, int]], publish_study: Publish
) -> None:
    publish_study(slug="lab", name="lab", n_booklets=9)
    far = {"REMOTE_ADDR": "192.0.2.7"}
    pages = []
    for number in range(6):
        client = app.test_client()
        form = {"decision": "agree", "token": f"{number}" * 43}
        led_on = client.post("/s/lab/consent", data=form, environ_base=far)
        pages = [client.get(led_on.location, environ_base=far) for _ in range(2)]

    assert {page.status_code for page in pages} == {429}
    assert "Too many people have started this study from your network today." in pages[0].text
    assert rows("SELECT count(*) FROM rater") == [(5,)]
    assert tallies("lab") == {Turned.BUSY_NETWORK: 1}
