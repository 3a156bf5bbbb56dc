"""The desk in a real browser: axe finds nothing on it in either theme, and it updates by itself."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from rater.store.engine import disposing, writing
from rater.store.rating.open import create_rating
from rater.store.rating.schema import Booklet, Comment, DeskUser, Rater
from rater.store.rating.users import begin_session
from rater.study.visit import Channel

pytestmark = pytest.mark.browser

OPTIONS = {"resultTypes": ["violations"], "rules": {"color-contrast-enhanced": {"enabled": True}}}
SERVE = """
import sys
from rater.web.server import serve
from rater.web.settings import WebSettings
settings = WebSettings(sys.argv[1], with_desk=True)
serve(settings, port=0, on_listening=lambda address: print(address, flush=True))
"""


@pytest.fixture
def address(publish_study: Callable[..., str], rating_url: str) -> Iterator[str]:
    """The address of a real server with a desk."""
    publish_study()
    command = [sys.executable, "-c", SERVE, rating_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture
def cookie(address: str, rating_url: str) -> dict[str, str]:
    """The cookie of an experimenter who is logged in."""
    now = datetime.now(UTC)
    with disposing(create_rating(rating_url)) as rating, writing(rating) as session:
        session.add(DeskUser(name="ada", password_hash="none", made_at=now, role="owner"))  # noqa: S106 (fits no password)
        session.flush()
        token = begin_session(session, "ada", now=now)
    return {"name": "rater-desk", "value": token, "url": f"{address}/desk"}


@pytest.fixture
def let_somebody_come(rating_url: str) -> Callable[[], None]:
    def come() -> None:
        now = datetime.now(UTC)
        with disposing(create_rating(rating_url)) as rating, writing(rating) as session:
            booklet = session.query(Booklet).first()
            assert booklet is not None
            rater = Rater(
                id="c0ffee" * 5,
                study_id=booklet.study_id,
                booklet_id=booklet.id,
                channel=Channel.WEB,
                consented_at=now,
                finished_at=now,
            )
            session.add(rater)
            session.flush()
            session.add(Comment(rater_id=rater.id, text="<b>bold</b> words"))

    return come


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options=OPTIONS).response["violations"]
    return [f"{page.url} {each['id']}: {json.dumps(each['nodes'])[:600]}" for each in found]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_axe_finds_nothing_on_the_desk_and_nothing_is_wider_than_the_screen(
    browse: Callable[..., Any],
    address: str,
    cookie: dict[str, str],
    let_somebody_come: Callable[[], None],
    scheme: str,
    width: int,
) -> None:
    let_somebody_come()
    found, too_wide = [], []
    study = f"{address}/desk/studies/a_study"
    with browse(color_scheme=scheme, viewport={"width": width, "height": 800}) as context:
        page = context.new_page()
        page.goto(f"{address}/desk")
        assert page.title() == "Log in"
        found += violations(page)
        context.add_cookies([cookie])
        moved = f"{study}/move/paused"
        for url in (
            f"{address}/desk",
            study,
            f"{study}?sort=-at",
            moved,
            f"{study}/recruit",
            f"{study}/texts",
            f"{study}/invite",
        ):
            page.goto(url)
            found += violations(page)
            too_wide += [url] if page.evaluate("document.documentElement.scrollWidth") > width else []
        page.get_by_role("button", name="Show links").click()
        found += violations(page)
        page.goto(study)
        page.get_by_role("button", name="Preview").click()
        page.frame_locator("iframe").get_by_role("link", name="Begin").click()
        expect(page.frame_locator("iframe").get_by_role("button", name="I agree")).to_be_visible()
        found += violations(page)
        page.select_option("#width", "phone")
        page.select_option("#scheme", "light" if scheme == "dark" else "dark")
        page.get_by_role("button", name="Show").click()
        page.select_option("#page", "trial")
        page.get_by_role("button", name="Go to this page").click()
        frame = page.frame_locator("iframe")
        expect(frame.locator("#answers")).to_be_visible()
        is_dark = "getComputedStyle(document.documentElement).colorScheme"
        assert frame.locator("html").evaluate(is_dark) == ("light" if scheme == "dark" else "dark")
        found += violations(page)
        too_wide += [page.url] if page.evaluate("document.documentElement.scrollWidth") > width else []

    assert found == []
    assert too_wide == []


def test_a_study_s_page_updates_itself_and_keeps_the_focus(
    browse: Callable[..., Any],
    address: str,
    cookie: dict[str, str],
    let_somebody_come: Callable[[], None],
) -> None:
    with browse() as context:
        context.add_cookies([cookie])
        page = context.new_page()
        page.goto(f"{address}/desk/studies/a_study")
        expect(page.locator("[data-figure=n_finished]")).to_have_text("0")
        page.get_by_role("link", name="Pause").focus()
        let_somebody_come()

        expect(page.locator("[data-figure=n_finished]")).to_have_text("1", timeout=15_000)
        expect(page.locator(".raters tbody th")).to_have_text("c0ffeec0")
        expect(page.locator(".comments li")).to_have_text("<b>bold</b> words")
        expect(page.get_by_role("link", name="Pause")).to_be_focused()


def test_a_button_copies_the_link_for_raters(
    browse: Callable[..., Any], address: str, cookie: dict[str, str]
) -> None:
    with browse() as context:
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
        context.add_cookies([cookie])
        page = context.new_page()
        page.goto(f"{address}/desk/studies/a_study/recruit")
        button = page.get_by_role("button", name="Copy Link to give to raters")
        button.click()

        expect(button).to_have_text("Copied")
        expect(page.get_by_role("status")).to_have_text("Link to give to raters: copied.")
        expect(page.get_by_label("Link to give to raters", exact=True)).to_have_value(
            page.evaluate("navigator.clipboard.readText()")
        )


def test_times_are_those_of_the_device(
    browse: Callable[..., Any],
    address: str,
    cookie: dict[str, str],
    let_somebody_come: Callable[[], None],
) -> None:
    let_somebody_come()
    with browse(timezone_id="Asia/Kolkata") as context:
        context.add_cookies([cookie])
        page = context.new_page()
        page.goto(f"{address}/desk/studies/a_study")
        expect(page.locator("#zone")).to_have_text(
            re.compile("time zone of this device: Asia/(Kolkata|Calcutta)")
        )
        time = page.locator(".raters tbody time")
        at = datetime.fromisoformat(time.get_attribute("datetime") or "")
        expected = (at + timedelta(hours=5, minutes=30)).strftime("%d %b %H:%M")
        expect(time).to_have_text(expected)
        page.goto(f"{address}/desk")
        expect(page.locator(".studies time")).to_have_text(expected)


def test_without_a_script_the_desk_works(
    chromium_window: Callable[..., Any], address: str, cookie: dict[str, str]
) -> None:
    with chromium_window(java_script_enabled=False) as context:
        context.add_cookies([cookie])
        page = context.new_page()
        page.goto(f"{address}/desk/studies/a_study")
        page.get_by_role("link", name="Pause").click()
        page.get_by_role("button", name="Pause").click()

        expect(page.locator(".state")).to_have_text("paused")
        expect(page.locator(".primary")).to_have_text("Open it again")
