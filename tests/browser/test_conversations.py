"""Conversations and Markdown on a phone and on a desktop: side by side, in full, and harmless."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from rater.store.rating.publication import NewTrial
from rater.study.conversation import Turn, write_replies, write_transcript
from rater.study.dimension import Dimension
from rater.study.protocol import Protocol
from rater.study.scales import Likert, Pairwise

pytestmark = pytest.mark.browser

Browse = Callable[..., Any]
Start = Callable[..., str]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
DEEP = write_transcript(
    (Turn("user", "I use <b>Python</b>."), Turn("assistant", "*Good*." * 3), Turn("user", "Reverse a list?"))
)
CODE = "print(list(reversed(numbers)), 'a line that is much wider than the column of any page of raters')"
RICH = f"""<think>Which way is best?</think>

## Reversing

Use **slicing**, see [the docs](https://evil.example/docs) ![a tree](https://evil.example/a.png):

```python
{CODE}
```

| Implementation | Characteristics | Responsibilities | Recommendations | Considerations |
|---|:-:|---|--:|---|
| some words | more words | even more of them | 4 | five |

- one
- two
"""
PLAIN = "You can use the function reversed. " * 12
ATTACK = (
    "<script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\">"
    "[a](javascript:document.title='owned') <svg/onload=\"document.title='owned'\"> <iframe src='/'></iframe>"
)
AXE = {"resultTypes": ["violations"], "rules": {"color-contrast-enhanced": {"enabled": True}}}


@pytest.fixture
def start(address: str, publish_study: Callable[..., str], protocol: Protocol) -> Start:
    """A function that publishes a study of conversations, with Markdown and folded reasoning."""

    def publish(scale: Any, *texts: str, prompt: str = DEEP, **changed: Any) -> str:
        fields = {
            "dimensions": (Dimension(name="good", question="Which is better?", scale=scale),),
            "rated": "last_turn",
            "rendering": "markdown",
            "reasoning": "folded",
        }
        shown = Protocol.model_validate({**dict(protocol), **fields, **changed})
        trials = (NewTrial(tuple(f"chat-{n}" for n in range(len(texts)))),)
        slug = publish_study(
            slug="chat",
            name="chat",
            shown=shown,
            texts=tuple((prompt, each) for each in texts),
            trials=trials,
        )
        return f"{address}/s/{slug}"

    return publish


def enter(page: Page, study: str) -> None:
    page.goto(f"{study}/consent")
    page.get_by_role("button", name="I agree to take part").click()
    page.locator("button.primary").click()
    expect(page).to_have_url(re.compile("/trial/1$"))
    expect(page.locator("#show-keys")).to_have_js_property("hidden", value=False)


def top(locator: Locator) -> float:
    found = locator.bounding_box()
    assert found is not None
    return found["y"]


def is_whole(text: Locator) -> bool:
    return bool(text.evaluate("each => each.scrollHeight <= each.clientHeight + 1"))


def never_scrolls_sideways(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_on_a_desktop_two_answers_are_side_by_side_below_the_conversation_they_share(
    browse: Browse, start: Start
) -> None:
    study = start(Pairwise(), RICH, PLAIN)
    with browse(**DESKTOP) as context:
        page = context.new_page()
        enter(page, study)
        sides = page.locator(".side")
        assert top(sides.nth(0)) == top(sides.nth(1))
        expect(page.locator(".context")).to_have_count(1)
        assert top(page.locator(".context")) < top(sides.nth(0))
        assert page.locator(".role:visible").all_inner_texts()[:4] == [
            "User",
            "Assistant",
            "User",
            "Assistant to be rated",
        ]
        expect(page.get_by_text("Reverse a list?")).to_be_in_viewport(ratio=1)
        expect(page.locator("legend")).to_be_in_viewport(ratio=1)
        assert never_scrolls_sideways(page)


def test_on_a_phone_answers_are_below_one_another_in_full_with_the_question_as_a_bar(
    browse: Browse, start: Start
) -> None:
    study = start(Pairwise(), RICH, PLAIN)
    with browse(**PHONE) as context:
        page = context.new_page()
        enter(page, study)
        assert all(is_whole(text) for text in page.locator(".side .text").all())
        assert is_whole(page.locator(".context"))
        assert top(page.locator(".side").nth(1)) > top(page.locator(".side").nth(0))
        bar = page.locator(".answering").bounding_box()
        assert bar is not None
        assert bar["y"] + bar["height"] == pytest.approx(844, abs=1)
        assert never_scrolls_sideways(page)


@pytest.mark.parametrize("view", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_long_code_and_wide_tables_scroll_by_themselves_also_with_the_keyboard(
    browse: Browse, start: Start, view: dict[str, Any]
) -> None:
    study = start(Pairwise(), RICH, PLAIN)
    with browse(**view) as context:
        page = context.new_page()
        enter(page, study)
        code = page.locator("pre.code")
        assert code.evaluate("each => each.scrollWidth > each.clientWidth")
        code.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(400)
        assert code.evaluate("each => each.scrollLeft") > 0
        assert page.locator("input:checked").count() == 0
        if view is PHONE:
            table = page.locator("div.table")
            assert table.evaluate("each => each.scrollWidth > each.clientWidth")
        assert never_scrolls_sideways(page)


def test_reasoning_is_folded_at_first_and_opens_without_a_script(
    chromium_window: Browse, start: Start
) -> None:
    study = start(Likert(low="bad", high="good"), RICH)
    with chromium_window(**DESKTOP, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{study}/consent")
        page.get_by_role("button", name="I agree to take part").click()
        page.locator("button.primary").click()
        thought = page.get_by_text("Which way is best?")
        expect(thought).to_be_hidden()
        page.get_by_text("Reasoning").click()
        expect(thought).to_be_visible()


@pytest.mark.parametrize("rendering", ["plain", "markdown"])
def test_an_attack_in_a_completion_is_shown_as_words(browse: Browse, start: Start, rendering: str) -> None:
    study = start(Pairwise(), ATTACK, f"{ATTACK}\n\n```\n{ATTACK}\n```", rendering=rendering)
    with browse(**DESKTOP) as context:
        page = context.new_page()
        enter(page, study)
        page.wait_for_timeout(200)
        assert "owned" not in page.title()
        assert page.locator("main img, main iframe, main svg, main script, .completion a").count() == 0
        assert "<script>document.title" in page.locator(".completion").first.inner_text()


def test_a_whole_conversation_is_shown_in_its_order(browse: Browse, start: Start) -> None:
    prompt = write_transcript((Turn("user", "Hi"), Turn("user", "Why?")))
    study = start(
        Likert(low="bad", high="good"),
        write_replies(["**Hello**", "Because."]),
        prompt=prompt,
        rated="conversation",
    )
    with browse(**PHONE) as context:
        page = context.new_page()
        enter(page, study)
        assert page.locator(".turn .part").all_inner_texts() == ["Hi", "Hello", "Why?", "Because."]
        assert page.locator(".mark").count() == 0


def test_a_text_that_is_nothing_but_reasoning_is_said_to_be_empty(browse: Browse, start: Start) -> None:
    study = start(Likert(low="bad", high="good"), "<think>no end", reasoning="hidden")
    with browse(**PHONE) as context:
        page = context.new_page()
        enter(page, study)
        expect(page.get_by_text("This text is empty.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_axe_finds_nothing_on_a_page_with_a_conversation(
    chromium_window: Browse, start: Start, view: dict[str, Any], scheme: str
) -> None:
    study = start(Pairwise(), RICH, "### Small first\n\n# Large later\n\n" + PLAIN)
    with chromium_window(**view, color_scheme=scheme) as context:
        page = context.new_page()
        enter(page, study)
        page.get_by_text("Reasoning").click()
        found = Axe().run(page, options=AXE).response["violations"]
        assert [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found] == []
