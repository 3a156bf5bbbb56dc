"""A phone shows the page of completions whole: no wider than it is, and each text under its arm's name."""

from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from rater.steering.comparisons import comparison_page
from rater.steering.completions import ArmCompletion
from rater.steering.positions import Touch
from tests.browser.conftest import FLAGS, chromium_path

pytestmark = pytest.mark.browser

ARMS = {
    "unsteered": "the model as it is",
    "steered": "5 × ('Love' − 'Hate') at blocks.6.hook_resid_pre",
    "steered-random": "a random direction as long as 5 × ('Love' − 'Hate') at blocks.6.hook_resid_pre",
}
TOUCHED = (Touch(0, 0, "blocks.6.hook_resid_pre"),)
MADE = [
    ArmCompletion(arm, "I am", 0, 0, (1,), " extraordinarily straightforward", "length", None, TOUCHED)
    for arm in ARMS
]


@pytest.mark.parametrize(("width", "side_by_side"), [(390, False), (1200, True)])
def test_arms_stand_side_by_side_where_there_is_room(
    tmp_path: Path,
    playwright: Playwright,
    width: int,
    side_by_side: bool,  # noqa: FBT001 (pytest gives it by name)
) -> None:
    file = tmp_path / "compare.html"
    file.write_text(comparison_page("love_vs_hate", MADE, ARMS), encoding="utf-8")
    browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
    shown = browser.new_context(viewport={"width": width, "height": 844}).new_page()
    shown.goto(f"file://{file}")
    wide = shown.evaluate("document.documentElement.scrollWidth")
    spilling = shown.locator("th, td").evaluate_all(
        "all => all.filter(each => each.scrollWidth > each.clientWidth).length"
    )
    tops = shown.locator("td").evaluate_all("all => all.map(each => each.getBoundingClientRect().top)")
    said = shown.locator("td").nth(1).evaluate("each => getComputedStyle(each, '::before').display")
    browser.close()

    assert wide == width
    assert spilling == 0
    assert (len(set(tops)) == 1) == side_by_side
    assert (said == "none") == side_by_side
