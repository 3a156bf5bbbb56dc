"""Give tests of the pages an app on a real database file, and a rater who walks it."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import UTC, datetime
from typing import Any, Self

import pytest
from bs4 import BeautifulSoup, Tag
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from rater.study.dimension import Dimension
from rater.study.endings import Ending, Endings
from rater.study.practice_and_checks import Practice
from rater.study.protocol import Protocol
from rater.study.scales import Likert, Number, Slider
from rater.study.visit import PROLIFIC, BlindingQuestion, ScreeningQuestion
from rater.web.app import create_app
from rater.web.settings import WebSettings, running

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


@dataclass
class Clock:
    """A clock that a test can set."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Visitor:
    """Somebody who reads the page that is open, fills in its form, and presses its button."""

    client: FlaskClient
    slug: str
    page: TestResponse = dataclass_field(init=False)

    def open(self, path: str = "", **options: Any) -> Self:
        self.page = self.client.get(f"/s/{self.slug}{path}", follow_redirects=True, **options)
        return self

    @property
    def soup(self) -> BeautifulSoup:
        return BeautifulSoup(self.page.text, "html.parser")

    @property
    def text(self) -> str:
        return " ".join(self.soup.get_text(" ").split())

    @property
    def at(self) -> str:
        """The current page: the path after the study's address."""
        return self.page.request.path.removeprefix(f"/s/{self.slug}")

    def press(self, button: str = "", **fields: Any) -> Self:
        """Send the form with what is hidden in it and these fields, by the button of this value."""
        selector = f"main form:has(button[value={button}])" if button else "main form[method=post]"
        form = self.soup.select_one(selector)
        assert form is not None, self.text
        pressed = form.select_one(f"button[value={button}]" if button else "button.primary")
        assert pressed is not None
        sent = {str(each["name"]): str(each["value"]) for each in form.select("input[type=hidden]")}
        if pressed.get("name"):
            sent[str(pressed["name"])] = str(pressed["value"])
        path = str(form.get("action") or self.page.request.path)
        self.page = self.client.post(path, data={**sent, **fields}, follow_redirects=True)
        return self

    def follow(self) -> Self:
        """Press the page's primary link."""
        link = self.soup.select_one("main a.primary")
        assert isinstance(link, Tag), self.text
        self.page = self.client.get(str(link["href"]), follow_redirects=True)
        return self


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def visitor(client: FlaskClient) -> Callable[[str], Visitor]:
    """A function that returns somebody at a study's pages, in the browser of `client`."""
    return lambda slug: Visitor(client, slug)


@pytest.fixture
def whole(protocol: Protocol) -> Protocol:
    """A protocol with everything that comes before the first text and after the last one."""
    practice = Practice(
        prompt="Sun", text=" shines.", accepted={"happiness": (4, 5)}, feedback="The sun is **happy**."
    )
    sad = Practice(prompt="Rain", text=" falls.", accepted={"happiness": (1, 2)})
    return protocol.model_copy(
        update={
            "content_notice": "Some texts are *rude*.",
            "screening": (
                ScreeningQuestion(question="Are you 18 or older?", options=("Yes", "No"), accepted=("Yes",)),
            ),
            "practice": (practice, sad),
            "practice_pass": 2,
            "break_every": 2,
            "blinding": BlindingQuestion(n_texts=2),
            "final_comment": "Anything unclear?",
            "debrief": "Some texts were changed.",
            "recruitment": PROLIFIC,
            "endings": Endings(
                finished=Ending(code="DONE-1", url="https://example.org/done"),
                screened_out=Ending(code="OUT-1"),
                declined=Ending(code="NO-1"),
                stopped=Ending(code="STOP-1"),
            ),
            "accent": "#8a4b00",
        }
    )


@pytest.fixture
def many(protocol: Protocol) -> Protocol:
    """A protocol with every kind of question about one text."""
    happiness = protocol.dimensions[0].model_copy(update={"cannot_judge": True})
    labels = {2: "some"}
    return protocol.model_copy(
        update={
            "dimensions": (
                happiness,
                Dimension(
                    name="sense",
                    question="Sense?",
                    scale=Likert(points=3, low="none", high="all", labels=labels),
                ),
                Dimension(
                    name="warmth", question="Warm?", scale=Slider(low="cold", high="warm"), cannot_judge=True
                ),
                Dimension(
                    name="age", question="Age?", scale=Number(maximum=120, unit="years"), comment="Why?"
                ),
            )
        }
    )


@pytest.fixture
def slug(publish_study: Callable[..., str]) -> str:
    return publish_study()


@pytest.fixture
def app(slug: str, rating_url: str, clock: Clock) -> Iterator[Flask]:
    """The app on a database with one open study of three texts."""
    app = create_app(WebSettings(rating_url, now=clock))
    yield app
    with app.app_context():
        running().engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def rows(rating_url: str) -> Callable[[str], list[tuple[Any, ...]]]:
    """A function that asks the database file directly."""

    def ask(sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(rating_url.removeprefix("sqlite:///"))) as connection:
            return connection.execute(sql).fetchall()

    return ask


@pytest.fixture
def field() -> Callable[[TestResponse, str], str]:
    """A function that reads a hidden field of a page."""

    def read(page: TestResponse, name: str) -> str:
        found = re.search(f'name="{name}"[^>]*?value="([^"]*)"', page.text)
        assert found is not None
        return found[1]

    return read


@pytest.fixture
def agree(client: FlaskClient, field: Callable[[TestResponse, str], str]) -> Callable[[str], TestResponse]:
    """A function that agrees to take part in a study."""

    def send(slug: str) -> TestResponse:
        token = field(client.get(f"/s/{slug}/consent"), "token")
        led_on = client.post(f"/s/{slug}/consent", data={"decision": "agree", "token": token})
        return client.get(led_on.location)

    return send


@pytest.fixture
def enter(client: FlaskClient, agree: Callable[[str], TestResponse]) -> Callable[[str], None]:
    """A function that agrees and leaves the instructions."""

    def send(slug: str) -> None:
        agree(slug)
        client.post(f"/s/{slug}/instructions")

    return send


@pytest.fixture
def rate(
    client: FlaskClient, field: Callable[[TestResponse, str], str]
) -> Callable[[str, int, int], TestResponse]:
    """A function that opens a text and sends a point for it."""

    def send(slug: str, position: int, point: int) -> TestResponse:
        page = client.get(f"/s/{slug}/trial/{position}")
        form = {"submission_id": field(page, "submission_id"), "answer.happiness": str(point)}
        return client.post(f"/s/{slug}/trial/{position}", data=form)

    return send
