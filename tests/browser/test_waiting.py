"""A study may require a least time and the end of each text before Next; the page waits and says for what."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from rater.study.protocol import Protocol

pytestmark = pytest.mark.browser

Browse = Callable[..., Any]
Publish = Callable[..., str]
LONG = "\n".join(f"Line {number} of a long text." for number in range(150))


def begin(page: Page, study: str) -> None:
    page.goto(study)
    page.get_by_role("link", name="Begin").click()
    page.get_by_role("button", name="I agree to take part").click()
    page.locator("button.primary").click()
    expect(page.locator("#answers")).to_be_visible()


@pytest.mark.parametrize("at_once", [False, True])
def test_next_waits_for_the_least_time_and_says_so(
    browse: Browse, address: str, publish_study: Publish, protocol: Protocol, *, at_once: bool
) -> None:
    shown = protocol.model_copy(update={"least_seconds": 4.0, "auto_advance": at_once})
    publish_study(slug="least", name="least", shown=shown)
    with browse() as context:
        page = context.new_page()
        begin(page, f"{address}/s/least")
        next_button = page.get_by_role("button", name="Next")
        expect(next_button).to_have_attribute("aria-disabled", "true")
        page.keyboard.press("4")
        if not at_once:
            page.keyboard.press("Enter")
        expect(page.locator("#wait")).to_have_text(re.compile("You can continue in [1-4] seconds"))
        expect(page).to_have_url(re.compile("/trial/1$"))

        if not at_once:
            expect(next_button).not_to_have_attribute("aria-disabled", "true", timeout=15_000)
            expect(page.locator("#wait")).to_be_hidden()
            next_button.click()

        expect(page).to_have_url(re.compile("/trial/2$"), timeout=15_000)
        expect(page.get_by_role("button", name="Next")).to_have_attribute("aria-disabled", "true")


@pytest.mark.parametrize("width", [390, 1280])
def test_next_waits_for_the_end_of_a_long_text(
    browse: Browse, address: str, publish_study: Publish, protocol: Protocol, width: int
) -> None:
    shown = protocol.model_copy(update={"read_to_end": True})
    publish_study(slug="end", name="end", shown=shown, texts=(("Long", f"\n{LONG}"), ("Short", " text.")))
    with browse(viewport={"width": width, "height": 800}) as context:
        page = context.new_page()
        begin(page, f"{address}/s/end")
        is_long = "Line 149" in page.locator("#text").inner_text()
        if not is_long:  # the order of the texts is drawn
            expect(page.get_by_role("button", name="Next")).not_to_have_attribute("aria-disabled", "true")
            page.keyboard.press("4")
            page.keyboard.press("Enter")
            expect(page.locator("#text")).to_contain_text("Line 149")
        page.keyboard.press("4")
        page.keyboard.press("Enter")
        expect(page.locator("#wait")).to_have_text("Please read to the end of the text before you continue.")
        page.locator(".end-of-text").scroll_into_view_if_needed()

        expect(page.get_by_role("button", name="Next")).not_to_have_attribute("aria-disabled", "true")
        page.get_by_role("button", name="Next").click()
        expect(page).not_to_have_url(re.compile("/trial/1$") if is_long else re.compile("/trial/2$"))
