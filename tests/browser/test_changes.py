"""Changes during a save, and entries that are not sent yet, are kept."""

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from playwright.sync_api import Page, expect

from rater.cli.databases import recover
from rater.study.dimension import Dimension
from rater.study.practice_and_checks import Practice
from rater.study.protocol import Protocol
from rater.study.scales import Likert, Number, Slider
from rater.study.visit import BlindingQuestion

pytestmark = pytest.mark.browser

Browse = Callable[..., Any]
Answers = Callable[[], list[tuple[int, int, float]]]
STUDY = "/s/quiet-river"
NO_STORAGE = """
for (const name of ["localStorage", "sessionStorage"])
    Object.defineProperty(window, name, { get() { throw new DOMException("refused", "SecurityError"); } });
"""


@pytest.fixture
def comments(rating_url: str) -> Callable[[], list[tuple[str, int, float | None, str | None]]]:
    """A function that reads dimension, revision, value and comment of all answers from the database file."""

    def read() -> list[tuple[str, int, float | None, str | None]]:
        with closing(sqlite3.connect(rating_url.removeprefix("sqlite:///"))) as connection:
            rows = connection.execute("SELECT dimension, revision, value, comment FROM answer ORDER BY id")
            return rows.fetchall()

    return read


@pytest.fixture
def mixed(address: str, publish_study: Callable[..., str], protocol: Protocol) -> str:
    """The address of a study with a slider, a number, a choice and a comment for each text."""
    shown = protocol.model_copy(
        update={
            "dimensions": (
                Dimension(
                    name="warmth",
                    question="How warm?",
                    scale=Slider(low="cold", high="warm"),
                    cannot_judge=True,
                ),
                Dimension(name="age", question="How old?", scale=Number(step=0.5, unit="years")),
                Dimension(
                    name="sense", question="Sense?", scale=Likert(low="none", high="all"), comment="Why?"
                ),
            ),
            "practice": (Practice(prompt="Sun", text=" shines."),),
            "blinding": BlindingQuestion(),
            "final_comment": "Anything unclear?",
        }
    )
    return f"{address}/s/" + publish_study(slug="mixed", name="mixed", shown=shown)


def enter(page: Page, study: str) -> None:
    page.goto(f"{study}/consent")
    page.get_by_role("button", name="I agree to take part").click()
    page.locator("button.primary").click()


def at_trial(page: Page, position: int) -> None:
    expect(page).to_have_url(re.compile(f"/trial/{position}$"))
    expect(page.locator(f"form[data-position='{position}']")).to_be_visible()
    expect(page.locator("#show-keys")).to_have_js_property("hidden", value=False)


def choose(page: Page, point: int) -> None:
    page.locator("label.point").nth(point - 1).click()


def press_next(page: Page) -> None:
    page.get_by_role("button", name="Next").click()


def fill(page: Page) -> None:
    """Answer every question of the mixed study, with a comment."""
    page.locator(".range").click(position={"x": 5, "y": 20})
    page.locator(".typed .field:visible").fill("12")
    choose(page, 4)
    page.get_by_label("Why?").fill("It is short.")


def expect_filled(page: Page) -> None:
    expect(page.locator("output")).not_to_have_text("?")
    expect(page.locator(".typed .field:visible")).to_have_value("12")
    expect(page.locator("input:checked")).to_have_value("4")
    expect(page.get_by_label("Why?")).to_have_value("It is short.")


def delayed(page: Page, pattern: str, *, ms: int) -> None:
    """Let the page's saves take some time before they are sent."""
    page.evaluate(
        """([pattern, ms]) => {
            const fetched = window.fetch;
            window.fetch = async (url, options) => {
                const reply = await fetched(url, options);
                if (options?.method === "POST" && String(url).includes(pattern))
                    await new Promise((resolve) => setTimeout(resolve, ms));
                return reply;
            };
        }""",
        [pattern, ms],
    )


