"""A text is there in full or shows that it continues, and nothing moves under a rater's hand."""

import re
from base64 import b64encode
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Route, expect

from rater.store.rating.publication import NewTrial
from rater.study.dimension import Dimension
from rater.study.fields import ShownField
from rater.study.logo import Logo
from rater.study.practice_and_checks import Practice
from rater.study.protocol import Protocol
from rater.study.scales import Likert, Number, Pairwise, Ranking, Slider
from rater.study.visit import BlindingQuestion

pytestmark = pytest.mark.browser

Browse = Callable[..., Any]
Start = Callable[..., str]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
TALL = {"viewport": {"width": 1280, "height": 1400}}
POEM = (
    "An old coat",
    "\nGrey\nwater,\ngrey sky,\na line\nbetween\nthem that\nno one\ndrew.\nWe\nstood\nthere.",
)
PROSE = ("Long", " and quite a bit longer" * 40)
CHINESE = ("早上", "我醒来的时候,外面正在下雨。" * 22)
ARABIC = ("استيقظت هذا الصباح", " وكانت الشمس مشرقة، فخرجت إلى الحديقة وأنا أضحك." * 6)
SHORT = ("Rain", " falls.")


@pytest.fixture
def start(address: str, publish_study: Callable[..., str], protocol: Protocol) -> Start:
    """A function that publishes a study of these scales and texts, and returns its address."""

    def publish(*scales: Any, texts: Any, trials: Any = None, fields: Any = (), **changed: Any) -> str:
        dimensions = tuple(
            Dimension(name=f"d{n}", question=f"Question {n}?", scale=scale)
            for n, scale in enumerate(scales or (Likert(low="low", high="high"),), start=1)
        )
        shown = protocol.model_copy(update={"dimensions": dimensions, **changed})
        slug = publish_study(slug="laid", name="laid", shown=shown, texts=texts, trials=trials, fields=fields)
        return f"{address}/s/{slug}"

    return publish


def enter(page: Page, study: str) -> None:
    page.goto(f"{study}/consent")
    page.get_by_role("button", name="I agree to take part").click()
    page.locator("button.primary").click()


def at_trial(page: Page, position: int) -> None:
    expect(page).to_have_url(re.compile(f"/trial/{position}$"))
    expect(page.locator(f"form[data-position='{position}']")).to_be_visible()
    expect(page.locator("#show-keys")).to_have_js_property("hidden", value=False)


def box(locator: Locator) -> dict[str, float]:
    found = locator.bounding_box()
    assert found is not None
    return {"x": found["x"], "y": found["y"], "width": found["width"], "height": found["height"]}


def is_whole(text: Locator) -> bool:
    return bool(text.evaluate("each => each.scrollHeight <= each.clientHeight"))


@pytest.mark.parametrize(
    ("window", "texts"),
    [
        (DESKTOP, (POEM, SHORT)),
        (PHONE, (POEM, SHORT)),
        (DESKTOP, (PROSE, SHORT)),
        (TALL, (PROSE, POEM, SHORT)),
        (TALL, (CHINESE, SHORT)),
        (TALL, (ARABIC, CHINESE, POEM)),
    ],
)
def test_a_text_that_fits_is_there_in_full_and_the_scale_stays_in_its_place(
    browse: Browse, start: Start, window: dict[str, Any], texts: tuple[tuple[str, str], ...]
) -> None:
    study = start(texts=texts, practice=(Practice(prompt="Sun", text="\nshines."),))
    places = []
    with browse(**window) as context:
        page = context.new_page()
        enter(page, study)
        expect(page.locator("#show-keys")).to_have_js_property("hidden", value=False)
        for position in range(len(texts) + 1):
            if position:
                at_trial(page, position)
            assert is_whole(page.locator("#text")), position
            places.append(box(page.locator(".points")))
            page.locator("label.point").first.click()
            page.locator("button.primary").click()
    assert places == [places[0]] * len(places)


