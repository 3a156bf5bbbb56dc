"""Whatever happens between a press and the server, an answer is kept until it is stored, and stored once."""

import json
import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from playwright.sync_api import Page, expect

from rater.cli.databases import recover
from rater.study.dimension import Dimension
from rater.study.protocol import Protocol
from rater.study.scales import Likert, Slider

pytestmark = pytest.mark.browser

Browse = Callable[..., Any]
Answers = Callable[[], list[tuple[int, int, float]]]
STUDY = "/s/quiet-river"


def enter(page: Page, address: str, study: str = STUDY) -> None:
    page.goto(f"{address}{study}/consent")
    page.get_by_role("button", name="I agree to take part").click()
    page.locator("button.primary").click()
    at_trial(page, 1)


def at_trial(page: Page, position: int) -> None:
    expect(page).to_have_url(re.compile(f"/trial/{position}$"))
    expect(page.locator(f"form[data-position='{position}']")).to_be_visible()
    expect(page.locator("#show-keys")).to_be_visible()


def answer(page: Page, point: int) -> None:
    page.locator("label.point").nth(point - 1).click()
    page.get_by_role("button", name="Next").click()


def kept(page: Page) -> int:
    return int(page.evaluate("Object.keys(localStorage).length"))


def expect_kept(page: Page, n_answers: int) -> None:
    """Wait for that number of kept answers: a page forgets one when the server has confirmed it."""
    deadline = time.monotonic() + 10
    while kept(page) != n_answers and time.monotonic() < deadline:
        page.wait_for_timeout(20)
    assert kept(page) == n_answers


def test_the_next_text_comes_with_the_save_and_nothing_is_loaded_again(
    browse: Browse, address: str, answers: Answers
) -> None:
    with browse() as context:
        page = context.new_page()
        enter(page, address)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(f"{request.method} {request.url}"))
        answer(page, 4)
        at_trial(page, 2)

        # a browser may look for its icon whenever the address changes
        assert [each for each in asked if "/static/" not in each] == [f"POST {address}{STUDY}/trial/1"]
        assert [each for each in asked if each.endswith((".js", ".css"))] == []
        expect_kept(page, 0)
        expect(page.locator("#status")).to_have_text("Saved: 1 of 3")
        expect(page.locator("#question-1")).to_be_focused()
        assert page.title() == "2 of 3 – How happy are these texts?"
    assert answers() == [(1, 1, 4.0)]


def test_offline_an_answer_waits_and_is_sent_when_the_network_is_back(
    chromium_window: Browse, address: str, answers: Answers
) -> None:
    with chromium_window() as context:
        page = context.new_page()
        enter(page, address)
        context.set_offline(True)
        answer(page, 4)
        expect(page.locator("#status")).to_contain_text("Your answer is kept in this browser")
        expect(page.get_by_role("radio", name="4")).to_be_checked()
        page.get_by_role("button", name="Next").click()  # waits

        expect_kept(page, 1)
        assert answers() == []
        context.set_offline(False)
        at_trial(page, 2)
    assert answers() == [(1, 1, 4.0)]


def test_a_server_that_fails_is_tried_again(chromium_window: Browse, address: str, answers: Answers) -> None:
    with chromium_window() as context:
        page = context.new_page()
        enter(page, address)
        replies = iter([503, 502])

        def fail_twice(route: Any) -> None:
            status = next(replies, None)
            route.fulfill(status=status, body="gone") if status else route.continue_()

        page.route("**/trial/1", fail_twice)
        answer(page, 2)
        expect(page.locator("#status")).to_have_text("Not saved yet, trying again (1)")
        at_trial(page, 2)
    assert answers() == [(1, 1, 2.0)]


