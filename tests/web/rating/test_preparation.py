from collections.abc import Callable
from typing import Any

import pytest

from rater.study.protocol import Protocol

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


def test_the_content_notice_comes_before_consent(visitor: Visit, person: Any) -> None:
    person.client.delete_cookie("rater", path="/s/whole")

    assert "Before you begin Some texts are rude . You will rate texts." in person.open("/consent").text


def test_who_cannot_take_part_is_let_out_with_a_code_and_no_answer_is_stored(person: Any, rows: Rows) -> None:
    person.press()
    assert person.page.status_code == 422
    assert "Please choose an answer." in person.text

    person.press(**{"screening.0": "1"})

    assert "you are not eligible for this study" in person.text
    assert "OUT-1" in person.text
    assert rows("SELECT left_why, screened_at FROM rater") == [("screened_out", None)]


def test_the_instructions_are_one_press_away(person: Any) -> None:
    practise(person.press(**{"screening.0": "0"}).press(), "4", "1")

    assert "Say how happy each text is." in person.open("/again").text
    assert person.press().at == "/trial/1"


@pytest.mark.parametrize(
    ("changes", "is_said"),
    [
        ({}, True),
        ({"instructions": "The words in **bold** are the question, the rest is the reply."}, False),
        ({"instructions": "Die fett gedruckten Wörter sind die Frage."}, False),
        ({"instructions": "A boldly written text."}, True),
        ({"instructions": "Words in bold are a title.", "explain_bold": True}, True),
        ({"explain_bold": False}, False),
    ],
)
def test_bold_print_is_explained_unless_the_study_does(
    visitor: Callable[[str], Any],
    publish_study: Callable[..., str],
    protocol: Protocol,
    changes: dict[str, object],
    is_said: bool,  # noqa: FBT001 (a case of the test)
) -> None:
    shown = protocol.model_copy(update=changes)
    person = visitor(publish_study(slug="bold", name="bold", shown=shown)).open().follow().press("agree")

    assert ("The words in bold were given." in person.text) == is_said
