"""No page, header, cookie or static file carries what raters must not read: here, the study's name."""

import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from rater.study.practice_and_checks import Practice
from rater.study.protocol import Protocol
from rater.study.questionnaire import Question
from rater.study.visit import PROLIFIC, BlindingQuestion, ScreeningQuestion
from rater.web.app import create_app
from rater.web.settings import WebSettings, running
from rater.web.theme import STATIC_FOLDER

MARK = "zq-planted-mark-zq"
PERSON = "5f3a9c0b1d2e3f4a5b6c7d8e"


@pytest.fixture
def app(publish_study: Callable[..., str], rating_url: str, protocol: Protocol) -> Iterator[Flask]:
    asked = {
        "screening": (ScreeningQuestion(question="Old?", options=("Yes", "No"), accepted=("Yes",)),),
        "questionnaire": (
            Question(name="field", question="What?", options=("a", "b")),
            Question(name="job", question="Your job?", kind="text", when="after"),
        ),
        "practice": (Practice(prompt="Sun", text=" shines.", feedback="Yes."),),
        "blinding": BlindingQuestion(n_texts=2),
        "final_comment": "Anything?",
        "recruitment": PROLIFIC,
        "break_every": 2,
    }
    shown = protocol.model_copy(update=asked)
    publish_study(slug="slug-asked", name=f"{MARK}-asked", shown=shown)
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
    agreed = client.post(f"{base}/consent", data={"decision": "agree", **hidden(consent)})
    yield f"{agreed.headers}{agreed.text}"
    yield get(agreed.location)
    yield get(f"{base}/instructions")
    yield post(f"{base}/instructions", {})
    for position in (1, 2, 3):
        trial = get(f"{base}/trial/{position}")
        yield trial
        yield post(f"{base}/trial/{position}", {})
        yield post(f"{base}/trial/{position}", hidden(trial))
        yield post(f"{base}/trial/{position}", {**hidden(trial), "answer.happiness": "2"})
    for path in ("again", "leave", "finish"):
        yield get(f"{base}/{path}")
    yield post(f"{base}/finish", {})
    yield get(f"{base}/thanks")
    yield post(f"{base}/language", {"language": "de"})
    yield str(client.delete(base).text)


def test_the_name_of_a_study_is_in_nothing_that_a_browser_gets(app: Flask) -> None:
    answers = list(crawl(app.test_client()))

    assert len(answers) == 35
    assert [answer for answer in answers if MARK in answer] == []


def test_no_page_after_consent_has_identifiers_of_a_recruitment_platform(app: Flask) -> None:
    client, base = app.test_client(), "/s/slug-asked"
    link = f"{base}/consent?PROLIFIC_PID={PERSON}&STUDY_ID={MARK}-study"
    form = dict(re.findall(r'name="(token|arrival[^"]*)" value="([^"]+)"', client.get(link).text))
    pages = [client.post(f"{base}/consent", data={**form, "decision": "agree"}, follow_redirects=True)]

    def post(path: str, fields: dict[str, str]) -> None:
        hidden = dict(re.findall(r'name="(given|submission_id)" value="([^"]+)"', pages[-1].text))
        pages.append(client.post(base + path, data={**hidden, **fields}, follow_redirects=True))

    post("/screening", {"screening.0": "0"})
    post("/questions-before", {"about.field": "0"})
    post("/instructions", {})
    post("/practice/1", {"answer.happiness": "3"})
    post("/practice/1/feedback", {})
    for position in ("1", "2", "3"):
        post(f"/trial/{position}", {"answer.happiness": "3"})
        pages.append(client.get(base, follow_redirects=True))
    post("/finish", {})
    post("/guesses", {"guess.1": "first", "guess.3": "unsure"})
    post("/questions-after", {"about.job": "poet"})
    post("/comment", {"comment": "None."})
    other = app.test_client()
    pages += [other.get(base), other.get(f"{base}/leave"), client.get(f"{base}/leave"), client.get(base)]

    assert pages[-5].request.path == f"{base}/thanks"
    sent = [f"{page.headers} {page.text}" for page in pages]
    assert [page for page in sent if PERSON in page] == []
    assert f"{MARK}-study" not in "".join(sent)


def test_static_files_name_no_study_and_no_arm() -> None:
    sources = [path.read_text() for path in STATIC_FOLDER.iterdir()]

    assert len(sources) > 10
    assert [source for source in sources if re.search(r"\b(arm|steered|unsteered|seed)\b", source)] == []
