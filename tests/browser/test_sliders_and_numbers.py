"""A slider takes a tap anywhere, and a number field keeps what was typed, whatever touches it."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from rater.study.dimension import Dimension
from rater.study.protocol import Protocol
from rater.study.scales import Likert, Number, Slider

pytestmark = pytest.mark.browser

Browse = Callable[..., Any]
Answers = Callable[[], list[tuple[int, int, float]]]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def start(address: str, publish_study: Callable[..., str], protocol: Protocol) -> Callable[..., str]:
    """A function that publishes a study with one scale or more, and returns its address."""

    def publish(*scales: Any, unable: bool = False) -> str:
        dimensions = tuple(
            Dimension(name=f"d{n}", question=f"Question {n}?", scale=scale, cannot_judge=unable)
            for n, scale in enumerate(scales, start=1)
        )
        shown = protocol.model_copy(update={"dimensions": dimensions})
        return f"{address}/s/" + publish_study(slug="measured", name="measured", shown=shown)

    return publish


def enter(page: Page, study: str) -> None:
    page.goto(f"{study}/consent")
    page.get_by_role("button", name="I agree to take part").click()
    page.locator("button.primary").click()
    at_trial(page, 1)


def at_trial(page: Page, position: int) -> None:
    expect(page).to_have_url(re.compile(f"/trial/{position}$"))
    expect(page.locator(f"form[data-position='{position}']")).to_be_visible()
    expect(page.locator("#show-keys")).to_have_js_property("hidden", value=False)


@pytest.mark.parametrize("share", [0.03, 0.42, 0.5, 0.57, 0.97])
def test_a_tap_anywhere_on_a_slider_is_an_answer(
    browse: Browse, start: Callable[..., str], answers: Answers, share: float
) -> None:
    study = start(Slider(low="cold", high="warm", minimum=1, maximum=7))
    with browse(**PHONE) as context:
        page = context.new_page()
        enter(page, study)
        expect(page.locator("output")).to_have_text("?")
        box = page.locator(".range").bounding_box()
        assert box is not None
        page.touchscreen.tap(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        expect(page.locator("output")).not_to_have_text("?")
        shown = float(page.locator("output").inner_text())
        page.locator("button.primary").tap()
        at_trial(page, 2)
        expect(page.locator("output")).to_have_text("?")
    assert answers() == [(1, 1, shown)]
    assert abs(shown - (1 + 6 * share)) < 1


def test_scrolling_over_a_slider_is_no_answer(browse: Browse, start: Callable[..., str]) -> None:
    study = start(Slider(low="cold", high="warm"), Slider(low="a", high="b"), Likert(low="a", high="b"))
    with browse(**{**PHONE, "viewport": {"width": 390, "height": 600}}) as context:
        page = context.new_page()
        enter(page, study)
        box = page.locator(".range").first.bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        finger = context.new_cdp_session(page)
        finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        for moved in range(10, 130, 10):
            points = [{"x": x, "y": y - moved}]
            finger.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": points})
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        page.wait_for_function("window.scrollY > 0")
        expect(page.locator("output").first).to_have_text("?")


@pytest.mark.parametrize(
    ("typed", "stored"),
    [("1,5", 1.5), ("1.5", 1.5), ("-2,5", -2.5), ("\u22122.5", -2.5), ("\uff11\uff12", 12), ("\u0663", 3)],
)
def test_a_number_is_stored_as_it_was_typed(
    browse: Browse, start: Callable[..., str], answers: Answers, typed: str, stored: float
) -> None:
    study = start(Number(minimum=-10, maximum=2000, step=0.5))
    with browse() as context:
        page = context.new_page()
        enter(page, study)
        expect(page.get_by_role("textbox", name="Question 1?")).to_be_focused()
        page.keyboard.insert_text(typed)
        expect(page.locator(".field")).to_have_value(typed)
        page.keyboard.press("Enter")
        at_trial(page, 2)
    assert answers() == [(1, 1, stored)]


@pytest.mark.parametrize("typed", ["1,500", "1.500", "1 500", "12e1", "3 or 4", "2001", "1.2"])
def test_a_number_that_may_be_another_is_refused_with_its_question(
    chromium_window: Browse, start: Callable[..., str], answers: Answers, typed: str
) -> None:
    study = start(Number(minimum=0, maximum=2000, step=0.5))
    with chromium_window(locale="de-DE") as context:
        page = context.new_page()
        enter(page, study)
        page.keyboard.type(typed)
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("Please enter a number from 0 to 2000")
        expect(page.locator(".field")).to_have_value(typed)
        expect(page.locator(".field")).to_have_attribute("aria-invalid", "true")
        at_trial(page, 1)
    assert answers() == []


def test_the_wheel_the_arrows_and_paste_change_no_number(
    browse: Browse, start: Callable[..., str], answers: Answers
) -> None:
    study = start(Number(minimum=0, maximum=100, unit="seconds"))
    with browse() as context:
        page = context.new_page()
        enter(page, study)
        page.keyboard.type("12")
        box = page.locator(".field").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 20, box["y"] + 10)
        page.mouse.wheel(0, 240)
        for key in ("ArrowUp", "ArrowDown", "PageUp", "PageDown"):
            page.keyboard.press(key)
        expect(page.locator(".field")).to_have_value("12")
        page.keyboard.press("Enter")
        at_trial(page, 2)
    assert answers() == [(1, 1, 12)]


def test_the_range_and_the_unit_are_written_and_read_out(browse: Browse, start: Callable[..., str]) -> None:
    study = start(Number(minimum=0, maximum=600, unit="seconds"))
    with browse() as context:
        page = context.new_page()
        enter(page, study)
        field = page.get_by_role("textbox", name="Question 1? seconds")
        expect(field).to_have_accessible_description("0 to 600")
        expect(page.get_by_text("0 to 600", exact=True)).to_be_visible()
    with browse(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{study}/consent")
        page.get_by_role("button", name="I agree to take part").click()
        page.locator("button.primary").click()
        expect(page.get_by_text("0 to 600", exact=True)).to_be_visible()


@pytest.mark.parametrize(
    ("scale", "keyboard"),
    [(Number(), "numeric"), (Number(step=0.5), "decimal"), (Number(minimum=-5, maximum=5), "text")],
)
def test_a_phone_shows_the_keys_that_the_numbers_need(
    browse: Browse, start: Callable[..., str], scale: Number, keyboard: str
) -> None:
    study = start(scale)
    with browse(**PHONE) as context:
        page = context.new_page()
        enter(page, study)
        expect(page.locator(".field")).to_have_attribute("inputmode", keyboard)
        expect(page.locator(".field")).to_have_attribute("type", "text")


def test_what_is_wrong_is_told_by_the_fields_it_is_about(browse: Browse, start: Callable[..., str]) -> None:
    study = start(Slider(low="cold", high="warm"), Number())
    with browse() as context:
        page = context.new_page()
        enter(page, study)
        slider, number = page.get_by_role("slider"), page.get_by_role("textbox")
        for field in (slider, number):
            assert field.get_attribute("aria-invalid") is None
        page.locator("button.primary").click()
        expect(slider).to_have_attribute("aria-invalid", "true")
        expect(slider).to_have_accessible_description("Please set the slider.")
        page.keyboard.press("ArrowRight")
        page.locator("button.primary").click()
        expect(number).to_have_attribute("aria-invalid", "true")
        expect(number).to_have_accessible_description("0 to 100 Please enter a whole number from 0 to 100.")
        assert slider.get_attribute("aria-invalid") is None