def test_an_answer_changed_offline_is_the_one_that_is_stored(
    chromium_window: Browse, address: str, answers: Answers
) -> None:
    with chromium_window() as context:
        page = context.new_page()
        enter(page, address + STUDY)
        at_trial(page, 1)
        context.set_offline(True)
        choose(page, 2)
        press_next(page)
        expect(page.locator("#status")).to_contain_text("offline")
        choose(page, 5)
        press_next(page)
        context.set_offline(False)
        at_trial(page, 2)
        expect(page.locator("input:checked")).to_have_count(0)
    assert answers()[-1][0::2] == (1, 5.0)


def test_an_answer_changed_during_a_slow_save_is_a_revision(
    browse: Browse, address: str, answers: Answers
) -> None:
    with browse() as context:
        page = context.new_page()
        enter(page, address + STUDY)
        at_trial(page, 1)
        delayed(page, "/trial/", ms=700)
        page.keyboard.press("2")
        page.keyboard.press("Enter")
        page.keyboard.press("5")
        at_trial(page, 2)
        assert page.evaluate("Object.keys(localStorage).length") == 0
    assert answers() == [(1, 1, 2.0), (1, 2, 5.0)]


def test_a_comment_typed_after_next_is_stored_and_its_digits_answer_no_other_text(
    browse: Browse, mixed: str, comments: Callable[[], list[tuple[Any, ...]]]
) -> None:
    with browse() as context:
        page = context.new_page()
        enter(page, mixed)
        fill(page)
        press_next(page)
        at_trial(page, 1)
        fill(page)
        page.get_by_label("Why?").fill("")
        delayed(page, "/trial/", ms=400)
        press_next(page)
        page.get_by_label("Why?").press_sequentially("Four or 5 words, 3 late", delay=60)
        at_trial(page, 2)
        expect(page.locator("input:checked")).to_have_count(0)
    stored = comments()
    assert [row[3] for row in stored if row[0] == "sense"][-1] == "Four or 5 words, 3 late"
    assert {row[2] for row in stored if row[0] == "age"} == {12.0}


def test_a_change_that_leaves_a_question_open_keeps_the_page(
    browse: Browse, mixed: str, comments: Callable[[], list[tuple[Any, ...]]]
) -> None:
    with browse() as context:
        page = context.new_page()
        enter(page, mixed)
        fill(page)
        press_next(page)
        at_trial(page, 1)
        fill(page)
        delayed(page, "/trial/", ms=300)
        press_next(page)
        page.locator(".typed .field:visible").fill("")
        expect(page.locator("#status")).to_have_text("Saved. Please press Next to continue.")
        page.locator(".typed .field:visible").fill("13")
        press_next(page)
        at_trial(page, 2)
    assert [row[1:3] for row in comments() if row[0] == "age"] == [(1, 12.0), (2, 13.0)]


def test_a_changed_answer_takes_the_place_of_the_one_that_waits(
    chromium_window: Browse, address: str, answers: Answers, tmp_path: Path, rating_url: str
) -> None:
    """Both when the next tab sends it, and in the file that a rater can download."""
    with chromium_window() as context:
        page = context.new_page()
        enter(page, address + STUDY)
        at_trial(page, 1)
        page.clock.install()
        context.route(f"{address}/**", lambda route: route.abort())
        choose(page, 2)
        press_next(page)
        expect(page.locator("#status")).to_contain_text("Not saved yet")
        choose(page, 5)
        page.clock.run_for(90_000)
        with page.expect_download() as downloading:
            page.get_by_text("Download your answers").click()
        downloading.value.save_as(tmp_path / "answers.json")
        [entry] = json.loads((tmp_path / "answers.json").read_text())["answers"]
        assert "answer.happiness=5" in entry["body"]
        page.close()
        context.unroute_all()
        page = context.new_page()
        page.goto(address + STUDY)
        at_trial(page, 2)
    assert answers() == [(1, 1, 5.0)]
    result = CliRunner().invoke(recover, [str(tmp_path / "answers.json"), "--ratings", rating_url])
    assert "1 already stored" in result.output


