"""A text stays in sight, screen readers read it, and no key press is lost while a page loads."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from rater.store.rating.publication import NewTrial
from rater.study.dimension import Dimension
from rater.study.protocol import Protocol
from rater.study.scales import Likert, Pairwise, Slider

pytestmark = pytest.mark.browser

Browse = Callable[..., Any]
PHONE = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def three(address: str, publish_study: Callable[..., str], protocol: Protocol) -> str:
    """The address of a study of long texts that asks three questions about each."""
    warmth = Dimension(name="warmth", question="How warm?", scale=Slider(low="cold", high="warm"))
    sense = Dimension(name="sense", question="Sense?", scale=Likert(points=7, low="none", high="all"))
    shown = protocol.model_copy(update={"dimensions": (warmth, *protocol.dimensions, sense)})
    publish_study(slug="three", name="three", shown=shown, texts=(("Long", " and longer" * 300), ("B", ".")))
    return f"{address}/s/three"


def begin(page: Page, study: str) -> None:
    page.goto(study)
    page.get_by_role("link", name="Begin").click()
    page.get_by_role("button", name="I agree to take part").click()
    page.locator("button.primary").click()


def test_keys_pressed_before_the_script_is_there_are_taken_in_their_order(
    browse: Browse, address: str
) -> None:
    held: list[Route] = []
    with browse() as context:
        page = context.new_page()
        page.route(re.compile(r"/trial\.js"), lambda route: held.append(route))  # noqa: PLW0108 (it marks it)
        page.goto(f"{address}/s/quiet-river/consent")
        page.get_by_role("button", name="I agree to take part").click()
        page.locator("button.primary").click(no_wait_after=True)
        expect(page.locator("#answers")).to_be_visible()
        page.keyboard.press("4")
        page.keyboard.press("Enter")
        held[0].continue_()
        expect(page).to_have_url(re.compile("/trial/2$"))
        page.keyboard.press("2")
        page.keyboard.press("Backspace")
        expect(page).to_have_url(re.compile("/trial/1$"))
        expect(page.get_by_role("radio", name="4")).to_be_checked()


def test_on_a_phone_the_text_stays_in_sight_of_every_one_of_its_questions(browse: Browse, three: str) -> None:
    with browse(**PHONE) as context:
        page = context.new_page()
        begin(page, three)
        last = page.locator("fieldset").nth(2)
        last.scroll_into_view_if_needed()
        last.locator("label.point").nth(6).tap()
        expect(last).to_be_in_viewport(ratio=1)
        expect(page.locator("#text")).to_be_in_viewport(ratio=1)
        page.locator("button.primary").tap()  # the first question has no answer: it is not hidden by the text
        text, first = page.locator("#text").bounding_box(), page.locator("fieldset").first.bounding_box()
        assert text is not None
        assert first is not None
        assert first["y"] >= text["y"] + text["height"]


def test_what_is_missing_on_a_slider_is_told_where_the_focus_is_already(browse: Browse, three: str) -> None:
    with browse() as context:
        page = context.new_page()
        begin(page, three)
        slider = page.get_by_role("slider")
        expect(slider).to_be_focused()
        expect(page.get_by_role("alert")).to_have_count(0)
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("Please set the slider.")
        expect(slider).to_have_accessible_description("Please set the slider.")


def test_the_text_is_read_out_at_its_first_question_and_no_error_is(browse: Browse, three: str) -> None:
    with browse() as context:
        page = context.new_page()
        begin(page, three)
        expect(page.locator("fieldset")).to_have_count(3)  # waits for the page
        described = [each.get_attribute("aria-describedby") for each in page.locator("fieldset").all()]
        assert described == ["words", None, None]
        expect(page.locator("fieldset").first).to_have_accessible_description(
            re.compile("^Long and longer and")
        )
        page.locator("button.primary").click()
        expect(page.get_by_role("alert")).to_have_text("Please set the slider.")
        problem = re.compile("and longer Please set the slider.$")
        expect(page.locator("fieldset").first).to_have_accessible_description(problem)
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("alert")).to_have_count(0)
        expect(page.locator("fieldset").first).to_have_accessible_description(re.compile("and longer$"))


def test_in_a_pair_the_focus_is_on_the_first_text_which_is_read_out(
    browse: Browse, address: str, publish_study: Callable[..., str], protocol: Protocol
) -> None:
    dimension = protocol.dimensions[0].model_copy(update={"scale": Pairwise()})
    shown = protocol.model_copy(update={"dimensions": (dimension,)})
    trials = (NewTrial(("pair-0", "pair-1")), NewTrial(("pair-1", "pair-0"), is_repeat=True))
    publish_study(slug="pair", name="pair", shown=shown, trials=trials)
    with browse() as context:
        page = context.new_page()
        begin(page, f"{address}/s/pair")
        for words in ("I woke up and smiled.", "The rain fell on."):
            first = page.get_by_role("group", name="Text A")
            expect(first).to_be_focused()
            expect(first).to_have_accessible_description(words)
            expect(page.locator("fieldset")).to_have_accessible_description("")
            page.keyboard.press("ArrowLeft")
            page.keyboard.press("Enter")


def test_enlarged_four_times_a_text_has_room_for_some_lines(browse: Browse, three: str) -> None:
    with browse(viewport={"width": 320, "height": 256}) as context:
        page = context.new_page()
        begin(page, three)
        box = page.locator("#text").bounding_box()
        assert box is not None
        assert box["height"] >= 190
