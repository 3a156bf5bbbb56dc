"""The page of `rater try` in Chromium: without scripts, from no other host, on a phone, with axe."""

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page

from rater.explore.server import make_explorer
from tests.browser.test_accessibility import violations

if TYPE_CHECKING:
    from transformer_lens.model_bridge import TransformerBridge

pytestmark = [pytest.mark.browser, pytest.mark.model]


@pytest.fixture
def explorer(embedded_model: "TransformerBridge") -> Iterator[str]:
    """The address of the page."""
    server, address = make_explorer(embedded_model)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield address
    server.shutdown()
    thread.join(timeout=20)
    server.server_close()


def fill_and_run(page: Page, address: str) -> None:
    page.set_default_timeout(120_000)  # a run takes seconds, and longer where the machine does other work
    page.goto(address)
    page.fill("#text", "I went up to my friend and said")
    page.fill("#plus", "I talk about weddings constantly")
    page.fill("#minus", "I do not talk about weddings constantly")
    page.fill("#new_tokens", "3")
    page.get_by_label("relative to the residual stream").check()
    page.fill("#amount", "2")
    page.get_by_role("button", name="Run").click()
    page.get_by_role("heading", name="Effect on each token").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_run_in_a_browser_without_scripts(
    chromium_window: Callable[..., Any], explorer: str, scheme: str
) -> None:
    foreign: list[str] = []
    options = {"java_script_enabled": False, "color_scheme": scheme}
    with chromium_window(viewport={"width": 390, "height": 844}, **options) as context:
        context.on("request", lambda sent: foreign.append(sent.url))
        page = context.new_page()
        fill_and_run(page, explorer)

        assert page.locator("article").count() == 6
        assert "XVector('I talk about weddings constantly'" in page.locator("pre").first.inner_text()
        assert "relative=2" in page.locator("pre").last.inner_text()
        assert page.input_value("#amount") == "2"
        assert page.get_by_label("relative to the residual stream").is_checked()

    assert all(url.startswith((explorer, "data:")) for url in foreign)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_wider_than_a_phone(
    chromium_window: Callable[..., Any], explorer: str, scheme: str
) -> None:
    found: list[str] = []
    with chromium_window(viewport={"width": 320, "height": 640}, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(explorer)
        found += violations(page)
        page.fill("#layer", "31")
        page.get_by_role("button", name="Run").click()
        page.get_by_role("alert").wait_for()
        found += violations(page)
        assert page.get_by_role("alert").get_by_role("link").inner_text().startswith("Layer is “31”")
        fill_and_run(page, explorer)
        found += violations(page)

        assert page.evaluate("document.documentElement.scrollWidth") == 320

    assert found == []