def test_a_waiting_answer_is_shown_by_the_next_tab_and_can_be_changed_there(
    chromium_window: Browse, address: str, answers: Answers
) -> None:
    with chromium_window() as context:
        page = context.new_page()
        enter(page, address + STUDY)
        at_trial(page, 1)
        context.route(
            "**/trial/1", lambda route: route.abort() if route.request.method == "POST" else route.continue_()
        )
        choose(page, 3)
        press_next(page)
        expect(page.locator("#status")).to_contain_text("Not saved yet")
        page.close()
        page = context.new_page()
        page.goto(address + STUDY)
        at_trial(page, 1)
        expect(page.get_by_role("radio", name="3")).to_be_checked()
        choose(page, 4)
        context.unroute_all()
        at_trial(page, 2)
    assert answers()[-1][0::2] == (1, 4.0)


def test_where_answers_cannot_be_changed_the_scale_is_locked_during_a_save(
    browse: Browse, address: str, publish_study: Callable[..., str], protocol: Protocol, answers: Answers
) -> None:
    publish_study(slug="once", name="once", shown=protocol.model_copy(update={"revising": "none"}))
    with browse() as context:
        page = context.new_page()
        enter(page, f"{address}/s/once")
        at_trial(page, 1)
        delayed(page, "/trial/", ms=600)
        page.keyboard.press("2")
        page.keyboard.press("Enter")
        page.keyboard.press("5")
        expect(page.get_by_role("radio", name="2")).to_be_checked()
        assert page.locator("fieldset").first.evaluate("each => each.inert")
        at_trial(page, 2)
    assert answers() == [(1, 1, 2.0)]


@pytest.mark.parametrize("storage", ["usable", "refused"])
def test_a_draft_survives_every_way_off_the_page_and_back(
    browse: Browse, mixed: str, storage: str, comments: Callable[[], list[tuple[Any, ...]]]
) -> None:
    with browse() as context:
        if storage == "refused":
            context.add_init_script(NO_STORAGE)
        page = context.new_page()
        enter(page, mixed)
        fill(page)
        page.reload()
        expect_filled(page)  # the practice text
        press_next(page)
        at_trial(page, 1)
        expect(page.locator("input:checked")).to_have_count(0)
        fill(page)
        page.reload()
        at_trial(page, 1)
        expect_filled(page)
        expect(page.locator("#status")).to_contain_text("Your entries are still here.")
        page.get_by_role("link", name="Instructions").click()
        page.locator("button.primary").click()
        at_trial(page, 1)
        expect_filled(page)
        page.get_by_role("link", name="Instructions").click()
        page.go_back()
        at_trial(page, 1)
        expect_filled(page)
        page.get_by_role("link", name="Stop or withdraw").click()
        page.get_by_role("link", name="Go back").click()
        at_trial(page, 1)
        expect_filled(page)
        press_next(page)
        at_trial(page, 2)
        expect(page.locator("input:checked")).to_have_count(0)
        assert page.evaluate("window.name") == ("{}" if storage == "refused" else "")
    assert [row[2:] for row in comments() if row[0] != "warmth"] == [(12.0, None), (4.0, "It is short.")]


def test_a_draft_on_the_last_pages_survives_too(browse: Browse, mixed: str) -> None:
    with browse() as context:
        page = context.new_page()
        enter(page, mixed)
        fill(page)
        press_next(page)
        for position in (1, 2, 3):
            at_trial(page, position)
            fill(page)
            press_next(page)
        page.locator("button.primary").click()
        page.get_by_label("In the usual way").first.check(force=True)
        page.get_by_role("link", name="Stop or withdraw").click()
        page.get_by_role("link", name="Go back").click()
        expect(page.get_by_label("In the usual way").first).to_be_checked()
        for field in page.locator("fieldset").all():
            field.locator(".point").last.click()
        page.locator("button.primary").click()
        page.get_by_label("Anything unclear?").fill("The third text.")
        page.reload()
        expect(page.get_by_label("Anything unclear?")).to_have_value("The third text.")


def test_a_draft_is_never_shown_to_the_next_rater_of_the_tab(browse: Browse, address: str) -> None:
    with browse() as context:
        page = context.new_page()
        enter(page, address + STUDY)
        at_trial(page, 1)
        choose(page, 4)
        context.clear_cookies()
        enter(page, address + STUDY)
        at_trial(page, 1)
        expect(page.locator("input:checked")).to_have_count(0)
