import logging
import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient


def test_a_wrong_method_gets_a_page(client: FlaskClient, slug: str) -> None:
    page = client.delete(f"/s/{slug}")

    assert page.status_code == 405
    assert page.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert "Action not available" in page.text


def test_a_host_that_cannot_be_is_refused(client: FlaskClient, slug: str) -> None:
    assert client.get(f"/s/{slug}", headers={"Host": "a" * 70}).status_code == 400


def test_our_mistake_shows_a_reference_and_logs_the_traceback(
    app: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    app.add_url_rule("/fail", view_func=lambda: str(1 // 0))

    with caplog.at_level(logging.ERROR):
        page = client.get("/fail")

    assert page.status_code == 500
    assert "ZeroDivisionError" not in page.text
    reference = re.search("<code>([0-9a-f]{8})</code>", page.text)
    assert reference is not None
    assert reference[1] in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_an_unusable_database_asks_to_come_back(
    app: Flask, client: FlaskClient, slug: str, rating_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = Path(rating_url.removeprefix("sqlite:///"))
    app.extensions["rater"].engine.dispose()
    path.write_bytes(b"no database" * 1000)

    page = client.get(f"/s/{slug}")

    assert page.status_code == 503
    assert page.headers["Retry-After"] == "60"
    assert "cannot be saved at the moment" in page.text
    assert "not a database" in caplog.text
    assert client.get("/readyz").status_code == 503
