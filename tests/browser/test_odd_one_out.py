"""The odd one of three texts is chosen with keys, with a finger, and without a script."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from rater.store.rating.publication import NewTrial
from rater.study.dimension import Dimension
from rater.study.protocol import Protocol
from rater.study.scales import OddOneOut

sys.path.insert(0, str(Path(__file__).resolve().parent))

from test_accessibility import violations  # type: ignore[import-not-found]
from test_keys import press  # type: ignore[import-not-found]
from test_rankings import enter  # type: ignore[import-not-found]

pytestmark = pytest.mark.browser

Browse = Callable[..., Any]
Answers = Callable[[], list[tuple[int, int, float | None]]]


@pytest.fixture
def study(address: str, publish_study: Callable[..., str], protocol: Protocol) -> str:
    """The address of a study of two odd-one-out trials."""
    odd = Dimension(name="odd", question="Which text differs from the other two?", scale=OddOneOut())
    trials = tuple(NewTrial(tuple(f"keys-{3 * n + place}" for place in range(3))) for n in (0, 1))
    texts = tuple(("We", f" ran {n} times around the old house and then sat down.") for n in range(6))
    shown = protocol.model_copy(update={"dimensions": (odd,)})
    return f"{address}/s/" + publish_study(slug="keys", name="keys", shown=shown, trials=trials, texts=texts)


def test_a_digit_chooses_a_text_and_enter_continues(browse: Browse, study: str, answers: Answers) -> None:
    with browse() as context:
        page = context.new_page()
        enter(page, study)
        press(page, "2")
        expect(page.get_by_role("radio", name="B")).to_be_checked()
        press(page, "Enter")
        page.wait_for_url("**/trial/2")
        press(page, "3", "Enter")
        page.wait_for_url("**/finish")

    assert [value for *_, value in answers()] == [2.0, 3.0]


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "light"), (1280, "dark")])
def test_three_texts_and_their_buttons_fit_and_have_no_axe_violations(
    browse: Browse, study: str, width: int, scheme: str
) -> None:
    with browse(
        viewport={"width": width, "height": 844 if width < 768 else 800}, color_scheme=scheme
    ) as context:
        page = context.new_page()
        enter(page, study)
        group = page.get_by_role("radiogroup", name="Which text differs from the other two?")
        expect(group.get_by_role("radio")).to_have_count(3)
        boxes = [each.bounding_box() for each in group.locator("label.point").all()]
        assert all(
            box is not None and box["height"] >= 44 and box["x"] + box["width"] <= width for box in boxes
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert violations(page) == []


def test_without_a_script_the_choice_is_a_form(browse: Browse, study: str, answers: Answers) -> None:
    with browse(java_script_enabled=False) as context:
        page: Page = context.new_page()
        page.goto(f"{study}/consent")
        page.get_by_role("button", name="I agree to take part").click()
        page.locator("button.primary").click()
        page.get_by_role("radio", name="C").check()
        page.locator("button.primary").click()
        page.wait_for_url("**/trial/2")

    assert [value for *_, value in answers()] == [3.0]
