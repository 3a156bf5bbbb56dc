"""The ways out: for each end of a visit its own code or address, with the rater's identifiers in it."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from rater.store.engine import writing
from rater.store.rating.schema import AttentionCheckRow, Item, StudyRow
from rater.store.rating.studies import move_study
from rater.study.endings import Ending, Endings
from rater.study.practice_and_checks import CheckRule, Practice
from rater.study.protocol import Protocol
from rater.study.state import State
from rater.study.visit import Recruitment

Publish = Callable[..., str]
Visit = Callable[[str], Any]
SONA = Recruitment(participant_id="survey_code", other_parameters=("list",))
ADDRESS = "https://uni.sona-systems.com/credit?id=1&code={survey_code}"


@pytest.fixture
def credited(publish_study: Publish, protocol: Protocol) -> Callable[..., str]:
    """A function that publishes a study whose every end has an address with the rater's code in it."""

    def publish(n_booklets: int = 3, **changes: object) -> str:
        endings = Endings(
            **{name: Ending(url=f"{ADDRESS}&end={name}", code=name.upper()) for name in Endings.model_fields}
        )
        update = {"recruitment": SONA, "endings": endings, **changes}
        shown = protocol.model_copy(update=update)
        return publish_study(slug="sona", name="sona", shown=shown, n_booklets=n_booklets)

    return publish


def way(person: Any) -> tuple[str, str]:
    """The code and the address that a page gives."""
    return person.soup.select_one("#code").text, str(person.soup.select_one("#onward")["href"])


def led_to(end: str, code: str = "4711") -> tuple[str, str]:
    return end.upper(), f"https://uni.sona-systems.com/credit?id=1&code={code}&end={end}"


def begin(person: Any, code: str = "4711") -> Any:
    return person.open(f"?survey_code={code}").follow().press("agree").press()


def test_the_last_page_leads_back_with_the_raters_own_code_first_of_all(
    visitor: Visit, credited: Callable[..., str]
) -> None:
    person = begin(visitor(credited()), "47%2F11%20%C3%A9")
    while "/trial/" in person.at:
        person.press(**{"answer.happiness": "3"})
    person.press()

    assert way(person) == led_to("finished", "47%2F11%20%C3%A9")
    assert person.soup.select_one("#onward").text == "Continue to uni.sona-systems.com"
    assert person.text.index("One more step") < person.text.index("Thank you")


def test_who_declines_or_stops_is_led_back_too(
    app: Flask, visitor: Visit, credited: Callable[..., str]
) -> None:
    person = visitor(credited()).open("?survey_code=4711").follow().press("decline")
    declined = way(person)
    stopped = way(begin(person).open("/leave").press("stopped"))

    assert declined == led_to("declined")
    assert stopped == led_to("stopped")


@pytest.mark.parametrize("state", ["paused", "closed"])
@pytest.mark.parametrize("link", ["", "?survey_code=4711"], ids=["begun", "new"])
def test_who_comes_when_a_study_takes_no_answers_is_led_back(
    app: Flask, visitor: Visit, credited: Callable[..., str], state: str, link: str
) -> None:
    person = visitor(credited())
    if not link:
        begin(person)
    with writing(app.extensions["rater"].engine) as session:
        move_study(session, "sona", State(state), at=app.extensions["rater"].settings.now())

    assert way(person.open(link)) == led_to(state)


def test_who_comes_when_every_place_is_taken_is_led_back(
    app: Flask, visitor: Visit, credited: Callable[..., str]
) -> None:
    person = begin(visitor(credited(n_booklets=1)))
    late = type(person)(app.test_client(), "sona").open("?survey_code=4712")

    assert way(late) == led_to("full", "4712")


def test_who_comes_back_too_late_is_led_back(
    app: Flask, visitor: Visit, credited: Callable[..., str], clock: Any
) -> None:
    from datetime import timedelta  # noqa: PLC0415 (for this test only)

    person = begin(visitor(credited(n_booklets=1, reassign_after_hours=1.0, late_raters="stop")))
    clock.now += timedelta(hours=2)
    begin(type(person)(app.test_client(), "sona"), "4712")

    assert way(person.open()) == led_to("late")


