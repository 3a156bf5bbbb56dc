"""The questionnaire's page: keys, drafts, a phone, no script, and nothing that axe finds."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from rater.study.protocol import Protocol
from rater.study.questionnaire import Question

pytestmark = pytest.mark.browser

Browse = Callable[..., Any]
STUDY = "/s/about-raters"
QUESTIONS = (
    Question(
        name="english",
        question="How well do you read English?",
        options=("It is my first language", "Easily", "With effort"),
    ),
    Question(
        name="speaks",
        question="Which of these do you speak?",
        kind="choices",
        options=("German", "French", "Chinese"),
    ),
    Question(name="age", question="How old are you?", kind="number", minimum=18, maximum=99, unit="years"),
    Question(name="job", question="What is your job?", kind="text"),
)
OPTIONS = {"resultTypes": ["violations"], "rules": {"color-contrast-enhanced": {"enabled": True}}}


@pytest.fixture
def about_raters(publish_study: Callable[..., str], protocol: Protocol, address: str) -> str:
    shown = protocol.model_copy(update={"questionnaire": QUESTIONS})
    publish_study(slug="about-raters", name="about_raters", shown=shown)
    return address + STUDY


def begin(page: Page, address: str) -> None:
    page.goto(f"{address}/consent")
    page.get_by_role("button", name="I agree").click()
    page.wait_for_url("**/questions-before")


def box(page: Page, number: int) -> Any:
    return page.locator(f"#about-{number} .unable input")


def test_the_questionnaire_is_answered_and_declined_by_keys(browse: Browse, about_raters: str) -> None:
    with browse() as context:
        page = context.new_page()
        begin(page, about_raters)

        page.keyboard.press("2")
        expect(page.locator("#about-0 .scale input[value='1']")).to_be_checked()
        page.locator("#about-1 .scale input[value='1']").focus()
        page.keyboard.press("Space")
        page.locator("#about-2-number").fill("34")
        page.locator("#about-3").focus()
        page.keyboard.press("x")
        expect(box(page, 3)).to_be_checked()
        page.keyboard.press("Enter")

        page.wait_for_url("**/instructions")


def test_an_answer_and_declining_exclude_each_other(browse: Browse, about_raters: str) -> None:
    with browse() as context:
        page = context.new_page()
        begin(page, about_raters)

        page.locator("#about-1 .scale input[value='0']").check()
        page.locator("#about-1 .scale input[value='2']").check()
        box(page, 1).check()
        expect(page.locator("#about-1 .scale input:checked")).to_have_count(0)
        page.locator("#about-1 .scale input[value='0']").check()
        expect(box(page, 1)).not_to_be_checked()
        page.locator("#about-3-text").fill("poet")
        box(page, 3).check()
        expect(page.locator("#about-3-text")).to_have_value("")


def test_what_was_entered_is_still_there_after_a_reload(browse: Browse, about_raters: str) -> None:
    with browse() as context:
        page = context.new_page()
        begin(page, about_raters)
        for number in (0, 2):
            page.locator(f"#about-1 .scale input[value='{number}']").check()
        page.locator("#about-3-text").fill("poet")

        page.reload()

        checked = page.locator("#about-1 .scale input:checked")
        expect(checked).to_have_count(2)
        expect(page.locator("#about-3-text")).to_have_value("poet")


def test_a_missing_answer_is_pointed_at_without_a_request(browse: Browse, about_raters: str) -> None:
    with browse() as context:
        page = context.new_page()
        begin(page, about_raters)
        page.locator("#about-0 .scale input[value='0']").check()

        page.get_by_role("button", name="Continue").click()

        expect(page.locator("#about-1 .problem")).to_be_visible()
        expect(page.locator("#about-0 .problem")).to_be_hidden()
        assert page.url.endswith("/questions-before")


def test_the_questionnaire_works_without_a_script(chromium_window: Browse, about_raters: str) -> None:
    # not by `browse`, since a browser complains of the answer 422 to an incomplete form
    with chromium_window(java_script_enabled=False) as context:
        page = context.new_page()
        begin(page, about_raters)
        page.get_by_role("button", name="Continue").click()
        expect(page.locator("#about-0 .problem")).to_be_visible()

        page.locator("#about-0 .scale input[value='0']").check()
        page.locator("#about-1 .scale input[value='0']").check()
        page.locator("#about-2-number").fill("34")
        box(page, 3).check()
        page.get_by_role("button", name="Continue").click()

        page.wait_for_url("**/instructions")


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_the_page_is_not_too_wide(
    browse: Browse, about_raters: str, width: int, scheme: str
) -> None:
    with browse(color_scheme=scheme, viewport={"width": width, "height": 844}) as context:
        page = context.new_page()
        begin(page, about_raters)
        page.wait_for_selector("#show-keys:visible")
        found = Axe().run(page, options=OPTIONS).response["violations"]
        page.get_by_role("button", name="Continue").click()
        found += Axe().run(page, options=OPTIONS).response["violations"]

        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert [f"{each['id']}: {json.dumps(each['nodes'])[:400]}" for each in found] == []
