"""The pages of a further booklet: an offer that may be declined, and a code that is never lost."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from rater.store.engine import writing
from rater.store.rating.studies import move_study
from rater.study.bonus import Bonus
from rater.study.endings import Ending, Endings
from rater.study.practice_and_checks import CheckRule, Practice
from rater.study.protocol import Protocol
from rater.study.questionnaire import Question
from rater.study.state import State
from rater.study.visit import BlindingQuestion, Recruitment, ScreeningQuestion

Publish = Callable[..., Any]
SITE = Recruitment(participant_id="person")
ENDINGS = Endings(
    finished=Ending(code="DONE-1", url="https://example.org/done?who={person}"),
    stopped=Ending(code="STOP-1", text="You are not paid."),
    withdrawn=Ending(code="GONE-1"),
    paused=Ending(code="PAUSE-1"),
    closed=Ending(code="CLOSED-1", text="Nobody is paid."),
    late=Ending(code="LATE-1"),
)


@pytest.fixture
def keen(visitor: Callable[[str], Any], publish_study: Callable[..., str], protocol: Protocol) -> Publish:
    """A function that publishes three booklets with a text each; returns a rater who finished one."""

    def publish(**changes: object) -> Any:
        shown = protocol.model_copy(
            update={"recruitment": SITE, "endings": ENDINGS, "booklets_per_rater": 3, **changes}
        )
        slug = publish_study(slug="keen", name="keen", shown=shown, texts_apart=True)
        person = visitor(slug).open("?person=ada").follow().press("agree")
        return walk(person)

    return publish


def walk(person: Any) -> Any:
    """Continue to the last page, answering whatever is asked."""
    for _ in range(30):
        if person.at == "/thanks":
            return person
        sent: dict[str, str] = {}
        for field in person.soup.select("main input[type=radio]"):
            sent.setdefault(str(field["name"]), str(field["value"]))
        person.press(**sent)
    raise AssertionError(person.text)


def code_of(person: Any) -> str:
    return str(person.soup.select_one("#code").text)


def footer(person: Any) -> str:
    return str(person.soup.select_one("footer").get_text(" "))


def test_another_booklet_is_offered_with_the_code_first_and_no_redirect(keen: Publish) -> None:
    person = keen()

    assert code_of(person) == "DONE-1"
    assert person.soup.select_one("#countdown") is None
    assert "Would you like to rate another set?" in person.text
    assert "It has 1 text that you have not seen. It takes about 1 minute." in person.text
    assert "There is no additional payment for it." in person.text
    assert person.text.index("Your code") < person.text.index("Would you like")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "You are paid a bonus of 0.60 for it if you finish it."),
        ({"check_rule": CheckRule()}, "if you finish it and pass its attention checks."),
    ],
)
def test_the_offer_names_the_bonus(keen: Publish, changes: dict[str, object], words: str) -> None:
    bonus = Bonus.model_validate({"per_extra_booklet": "0.60"})

    assert words in keen(bonus=bonus, **changes).text


def test_nothing_around_the_trials_is_asked_again(keen: Publish, rows: Callable[[str], list[Any]]) -> None:
    person = keen(
        screening=(ScreeningQuestion(question="Adult?", options=("Yes", "No"), accepted=("Yes",)),),
        questionnaire=(
            Question(name="english", question="English?", options=("Yes", "No")),
            Question(name="job", question="Job?", options=("Yes", "No"), when="after"),
        ),
        practice=(Practice(prompt="Sun", text=" shines."),),
        blinding=BlindingQuestion(n_texts=1),
    )
    person.press("another")
    assert person.at == "/trial/1"
    person.press(**{"answer.happiness": "3"})
    assert person.at == "/finish"
    person.press()

    assert person.at == "/thanks"
    assert rows("SELECT count(*) FROM guess") == [(1,)]
    assert rows("SELECT count(*) FROM questionnaire_answer") == [(2,)]
    assert rows("SELECT booklet_number, finished_at IS NOT NULL FROM rater") == [(1, 1), (2, 1)]


def test_the_code_is_within_reach_on_every_page_of_a_further_booklet(keen: Publish) -> None:
    person = keen().press("another")

    assert "Your completion code" in footer(person)
    person.open("/code")
    assert (code_of(person), person.at) == ("DONE-1", "/code")
    assert person.soup.select_one("#onward")["href"] == "https://example.org/done?who=ada"
    assert person.soup.select_one("#countdown") is None
    assert person.soup.select("main a")[-1]["href"] == "/s/keen/trial/1"
    assert "Your completion code" in footer(person.open("/leave"))


def test_the_page_of_the_code_is_for_raters_at_a_further_booklet(keen: Publish) -> None:
    assert keen().open("/code").at == "/thanks"


@pytest.mark.parametrize("why", ["stopped", "withdrawn"])
def test_who_leaves_a_further_booklet_keeps_the_code_of_the_first(
    keen: Publish, rows: Callable[[str], list[Any]], why: str
) -> None:
    person = keen().press("another").open("/leave")
    assert "the answers of your earlier sets as well" in person.text
    person.press(why)

    assert (person.at, code_of(person)) == ("/ended", "DONE-1")
    assert "You are not paid." not in person.text
    assert ("The answers of your earlier sets are saved." in person.text) == (why == "stopped")
    assert rows("SELECT outcome, code FROM shown_ending") == [("finished", "DONE-1")]
    withdrawn = rows("SELECT count(*) FROM rater WHERE left_why = 'withdrawn'")
    assert withdrawn == [(2 if why == "withdrawn" else 0,)]


@pytest.mark.parametrize("state", ["paused", "closed"])
def test_the_code_is_shown_when_a_further_booklet_cannot_be_continued(
    app: Flask, keen: Publish, state: str
) -> None:
    person = keen().press("another")
    with writing(app.extensions["rater"].engine) as session:
        move_study(session, "keen", State(state), at=app.extensions["rater"].settings.now())

    assert code_of(person.open("/trial/1")) == "DONE-1"
    assert "Nobody is paid." not in person.text
    assert code_of(person.open("/code")) == "DONE-1"


def test_a_page_of_the_first_booklet_in_another_tab_answers_nothing_in_the_second(
    app: Flask, keen: Publish, rows: Callable[[str], list[Any]]
) -> None:
    person = keen()
    stale = {"submission_id": "s" * 22, "answer.happiness": "1", "go": "next"}
    person.press("another")
    page = person.client.post("/s/keen/trial/1", data=stale)

    assert (page.status_code, page.headers["Location"]) == (303, "/s/keen/trial/1")
    assert rows("SELECT count(*) FROM answer") == [(1,)]
    assert person.open().press(**{"answer.happiness": "2"}).at == "/finish"


def test_another_device_leads_to_the_booklet_that_was_begun(app: Flask, keen: Publish) -> None:
    person = keen()
    other = type(person)(app.test_client(), "keen").open("?person=ada").press()
    assert other.at == "/thanks"
    person.press("another")
    assert person.at == "/trial/1"

    assert "You have started another set" in other.open().text
    assert other.press("another").at == "/trial/1"
    assert "It has 1 text" in walk(person).text


def test_no_set_is_offered_when_none_is_left(keen: Publish, rows: Callable[[str], list[Any]]) -> None:
    person = keen()
    for _ in range(2):
        walk(person.press("another"))

    assert "Would you like" not in person.text
    assert (code_of(person), person.soup.select_one("#countdown") is not None) == ("DONE-1", True)
    assert rows("SELECT count(*) FROM shown_ending") == [(1,)]
    assert person.client.post("/s/keen/another").headers["Location"] == "/s/keen/thanks"
