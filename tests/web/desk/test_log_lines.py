from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient

from rater.store.log import Event
from rater.web.desk.log_lines import describe_event, log_lines, name_person
from tests.web.desk.conftest import soup, words

AT = datetime(2026, 2, 3, tzinfo=UTC)


def event(kind: str, **detail: object) -> Event:
    return Event(1, kind, detail, AT, "f" * 64)


@pytest.mark.parametrize(
    ("detail", "who"),
    [
        ({"by": "ada"}, "ada"),
        ({"who": "ada", "by": "desk"}, "ada"),
        ({"by": "command"}, "–"),
        ({}, "–"),
        ({"by": 3}, "–"),
    ],
)
def test_a_line_names_the_person_and_not_the_way(detail: dict[str, object], who: str) -> None:
    assert name_person(event("exported", **detail)) == who


@pytest.mark.parametrize(
    ("kind", "detail", "said"),
    [
        ("exported", {"n_answers": 1, "who": "ada"}, "1 answer"),
        ("closed", {"n_answers": 120, "answers": "a" * 64}, "120 answers"),
        ("amended", {"version": 2, "reason": "a typo"}, "version 2; a typo"),
        ("granted", {"user": "bob", "role": "monitor", "identifiers": True}, "bob: monitor with identifiers"),
        ("granted", {"user": "bob", "role": None}, "bob: role removed"),
        ("paused", {"by": "ada"}, ""),
    ],
)
def test_a_line_describes_the_event(kind: str, detail: dict[str, object], said: str) -> None:
    assert describe_event(event(kind, **detail)) == said


def test_a_log_is_shown_newest_first_and_up_to_twenty_lines() -> None:
    lines = log_lines([event(f"kind {number}") for number in range(30)])

    assert [line.kind for line in lines] == [f"kind {number}" for number in range(29, 9, -1)]


def test_the_desk_shows_who_paused_a_study(ada: FlaskClient) -> None:
    ada.post("/desk/studies/a_study/move/paused")

    newest = words(soup(ada.get("/desk/studies/a_study")), ".log tbody tr:first-child td")

    assert newest[:3] == ["03 Feb 2026 04:05 UTC", "ada", "paused"]