def test_who_took_part_in_an_excluded_study_is_led_back_and_only_counted(
    app: Flask,
    visitor: Visit,
    credited: Callable[..., str],
    publish_study: Publish,
    protocol: Protocol,
    rows: Callable[[str], list[tuple[Any, ...]]],
) -> None:
    pilot = protocol.model_copy(update={"recruitment": SONA})
    slug = credited(excluded_studies=("pilot",))
    begin(visitor(publish_study(slug="pilot", name="pilot", shown=pilot)))
    person = type(visitor(slug))(app.test_client(), slug)

    assert way(person.open("?survey_code=4711")) == led_to("excluded")
    assert "because you took part in an earlier one" in person.text
    assert way(person.open("/consent?survey_code=4711")) == led_to("excluded")
    assert way(person.open("/start?survey_code=4711&cookie-check=x")) == led_to("excluded")
    assert rows("SELECT kind, n FROM tally") == [("excluded", 1)]
    assert rows("SELECT slug FROM rater JOIN study ON study.id = rater.study_id") == [("pilot",)]
    assert begin(type(person)(app.test_client(), slug), "4712").at == "/trial/1"


def test_an_address_that_lacks_its_identifier_leads_nowhere(
    visitor: Visit, credited: Callable[..., str]
) -> None:
    person = visitor(credited()).open("?survey_code=%25SURVEY_CODE%25").follow().press("decline")

    assert person.soup.select_one("#code").text == "DECLINED"
    assert person.soup.select_one("#onward") is None


@pytest.mark.parametrize("changes", [{"debrief_immediately": True}, {}], ids=["at once", "later"])
def test_no_page_leaves_a_debrief(
    visitor: Visit, credited: Callable[..., str], changes: dict[str, object]
) -> None:
    person = begin(visitor(credited(debrief="We changed some texts.", **changes)))
    while "/trial/" in person.at:
        person.press(**{"answer.happiness": "3"})
    person.press()

    assert ("We changed some texts." in person.text) == bool(changes)
    assert (person.soup.select_one("#countdown") is None) == bool(changes)


def test_who_withdraws_has_an_ending_of_their_own(visitor: Visit, credited: Callable[..., str]) -> None:
    assert way(begin(visitor(credited())).open("/leave").press("withdrawn")) == led_to("withdrawn")


def test_who_fails_the_practice_has_an_ending_of_their_own(
    visitor: Visit, credited: Callable[..., str]
) -> None:
    practice = Practice(prompt="Sun", text=" shines.", accepted={"happiness": (4, 5)})
    person = begin(visitor(credited(practice=(practice,), practice_pass=1)))
    person.press(**{"answer.happiness": "1"}).press()
    assert person.at == "/again"
    person.press().press(**{"answer.happiness": "1"}).press()

    assert way(person) == led_to("failed_practice")


@pytest.mark.parametrize(("point", "end"), [("1", "failed_checks"), ("5", "finished")])
def test_who_fails_the_attention_checks_has_an_ending_of_their_own(
    app: Flask, visitor: Visit, credited: Callable[..., str], point: str, end: str
) -> None:
    slug = credited(check_rule=CheckRule())
    with writing(app.extensions["rater"].engine) as session:
        item = session.scalars(select(Item).join(StudyRow).where(StudyRow.slug == slug)).first()
        assert item is not None
        item.is_check = True
        session.add(AttentionCheckRow(item_id=item.id, dimension="happiness", lowest=4.0, highest=5.0))
    person = begin(visitor(slug))
    while "/trial/" in person.at:
        person.press(**{"answer.happiness": point})

    assert way(person.press()) == led_to(end)


def test_the_words_of_an_ending_replace_ours_and_are_markdown(
    app: Flask, visitor: Visit, credited: Callable[..., str]
) -> None:
    endings = Endings(
        stopped=Ending(code="STOP", text="**Goodbye** from us."), full=Ending(text="Nothing is left.")
    )
    person = begin(visitor(credited(n_booklets=1, endings=endings)))
    late = type(person)(app.test_client(), "sona").open("?survey_code=4712")
    person.open("/leave").press("stopped")

    assert "Nothing is left." in late.text
    assert "This study is full" not in late.text
    assert person.soup.select_one(".prose strong").text == "Goodbye"
    assert person.soup.select_one("#code").text == "STOP"
    assert "You have stopped" not in person.text


def test_the_code_that_a_rater_is_shown_is_recorded_once(
    visitor: Visit, credited: Callable[..., str], rows: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    person = begin(visitor(credited())).open("/leave").press("stopped")
    person.open().open()

    assert rows("SELECT outcome, code FROM shown_ending") == [("stopped", "STOPPED")]