@pytest.mark.parametrize("window", [DESKTOP, PHONE, {**DESKTOP, "color_scheme": "dark"}])
def test_a_text_that_continues_below_is_shaded_until_its_end_is_seen(
    browse: Browse, start: Start, window: dict[str, Any]
) -> None:
    study = start(texts=(("Long", " and longer" * 400), SHORT))
    with browse(**window) as context:
        page = context.new_page()
        enter(page, study)

        def edge(position: int) -> bytes:
            at_trial(page, position)
            place = box(page.locator("#text"))
            left, top = place["x"] + place["width"] - 3, place["y"] + place["height"] - 6
            picture: bytes = page.screenshot(clip={"x": left, "y": top, "width": 2, "height": 2})
            return picture

        more_below = edge(1)
        page.evaluate("document.getElementById('text').scrollTo(0, 1e6)")
        at_the_end = edge(1)
        page.locator("label.point").first.click()
        page.locator("button.primary").click()
        assert more_below != at_the_end == edge(2)


@pytest.mark.parametrize("points", [8, 11])
@pytest.mark.parametrize("width", [320, 390])
def test_on_a_phone_many_points_are_in_one_row_above_the_labels_of_its_ends(
    browse: Browse, start: Start, points: int, width: int
) -> None:
    study = start(Likert(points=points, low="It leaves me cold", high="It moves me deeply"), texts=(SHORT,))
    with browse(**{**PHONE, "viewport": {"width": width, "height": 640}}) as context:
        page = context.new_page()
        enter(page, study)
        at_trial(page, 1)
        cards = [box(card) for card in page.locator(".point").all()]
        assert len({card["y"] for card in cards}) == 1
        assert min(card["width"] for card in cards) >= 24
        low, high = (box(label) for label in page.locator(".ends span").all())
        assert low["x"] == cards[0]["x"]
        assert high["x"] + high["width"] == pytest.approx(cards[-1]["x"] + cards[-1]["width"], abs=1)
        page.locator("label.point").nth(points - 1).tap()
        page.locator("button.primary").tap()
        expect(page).to_have_url(re.compile("/finish$"))


@pytest.mark.parametrize("degrees", [(), ("slightly more", "much more")])
def test_on_a_phone_a_pair_is_there_in_full_with_its_choice_as_a_bar(
    browse: Browse, start: Start, degrees: tuple[str, ...], answers: Callable[[], list[Any]]
) -> None:
    texts = (("The market", " opens at five" * 60), ("The market", " closes late" * 60))
    trials = (NewTrial(("laid-0", "laid-1")), NewTrial(("laid-1", "laid-0"), is_repeat=True))
    study = start(Pairwise(tie="No preference", degrees=degrees), texts=texts, trials=trials)
    with browse(**PHONE) as context:
        page = context.new_page()
        enter(page, study)
        at_trial(page, 1)
        assert page.evaluate("window.scrollY") == 0
        assert all(is_whole(text) for text in page.locator(".side .text").all())
        assert [each.is_visible() for each in page.locator(".prompt").all()] == [True, False, False]
        for _ in range(3):
            for shown in (
                page.get_by_text("Question 1?"),
                page.locator(".choices"),
                page.locator("button.primary"),
            ):
                expect(shown).to_be_in_viewport(ratio=1)
            page.evaluate("window.scrollBy(0, 400)")
        assert box(page.locator(".answering"))["height"] < 0.4 * 844
        page.locator("label.point").first.tap()
        page.locator("button.primary").tap()
        at_trial(page, 2)
        assert page.evaluate("window.scrollY") == 0
    assert [value for _, _, value in answers()] == [-2 if degrees else -1]


@pytest.mark.parametrize(("view", "n_columns"), [(PHONE, 1), (DESKTOP, 3)])
def test_three_texts_are_in_full_below_each_other_on_a_phone_and_in_columns_on_a_desktop(
    browse: Browse, start: Start, view: dict[str, Any], n_columns: int
) -> None:
    texts = tuple(("The market", f" {words}" * 20) for words in ("opens at five", "closes late", "is shut"))
    study = start(texts=texts, trials=(NewTrial(("laid-2", "laid-0", "laid-1")),))
    with browse(**view) as context:
        page = context.new_page()
        enter(page, study)
        at_trial(page, 1)
        sides = page.locator(".side")
        expect(sides).to_have_count(3)
        assert [each.split()[-1] for each in sides.locator("h2").all_inner_texts()] == ["A", "B", "C"]
        assert all(is_whole(text) for text in page.locator(".side .text").all())
        boxes = [box(side) for side in sides.all()]
        assert len({round(each["x"]) for each in boxes}) == n_columns
        assert len({round(each["y"]) for each in boxes}) == 3 // n_columns


