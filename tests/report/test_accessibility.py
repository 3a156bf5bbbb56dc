"""axe finds nothing on a report in either theme, contrast of 7:1 included, and it fits a phone."""

import json
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Playwright

from tests.browser.conftest import FLAGS, chromium_path

pytestmark = pytest.mark.browser

OPTIONS = {"resultTypes": ["violations"], "rules": {"color-contrast-enhanced": {"enabled": True}}}


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
