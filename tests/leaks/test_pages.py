"""No page, header, cookie or static file carries what raters must not read: here, the study's name."""

import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from rater.web.app import create_app
from rater.web.assets import STATIC_FOLDER
from rater.web.settings import WebSettings, running

MARK = "zq-planted-mark-zq"


@pytest.fixture
def app(publish_study: Callable[..., str], rating_url: str) -> Iterator[Flask]:
    for state in ("open", "closed", "published"):
        publish_study(slug=f"slug-{state}", name=f"{MARK}-{state}", state=state)
    publish_study(slug="slug-full", name=f"{MARK}-full", n_booklets=0)
    app = create_app(WebSettings(rating_url))
    yield app
    with app.app_context():
        running().engine.dispose()


def crawl(client: FlaskClient) -> Iterator[str]:
    """Walk the whole app, errors and refusals included, and yield each answer: headers, cookies and body."""
    base = "/s/slug-open"

    def get(path: str) -> str:
        answer = client.get(path)
        return f"{answer.status} {answer.headers} {answer.text}"

    def post(path: str, form: dict[str, str]) -> str:
        answer = client.post(path, data=form)
        return f"{answer.status} {answer.headers} {answer.text}"

    def hidden(page: str) -> dict[str, str]:
        return dict(re.findall(r'name="(token|submission_id)" value="([^"]+)"', page))

    for path in (
        "/",
        "/healthz",
        "/nothing",
        "/s/slug-closed",
        "/s/slug-published",
        "/s/slug-full",
        f"/s/{MARK}-x",
    ):
        yield get(path).replace(f"{MARK}-x", "")
    for path in (base, f"{base}/declined", f"{base}/trial/1"):
        yield get(path)
    consent = get(f"{base}/consent")
    yield consent
    yield post(f"{base}/consent", {"decision": "decline", **hidden(consent)})
    yield post(f"{base}/consent", {"decision": "agree", **hidden(consent)})
    yield get(f"{base}/instructions")
    yield post(f"{base}/instructions", {})
    for position in (1, 2, 3):
        trial = get(f"{base}/trial/{position}")
        yield trial
        yield post(f"{base}/trial/{position}", {})
        yield post(f"{base}/trial/{position}", hidden(trial))
        yield post(f"{base}/trial/{position}", {**hidden(trial), "answer.happiness": "2"})
    yield get(f"{base}/thanks")
    yield str(client.delete(base).text)


def test_the_name_of_a_study_is_in_nothing_that_a_browser_gets(app: Flask) -> None:
    answers = list(crawl(app.test_client()))

    assert len(answers) == 29
    assert [answer for answer in answers if MARK in answer] == []


def test_static_files_name_no_study_and_no_arm() -> None:
    sources = [path.read_text() for path in STATIC_FOLDER.iterdir()]

    assert len(sources) == 5
    assert [source for source in sources if re.search(r"\b(arm|steered|unsteered|seed)\b", source)] == []
