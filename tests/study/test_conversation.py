"""Conversations as turns and as transcripts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rater.study.conversation import (
    Transcript,
    Turn,
    TurnText,
    insert_replies,
    n_replies,
    read_replies,
    read_transcript,
    write_replies,
    write_transcript,
)
from rater.study.fields import Item

ROLES = st.sampled_from(["system", "user", "assistant"])
LINES = st.lists(
    st.one_of(st.sampled_from(["", "[user]", "\\[user]", "\\\\[assistant]", " [system]", "x"]), st.text())
).map("\n".join)
TEXTS = LINES.map(lambda text: text.replace("\r", ""))


@given(st.lists(st.builds(TurnText, ROLES, TEXTS), min_size=1))
def test_a_transcript_gives_back_its_turns_exactly(turns: list[TurnText]) -> None:
    assert list(read_transcript(write_transcript(turns))) == turns


def test_a_transcript_is_readable() -> None:
    turns = (Turn("user", "Name a fruit."), Turn("assistant", "An apple."))

    assert write_transcript(turns) == "[user]\nName a fruit.\n\n[assistant]\nAn apple."


@pytest.mark.parametrize("text", ["", "Hello", "\n\n[user]\nHi", "[bot]\nHi"])
def test_a_text_without_a_role_is_not_a_transcript(text: str) -> None:
    with pytest.raises(ValueError, match="begins with"):
        read_transcript(text)


def test_generated_turns_are_those_of_the_assistant_alone() -> None:
    assert read_replies(write_replies(["One", "Two"])) == ("One", "Two")
    with pytest.raises(ValueError, match="a turn of the user"):
        read_replies("[user]\nHi")


def test_replies_go_where_the_user_has_none() -> None:
    turns = (Turn("user", "a"), Turn("user", "b"), Turn("assistant", "B"), Turn("user", "c"))

    assert n_replies(turns) == 2
    assert [turn.text for turn, _ in insert_replies(turns, ["A", "C"])] == ["a", "A", "b", "B", "c", "C"]
    assert [is_new for _, is_new in insert_replies(turns, ["A", "C"])] == [
        False,
        True,
        False,
        False,
        False,
        True,
    ]


def test_a_conversation_in_progress_ends_at_the_turn_that_lacks_a_reply() -> None:
    turns = (Turn("user", "a"), Turn("user", "b"))

    assert [turn.text for turn, _ in insert_replies(turns, [])] == ["a"]
    assert [turn.text for turn, _ in insert_replies(turns, ["A"])] == ["a", "A", "b"]


def test_an_item_with_turns_has_their_transcript_as_its_prompt() -> None:
    item = Item(turns=(Turn("user", "Hi"),), topic="greeting")

    assert item.prompt == "[user]\nHi"
    assert isinstance(item.model_input, Transcript)
    assert item.fields == {"topic": "greeting"}
    assert not isinstance(Item(prompt="[user]\nHi").model_input, Transcript)


@pytest.mark.parametrize(
    ("turns", "phrase"),
    [
        ([("assistant", "Hi")], r"turns\[0\] is of the assistant"),
        ([("user", "a"), ("assistant", "b")], "end with a Turn"),
        ([("user", "a"), ("assistant", "b"), ("assistant", "c"), ("user", "d")], r"turns\[2\]"),
        ([("user", "a"), ("system", "b"), ("user", "c")], "only the first turn"),
        ([("system", "a")], "end with a Turn"),
    ],
)
def test_turns_out_of_order_are_refused(turns: list[tuple[str, str]], phrase: str) -> None:
    with pytest.raises(ValidationError, match=phrase):
        Item(turns=tuple(Turn(*turn) for turn in turns))


def test_an_unknown_role_is_refused_with_the_valid_ones() -> None:
    with pytest.raises(ValidationError, match="'system', 'user' or 'assistant'"):
        Turn("bot", "Hi")


def test_a_turn_takes_two_values() -> None:
    with pytest.raises(TypeError, match="3 values"):
        Turn("user", "Hi", "there")


def test_a_prompt_that_is_not_the_transcript_of_the_turns_is_refused() -> None:
    with pytest.raises(ValidationError, match="leave prompt out"):
        Item(prompt="Hello", turns=(Turn("user", "Hi"),))