@pytest.mark.parametrize(("text", "least", "most"), [(SHORT, 20, 60), (PROSE, 260, 0.32 * 844 + 1)])
def test_on_a_phone_with_several_questions_the_text_takes_what_it_needs(
    browse: Browse, start: Start, text: tuple[str, str], least: float, most: float
) -> None:
    scales = (Slider(low="cold", high="warm"), Number(), Likert(low="low", high="high"))
    study = start(*scales, texts=(text, SHORT))
    with browse(**PHONE) as context:
        page = context.new_page()
        enter(page, study)
        at_trial(page, 1)
        assert least <= box(page.locator("#text"))["height"] <= most
        expect(page.locator(".range")).to_be_focused()
        assert page.locator(".range").evaluate("each => getComputedStyle(each).outlineStyle") == "none"


def test_a_chosen_answer_moves_nothing(browse: Browse, start: Start) -> None:
    study = start(texts=(SHORT, SHORT), blinding=BlindingQuestion(n_texts=2))
    with browse(**PHONE) as context:
        page = context.new_page()
        enter(page, study)
        for position in (1, 2):
            at_trial(page, position)
            page.locator("label.point").first.tap()
            page.locator("button.primary").tap()
        page.get_by_role("button", name="Finish and submit").tap()
        expect(page.locator("#show-keys")).to_have_js_property("hidden", value=False)
        before = [box(each) for each in page.locator(".number").all()]
        page.locator("label.point").first.tap()
        expect(page.locator("input:checked")).to_have_count(1)
        assert [box(each) for each in page.locator(".number").all()] == before


def test_a_message_belongs_to_its_question(browse: Browse, start: Start) -> None:
    study = start(Slider(low="cold", high="warm"), Number(), texts=(SHORT, SHORT))
    with browse(**PHONE) as context:
        page = context.new_page()
        enter(page, study)
        at_trial(page, 1)
        page.locator("button.primary").tap()
        alert = box(page.get_by_role("alert"))
        first = page.locator("#question-1")
        words, scale = box(first.locator("legend")), box(first.locator(".scale"))
        assert words["y"] + words["height"] <= alert["y"]
        assert alert["y"] + alert["height"] <= scale["y"]
        assert scale["y"] + scale["height"] + 16 <= box(page.locator("#question-2"))["y"]
        page.locator(".range").tap()
        expect(page.get_by_role("alert")).to_have_count(0)
        assert box(first.locator(".scale")) == scale  # nothing moves when it is resolved


def test_a_right_to_left_text_reaches_the_right_edge_of_a_left_to_right_page(
    browse: Browse, start: Start
) -> None:
    study = start(texts=(ARABIC, ARABIC))
    with browse(**DESKTOP) as context:
        page = context.new_page()
        enter(page, study)
        at_trial(page, 1)
        text, column = box(page.locator(".rated")), box(page.locator("#text"))
        assert text["x"] + text["width"] == pytest.approx(column["x"] + column["width"], abs=1)
        assert page.evaluate("document.documentElement.dir") == "ltr"


def test_the_last_page_shows_every_answer_with_words_of_its_text_after_its_button(
    browse: Browse, start: Start, answers: Callable[[], list[Any]]
) -> None:
    scales = (Likert(low="low", high="high"), Number())
    study = start(*scales, texts=(("Is the jacket", " waterproof?" * 20), SHORT))
    with browse(**DESKTOP) as context:
        page = context.new_page()
        enter(page, study)
        for position, keys in ((1, "4"), (2, "2")):
            at_trial(page, position)
            page.keyboard.press(keys)
            page.keyboard.type("17")
            page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Finish and submit")).to_be_focused()
        squares = page.locator(".squares a")
        expect(squares.nth(0)).to_contain_text("4 · 17 Is the jacket waterproof?")
        expect(squares.nth(1)).to_contain_text("2 · 17 Rain falls.")
        page.keyboard.press("Tab")
        expect(squares.nth(0)).to_be_focused()
        page.keyboard.press("Enter")
        at_trial(page, 1)
        page.keyboard.press("5")
        page.keyboard.press("Enter")
        expect(squares.nth(0)).to_contain_text("5 · 17")
    assert [value for position, _, value in answers() if position == 1] == [4, 17, 5, 17]


