import io
import json
import logging
import sys
from collections.abc import Callable, Iterator

import pytest
from flask import Flask, request
from flask.testing import FlaskClient

from rater.web import logs


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., io.StringIO]]:
    """A function that lets the app log into a text; what was set before is set again."""
    logger = logging.getLogger("rater.web")
    before = logger.handlers, logger.propagate, logger.level

    def into(log_format: logs.LogFormat, level: str = "info") -> io.StringIO:
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        logs.configure(log_format, level)
        return stream

    yield into
    logger.handlers, logger.propagate, logger.level = before
    logger.setLevel(before[2])


def test_a_request_is_logged_by_its_page_and_not_by_its_sender(
    client: FlaskClient, slug: str, logged: Callable[..., io.StringIO]
) -> None:
    stream = logged("json")

    client.get(f"/s/{slug}?PROLIFIC_PID=frances", headers={"Cookie": "rater=" + "t" * 43})

    line = json.loads(stream.getvalue())
    assert line["status"] == 200
    assert line["method"] == "GET"
    assert line["page"].startswith("rater.")
    assert line["ms"] >= 0
    for personal in ("frances", "127.0.0.1", "t" * 43, slug):
        assert personal not in stream.getvalue()


def test_at_level_warning_requests_are_not_logged(
    client: FlaskClient, logged: Callable[..., io.StringIO]
) -> None:
    stream = logged("text", "warning")

    client.get("/")

    assert stream.getvalue() == ""


def test_a_failure_is_one_json_line_with_its_reference_and_traceback(
    app: Flask, client: FlaskClient, logged: Callable[..., io.StringIO]
) -> None:
    stream = logged("json", "warning")
    app.add_url_rule("/fail", view_func=lambda: str(1 // 0))

    page = client.get("/fail")

    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert line["level"] == "error"
    assert f"<code>{line['reference']}</code>" in page.text
    assert "ZeroDivisionError" in line["traceback"]


def test_a_failed_statement_is_logged_without_what_was_sent(
    app: Flask, client: FlaskClient, logged: Callable[..., io.StringIO]
) -> None:
    from sqlalchemy import text  # noqa: PLC0415 (only here)

    stream = logged("json", "warning")

    def fail() -> str:
        with app.extensions["rater"].engine.connect() as connection:
            connection.execute(text("SELECT nothing FROM study WHERE name = :name"), dict(request.args))
        return ""

    app.add_url_rule("/fail", view_func=fail)
    client.get("/fail?name=frances")

    assert "parameters hidden" in stream.getvalue()
    assert "frances" not in stream.getvalue()


def test_a_made_up_method_is_logged_as_other(client: FlaskClient, logged: Callable[..., io.StringIO]) -> None:
    stream = logged("text")

    client.open("/", method="X-MY-NAME")

    assert " other " in stream.getvalue()
    assert "X-MY-NAME" not in stream.getvalue()


def line(message: str, *arguments: object, at: float) -> logging.LogRecord:
    record = logging.LogRecord("rater.web", logging.WARNING, "", 0, message, arguments, None)
    record.created = at
    return record


def test_a_flood_of_lines_of_one_kind_is_counted_and_hides_no_other() -> None:
    limit = logs.RepeatLimit(most=3)

    passed = [
        limit.filter(line("%s: a page failed", f"{number:08x}", at=1000 + number)) for number in range(9)
    ]
    other = limit.filter(line("Something else.", at=1009))
    after = line("%s: a page failed", "ffffffff", at=1075)

    assert passed == [True] * 3 + [False] * 6
    assert other
    assert limit.filter(after)
    assert after.getMessage() == "ffffffff: a page failed (6 more such lines within a minute were left out)"
