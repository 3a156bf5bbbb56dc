"""A rater walks from landing to thanks in a real Chromium, and nothing they do on the way loses an answer."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

Browse = Callable[..., Any]
Answers = Callable[[], list[tuple[int, int, float]]]
STUDY = "/s/quiet-river"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def enter(page: Page, address: str, study: str = STUDY) -> None:
    page.goto(address + study)
    page.get_by_role("link", name="Begin").click()
    page.get_by_role("button", name="I agree to take part").click()
    page.get_by_role("button", name="Start (3 texts)").click()
    at_trial(page, 1)


def at_trial(page: Page, position: int) -> None:
    expect(page).to_have_url(re.compile(f"/trial/{position}$"))
    expect(page.get_by_role("heading", name=f"Text {position} of 3")).to_be_visible()


def tab_to(page: Page, name: str) -> None:
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            return
    pytest.fail(f"Tab does not reach {name!r}")


def choose(page: Page, point: int) -> None:
    page.locator("label.point").nth(point - 1).click()


def press_next(page: Page) -> None:
    page.get_by_role("button", name="Next").click()


def finish(page: Page) -> None:
    expect(page.get_by_text("Your answers to all 3 texts are saved.")).to_be_visible()
    page.get_by_role("button", name="Finish and submit").click()
    expect(page.get_by_text("All your answers are saved")).to_be_visible()


def keys_at_trial(page: Page, position: int) -> None:
    """Wait for a text and for its script, which a person's first key comes after."""
    at_trial(page, position)
    expect(page.locator("#show-keys")).to_be_visible()


def test_by_keyboard_alone(browse: Browse, address: str, answers: Answers) -> None:
    with browse() as context:
        page = context.new_page()
        page.goto(address + STUDY)
        tab_to(page, "Begin")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/consent$"))
        tab_to(page, "I agree to take part")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/instructions$"))
        tab_to(page, "Start (3 texts)")
        page.keyboard.press("Enter")

        keys_at_trial(page, 1)
        page.keyboard.press("4")
        page.keyboard.press("Enter")
        keys_at_trial(page, 2)
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        keys_at_trial(page, 3)
        page.keyboard.press("Backspace")
        keys_at_trial(page, 2)
        page.keyboard.press("5")
        page.keyboard.press("5")  # the same press again continues
        keys_at_trial(page, 3)
        page.keyboard.press("1")
        page.keyboard.press("Enter")
        finish(page)

    assert answers() == [(1, 1, 4.0), (2, 1, 2.0), (2, 2, 5.0), (3, 1, 1.0)]


def test_by_pointer_on_a_phone(browse: Browse, address: str, answers: Answers) -> None:
    with browse(**PHONE) as context:
        page = context.new_page()
        enter(page, address)
        choose(page, 2)
        press_next(page)
        at_trial(page, 2)
        choose(page, 3)
        choose(page, 3)  # the same press again continues
        at_trial(page, 3)
        page.get_by_role("button", name="Back").click()
        at_trial(page, 2)
        expect(page.get_by_role("radio", name="3")).to_be_checked()
        press_next(page)
        at_trial(page, 3)
        choose(page, 5)
        press_next(page)
        finish(page)
        assert page.evaluate("document.documentElement.scrollWidth") == 390

    assert answers() == [(1, 1, 2.0), (2, 1, 3.0), (2, 2, 3.0), (3, 1, 5.0)]  # every sending is a revision


def test_without_a_script(browse: Browse, address: str, answers: Answers) -> None:
    with browse(java_script_enabled=False) as context:
        page = context.new_page()
        enter(page, address)
        for position in (1, 2, 3):
            choose(page, position)
            press_next(page)
        finish(page)

    assert answers() == [(1, 1, 1.0), (2, 1, 2.0), (3, 1, 3.0)]


def test_without_a_script_a_missing_answer_is_pointed_at(
    chromium_window: Browse, address: str, answers: Answers
) -> None:
    with chromium_window(java_script_enabled=False) as context:
        page = context.new_page()
        enter(page, address)
        press_next(page)
        expect(page.get_by_text("Please choose an answer.")).to_be_visible()
        expect(page.locator("#question-1")).to_be_focused()

    assert answers() == []


