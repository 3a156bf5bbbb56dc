"""The documentation site, built as `make docs` builds it and opened from its folder, without a server."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import Complaints

ROOT = Path(__file__).parent.parent.parent
Window = Callable[..., AbstractContextManager[BrowserContext]]

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    built = subprocess.run(
        build,
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture
def window(site: Path, chromium_window: Window) -> Iterator[BrowserContext]:
    """A window as wide as a phone, in which nothing may go wrong and no other host may be asked."""
    complaints = Complaints(site.as_uri())
    with chromium_window(
        viewport={"width": 390, "height": 800}, color_scheme="light", reduced_motion="reduce"
    ) as context:
        complaints.listen(context)
        yield context
    assert complaints.foreign_requests == []
    assert complaints.errors == []


def test_pages_ask_no_other_host_and_fit_a_phone(site: Path, window: BrowserContext) -> None:
    page = window.new_page()
    pages = sorted(path for path in site.rglob("*.html") if path.name != "404.html")  # a server's page

    too_wide = {}
    for path in pages:
        page.goto(path.as_uri(), wait_until="load")
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 390:
            too_wide[path.name] = width

    assert len(pages) > 10
    assert too_wide == {}


def test_the_search_works_without_a_server(site: Path, window: BrowserContext) -> None:
    page = window.new_page()
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto((site / "index.html").as_uri())

    page.get_by_role("textbox", name="Search").fill("reassign_after_hours")

    expect(page.locator(".md-search-result__item").first).to_contain_text("reassign_after_hours")


def test_a_reader_can_choose_the_dark_theme(site: Path, window: BrowserContext) -> None:
    page = window.new_page()
    page.goto((site / "index.html").as_uri())
    scheme = page.locator("body")
    expect(scheme).to_have_attribute("data-md-color-scheme", "default")

    page.get_by_title("Light mode").click()
    page.get_by_title("Dark mode").click()

    expect(scheme).to_have_attribute("data-md-color-scheme", "slate")
