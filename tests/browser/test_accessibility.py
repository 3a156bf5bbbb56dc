"""axe finds nothing on any page in either theme, contrast of 7:1 included; none is wider than a phone."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from rater.study.dimension import Dimension
from rater.study.label_choice import Choose
from rater.study.protocol import Protocol

sys.path.insert(0, str(Path(__file__).resolve().parent))

import desk_screenshots  # type: ignore[import-not-found]
from screenshots import served, walk  # type: ignore[import-not-found]

pytestmark = pytest.mark.browser

OPTIONS = {"resultTypes": ["violations"], "rules": {"color-contrast-enhanced": {"enabled": True}}}
COLOURS = {**OPTIONS, "runOnly": ["color-contrast", "color-contrast-enhanced"]}
N_PAGES = 29
N_DESK_PAGES = 11
WRAPPED_BUTTONS = """[...document.querySelectorAll(".button")].filter((button) => {
  const range = document.createRange();
  range.selectNodeContents(button);
  return new Set([...range.getClientRects()].map((each) => Math.round(each.top))).size > 1;
}).map((button) => button.textContent.trim())"""


@pytest.fixture
def pictured() -> Iterator[str]:
    """The address of a server with the studies of the pictures in docs/how-to/raters.md."""
    with served() as address:
        yield address


def violations(page: Page, options: dict[str, Any] = OPTIONS) -> list[str]:
    found = Axe().run(page, options=options).response["violations"]
    return [f"{page.url} {each['id']}: {json.dumps(each['nodes'])[:600]}" for each in found]


@pytest.mark.slow
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_axe_finds_nothing_on_any_page_in_either_theme_and_none_is_too_wide(
    chromium_window: Callable[..., Any], pictured: str, width: int
) -> None:
    found, wide, seen = [], [], []
    with chromium_window(reduced_motion="reduce", viewport={"width": width, "height": 640}) as context:
        page = context.new_page()
        for name in walk(page, pictured):
            page.wait_for_load_state()
            seen.append(name)
            if page.evaluate("document.documentElement.scrollWidth") > width:
                wide.append(name)
            page.emulate_media(color_scheme="light")
            found += violations(page)
            page.emulate_media(color_scheme="dark")
            found += violations(page, COLOURS)

    assert len(seen) == N_PAGES
    assert wide == []
    assert found == []


@pytest.mark.slow
def test_axe_finds_nothing_on_any_page_of_the_desk_and_nothing_is_too_wide(
    chromium_window: Callable[..., Any],
) -> None:
    found, wide, wrapped, seen = [], [], [], set()
    with desk_screenshots.served() as (address, cookie):
        for width in (390, 1280):
            with chromium_window(
                reduced_motion="reduce", viewport={"width": width, "height": 844}
            ) as context:
                context.add_cookies([{"name": "rater-desk", "value": cookie, "url": f"{address}/desk"}])
                page = context.new_page()
                for name in desk_screenshots.walk(page, address):
                    page.wait_for_load_state()
                    seen.add(name)
                    if page.evaluate("document.documentElement.scrollWidth") > width:
                        wide.append((name, width))
                    scrolling = page.locator(".scrolls").evaluate_all(
                        "all => all.some(each => each.scrollWidth > each.clientWidth)"
                    )
                    if width == 1280 and scrolling:
                        wide.append((f"a table of {name}", width))
                    wrapped += [(name, width, words) for words in page.evaluate(WRAPPED_BUTTONS)]
                    page.emulate_media(color_scheme="light")
                    found += violations(page)
                    page.emulate_media(color_scheme="dark")
                    found += violations(page, COLOURS)

    assert len(seen) == N_DESK_PAGES
    assert wide == []
    assert wrapped == []
    assert found == []


def test_the_link_that_frees_a_place_is_in_sight_without_scrolling_sideways(
    chromium_window: Callable[..., Any],
) -> None:
    with (
        desk_screenshots.served() as (address, cookie),
        chromium_window(viewport={"width": 390, "height": 844}) as context,
    ):
        context.add_cookies([{"name": "rater-desk", "value": cookie, "url": f"{address}/desk"}])
        page = context.new_page()
        page.goto(f"{address}/desk/studies/{desk_screenshots.SLUG}/participants")
        link = page.get_by_role("link", name="Free this place").first
        link.scroll_into_view_if_needed()
        place = link.bounding_box()
        scrolled = page.locator(".scrolls").evaluate("each => each.scrollLeft")

    assert place is not None
    assert 0 <= place["x"] <= 390 - place["width"]
    assert scrolled == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_page_that_raters_see_most(
    browse: Callable[..., Any], address: str, scheme: str
) -> None:
    with browse(color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(f"{address}/s/quiet-river/consent")
        page.get_by_role("button", name="I agree").click()
        page.locator("button.primary").click()
        page.wait_for_selector("#show-keys:visible")
        found = violations(page)
        page.get_by_role("button", name="Next").click()
        page.keyboard.press("3")
        found += violations(page)
        page.keyboard.press("?")
        found += violations(page)

    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_a_choice_among_labels_and_each_is_large_enough_to_touch(
    browse: Callable[..., Any],
    address: str,
    publish_study: Callable[..., str],
    protocol: Protocol,
    scheme: str,
) -> None:
    labels = tuple(f"label number {number}" for number in range(1, 13))
    scale = Choose(options=labels, none="none of these")
    which = Dimension(name="which", question="Which?", scale=scale, cannot_judge=True)
    slug = publish_study(
        slug="labels", name="labels", shown=protocol.model_copy(update={"dimensions": (which,)})
    )
    window = {"width": 320, "height": 640}
    # without transitions, during which colours have less contrast
    with browse(color_scheme=scheme, viewport=window, reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(f"{address}/s/{slug}/consent")
        page.get_by_role("button", name="I agree").click()
        page.locator("button.primary").click()
        page.wait_for_selector("#answers")
        found = violations(page)
        page.locator(".labels .point").nth(3).click()
        found += violations(page)
        boxes = [each.bounding_box() for each in page.locator(".labels .point").all()]
        width = page.evaluate("document.documentElement.scrollWidth")

    assert found == []
    assert width == 320
    assert len(boxes) == 13
    assert all(box is not None and min(box["height"], box["width"]) >= 44 for box in boxes)