def test_a_download_tells_what_it_is_for_and_whom_to_send_it_to(
    chromium_window: Browse, address: str, start: Start
) -> None:
    study = start(texts=(SHORT, SHORT), contact="Maria Lopez, lopez@example.org")
    with chromium_window(**PHONE) as context:
        page = context.new_page()
        enter(page, study)
        at_trial(page, 1)
        page.clock.install()
        context.route(f"{address}/**", lambda route: route.abort())
        page.locator("label.point").first.tap()
        page.locator("button.primary").tap()
        expect(page.locator("#status")).to_contain_text("Not saved yet")
        expect(page.locator("#unsent")).to_be_hidden()
        page.clock.run_for(90_000)
        expect(page.locator("#unsent")).to_contain_text("send the file to the researchers")
        expect(page.locator("#unsent").get_by_role("link", name="lopez@example.org")).to_be_visible()


def test_agreement_comes_first_on_a_phone(browse: Browse, start: Start) -> None:
    study = start(texts=(SHORT,))
    with browse(**PHONE) as context:
        page = context.new_page()
        page.goto(f"{study}/consent")
        agree, decline = (
            box(page.get_by_role("button", name=name)) for name in ("I agree to", "I do not want to")
        )
        assert agree["y"] + agree["height"] < decline["y"]
        assert (agree["width"], agree["height"]) == (decline["width"], decline["height"])


@pytest.mark.parametrize("window", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_a_logo_moves_nothing_when_it_arrives_and_the_answers_stay_in_the_window(
    browse: Browse, start: Start, window: dict[str, Any]
) -> None:
    kept = BytesIO()
    Image.new("RGB", (1_900, 60), "navy").save(kept, "PNG")
    logo = Logo(path="logo.png", alt="Somewhere", content=b64encode(kept.getvalue()).decode())
    study = start(texts=(PROSE,), logo=logo)
    held: list[Route] = []
    with browse(**window) as context:
        page = context.new_page()
        page.goto(f"{study}/consent")
        page.route("**/logo/*", lambda route: held.append(route))  # noqa: PLW0108 (a method of a list cannot be a handler)
        page.get_by_role("button", name="I agree to take part").click()
        page.locator("button.primary").click()
        at_trial(page, 1)
        question = page.locator(".question")
        before = box(question)
        assert not page.locator("img.logo").evaluate("each => each.complete")
        for route in held:
            route.continue_()
        expect(page.locator("img.logo")).to_have_js_property("complete", value=True)

        assert page.locator("img.logo").evaluate("each => each.naturalWidth") == 1_900
        assert box(question) == before
        assert box(page.locator("img.logo"))["width"] <= window["viewport"]["width"]
        assert before["y"] + before["height"] <= window["viewport"]["height"]
        assert page.evaluate("document.documentElement.scrollWidth") == window["viewport"]["width"]


@pytest.mark.parametrize("n_texts", [1, 2, 3])
def test_fields_and_references_of_any_length_leave_the_question_where_it_is(
    browse: Browse, start: Start, n_texts: int
) -> None:
    shown_fields = (
        ShownField(name="task", label="The task:"),
        ShownField(name="reference", label="Compare with this text:", is_text=True),
    )
    fields = [
        {"task": "Write.", "reference": " it rained."},
        {"task": "Write a letter. " * 12, "reference": " it rained."},
        {"task": "Write.", "reference": " it rained, and the river rose again." * 30},
    ]
    trials = tuple(
        NewTrial(tuple(f"laid-{n_texts * trial + place}" for place in range(n_texts))) for trial in range(3)
    )
    study = start(
        {1: Likert(low="low", high="high"), 2: Pairwise(), 3: Ranking(texts=3, top="best", bottom="worst")}[
            n_texts
        ],
        texts=(SHORT,) * 3 * n_texts,
        trials=trials,
        fields=[each for each in fields for _ in range(n_texts)],
        shown_fields=shown_fields,
    )
    with browse(**DESKTOP) as context:
        page = context.new_page()
        enter(page, study)
        places = []
        for position in (1, 2, 3):
            at_trial(page, position)
            places.append(box(page.locator(".question").first))
            for number, row in enumerate(page.locator(".question").all()[: max(1, n_texts - 1)]):
                row.locator(".point").nth(number).click()
            page.get_by_role("button", name="Next").click()

        assert places[1] == places[0]
        assert places[2] == places[0]
        assert places[0]["y"] + places[0]["height"] <= 800
