"""Every key does what a person means by it: the answer that is stored is the one that was typed."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from rater.store.rating.publication import NewTrial
from rater.study.dimension import Dimension
from rater.study.practice_and_checks import Practice
from rater.study.protocol import Protocol
from rater.study.scales import Choose, Likert, Number, Pairwise, Slider
from rater.study.visit import ScreeningQuestion

pytestmark = pytest.mark.browser

Browse = Callable[..., Any]
Answers = Callable[[], list[tuple[int, int, float]]]
Start = Callable[..., str]
LONG = ("Long", " and longer" * 300)


@pytest.fixture
def start(address: str, publish_study: Callable[..., str], protocol: Protocol) -> Start:
    """A function that publishes a study of these scales, and returns its address."""

    def publish(
        *scales: Any, texts: Any = None, trials: Any = None, unable: bool = False, **changed: Any
    ) -> str:
        dimensions = tuple(
            Dimension(name=f"d{n}", question=f"Question {n}?", scale=scale, cannot_judge=unable)
            for n, scale in enumerate(scales, start=1)
        )
        shown = protocol.model_copy(update={"dimensions": dimensions, **changed})
        more = {"texts": texts} if texts else {}
        return f"{address}/s/" + publish_study(slug="keys", name="keys", shown=shown, trials=trials, **more)

    return publish


def enter(page: Page, study: str) -> None:
    page.goto(f"{study}/consent")
    page.get_by_role("button", name="I agree to take part").click()
    page.locator("button.primary").click()
    at_trial(page, 1)


def at_trial(page: Page, position: int) -> None:
    expect(page).to_have_url(re.compile(f"/trial/{position}$"))
    expect(page.locator(f"form[data-position='{position}']")).to_be_visible()
    expect(page.locator("#show-keys")).to_be_visible()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def chosen(page: Page) -> list[str]:
    return [each.input_value() for each in page.locator("#answers input:checked").all()]


def likert(points: int) -> Likert:
    return Likert(points=points, low="low", high="high")


@pytest.mark.parametrize(
    ("keys", "value"),
    [("1", 1), ("2", 2), ("9", 9), ("0", 10), ("10", 10), ("11", 11), ("210", 10), ("211", 11), ("15", 5)],
)
def test_on_eleven_points_a_number_is_typed(
    browse: Browse, start: Start, answers: Answers, keys: str, value: float
) -> None:
    study = start(likert(11))
    with browse() as context:
        page = context.new_page()
        enter(page, study)
        press(page, *keys, "Enter")
        at_trial(page, 2)
    assert answers() == [(1, 1, value)]


@pytest.mark.parametrize(
    ("first", "points", "keys", "value"),
    [(0, 5, "0", 0), (0, 5, "4", 4), (0, 11, "1", 1), (0, 11, "10", 10), (-3, 7, "1", -3), (-3, 7, "7", 3)],
)
def test_a_digit_chooses_the_point_of_that_number_or_of_that_place(
    browse: Browse, start: Start, answers: Answers, first: int, points: int, keys: str, value: float
) -> None:
    study = start(Likert(points=points, first=first, low="not", high="very"))
    with browse() as context:
        page = context.new_page()
        enter(page, study)
        press(page, *keys, "Enter")
        at_trial(page, 2)
    assert answers() == [(1, 1, value)]


def test_points_without_numbers_keep_them_for_screen_readers_and_keys(
    browse: Browse, start: Start, answers: Answers
) -> None:
    study = start(Likert(points=5, numbers=False, low="not", high="very"))
    with browse() as context:
        page = context.new_page()
        enter(page, study)
        expect(page.get_by_role("radio", name="3")).to_be_attached()
        assert page.locator(".number > .visually-hidden").count() == 5
        press(page, "4", "Enter")
        at_trial(page, 2)
    assert answers() == [(1, 1, 4.0)]


def test_a_digit_that_begins_another_number_never_continues(browse: Browse, start: Start) -> None:
    study = start(likert(10))
    with browse() as context:
        page = context.new_page()
        enter(page, study)
        for _ in range(3):
            press(page, "1")
            page.wait_for_timeout(600)
        assert chosen(page) == ["1"]
        press(page, "1", "1", "1")
        at_trial(page, 1)
        press(page, "5", "5")  # which begins no other number
        at_trial(page, 2)


@pytest.mark.parametrize(("keys", "value"), [("10", 10), ("0", 10), ("11", 11), ("1", 1), ("7", 7)])
def test_where_a_press_continues_at_once_a_number_of_two_digits_is_waited_for(
    browse: Browse, start: Start, answers: Answers, keys: str, value: float
) -> None:
    study = start(likert(11), auto_advance=True)
    with browse() as context:
        page = context.new_page()
        enter(page, study)
        press(page, *keys)
        at_trial(page, 2)
        page.wait_for_timeout(600)
        at_trial(page, 2)
        assert chosen(page) == []
    assert answers() == [(1, 1, value)]


def test_two_digits_answer_one_question_and_one_digit_the_next(
    browse: Browse, start: Start, answers: Answers
) -> None:
    study = start(likert(11), likert(5), likert(10))
    with browse() as context:
        page = context.new_page()
        enter(page, study)
        press(page, "1", "1", "3", "1")
        page.wait_for_timeout(600)
        press(page, "Enter")
        at_trial(page, 2)
        press(page, "1", "5", "2", "Enter")  # 15 is on no scale: 1, and 5 for the next
        at_trial(page, 3)
    assert [value for _, _, value in answers()] == [11, 3, 1, 1, 5, 2]


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (["ArrowLeft"], 1),
        (["ArrowRight"], 1),
        (["5", "ArrowRight"], 5),
        (["5", "ArrowRight", "ArrowRight"], 5),
        (["5", "ArrowDown"], 5),
        (["1", "ArrowLeft"], 1),
        (["1", "ArrowUp", "ArrowUp"], 1),
        (["3", "ArrowUp"], 2),
        (["3", "ArrowDown"], 4),
        (["x"], None),
        (["3", "x"], None),
        (["x", "4"], 4),
        (["X", "ArrowRight", "ArrowRight"], 2),
    ],
)
def test_arrows_stop_at_the_ends_and_cannot_judge_has_a_key_of_its_own(
    browse: Browse, start: Start, answers: Answers, keys: list[str], value: float | None
) -> None:
    study = start(likert(5), unable=True)
    with browse() as context:
        page = context.new_page()
        enter(page, study)
        press(page, *keys, "Enter")
        at_trial(page, 2)
    assert answers() == [(1, 1, value)]


def test_cannot_judge_is_reached_by_tab_and_excludes_an_answer(
    browse: Browse, start: Start, answers: Answers
) -> None:
    study = start(Slider(low="cold", high="warm"), Number(), likert(5), unable=True)
    with browse() as context:
        page = context.new_page()
        enter(page, study)
        press(page, "ArrowRight")
        page.locator(".field:visible").fill("12")
        press(page, "Tab")
        expect(page.get_by_label("I cannot judge this").nth(1)).to_be_focused()
        press(page, "Space")
        expect(page.locator(".field:visible")).to_have_value("")
        page.locator(".field:visible").fill("30")
        expect(page.get_by_label("I cannot judge this").nth(1)).not_to_be_checked()
        press(page, "Enter", "2", "Tab")
        expect(page.get_by_label("I cannot judge this").nth(2)).to_be_focused()
        press(page, "Space", "Enter")
        at_trial(page, 2)
    assert [value for _, _, value in answers()] == [51, 30, None]


MORE = {"cannot_judge": True, "not_applicable": True, "confidence": True}


@pytest.mark.parametrize(
    ("keys", "stored"),
    [
        (["4", "3", "Enter"], (4.0, 0, 3)),
        (["4", "Enter"], (4.0, 0, None)),
        (["4", "ArrowRight", "ArrowRight", "Enter"], (4.0, 0, 2)),
        (["n", "Enter"], (None, 1, None)),
        (["N", "N"], (None, 1, None)),
        (["x", "n", "Enter"], (None, 1, None)),
        (["n", "x", "Enter"], (None, 0, None)),
        (["4", "2", "Shift+Tab", "n", "Enter"], (None, 1, None)),
    ],
)
def test_not_applicable_has_a_key_and_confidence_follows_the_answer(
    browse: Browse,
    start: Start,
    protocol: Protocol,
    rating_url: str,
    keys: list[str],
    stored: tuple[float | None, int, int | None],
) -> None:
    dimension = protocol.dimensions[0].model_copy(update=MORE)
    study = start(dimensions=(dimension,))
    with browse() as context:
        page = context.new_page()
        enter(page, study)
        press(page, *keys)
        at_trial(page, 2)
    with closing(sqlite3.connect(rating_url.removeprefix("sqlite:///"))) as connection:
        rows = connection.execute("SELECT value, not_applicable, confidence FROM answer").fetchall()
    assert rows == [stored]


def test_a_missing_answer_is_pointed_at_but_no_missing_confidence(
    browse: Browse, start: Start, protocol: Protocol
) -> None:
    dimension = protocol.dimensions[0].model_copy(update=MORE)
    study = start(dimensions=(dimension,))
    with browse() as context:
        page = context.new_page()
        enter(page, study)
        page.get_by_label("fairly sure").check()
        page.get_by_role("button", name="Next").click()
        expect(page.locator("#question-1-problem")).to_be_visible()
        press(page, "3")
        page.get_by_role("button", name="Next").click()
        at_trial(page, 2)


@pytest.mark.parametrize(
    ("degrees", "tie", "keys", "value"),
    [
        ((), None, ["ArrowLeft"], -1),
        ((), None, ["ArrowRight"], 1),
        ((), "alike", ["ArrowLeft"], -1),
        ((), "alike", ["ArrowLeft", "ArrowRight"], 0),
        (("slightly", "much"), "alike", ["ArrowLeft"], -1),
        (("slightly", "much"), "alike", ["ArrowLeft", "ArrowLeft", "ArrowLeft"], -2),
        (("slightly", "much"), None, ["ArrowRight", "ArrowRight", "ArrowRight"], 2),
        (("slightly", "much"), "alike", ["1"], -2),
    ],
)
def test_in_a_pair_an_arrow_chooses_its_own_side(
    browse: Browse,
    start: Start,
    answers: Answers,
    degrees: tuple[str, ...],
    tie: str | None,
    keys: list[str],
    value: float,
) -> None:
    trials = (NewTrial(("keys-0", "keys-1")), NewTrial(("keys-1", "keys-0"), is_repeat=True))
    study = start(Pairwise(degrees=degrees, tie=tie), trials=trials, unable=True)
    with browse() as context:
        page = context.new_page()
        enter(page, study)
        press(page, *keys, "Enter")
        at_trial(page, 2)
    assert answers() == [(1, 1, value)]


def test_the_cards_of_a_pair_show_their_digits_except_where_there_are_no_keys(
    browse: Browse, start: Start
) -> None:
    trials = (NewTrial(("keys-0", "keys-1")),)
    study = start(Pairwise(tie="alike"), trials=trials)
    shown = "each => getComputedStyle(each, '::before').content"
    with browse() as context:
        page = context.new_page()
        enter(page, study)
        digits = [each.evaluate(shown) for each in page.locator(".number").all()]
        assert digits == ['"1" / ""', '"2" / ""', '"3" / ""']
        expect(page.get_by_role("radio").first).to_have_accessible_name("A")
    with browse(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        page.goto(f"{study}/consent")
        page.get_by_role("button", name="I agree to take part").tap()
        page.locator("button.primary").tap()
        assert page.locator(".number").first.evaluate(shown) == "none"


def test_page_keys_and_space_scroll_the_text_and_change_no_answer(browse: Browse, start: Start) -> None:
    study = start(Slider(low="cold", high="warm"), Number(), likert(5), texts=(LONG, LONG))
    with browse() as context:
        page = context.new_page()
        enter(page, study)
        text = page.locator("#text")

        def scrolled() -> float:
            return float(text.evaluate("each => each.scrollTop"))

        expect(page.get_by_role("slider")).to_be_focused()
        before = scrolled()
        for key in ("PageDown", "Space", "PageDown"):
            press(page, key)
            assert scrolled() > before, key
            before = scrolled()
        for key in ("PageUp", "Shift+Space"):
            press(page, key)
            assert scrolled() < before, key
            before = scrolled()
        for _ in range(40):
            press(page, "PageDown")  # beyond the end of the text
        expect(page.locator("output")).to_have_text("?")
        press(page, "ArrowRight", "Enter")
        expect(page.locator(".field:visible")).to_be_focused()
        page.keyboard.type("1 2")
        expect(page.locator(".field:visible")).to_have_value("1 2")
        press(page, "PageUp")
        assert scrolled() < text.evaluate("each => each.scrollHeight - each.clientHeight") - 50
        press(page, "Enter", "3", "PageUp", "Space")
        assert chosen(page) == ["3"]


def test_the_keys_scroll_the_first_text_of_a_pair_then_the_second(browse: Browse, start: Start) -> None:
    study = start(
        Pairwise(), texts=(LONG, ("Long", " or longer" * 300)), trials=(NewTrial(("keys-0", "keys-1")),)
    )
    with browse() as context:
        page = context.new_page()
        enter(page, study)
        page.locator("label.point").first.click()
        for _ in range(60):
            press(page, "PageDown")
        ends = [
            each.evaluate("each => each.scrollHeight - each.clientHeight - each.scrollTop")
            for each in page.locator(".side .text").all()
        ]
    assert max(ends) <= 1


def test_enter_goes_to_the_next_open_question_in_silence(
    browse: Browse, start: Start, answers: Answers
) -> None:
    study = start(Slider(low="cold", high="warm"), Number(), likert(5))
    with browse() as context:
        page = context.new_page()
        enter(page, study)
        press(page, "ArrowRight", "Enter")
        expect(page.locator(".field:visible")).to_be_focused()
        expect(page.get_by_role("alert")).to_have_count(0)
        page.keyboard.type("12")
        press(page, "Enter")
        expect(page.locator("#question-3")).to_be_focused()
        expect(page.get_by_role("alert")).to_have_count(0)
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_role("alert")).to_have_count(1)
        press(page, "4", "Enter")
        at_trial(page, 2)
    assert [value for _, _, value in answers()] == [51, 12, 4]


def test_enter_continues_on_every_page(browse: Browse, start: Start, answers: Answers) -> None:
    study = start(
        likert(5),
        screening=(ScreeningQuestion(question="18?", options=("Yes", "No"), accepted=("Yes",)),),
        practice=(Practice(prompt="Sun", text=" shines.", feedback="So."),),
        break_every=1,
        final_comment="Anything?",
    )
    with browse() as context:
        page = context.new_page()
        page.goto(study)
        for path, keys in (
            ("keys", ""),
            ("consent", ""),
            ("screening", "1"),
            ("instructions", ""),
            ("practice/1", "2"),
            ("practice/1/feedback", ""),
            ("trial/1", "1"),
            ("rest/1", ""),
            ("trial/2", "2"),
            ("rest/2", ""),
            ("trial/3", "3"),
            ("finish", ""),
            ("comment", ""),
        ):
            expect(page).to_have_url(re.compile(f"/{path}([?].*)?$"))
            page.wait_for_load_state("load")
            if path in {"rest/1", "finish", "practice/1/feedback"}:
                expect(page.locator("main .primary")).to_be_focused()
            press(page, *keys, "Enter")
        expect(page).to_have_url(re.compile("/thanks$"))
    assert [value for _, _, value in answers()] == [1, 2, 3]


def test_a_held_enter_runs_through_no_pages(browse: Browse, address: str) -> None:
    with browse() as context:
        page = context.new_page()
        page.goto(f"{address}/s/quiet-river")
        page.wait_for_load_state("load")
        page.keyboard.down("Enter")
        expect(page).to_have_url(re.compile("/consent$"))
        page.wait_for_load_state("load")
        for _ in range(3):
            page.keyboard.down("Enter")  # a repetition
        page.wait_for_timeout(200)
        expect(page).to_have_url(re.compile("/consent$"))


def test_single_key_shortcuts_can_be_turned_off_and_stay_off(
    browse: Browse, start: Start, answers: Answers
) -> None:
    study = start(likert(11), unable=True, practice=(Practice(prompt="Sun", text=" shines."),))
    with browse() as context:
        page = context.new_page()
        page.goto(f"{study}/consent")
        page.get_by_role("button", name="I agree to take part").click()
        page.get_by_text("Keyboard shortcuts").click()
        switch = page.get_by_role("switch", name="Turn off single-key shortcuts")
        switch.check()
        page.locator("button.primary").click()
        for path in ("practice/1", "trial/1", "trial/2"):
            expect(page).to_have_url(re.compile(f"/{path}$"))
            expect(page.locator("#show-keys")).to_be_visible()
            press(page, "1", "0", "5", "x", "?", "Backspace")
            assert chosen(page) == []
            expect(page.get_by_role("dialog")).to_be_hidden()
            page.locator("#answers .point input").first.focus()
            press(page, "Space", "ArrowRight", "Enter")
        at_trial(page, 3)
        page.locator("#show-keys").click()
        expect(switch).to_be_checked()
        switch.uncheck()
        press(page, "Escape", "x", "Enter")
        expect(page.locator("main .primary")).to_be_focused()
    assert [value for _, _, value in answers()] == [2, 2, None]


def test_typing_in_a_comment_is_no_shortcut(
    browse: Browse, address: str, publish_study: Callable[..., str], protocol: Protocol
) -> None:
    dimension = protocol.dimensions[0].model_copy(update={"comment": "Why?", "cannot_judge": True})
    publish_study(slug="why", name="why", shown=protocol.model_copy(update={"dimensions": (dimension,)}))
    with browse() as context:
        page = context.new_page()
        enter(page, f"{address}/s/why")
        page.get_by_label("Why?").click()
        page.keyboard.type("5 x 1 ? no")
        press(page, "Backspace", "Enter", "PageDown", "ArrowUp")
        expect(page.get_by_label("Why?")).to_have_value("5 x 1 ? n\n")
        assert chosen(page) == []
        at_trial(page, 1)


def test_a_phone_with_a_keyboard_shows_the_shortcuts_and_their_switch(browse: Browse, start: Start) -> None:
    study = start(likert(5))
    with browse(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        page.goto(f"{study}/consent")
        page.get_by_role("button", name="I agree to take part").tap()
        page.locator("button.primary").tap()
        expect(page.locator("#show-keys")).to_have_js_property("hidden", value=False)
        expect(page.locator("#show-keys")).to_be_hidden()
        press(page, "ArrowRight")
        page.locator("#show-keys").tap()
        expect(page.get_by_role("switch", name="Turn off single-key shortcuts")).to_be_visible()


@pytest.mark.parametrize(("keys", "place"), [("1", 1), ("4", 4), ("12", 12), ("13", 13), ("ArrowRight", 1)])
def test_a_label_is_chosen_by_the_place_where_it_is_shown(
    browse: Browse, start: Start, answers: Answers, keys: str, place: int
) -> None:
    study = start(Choose(options=tuple(f"label {n}" for n in range(1, 13)), none="none"), unable=True)
    with browse() as context:
        page = context.new_page()
        enter(page, study)
        values = [float(each.input_value()) for each in page.locator(".labels input").all()]
        press(page, *((keys,) if keys.startswith("Arrow") else keys), "Enter")
        at_trial(page, 2)
    assert answers() == [(1, 1, values[place - 1])]
    assert values[-1] == 0
