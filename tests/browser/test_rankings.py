"""Texts are put in order with keys, with a finger, and without a script."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from rater.store.rating.publication import NewTrial
from rater.study.dimension import Dimension
from rater.study.protocol import Protocol
from rater.study.scales import BestWorst, Ranking

sys.path.insert(0, str(Path(__file__).resolve().parent))

from test_accessibility import violations  # type: ignore[import-not-found]
from test_keys import at_trial, press  # type: ignore[import-not-found]

pytestmark = pytest.mark.browser

Browse = Callable[..., Any]
Answers = Callable[[], list[tuple[int, int, float | None]]]
BEST_WORST = BestWorst(texts=4, best="Happiest", worst="Least happy")
RANKING = Ranking(texts=3, top="happiest", bottom="least happy")


@pytest.fixture
def start(address: str, publish_study: Callable[..., str], protocol: Protocol) -> Callable[..., str]:
    """A function that publishes a study of two groups of texts, and returns its address."""

    def publish(scale: BestWorst | Ranking) -> str:
        mood = Dimension(name="mood", question="Which texts?", scale=scale, cannot_judge=True)
        trials = tuple(
            NewTrial(tuple(f"keys-{scale.texts * n + place}" for place in range(scale.texts))) for n in (0, 1)
        )
        texts = tuple(("We", f" ran {n} times.") for n in range(2 * scale.texts))
        shown = protocol.model_copy(update={"dimensions": (mood,)})
        return f"{address}/s/" + publish_study(
            slug="keys", name="keys", shown=shown, trials=trials, texts=texts
        )

    return publish


def enter(page: Page, study: str) -> None:
    page.goto(f"{study}/consent")
    page.get_by_role("button", name="I agree to take part").click()
    page.locator("button.primary").click()
    page.wait_for_url("**/trial/1")
    # a phone shows no keys, but its script is ready
    page.wait_for_function("!document.getElementById('show-keys').hidden")


def button(page: Page, rank: int, text: str) -> Locator:
    return page.locator("fieldset.rank").nth(rank).get_by_role("radio", name=text)


def chosen(page: Page) -> list[str | None]:
    return [
        row.evaluate("row => row.querySelector('input:checked')?.value ?? null")
        for row in page.locator("fieldset.rank").all()
    ]


def test_digits_choose_the_best_and_then_the_worst_and_enter_continues(
    browse: Browse, start: Callable[..., str], answers: Answers
) -> None:
    with browse() as context:
        page = context.new_page()
        enter(page, start(BEST_WORST))
        press(page, "3", "1")
        assert chosen(page) == ["3", "1"]
        press(page, "Enter")
        at_trial(page, 2)
        press(page, "x", "Enter")
        page.wait_for_url("**/finish")

    assert [value for *_, value in answers()] == [31, None]


def test_choosing_a_text_again_moves_it_and_the_last_rank_needs_no_choice(
    browse: Browse, start: Callable[..., str], answers: Answers
) -> None:
    with browse(has_touch=True, viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        enter(page, start(RANKING))
        spoken = page.locator(".placed")
        button(page, 0, "C").tap()
        expect(spoken).to_have_text("Text C: 1 happiest")
        button(page, 1, "C").tap()
        assert chosen(page) == [None, "3", None]
        expect(spoken).to_have_text("Text C: 2")
        button(page, 0, "A").tap()
        expect(spoken).to_have_text("Text A: 1 happiest. Text B: 3 least happy")
        assert chosen(page) == ["1", "3", "2"]
        button(page, 2, "A").tap()  # they change places
        assert chosen(page) == ["2", "3", "1"]
        page.get_by_role("button", name="Next").tap()
        page.wait_for_url("**/trial/2")

    assert [value for *_, value in answers()] == [231]


def test_a_missing_rank_is_pointed_at_and_i_cannot_judge_clears_the_others(
    browse: Browse, start: Callable[..., str]
) -> None:
    with browse() as context:
        page = context.new_page()
        enter(page, start(BEST_WORST))
        page.get_by_role("radiogroup", name="Which texts? Happiest").get_by_role("radio", name="B").check()
        page.get_by_role("button", name="Next").click()
        expect(page.locator("#question-1-2-problem")).to_be_visible()
        expect(page.locator("#question-1-1-problem")).to_be_hidden()
        assert violations(page) == []
        page.get_by_label("I cannot judge this").check()
        assert chosen(page) == [None, None]
        expect(page.locator("#question-1-2-problem")).to_be_hidden()
        press(page, "2")
        expect(page.get_by_label("I cannot judge this")).not_to_be_checked()


def test_every_button_can_be_touched_and_no_page_is_too_wide(
    browse: Browse, start: Callable[..., str]
) -> None:
    with browse(has_touch=True, viewport={"width": 360, "height": 740}) as context:
        page = context.new_page()
        enter(page, start(Ranking(texts=6, top="happiest of all of them", bottom="least happy")))
        sizes = [box.bounding_box() for box in page.locator("fieldset.rank .point").all()]
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert violations(page) == []

    assert len(sizes) == 36
    assert all(size is not None and min(size["width"], size["height"]) >= 44 for size in sizes)


def test_without_a_script_a_repeated_text_is_refused_and_an_order_is_saved(
    chromium_window: Browse, start: Callable[..., str], answers: Answers
) -> None:
    with chromium_window(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{start(RANKING)}/consent")
        page.get_by_role("button", name="I agree to take part").click()
        page.locator("button.primary").click()
        for row, text in enumerate("AAB"):
            button(page, row, text).check()
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_text("each text can be chosen only once")).to_be_visible()
        button(page, 1, "C").check()
        page.get_by_role("button", name="Next").click()
        page.wait_for_url("**/trial/2")

    assert [value for *_, value in answers()] == [132]