def test_the_time_a_text_was_shown_is_kept_where_a_script_can_tell(
    browse: Browse, address: str, rating_url: str
) -> None:
    with browse() as context:
        page = context.new_page()
        enter(page, address)
        page.wait_for_timeout(300)
        choose(page, 1)
        press_next(page)
        at_trial(page, 2)

    with closing(sqlite3.connect(rating_url.removeprefix("sqlite:///"))) as connection:
        [(shown_ms,)] = connection.execute("SELECT shown_ms FROM answer").fetchall()
    assert 300 <= shown_ms < 10_000


def test_reload_and_the_browsers_back_button_lose_nothing(
    browse: Browse, address: str, answers: Answers
) -> None:
    with browse() as context:
        page = context.new_page()
        enter(page, address)
        choose(page, 4)
        page.reload()
        expect(page.get_by_role("radio", name="4")).to_be_checked()  # a draft
        press_next(page)
        at_trial(page, 2)
        page.reload()
        at_trial(page, 2)
        page.go_back()
        at_trial(page, 1)
        expect(page.get_by_role("radio", name="4")).to_be_checked()
        press_next(page)
        at_trial(page, 2)

    assert answers() == [(1, 1, 4.0), (1, 2, 4.0)]


def test_a_second_tab_continues_and_the_first_still_works(
    browse: Browse, address: str, answers: Answers
) -> None:
    with browse() as context:
        first = context.new_page()
        enter(first, address)
        second = context.new_page()
        second.goto(address + STUDY)
        at_trial(second, 1)
        choose(second, 2)
        press_next(second)
        at_trial(second, 2)
        choose(first, 5)
        press_next(first)
        at_trial(first, 2)

    assert answers() == [(1, 1, 2.0), (1, 2, 5.0)]


def test_a_double_click_sends_one_answer(browse: Browse, address: str, answers: Answers) -> None:
    with browse() as context:
        page = context.new_page()
        enter(page, address)
        choose(page, 2)
        page.get_by_role("button", name="Next").dblclick()
        at_trial(page, 2)
        expect(page.locator("input:checked")).to_have_count(0)

    assert answers() == [(1, 1, 2.0)]


def test_closing_the_browser_and_coming_back_resumes(
    browse_profile: Browse, address: str, tmp_path: Path, answers: Answers
) -> None:
    profile = str(tmp_path / "profile")
    with browse_profile(profile) as context:
        page = context.new_page()
        enter(page, address)
        choose(page, 3)
        press_next(page)
        at_trial(page, 2)

    with browse_profile(profile) as context:
        page = context.new_page()
        page.goto(address + STUDY)
        at_trial(page, 2)

    assert answers() == [(1, 1, 3.0)]


def test_a_missing_answer_is_pointed_at_before_anything_is_sent(browse: Browse, address: str) -> None:
    with browse() as context:
        page = context.new_page()
        enter(page, address)
        expect(page.get_by_text("Please choose an answer.")).to_be_hidden()
        press_next(page)
        expect(page.get_by_text("Please choose an answer.")).to_be_visible()
        expect(page.locator("#question-1")).to_be_focused()
        choose(page, 1)
        expect(page.get_by_text("Please choose an answer.")).to_be_hidden()


def test_question_mark_shows_the_keys_and_other_keys_wait(browse: Browse, address: str) -> None:
    with browse() as context:
        page = context.new_page()
        enter(page, address)
        keys_at_trial(page, 1)
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
        page.keyboard.press("3")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
        expect(page.locator("input:checked")).to_have_count(0)


def test_the_scale_stays_where_it_is_between_texts(
    browse: Browse, address: str, publish_study: Callable[..., str]
) -> None:
    texts = (("A", " short one."), ("B", " longer one. " * 60), ("C", "\n\n\n\n\n\n\n\n\n\n\n\n\n\n"))
    publish_study(slug="uneven", name="uneven", texts=texts)
    places = []
    with browse(**PHONE) as context:
        page = context.new_page()
        enter(page, address, "/s/uneven")
        for position in (1, 2, 3):
            at_trial(page, position)
            places.append(page.locator(".points").bounding_box())
            choose(page, 1)
            press_next(page)

    assert places[0] is not None
    assert places == [places[0]] * 3
