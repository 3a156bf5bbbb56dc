"""axe finds nothing on a report in either theme, contrast of 7:1 included, and it fits a phone."""

import io
import json
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Locator, Playwright

from tests.browser.conftest import FLAGS, chromium_path

pytestmark = pytest.mark.browser

OPTIONS = {"resultTypes": ["violations"], "rules": {"color-contrast-enhanced": {"enabled": True}}}


@pytest.mark.slow
def test_axe_finds_nothing_on_a_report_and_a_phone_shows_all_of_it(
    report: Path, playwright: Playwright
) -> None:
    found, widths = [], []
    browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        context = browser.new_context(
            color_scheme=scheme,
            viewport={"width": 360, "height": 700},
            bypass_csp=True,  # axe is a script, and the page allows none
        )
        page = context.new_page()
        page.goto(f"file://{report / 'report.html'}")
        violations = Axe().run(page, options=OPTIONS).response["violations"]
        found += [f"{scheme} {each['id']}: {json.dumps(each['nodes'])[:500]}" for each in violations]
        widths.append(page.evaluate("document.documentElement.scrollWidth"))
    browser.close()

    assert found == []
    assert widths == [360, 360]


def test_a_phone_shows_the_main_table_whole_and_where_a_figure_continues(
    report: Path, playwright: Playwright
) -> None:
    browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
    page = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    page.goto(f"file://{report / 'report.html'}")
    scrolling = page.locator("main > .scroll, main > figure > .scroll")
    room = [scrolling.nth(n).evaluate("each => each.scrollWidth - each.clientWidth") for n in range(2)]
    figure = scrolling.nth(0)
    at_start = right_edge(figure)
    figure.evaluate("each => { each.scrollLeft = each.scrollWidth }")
    at_end = right_edge(figure)
    browser.close()

    assert room[0] > 0
    assert room[1] == 0
    assert at_start < at_end - 20


def test_sections_are_folded_until_a_link_in_the_contents_opens_them(
    report: Path, playwright: Playwright
) -> None:
    browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(f"file://{report / 'report.html'}")
    n_open = page.locator("details[open]").count()
    height = page.evaluate("document.documentElement.scrollHeight")
    page.get_by_role("link", name="By prompt").click()
    opened = page.locator("details[open] summary").all_inner_texts()
    page.emulate_media(media="print")
    is_printed = page.locator("#agreement").is_visible()
    browser.close()

    assert n_open == 0
    assert height < 4 * 800
    assert opened == ["By prompt"]
    assert is_printed


def test_no_part_of_a_report_scrolls_sideways_on_a_desktop(report: Path, playwright: Playwright) -> None:
    browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(f"file://{report / 'report.html'}")
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    scrolled = page.evaluate(
        "[...document.querySelectorAll('.scroll')].filter(each => each.scrollWidth > each.clientWidth)"
        ".map(each => each.getAttribute('aria-label'))"
    )
    browser.close()

    assert scrolled == []


def right_edge(scrolled: Locator) -> float:
    """The lightness of the right edge of a scrolling element, between 0 and 255."""
    image = Image.open(io.BytesIO(scrolled.screenshot())).convert("L")
    return float(np.median(np.asarray(image)[:, -2]))