def test_a_tab_that_was_closed_before_the_save_is_caught_up_by_the_next(
    chromium_window: Browse, address: str, answers: Answers
) -> None:
    with chromium_window() as context:
        page = context.new_page()
        enter(page, address)
        context.set_offline(True)
        answer(page, 3)
        expect(page.locator("#status")).to_contain_text("offline")
        page.close()
        context.set_offline(False)

        page = context.new_page()
        page.goto(address + STUDY)
        at_trial(page, 2)
        expect_kept(page, 0)
    assert answers() == [(1, 1, 3.0)]


def test_after_a_minute_the_answers_can_be_downloaded_and_taken_in(
    chromium_window: Browse, address: str, answers: Answers, tmp_path: Path, rating_url: str
) -> None:
    with chromium_window() as context:
        page = context.new_page()
        enter(page, address)
        page.clock.install()
        # being offline alone lets a request through now and then that the browser has a connection for
        context.route(f"{address}/**", lambda route: route.abort())
        context.set_offline(True)
        answer(page, 5)
        expect(page.get_by_text("Download your answers")).to_be_hidden()
        page.clock.run_for(90_000)
        with page.expect_download() as downloading:
            page.get_by_text("Download your answers").click()
        path = tmp_path / "answers.json"
        downloading.value.save_as(path)

        # before the browser closes: while it closes it is online again, and may send the answer
        with closing(sqlite3.connect(rating_url.removeprefix("sqlite:///"))) as connection:
            [(digest,)] = connection.execute("SELECT digest FROM token").fetchall()
        assert digest not in path.read_text()
        command = [str(path), "--ratings", rating_url]
        assert "1 answer imported" in CliRunner().invoke(recover, command).output
        assert answers() == [(1, 1, 5.0)]


def test_without_the_cookie_an_answer_is_kept_and_never_given_to_another_rater(
    chromium_window: Browse, address: str, answers: Answers
) -> None:
    with chromium_window() as context:
        page = context.new_page()
        enter(page, address)
        context.clear_cookies()
        answer(page, 4)
        expect(page.get_by_text("We no longer recognise this browser.")).to_be_visible()
        expect_kept(page, 1)

        enter(page, address)
        answer(page, 1)
        at_trial(page, 2)
        expect_kept(page, 1)
    assert answers() == [(1, 1, 1.0)]


def test_a_study_that_closes_says_what_is_saved(
    browse: Browse, address: str, rating_url: str, answers: Answers
) -> None:
    with browse() as context:
        page = context.new_page()
        enter(page, address)
        answer(page, 4)
        at_trial(page, 2)
        with closing(sqlite3.connect(rating_url.removeprefix("sqlite:///"))) as connection, connection:
            connection.execute("UPDATE study SET state = 'paused'")
        answer(page, 2)
        expect(page.get_by_text("This study is currently paused.")).to_be_visible()
        expect_kept(page, 1)  # sent when it opens again
    assert answers() == [(1, 1, 4.0)]


def test_times_are_those_of_a_clock_that_nobody_sets(browse: Browse, address: str, rating_url: str) -> None:
    with browse() as context:
        page = context.new_page()
        enter(page, address)
        page.evaluate("Date.now = () => 0")
        page.evaluate(
            """() => new Promise((resolve) => {
                Object.defineProperty(document, 'hidden', { get: () => window.away });
                window.away = true;
                document.dispatchEvent(new Event('visibilitychange'));
                setTimeout(() => {
                    window.away = false;
                    document.dispatchEvent(new Event('visibilitychange'));
                    resolve();
                }, 300);
            })"""
        )
        answer(page, 4)
        at_trial(page, 2)
        page.wait_for_timeout(450)
        answer(page, 4)
        at_trial(page, 3)
    with closing(sqlite3.connect(rating_url.removeprefix("sqlite:///"))) as connection:
        rows = connection.execute("SELECT shown_ms, first_render_ms, hidden_ms FROM answer ORDER BY id")
        [(shown, render, hidden), (shown_after, render_after, hidden_after)] = rows.fetchall()
    assert 300 <= hidden <= shown < 20_000
    assert hidden_after == 0
    assert 400 <= shown_after < 20_000
    assert 0 < render < 20_000
    assert 0 < render_after < 20_000


