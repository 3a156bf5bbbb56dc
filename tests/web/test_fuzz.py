"""Whatever is sent, no page breaks: 4xx or a redirect, never 5xx."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PATHS = st.sampled_from(
    ["/", "/healthz", "/s/", "/s/quiet-river", "/s/quiet-river/consent", "/s/quiet-river/trial/1", "/static/"]
)
TEXT = st.text(max_size=40)
FIELDS = st.sampled_from(["token", "decision", "submission_id", "answer.happiness", "shown_ms", "go"])
VALUES = st.sampled_from(["agree", "a" * 43, "0123456789abcdef", "3", "next", "\x00"]) | TEXT
LENIENT = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def token(client: FlaskClient, slug: str, enter: Callable[[str], None]) -> str:
    """The token of a rater who is at the first text."""
    enter(slug)
    cookie = client.get_cookie("rater", path=f"/s/{slug}")
    assert cookie is not None
    return cookie.value


@LENIENT
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]),
    path=PATHS,
    rest=TEXT,
    form=st.dictionaries(FIELDS | TEXT, VALUES, max_size=6),
    cookie=st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=50),
)
def test_no_request_breaks_a_page(
    app: Flask, method: str, path: str, rest: str, form: dict[str, str], cookie: str
) -> None:
    client = app.test_client(use_cookies=False)

    with client.open(path + rest, method=method, data=form, headers={"Cookie": f"rater={cookie}"}) as answer:
        assert answer.status_code < 500


@LENIENT
@given(
    path=st.sampled_from(["consent", "instructions", "trial/1", "trial/2"]),
    form=st.dictionaries(FIELDS, VALUES),
)
def test_no_form_of_a_rater_breaks_a_page(
    app: Flask, slug: str, token: str, path: str, form: dict[str, str]
) -> None:
    client = app.test_client()
    client.set_cookie("rater", token, path=f"/s/{slug}")

    assert client.post(f"/s/{slug}/{path}", data=form).status_code < 500
