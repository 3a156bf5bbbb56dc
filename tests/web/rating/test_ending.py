from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from rater.store.engine import writing
from rater.store.rating.publication import NewTrial
from rater.store.rating.studies import move_study
from rater.study.fields import ShownField
from rater.study.protocol import Protocol
from rater.study.state import State

Visit = Callable[[str], Any]
Rows = Callable[[str], list[tuple[Any, ...]]]
Publish = Callable[..., str]


@pytest.fixture
def ending(whole: Protocol) -> Protocol:
    """A protocol with everything that comes after the last text, and nothing before the first."""
    return whole.model_copy(
        update={"screening": (), "practice": (), "practice_pass": None, "break_every": None}
    )


@pytest.fixture
def person(visitor: Visit, publish_study: Publish, ending: Protocol) -> Any:
    """Somebody who has rated every text, one of them twice."""
    trials = (*(NewTrial((f"end-{n}",)) for n in range(3)), NewTrial(("end-0",), is_repeat=True))
    slug = publish_study(slug="end", name="end", shown=ending, trials=trials)
    person = visitor(slug).open().follow().press("agree").press()
    for _ in trials:
        person.press(**{"answer.happiness": "2"})
    return person


def test_answers_can_be_changed_until_the_blinding_question_is_opened(person: Any, rows: Rows) -> None:
    assert person.at == "/finish"
    person.open("/trial/2").press(**{"answer.happiness": "5"})
    assert person.at == "/finish"
    person.press()
    assert person.at == "/guesses"

    assert person.open("/trial/2").at == "/guesses"
    form = {"submission_id": "0123456789abcdef", "answer.happiness": "1"}
    person.client.post("/s/end/trial/2", data=form)
    assert rows("SELECT revision, value FROM answer WHERE position = 2") == [(1, 2.0), (2, 5.0)]


def test_the_blinding_question_shows_the_fields_that_raters_saw_with_the_text(
    visitor: Visit, publish_study: Publish, ending: Protocol
) -> None:
    shown_fields = (
        ShownField(name="task", label="The task:"),
        ShownField(name="reference", label="Compare with:", is_text=True),
    )
    shown = ending.model_copy(update={"shown_fields": shown_fields})
    fields = {"task": "Write <b>one</b> line.", "reference": " it rained.", "secret": "not shown"}
    person = visitor(publish_study(slug="guess", name="guess", shown=shown, fields=fields))
    person.open().follow().press("agree").press()
    for _ in range(3):
        person.press(**{"answer.happiness": "2"})
    person.press()

    assert person.at == "/guesses"
    asked = person.soup.select(".excerpt")
    assert len(asked) == 2
    for each in asked:
        assert each.select_one(".fields").get_text(" ", strip=True) == "The task: Write <b>one</b> line."
        assert each.select_one(".reference-text").get_text() == " it rained."
        assert "not shown" not in each.get_text()


def test_the_blinding_question_is_about_texts_and_never_about_a_repeat(person: Any, rows: Rows) -> None:
    person.press()
    names = dict.fromkeys(each["name"] for each in person.soup.select("input[type=radio]"))

    assert list(names) == ["guess.1", "guess.3"]
    assert person.soup.select("input[checked]") == []
    person.press(**{"guess.1": "first"})
    assert person.page.status_code == 422
    assert person.soup.select_one("[name='guess.1'][checked]")["value"] == "first"
    person.press(**{"guess.1": "first", "guess.3": "unsure"})
    assert person.at == "/comment"
    assert rows("SELECT position, choice FROM guess") == [(1, "first"), (3, "unsure")]


@pytest.mark.parametrize("form", [{"guess.1": "walrus"}, {"guess.x": "first"}, {"other": "1"}])
def test_a_malformed_guess_is_refused(person: Any, rows: Rows, form: dict[str, str]) -> None:
    person.press()

    assert person.press(**form).page.status_code == 400
    assert rows("SELECT count(*) FROM guess") == [(0,)]


def test_without_texts_the_question_is_asked_once_about_all(
    visitor: Visit, publish_study: Publish, ending: Protocol, rows: Rows
) -> None:
    assert ending.blinding is not None
    about_all = {"n_texts": 0, "question": "Were some odd?"}
    shown = ending.model_copy(update={"blinding": ending.blinding.model_copy(update=about_all)})
    person = (
        visitor(publish_study(slug="all", name="all", shown=shown)).open().follow().press("agree").press()
    )
    for _ in range(3):
        person.press(**{"answer.happiness": "2"})

    person.press().press(**{"guess.0": "second"})

    assert rows("SELECT position, choice FROM guess") == [(0, "second")]


def test_the_end_has_the_code_the_way_back_and_the_comment_is_kept(person: Any, rows: Rows) -> None:
    person.press().press(**{"guess.1": "first", "guess.3": "second"}).press(comment="  All clear. ")

    assert person.at == "/thanks"
    assert person.soup.select_one("#code").text == "DONE-1"
    assert person.soup.select_one("#onward")["href"] == "https://example.org/done"
    assert "Some texts were changed." not in person.text
    assert person.soup.select("main a.primary") == []  # which bots would follow
    assert rows("SELECT text FROM comment") == [("All clear.",)]


def test_the_debrief_is_shown_when_the_study_has_closed(app: Any, person: Any) -> None:
    person.press().press(**{"guess.1": "first", "guess.3": "second"}).press()
    with writing(app.extensions["rater"].engine) as session:
        move_study(session, "end", State.CLOSED, at=datetime(2026, 3, 1, tzinfo=UTC))

    assert "Some texts were changed." in person.open().text


@pytest.mark.parametrize("why", ["stopped", "withdrawn"])
def test_a_rater_can_leave_on_the_way_with_a_code_of_their_own(
    visitor: Visit, publish_study: Publish, ending: Protocol, rows: Rows, why: str
) -> None:
    slug = publish_study(slug="leave", name="leave", shown=ending, n_booklets=1)
    person = visitor(slug).open().follow().press("agree").press().press(**{"answer.happiness": "2"})

    person.open("/leave").press(why)

    assert person.at == "/ended"
    assert "STOP-1" in person.text
    assert person.open("/trial/2").at == "/ended"
    assert rows("SELECT left_why FROM rater") == [(why,)]
    assert rows("SELECT count(*) FROM answer") == [(1,)]
    person.client.delete_cookie("rater", path="/s/leave")
    assert person.open().follow().press("agree").press().at == "/trial/1"  # the booklet is free again


def test_who_rated_every_text_can_only_withdraw(person: Any) -> None:
    person.open("/leave")

    assert [each["value"] for each in person.soup.select("main button")] == ["withdrawn"]
    assert person.press("withdrawn", why="stopped").at == "/finish"


def test_every_page_after_the_texts_is_stored_once_however_often_it_is_sent(person: Any, rows: Rows) -> None:
    sent: tuple[tuple[str, dict[str, str]], ...] = (
        ("/s/end/finish", {}),
        ("/s/end/guesses", {"guess.1": "first", "guess.3": "unsure"}),
        ("/s/end/comment", {"comment": "All clear."}),
    )
    for path, form in sent:
        for _ in range(2):
            person.page = person.client.post(path, data=form, follow_redirects=True)
    person.client.post("/s/end/guesses", data={"guess.1": "second", "guess.3": "second"})
    person.client.post("/s/end/comment", data={"comment": "Another."})

    assert person.at == "/thanks"
    assert rows("SELECT position, choice FROM guess") == [(1, "first"), (3, "unsure")]
    assert rows("SELECT text FROM comment") == [("All clear.",)]
