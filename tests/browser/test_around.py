"""The pages around the texts have the keys of a text, send nothing twice, and work without a script."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from rater.study.endings import Ending, Endings
from rater.study.practice_and_checks import Practice
from rater.study.protocol import Protocol
from rater.study.visit import BlindingQuestion, ScreeningQuestion

pytestmark = pytest.mark.browser

Browse = Callable[..., Any]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
STUDY = "/s/around"


@pytest.fixture
def around(publish_study: Callable[..., str], protocol: Protocol, address: str) -> str:
    """The address of a study with everything before the first text and after the last one."""
    shown = protocol.model_copy(
        update={
            "screening": (
                ScreeningQuestion(question="Are you 18 or older?", options=("Yes", "No"), accepted=("Yes",)),
                ScreeningQuestion(question="Glasses?", options=("None", "Some"), accepted=("None", "Some")),
            ),
            "practice": (
                Practice(
                    prompt="Sun", text=" shines.", accepted={"happiness": (2, 5)}, feedback="So **happy**."
                ),
                Practice(prompt="Rain", text=" falls."),
            ),
            "practice_pass": 1,
            "break_every": 2,
            "blinding": BlindingQuestion(n_texts=2),
            "final_comment": "Anything unclear?",
            "endings": Endings(finished=Ending(code="DONE-1")),
        }
    )
    publish_study(slug="around", name="around", shown=shown)
    return address + STUDY


@pytest.fixture
def stored(rating_url: str) -> Callable[[str], list[tuple[Any, ...]]]:
    """A function that asks the database file directly."""

    def ask(sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(rating_url.removeprefix("sqlite:///"))) as connection:
            return connection.execute(sql).fetchall()

    return ask


def agree(page: Page, around: str) -> None:
    page.goto(around)
    page.get_by_role("link", name="Begin").click()
    page.get_by_role("button", name="I agree to take part").click()


def at(page: Page, path: str, *, has_keys: bool = True) -> None:
    """Wait for a page and, where it has one, for its script, which a person's first key comes after."""
    expect(page).to_have_url(re.compile(f"{STUDY}/{path}([?].*)?$"))
    if has_keys:
        expect(page.locator("#show-keys")).to_be_visible()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_a_whole_study_by_keys_which_every_page_with_questions_tells(
    browse: Browse, around: str, stored: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    told = {}
    with browse() as context:
        page = context.new_page()
        agree(page, around)

        def tell(path: str) -> None:
            at(page, path)
            expect(page.locator("fieldset").first).to_be_focused()
            press(page, "?")
            expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
            told[path] = page.locator("dialog dl").inner_text().split()
            press(page, "Escape")

        tell("screening")
        press(page, "1", "ArrowRight", "ArrowRight", "Enter")
        at(page, "instructions", has_keys=False)
        press(page, "Enter")
        tell("practice/1")
        press(page, "ArrowLeft", "ArrowRight", "Enter")  # from no choice to the lowest
        at(page, "practice/1/feedback", has_keys=False)
        expect(page.get_by_text("Your answer: 2")).to_be_visible()
        press(page, "Enter")
        at(page, "practice/2")
        press(page, "2", "2")  # the same press again continues
        tell("trial/1")
        press(page, "1", "Enter")
        at(page, "trial/2")
        press(page, "2", "Enter")
        at(page, "rest/2", has_keys=False)
        press(page, "Enter")
        at(page, "trial/3")
        press(page, "3", "Enter")
        at(page, "finish", has_keys=False)
        press(page, "Enter")
        tell("guesses")
        press(page, "1", "3", "3")
        at(page, "guesses")  # there is no way back from there: only Enter and the button send it
        press(page, "Enter")
        at(page, "comment")
        press(page, "Enter")
        expect(page.locator("#code")).to_have_text("DONE-1")
    assert stored("SELECT position, choice FROM guess") == [(1, "first"), (3, "unsure")]
    keys = {path: words[:3] for path, words in told.items()}
    assert keys == {
        "screening": ["1", "…", "2"],
        "practice/1": ["1", "…", "5"],
        "trial/1": ["1", "…", "5"],
        "guesses": ["1", "…", "3"],
    }
    assert not any("Backspace" in words for words in told.values())  # not yet, or not at all


def test_an_answer_left_out_is_pointed_at_before_anything_is_sent(browse: Browse, around: str) -> None:
    with browse() as context:
        page = context.new_page()
        agree(page, around)
        at(page, "screening")
        press(page, "1", "Enter")
        expect(page.get_by_text("Please choose an answer.").nth(1)).to_be_visible()
        expect(page.get_by_text("Please choose an answer.").nth(0)).to_be_hidden()
        expect(page.locator("#screening-1")).to_be_focused()


def test_a_double_click_on_an_answer_lets_nobody_out(browse: Browse, around: str) -> None:
    with browse() as context:
        page = context.new_page()
        agree(page, around)
        at(page, "screening")
        page.get_by_label("Some").click()
        page.get_by_label("No", exact=True).dblclick()
        page.wait_for_timeout(200)
        at(page, "screening")


def test_without_a_script_the_whole_study_can_be_done_and_is_stored_once(
    browse: Browse, around: str, stored: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    with browse(java_script_enabled=False) as context:
        page = context.new_page()
        agree(page, around)
        page.get_by_label("Yes").check()
        page.get_by_label("Some").check()
        for path in ("instructions", "practice/1", "practice/1/feedback", "practice/2", "trial/1"):
            page.locator(".primary").dblclick()
            at(page, path, has_keys=False)
            if path.startswith(("practice", "trial")) and not path.endswith("feedback"):
                page.locator("label.point").nth(3).click()
        for path in ("trial/2", "rest/2", "trial/3", "finish", "guesses"):
            page.locator(".primary").dblclick()
            at(page, path, has_keys=False)
            if path.startswith("trial"):
                page.locator("label.point").nth(1).click()
        for question in page.locator("fieldset").all():
            question.locator("label.point").nth(1).click()
        page.locator(".primary").dblclick()
        at(page, "comment", has_keys=False)
        page.locator("textarea").fill("All clear.")
        page.locator(".primary").dblclick()
        expect(page.locator("#code")).to_have_text("DONE-1")

    assert stored("SELECT position, revision, value FROM answer") == [(1, 1, 4.0), (2, 1, 2.0), (3, 1, 2.0)]
    assert stored("SELECT position, choice FROM guess") == [(1, "second"), (3, "second")]
    assert stored("SELECT text FROM comment") == [("All clear.",)]


def test_a_page_longer_than_its_window_begins_at_its_top(
    browse: Browse, address: str, publish_study: Callable[..., str], protocol: Protocol
) -> None:
    sense = protocol.dimensions[0].model_copy(update={"name": "sense"})
    shown = protocol.model_copy(update={"dimensions": (sense, *protocol.dimensions)})
    publish_study(slug="low", name="low", shown=shown)
    with browse(viewport={"width": 700, "height": 280}) as context:
        page = context.new_page()
        agree(page, f"{address}/s/low")
        page.locator("button.primary").click()
        for position in (1, 2):
            expect(page.locator(f"form[data-position='{position}']")).to_be_visible()
            expect(page.locator("#show-keys")).to_have_js_property("hidden", value=False)
            expect(page.locator("fieldset").first).to_be_focused()
            assert page.evaluate("window.scrollY") == 0
            press(page, "1", "2", "Enter")


def test_on_a_phone_answers_that_cannot_be_sent_can_be_downloaded(browse: Browse, around: str) -> None:
    with browse(**PHONE) as context:
        page = context.new_page()
        agree(page, around.replace("around", "quiet-river"))
        page.locator("button.primary").click()
        expect(page.locator("#show-keys")).to_have_js_property("hidden", value=False)
        expect(page.locator("#show-keys")).to_be_hidden()  # a thumb has no keys
        page.evaluate("document.getElementById('download').hidden = false")
        expect(page.locator("#download")).to_be_visible()
