"""Give tests of the pages an app on a real database file, and a rater who walks it."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from rater.web.app import create_app
from rater.web.settings import WebSettings, running

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


@pytest.fixture
def slug(publish_study: Callable[..., str]) -> str:
    return publish_study()


@pytest.fixture
def app(slug: str, rating_url: str) -> Iterator[Flask]:
    """The app on a database with one open study of three texts."""
    app = create_app(WebSettings(rating_url, now=lambda: NOW))
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
        return client.post(f"/s/{slug}/consent", data={"decision": "agree", "token": token})

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
