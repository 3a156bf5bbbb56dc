"""Whatever is sent to whichever route, the desk's too, no page breaks; `tests/load/fuzz.py` sends more."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rater.web import rate_limits

TEXT = st.text(max_size=30)
ROUTES = st.integers(min_value=0, max_value=10_000)
RIGHTS = {
    "slug": "quiet-river",
    "name": "a_study",
    "state": "paused",
    "position": "1",
    "accent": "17508f",
    "key": "k" * 22,
    "rest": "s/quiet-river",
    "_rest": "x",
    "code": "c" * 16,
}
FIELDS = st.sampled_from(
    ["n", "as", "name", "next", "sort", "token", "decision", "language", "answer.happiness"]
)
LENIENT = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(autouse=True)
def _unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limit no login; the app reads the limits when it is made."""
    for name in ("LOGIN_BY_ADDRESS", "LOGIN_BY_NAME"):
        monkeypatch.setattr(rate_limits, name, "1000000 per second")


@LENIENT
@given(
    route=ROUTES,
    wrong=st.dictionaries(st.sampled_from(sorted(RIGHTS)), TEXT, max_size=1),
    rest=st.just("") | TEXT,
    method=st.sampled_from(["GET", "POST", "PUT", "HEAD"]),
    form=st.dictionaries(FIELDS, TEXT | st.sampled_from(["3", "csv", "agree", "\x00"]), max_size=4),
)
@example(route=0, wrong={}, rest="\u202e", method="GET", form={})
def test_no_request_of_an_experimenter_breaks_a_page(
    desk: Flask,
    ada: FlaskClient,
    route: int,
    wrong: dict[str, str],
    rest: str,
    method: str,
    form: dict[str, str],
) -> None:
    rules = [
        rule for rule in desk.url_map.iter_rules() if not rule.endpoint.startswith(("static", "access."))
    ]
    path = rules[route % len(rules)].rule
    for name, right in (RIGHTS | wrong).items():
        for written in (f"<{name}>", f"<int:{name}>", f"<path:{name}>"):
            path = path.replace(written, right)

    answer = ada.open(path + rest, method=method, data=form if method == "POST" else None)

    assert answer.status_code < 500, path + rest
    answer.close()


@settings(LENIENT, max_examples=6)  # each takes as long as a password does
@given(name=TEXT | st.just("ada"), password=TEXT, way_back=TEXT | st.just("/desk/studies/\x00"))
def test_no_login_breaks_a_page(desk: Flask, name: str, password: str, way_back: str) -> None:
    form = {"name": name, "password": password, "next": way_back}

    assert desk.test_client().post("/desk/login", data=form).status_code < 500
