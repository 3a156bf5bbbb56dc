"""A completion with its prompt as raters see it: on a page, in a terminal, and in the audit."""

from typing import Any

import pytest
from bs4 import BeautifulSoup

from rater.rendering.shown import (
    RENDERED_FORMS,
    count_shown_forms,
    displayed_text,
    room_text,
    show_text,
    shown_key,
    visible_text,
    visible_whole,
)
from rater.study.conversation import Turn, write_replies, write_transcript
from rater.study.dimension import Dimension
from rater.study.protocol import Protocol
from rater.study.scales import Likert, Pairwise

THOUGHT = "<think>Let me *see*.</think>\n\nYes, **do**.\n\n- one\n"
DEEP = write_transcript((Turn("user", "Hi"), Turn("assistant", "*Hello*"), Turn("user", "May I?")))
OPEN = write_transcript((Turn("user", "Hi"), Turn("user", "May I?")))


def protocol(*, several: bool = False, **fields: Any) -> Protocol:
    scale = Pairwise() if several else Likert(low="a", high="b")
    return Protocol(
        title="Texts",
        consent="Agree?",
        instructions="Read.",
        dimensions=(Dimension(name="joy", question="How happy?", scale=scale),),
        **fields,
    )


def test_a_text_that_continues_its_prompt_is_shown_as_it_is() -> None:
    plain = protocol()

    assert not plain.has_blocks
    assert visible_text(plain, THOUGHT) == THOUGHT
    assert visible_whole(plain, "I think", " so.") == "I think so."
    assert shown_key(plain, "I think", " so. ") == ("Ithink", "so.")


def test_reasoning_is_hidden_folded_or_shown_for_all_texts_alike() -> None:
    hidden, folded, shown = (protocol(reasoning=each) for each in ("hidden", "folded", "shown"))

    assert displayed_text(hidden, THOUGHT).startswith("Yes")
    assert displayed_text(folded, THOUGHT) == THOUGHT
    parts = {name: show_text(each, "Q", THOUGHT).turns[0].parts for name, each in
             {"hidden": hidden, "folded": folded, "shown": shown}.items()}  # fmt: skip
    assert [(part.is_reasoning, part.is_folded) for part in parts["hidden"]] == [(False, False)]
    assert [(part.is_reasoning, part.is_folded) for part in parts["folded"]] == [(True, True), (False, False)]
    assert [(part.is_reasoning, part.is_folded) for part in parts["shown"]] == [(True, False), (False, False)]


def test_the_form_of_a_page_does_not_depend_on_the_text() -> None:
    folded = protocol(reasoning="folded")

    assert show_text(folded, "Q", "Yes.").context == show_text(folded, "Q", THOUGHT).context
    assert [turn.role for turn in show_text(folded, "Q", "Yes.").turns] == [None]


def test_the_last_turn_is_marked_and_the_others_are_context() -> None:
    shown = show_text(protocol(rated="last_turn", rendering="markdown"), DEEP, "**Yes**")

    assert [turn.role for turn in shown.context] == ["user", "assistant", "user"]
    assert [turn.is_marked for turn in shown.context] == [False, False, False]
    assert [(turn.role, turn.is_marked) for turn in shown.turns] == [("assistant", True)]
    assert shown.context[0].parts[0].html is None  # what a user writes is never rendered
    assert "<em>Hello</em>" in (shown.context[1].parts[0].html or "")
    assert "<strong>Yes</strong>" in (shown.turns[0].parts[0].html or "")


def test_a_whole_conversation_has_its_generated_turns_in_their_places() -> None:
    shown = show_text(protocol(rated="conversation"), OPEN, write_replies(["Hello", "Yes"]))

    assert shown.context == ()
    assert [turn.parts[0].text for turn in shown.turns] == ["Hi", "Hello", "May I?", "Yes"]
    assert [turn.is_generated for turn in shown.turns] == [False, True, False, True]
    assert not any(turn.is_marked for turn in shown.turns)


def test_a_text_that_is_no_transcript_is_an_error_and_not_a_guess() -> None:
    with pytest.raises(ValueError, match="begins with"):
        show_text(protocol(rated="conversation"), OPEN, "Hello")


def test_an_answer_that_the_limit_cut_off_in_its_reasoning_has_no_parts_when_it_is_hidden() -> None:
    assert show_text(protocol(reasoning="hidden"), "Q", "<think>I wonder").turns[0].parts == ()
    assert not displayed_text(protocol(reasoning="hidden"), "<think>I wonder")


def test_cues_are_measured_on_what_is_shown() -> None:
    folded = protocol(rendering="markdown", reasoning="folded")

    assert visible_text(folded, THOUGHT) == "Yes, do.\n\n- one"
    counts = count_shown_forms(folded, THOUGHT)
    assert tuple(counts) == RENDERED_FORMS
    assert counts["bold or italic words"] == 1  # not the one in the folded reasoning
    assert counts["reasoning"] == 1
    assert count_shown_forms(folded, "<think>no end")["reasoning"] == 1
    assert count_shown_forms(protocol(), THOUGHT) == {}
    assert "reasoning" not in count_shown_forms(protocol(reasoning="hidden", rendering="markdown"), THOUGHT)


def test_a_terminal_shows_roles_and_plain_text() -> None:
    deep = protocol(rated="last_turn", rendering="markdown", reasoning="hidden")

    assert visible_whole(deep, DEEP, THOUGHT) == (
        "User:\nHi\n\nAssistant:\nHello\n\nUser:\nMay I?\n\nAssistant:\nYes, do.\n\n- one"
    )


def test_room_is_reserved_without_the_context_that_several_texts_share() -> None:
    assert room_text(protocol(rated="last_turn", several=True), DEEP, "Yes") == "Yes"
    assert room_text(protocol(rated="last_turn"), DEEP, "Yes").startswith("User:\nHi")


@pytest.mark.parametrize("rendering", ["plain", "markdown"])
def test_the_key_of_a_text_has_the_words_of_its_page(rendering: str) -> None:
    shown = show_text(protocol(rendering=rendering, reasoning="shown"), "Q & A", THOUGHT + "\n`<b>` &lt;")
    html = "".join(str(part.html if part.html is not None else part.text) for part in shown.turns[0].parts)
    words = BeautifulSoup(html, "html.parser").get_text() if rendering == "markdown" else html

    key = shown_key(protocol(rendering=rendering, reasoning="shown"), "Q & A", THOUGHT + "\n`<b>` &lt;")

    assert key == ("Q&A", "".join(words.split()))