@pytest.fixture
def sliding(publish_study: Callable[..., str], protocol: Protocol) -> str:
    scale = Slider(low="cold", high="warm", step=5)
    warmth = Dimension(name="warmth", question="How warm?", scale=scale, cannot_judge=True)
    shown = protocol.model_copy(update={"dimensions": (warmth,)})
    return "/s/" + publish_study(slug="sliding", name="sliding", shown=shown)


def test_a_slider_has_no_value_until_it_is_touched(
    browse: Browse, address: str, sliding: str, answers: Answers
) -> None:
    with browse() as context:
        page = context.new_page()
        enter(page, address, sliding)
        expect(page.locator("output")).to_have_text("?")
        expect(page.locator(".range")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_text("Please set the slider, or choose “I cannot judge this”.")).to_be_visible()
        page.locator(".range").click()  # in the middle, at its thumb
        expect(page.locator("output")).to_have_text("50")
        page.keyboard.press("ArrowRight")
        expect(page.locator("output")).to_have_text("55")
        page.keyboard.press("Enter")
        at_trial(page, 2)
        page.get_by_text("I cannot judge this", exact=True).click()
        page.keyboard.press("Enter")
        at_trial(page, 3)
    assert answers() == [(1, 1, 55.0), (2, 1, None)]


def test_a_press_continues_at_once_with_auto_advance(
    browse: Browse, address: str, publish_study: Callable[..., str], protocol: Protocol, answers: Answers
) -> None:
    publish_study(slug="quick", name="quick", shown=protocol.model_copy(update={"auto_advance": True}))
    with browse() as context:
        page = context.new_page()
        enter(page, address, "/s/quick")
        page.locator("label.point").nth(2).click()
        at_trial(page, 2)
        page.keyboard.press("4")
        at_trial(page, 3)
    assert answers() == [(1, 1, 3.0), (2, 1, 4.0)]


def test_a_double_press_rates_one_text_with_auto_advance(
    browse: Browse, address: str, publish_study: Callable[..., str], protocol: Protocol, answers: Answers
) -> None:
    publish_study(slug="quick", name="quick", shown=protocol.model_copy(update={"auto_advance": True}))
    with browse() as context:
        page = context.new_page()
        enter(page, address, "/s/quick")
        page.locator("label.point").nth(2).dblclick()
        at_trial(page, 2)
        expect(page.locator("input:checked")).to_have_count(0)
    assert answers() == [(1, 1, 3.0)]


def test_half_an_answer_survives_going_back(
    browse: Browse, address: str, publish_study: Callable[..., str], protocol: Protocol
) -> None:
    sense = Dimension(name="sense", question="Sense?", scale=Likert(points=3, low="none", high="all"))
    dimensions = (*protocol.dimensions, sense)
    publish_study(slug="two", name="two", shown=protocol.model_copy(update={"dimensions": dimensions}))
    with browse() as context:
        page = context.new_page()
        enter(page, address, "/s/two")
        page.keyboard.press("4")
        page.keyboard.press("2")
        page.keyboard.press("Enter")
        at_trial(page, 2)
        page.keyboard.press("5")
        page.keyboard.press("Backspace")
        at_trial(page, 1)
        page.keyboard.press("Enter")
        at_trial(page, 2)
        expect(page.locator("[name='answer.happiness'][value='5']")).to_be_checked()
        expect(page.locator("#question-2")).to_be_focused()


def test_a_kept_file_names_no_more_than_it_must(chromium_window: Browse, address: str) -> None:
    with chromium_window() as context:
        page = context.new_page()
        enter(page, address)
        context.set_offline(True)
        answer(page, 4)
        expect(page.locator("#status")).to_contain_text("offline")
        entry = json.loads(page.evaluate("Object.values(localStorage)[0]"))

    assert set(entry) == {"id", "url", "body", "position", "mark", "proof"}
    assert "I woke up" not in json.dumps(entry)
