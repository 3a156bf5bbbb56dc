"""On a phone a rater who has finished takes another booklet, and the code is never lost."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from rater.study.bonus import Bonus
from rater.study.endings import Ending, Endings
from rater.study.protocol import Protocol
from rater.study.visit import Recruitment

pytestmark = pytest.mark.browser

Browse = Callable[..., Any]
Publish = Callable[..., str]
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def keen(publish_study: Publish, protocol: Protocol) -> str:
    """The path of a study of three booklets with a text each, of which a rater may rate two."""
    shown = protocol.model_copy(
        update={
            "recruitment": Recruitment(participant_id="person"),
            "endings": Endings(finished=Ending(code="DONE-1", url="https://example.org/done")),
            "booklets_per_rater": 2,
            "bonus": Bonus.model_validate({"per_extra_booklet": "0.60"}),
        }
    )
    publish_study(slug="keen", name="keen", shown=shown, texts_apart=True)
    return "/s/keen"


def finish_the_first(page: Page, study: str) -> None:
    page.goto(f"{study}?person=ada")
    page.get_by_role("link", name="Begin").click()
    page.get_by_role("button", name="I agree to take part").click()
    page.locator("button.primary").click()
    rate(page)


def rate(page: Page) -> None:
    expect(page.locator("#answers")).to_be_visible()
    page.get_by_role("radio").nth(3).check()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Finish and submit").click()
    expect(page).to_have_url(re.compile("/thanks$"))


def picture(page: Page, name: str) -> None:
    """Keep a picture of a page, if a folder is named for them."""
    if "RATER_PICTURES" in os.environ:
        page.screenshot(path=Path(os.environ["RATER_PICTURES"]) / f"{name}.png", full_page=True)


@pytest.mark.parametrize(
    ("viewport", "scheme"),
    [(PHONE, "light"), (PHONE, "dark"), ({"width": 1280, "height": 800}, "light")],
    ids=["phone", "dark", "desktop"],
)
def test_a_rater_takes_another_booklet_and_keeps_the_code(
    browse: Browse, address: str, keen: str, viewport: dict[str, int], scheme: str
) -> None:
    with browse(viewport=viewport, color_scheme=scheme) as context:
        page = context.new_page()
        finish_the_first(page, address + keen)
        expect(page.locator("#code")).to_have_text("DONE-1")
        expect(page.get_by_text("It has 1 text that you have not seen.")).to_be_visible()
        picture(page, f"thanks-{viewport['width']}-{scheme}")
        is_wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not page.evaluate(is_wider)

        page.get_by_role("button", name="Rate another set").click()
        expect(page).to_have_url(re.compile("/trial/1$"))
        picture(page, f"trial-{viewport['width']}-{scheme}")
        page.get_by_role("link", name="Your completion code").click()
        expect(page.locator("#code")).to_have_text("DONE-1")
        picture(page, f"code-{viewport['width']}-{scheme}")
        page.get_by_role("link", name="Go back").click()
        rate(page)

        expect(page.locator("#code")).to_have_text("DONE-1")
        expect(page.get_by_role("button", name="Rate another set")).to_have_count(0)


def test_a_rater_who_stops_half_way_keeps_the_code(browse: Browse, address: str, keen: str) -> None:
    with browse(viewport=PHONE) as context:
        page = context.new_page()
        finish_the_first(page, address + keen)
        page.get_by_role("button", name="Rate another set").click()
        page.get_by_role("link", name="Stop or withdraw").click()
        expect(page.get_by_text("This withdraws the answers of your earlier sets")).to_be_visible()
        picture(page, "leave")
        page.get_by_role("button", name="Stop here").click()

        expect(page).to_have_url(re.compile("/ended$"))
        expect(page.locator("#code")).to_have_text("DONE-1")
        picture(page, "ended")
