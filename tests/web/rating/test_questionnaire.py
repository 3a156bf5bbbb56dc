"""The questionnaire: each question is answered or declined, once, before or after the trials."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from rater.study.endings import Ending, Endings
from rater.study.protocol import Protocol
from rater.study.questionnaire import Question
from rater.study.quota import Quota
from rater.study.translation import Translation

Visit = Callable[[str], Any]
Rows = Callable[[str], list[tuple[Any, ...]]]

BEFORE = (
    Question(name="field", question="What do you study?", options=("Physics", "Other")),
    Question(name="languages", question="What do you speak?", kind="choices", options=("de", "en", "fr")),
    Question(name="age", question="How old are you?", kind="number", minimum=18, maximum=99, unit="years"),
)
AFTER = (Question(name="job", question="What is your job?", kind="text", when="after"),)


@pytest.fixture
def shown(protocol: Protocol) -> Protocol:
    return protocol.model_copy(update={"questionnaire": (*BEFORE, *AFTER), "revising": "none"})


@pytest.fixture
def person(visitor: Visit, publish_study: Callable[..., str], shown: Protocol) -> Any:
    """Somebody who has just agreed to take part."""
    return visitor(publish_study(slug="asks", name="asks", shown=shown)).open().follow().press("agree")


def stored(rows: Rows) -> dict[str, Any]:
    found = rows("SELECT question, value FROM questionnaire_answer")
    return {name: value if value is None else json.loads(value) for name, value in found}


def test_answers_of_each_kind_are_stored_and_the_visit_continues(person: Any, rows: Rows) -> None:
    assert person.at == "/questions-before"
    assert "Some questions about you" in person.text

    person.press(**{"about.field": "1", "about.languages": ["0", "2"], "about.age": "34"})

    assert person.at == "/instructions"
    assert stored(rows) == {"field": "Other", "languages": ["de", "fr"], "age": 34.0}


def test_every_question_can_be_declined(person: Any, rows: Rows) -> None:
    person.press(**{f"declined.{each.name}": "1" for each in BEFORE})

    assert person.at == "/instructions"
    assert stored(rows) == {"field": None, "languages": None, "age": None}


def test_an_answer_next_to_a_declined_question_is_not_stored(person: Any, rows: Rows) -> None:
    declined = {f"declined.{each.name}": "1" for each in BEFORE}

    person.press(**{**declined, "about.age": "34", "about.languages": ["1"]})

    assert stored(rows)["age"] is None
    assert stored(rows)["languages"] is None


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, "Please choose an answer, or “I prefer not to say”."),
        ({"about.field": "0"}, "Please choose at least one answer, or “I prefer not to say”."),
        (
            {"about.field": "0", "about.languages": ["0"], "about.age": "12"},
            "Please enter a number from 18 to 99, or choose “I prefer not to say”.",
        ),
    ],
)
def test_what_is_missing_or_wrong_is_pointed_at_and_the_rest_is_kept(
    person: Any, rows: Rows, fields: dict[str, Any], problem: str
) -> None:
    person.press(**fields)

    assert person.page.status_code == 422
    pointed = person.soup.select_one("fieldset[autofocus] .problem:not([hidden])")
    assert pointed is not None
    assert pointed.get_text(strip=True) == problem
    if "about.field" in fields:
        assert person.soup.select_one("input[name='about.field'][value='0'][checked]") is not None
    if "about.age" in fields:
        assert person.soup.select_one("input[name='about.age'][value='12']") is not None
    assert stored(rows) == {}


@pytest.mark.parametrize(
    "fields",
    [
        {"about.field": "2"},
        {"about.field": ["0", "1"]},
        {"about.languages": ["0", "0"]},
        {"about.other": "1"},
        {"declined.field": "yes"},
    ],
)
def test_what_no_page_can_send_is_refused(person: Any, rows: Rows, fields: dict[str, Any]) -> None:
    person.press(**fields)

    assert person.page.status_code == 400
    assert stored(rows) == {}


def test_questions_after_the_trials_come_once_before_the_thanks(person: Any, rows: Rows) -> None:
    person.press(**{f"declined.{each.name}": "1" for each in BEFORE}).press()
    while person.at.startswith("/trial"):
        person.press(**{"answer.happiness": "3"})

    assert person.at == "/questions-after"
    assert "Some last questions about you" in person.text
    person.press(**{"about.job": "poet"})

    assert person.at == "/thanks"
    assert stored(rows)["job"] == "poet"
    assert person.open("/questions-after").at == "/thanks"
    assert person.open("/questions-before").at == "/thanks"


def test_a_second_submission_changes_nothing(person: Any, rows: Rows) -> None:
    first = {"about.field": "0", "declined.languages": "1", "declined.age": "1"}
    person.press(**first)

    person.client.post("/s/asks/questions-before", data={**first, "about.field": "1"})

    assert stored(rows)["field"] == "Physics"


def test_options_are_stored_in_the_language_of_the_study(
    visitor: Visit, publish_study: Callable[..., str], shown: Protocol, rows: Rows
) -> None:
    german = BEFORE[0].model_copy(update={"question": "Ihr Studienfach?", "options": ("Physik", "Anderes")})
    translated = shown.model_copy(
        update={
            "questionnaire": BEFORE[:1],
            "translations": {"de": Translation(questionnaire=(german,))},
        }
    )
    slug = publish_study(slug="translated", name="translated", shown=translated)
    person = visitor(slug).open(headers={"Accept-Language": "de"}).follow().press("agree")

    assert "Physik" in person.open(headers={"Accept-Language": "de"}).text
    person.press(**{"about.field": "0"})

    assert stored(rows) == {"field": "Physics"}


def test_a_study_without_questions_has_no_such_page(
    visitor: Visit, publish_study: Callable[..., str], protocol: Protocol
) -> None:
    person = visitor(publish_study(slug="plain", name="plain", shown=protocol)).open().follow().press("agree")

    assert person.at == "/instructions"
    assert person.open("/questions-before").at == "/instructions"


def test_a_rater_beyond_a_quota_is_let_out_with_the_ending_for_a_full_study(
    app: Flask, visitor: Visit, publish_study: Callable[..., str], protocol: Protocol, rows: Rows
) -> None:
    declared = {
        "questionnaire": BEFORE[:1],
        "quotas": (Quota(question="field", option="Physics", max_raters=1),),
        "endings": Endings(full=Ending(code="FULL-1")),
    }
    slug = publish_study(slug="quota", name="quota", shown=protocol.model_copy(update=declared))
    people = []
    for option in ("0", "0", "1"):
        person = visitor(slug)
        person.client = app.test_client()
        people.append(person.open().follow().press("agree").press(**{"about.field": option}))

    assert [person.at for person in people] == ["/instructions", "/ended", "/instructions"]
    assert people[1].soup.select_one("#code").text == "FULL-1"
    assert "Enough people of your group" in people[1].text
    assert rows("SELECT count(*) FROM questionnaire_answer") == [(2,)]
