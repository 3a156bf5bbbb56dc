from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from rater.store.rating.publication import NewTrial
from rater.study.practice_and_checks import Practice
from rater.study.protocol import Protocol
from rater.study.study import Study

Visit = Callable[[str], Any]


Rows = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def person(visitor: Visit, publish_study: Callable[..., str], whole: Protocol) -> Any:
    """Somebody who has just agreed to take part in a study with everything."""
    return visitor(publish_study(slug="whole", name="whole", shown=whole)).open().follow().press("agree")


def practise(person: Any, *points: str) -> Any:
    for point in points:
        person.press(**{"answer.happiness": point})
        person.follow() if person.soup.select("main a.primary") else person.press()
    return person


def test_practice_gives_feedback_and_leads_to_the_first_text(person: Any, rows: Rows) -> None:
    person.press(**{"screening.0": "0"}).press()
    assert person.at == "/practice/1"
    person.press(**{"answer.happiness": "2"})
    assert "Your answer: 2 Expected answer: 4 to 5" in person.text
    assert "The sun is happy ." in person.text

    person.open("/practice/1")
    practise(person, "4", "1")

    assert person.at == "/trial/1"
    assert rows("SELECT count(*) FROM answer") == [(0,)]


def test_who_fails_the_practice_twice_is_let_out(person: Any, rows: Rows) -> None:
    person.press(**{"screening.0": "0"}).press()

    practise(person, "4", "5")
    assert person.at == "/again"
    assert "You have one more try" in person.text
    practise(person.press(), "1", "1")

    assert person.at == "/ended"
    assert "OUT-1" in person.text
    assert rows("SELECT left_why, n_practice_attempts FROM rater") == [("failed_practice", 2)]


@pytest.mark.parametrize("given", ["", "4", "4;1;1", "9;1", "x;1", "nan;1", "1e999;1", "4,4;1,1", "💥"])
def test_practice_cannot_be_skipped_by_an_address(person: Any, given: str) -> None:
    person.press(**{"screening.0": "0"}).press()

    person.page = person.client.post(
        "/s/whole/practice/2/feedback", data={"given": given}, follow_redirects=True
    )

    assert person.at == "/practice/1"


def test_who_comes_back_after_hours_reads_the_instructions_and_practises_once(
    person: Any, clock: Any, rows: Rows
) -> None:
    practise(person.press(**{"screening.0": "0"}).press(), "4", "1").press(**{"answer.happiness": "3"})
    clock.now += timedelta(hours=4, minutes=1)

    person.open()
    assert person.at == "/again"
    assert "Welcome back Saved: 1 of 3." in person.text
    person.press()
    headings = [person.soup.h1.get_text(" ", strip=True)]
    person.press(**{"answer.happiness": "1"})
    headings.append(person.soup.h1.get_text(" ", strip=True))
    person.press()

    assert headings == ["Practice", "Practice"]  # of one text, though there are two before the first trial
    assert person.at == "/trial/2"
    assert person.open().at == "/trial/2"
    person.press(**{"answer.happiness": "3"})
    assert person.at == "/rest/2"
    assert rows("SELECT count(*) FROM answer") == [(2,)]


@pytest.mark.parametrize("asked", ["sense", "age", None])
def test_who_is_asked_one_dimension_practises_that_one(
    visitor: Visit, publish_study: Callable[..., str], many: Protocol, asked: str | None
) -> None:
    practice = (
        Practice(prompt="Sun", text=" shines.", accepted={"sense": (3, 3), "happiness": (5, 5)}),
        Practice(prompt="Rain", text=" falls.", accepted={"happiness": (1, 1)}),
    )
    shown = many.model_copy(update={"practice": practice, "practice_pass": 2})
    trials = (NewTrial(("one-0",), asked), NewTrial(("one-1",), asked))
    slug = publish_study(slug="one", name="one", shown=shown, trials=trials)
    person = visitor(slug).open().follow().press("agree").press()
    names = {"sense": ["Sense?"], "age": ["Age?"]}.get(
        str(asked), ["How happy is this text?", "Sense?", "Warm?", "Age?"]
    )
    right = {"answer.sense": "3", "answer.age": "7", "answer.happiness": "5", "answer.warmth": "1"}

    for happiness in ("5", "1"):
        assert [each.get_text(strip=True) for each in person.soup.select("legend")] == names
        fields = {str(each["name"]) for each in person.soup.select("fieldset input[name]")}
        person.press(
            **{name: value for name, value in right.items() if name in fields}
            | ({"answer.happiness": happiness} if "answer.happiness" in fields else {})
        )
        assert [each.get_text(strip=True) for each in person.soup.select(".asked")] == names
        person.follow() if person.soup.select("main a.primary") else person.press()

    assert person.at == "/trial/1"


def test_a_mark_is_asked_of_the_practice_texts_that_say_what_is_right_on_the_dimension(
    visitor: Visit, publish_study: Callable[..., str], many: Protocol
) -> None:
    practice = (Practice(prompt="Sun", text=" shines.", accepted={"sense": (3, 3)}),)
    shown = many.model_copy(update={"practice": practice, "practice_pass": 1})
    slug = publish_study(slug="one", name="one", shown=shown, trials=(NewTrial(("one-0",), "sense"),))

    person = visitor(slug).open().follow().press("agree").press().press(**{"answer.sense": "1"}).press()

    assert person.at == "/again"


def test_practice_asks_about_its_own_fields(
    visitor: Visit, publish_study: Callable[..., str], study_with_items: Study
) -> None:
    practice = Practice(
        prompt="Sun", text=" and {concept}.", accepted={"happiness": (4, 5)},
        feedback="Much **{concept}**.", fields={"concept": "love", "task": "Try"},
    )  # fmt: skip
    declared = study_with_items.model_copy(update={"practice": (practice,)})
    fields = {"concept": "weddings", "task": "Write"}
    slug = publish_study(slug="fields", name="fields", shown=declared.protocol, fields=fields)
    person = visitor(slug).open().follow().press("agree").press()

    assert person.at == "/practice/1"
    assert person.soup.select_one("legend").get_text() == "How clearly is love present?"
    assert person.soup.select_one(".completion").get_text() == " and love."
    assert person.soup.select_one(".field-value").get_text() == "Try"
    person.press(**{"answer.happiness": "2"})
    assert person.soup.select_one(".asked").get_text() == "How clearly is love present?"
    assert "Much love ." in person.text


def test_not_applicable_in_practice_is_called_so(
    visitor: Visit, publish_study: Callable[..., str], whole: Protocol
) -> None:
    happiness = whole.dimensions[0].model_copy(update={"not_applicable": True, "confidence": True})
    shown = whole.model_copy(update={"dimensions": (happiness,), "screening": ()})
    person = visitor(publish_study(slug="whole", name="whole", shown=shown)).open().follow().press("agree")
    person.press()

    person.press(**{"answer.happiness": "inapplicable", "confidence.happiness": "2"})

    assert "Your answer: not applicable Expected answer: 4 to 5" in person.text
    assert "given=n" in person.soup.select_one("main a.primary")["href"]
