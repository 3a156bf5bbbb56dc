"""axe finds nothing on any page in either theme, contrast of 7:1 included."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from rater.study.protocol import Dimension, Likert, Protocol

pytestmark = pytest.mark.browser

OPTIONS = {"resultTypes": ["violations"], "rules": {"color-contrast-enhanced": {"enabled": True}}}


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options=OPTIONS).response["violations"]
    return [f"{page.url} {each['id']}: {json.dumps(each['nodes'])[:600]}" for each in found]


@pytest.fixture
def two_questions(publish_study: Callable[..., str], protocol: Protocol) -> str:
    """A study with two questions, one of them with every point labelled, and a text that scrolls."""
    labels = {2: "a little", 3: "some", 4: "a lot"}
    sense = Dimension(name="sense", question="Sense?", scale=Likert(low="none", high="all", labels=labels))
    shown = protocol.model_copy(update={"dimensions": (*protocol.dimensions, sense)})
    return publish_study(slug="two", name="two", shown=shown, texts=(("I walked", " and walked" * 500),))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(
    browse: Callable[..., Any],
    address: str,
    two_questions: str,
    publish_study: Callable[..., str],
    scheme: str,
) -> None:
    publish_study(slug="later", name="later", state="published")
    publish_study(slug="full", name="full", n_booklets=0)
    study = f"{address}/s/{two_questions}"
    found = []
    with browse(color_scheme=scheme, reduced_motion="reduce") as context:
        page = context.new_page()
        for url in (address, f"{address}/s/later", f"{address}/s/full", study, f"{study}/declined"):
            page.goto(url)
            found += violations(page)
        page.goto(f"{study}/consent")
        found += violations(page)
        page.get_by_role("button", name="I agree").click()
        found += violations(page)
        page.get_by_role("button", name="Go to the first").click()
        page.wait_for_selector("#show-keys:visible")
        found += violations(page)
        page.get_by_role("button", name="Next").click()
        found += violations(page)
        page.keyboard.press("3")
        page.keyboard.press("4")
        found += violations(page)
        page.keyboard.press("?")
        found += violations(page)
        page.keyboard.press("Escape")
        page.keyboard.press("Enter")
        page.wait_for_url("**/thanks")
        found += violations(page)

    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_a_page_that_refuses(
    chromium_window: Callable[..., Any], address: str, scheme: str
) -> None:
    with chromium_window(color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(f"{address}/nothing")

        assert page.title() == "There is nothing at this address"
        assert violations(page) == []
