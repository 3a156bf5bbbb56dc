from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.test import TestResponse

ID = "0123456789abcdef"


@pytest.fixture
def statements(app: Flask) -> Iterator[list[str]]:
    """The statements that the app has sent, transaction control apart."""
    seen: list[str] = []
    engine = app.extensions["rater"].engine

    def record(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement.split(maxsplit=1)[0])

    event.listen(engine, "before_cursor_execute", record)
    yield seen
    event.remove(engine, "before_cursor_execute", record)


@pytest.fixture
def round_trips(app: Flask) -> Iterator[list[str]]:
    """Messages to a database server that wait for a reply, transaction control included."""
    seen: list[str] = []
    engine = app.extensions["rater"].engine

    def record(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement.split(maxsplit=1)[0])

    def note(name: str) -> Callable[..., None]:
        return lambda *_: seen.append(name.upper())

    listeners = {name: note(name) for name in ("begin", "commit", "rollback")}
    listeners["before_cursor_execute"] = record
    for name, listener in listeners.items():
        event.listen(engine, name, listener)
    yield seen
    for name, listener in listeners.items():
        event.remove(engine, name, listener)


def test_a_save_with_the_next_page_is_one_transaction_of_four_round_trips(
    client: FlaskClient,
    slug: str,
    enter: Callable[[str], None],
    rate: Callable[[str, int, int], TestResponse],
    round_trips: list[str],
) -> None:
    enter(slug)
    rate(slug, 1, 3)
    round_trips.clear()

    form = {"submission_id": ID, "answer.happiness": "4"}
    page = client.post(f"/s/{slug}/trial/2", data=form, headers={"X-Rater": "1"})

    assert page.headers["X-Rater"] == "saved"
    assert round_trips == ["BEGIN", "SELECT", "INSERT", "COMMIT"]


@pytest.mark.parametrize(("path", "expected"), [("", 4), ("/consent", 2), ("/declined", 1), ("/thanks", 1)])
def test_a_newcomers_pages_cost_few_queries(
    client: FlaskClient, slug: str, statements: list[str], path: str, expected: int
) -> None:
    client.get(f"/s/{slug}{path}")

    assert statements == ["SELECT"] * expected


def test_a_save_with_the_next_page_costs_a_query_and_an_insert(
    client: FlaskClient,
    slug: str,
    enter: Callable[[str], None],
    rate: Callable[[str, int, int], TestResponse],
    statements: list[str],
) -> None:
    enter(slug)
    rate(slug, 1, 3)
    statements.clear()

    form = {"submission_id": ID, "answer.happiness": "4"}
    page = client.post(f"/s/{slug}/trial/2", data=form, headers={"X-Rater": "1"})

    assert page.headers["X-Rater-Url"] == f"/s/{slug}/trial/3"
    assert 'data-position="3"' in page.text
    assert statements == ["SELECT", "INSERT"]


def test_a_changed_answer_with_the_next_page_costs_four_queries_and_an_insert(
    client: FlaskClient,
    slug: str,
    enter: Callable[[str], None],
    rate: Callable[[str, int, int], TestResponse],
    statements: list[str],
) -> None:
    enter(slug)
    rate(slug, 1, 3)
    rate(slug, 2, 3)
    statements.clear()

    form = {"submission_id": ID, "answer.happiness": "4"}
    page = client.post(f"/s/{slug}/trial/1", data=form, headers={"X-Rater": "1"})

    assert page.headers["X-Rater-Url"] == f"/s/{slug}/trial/2"
    assert sorted(statements) == ["INSERT"] + ["SELECT"] * 4


def test_without_a_script_a_trial_costs_two_queries_and_keeping_it_one_and_an_insert(
    client: FlaskClient,
    slug: str,
    enter: Callable[[str], None],
    rate: Callable[[str, int, int], TestResponse],
    statements: list[str],
) -> None:
    enter(slug)
    rate(slug, 1, 3)
    statements.clear()

    client.get(f"/s/{slug}/trial/2")
    opened = statements.copy()
    statements.clear()
    client.post(f"/s/{slug}/trial/2", data={"submission_id": ID, "answer.happiness": "4"})

    assert opened == ["SELECT"] * 2
    assert statements == ["SELECT", "INSERT"]


def test_consent_costs_six_queries_and_two_inserts(
    client: FlaskClient, slug: str, statements: list[str]
) -> None:
    led_on = client.post(f"/s/{slug}/consent", data={"decision": "agree", "token": "a" * 43})
    statements.clear()
    client.get(led_on.location)

    assert sorted(statements) == ["INSERT"] * 2 + ["SELECT"] * 6


def test_the_root_costs_no_query(client: FlaskClient, statements: list[str]) -> None:
    client.get("/")

    assert statements == []
