"""Reasoning parts of completions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rater.rendering.reasoning import Part, has_reasoning, split_reasoning, without_reasoning

CASES = {
    "closed": ("<think>Hm.</think>Yes.", [("Hm.", True), ("Yes.", False)]),
    "open at the limit of tokens": ("<think>Hm, and", [("Hm, and", True)]),
    "begun by the chat template": ("Hm.\n</think>\n\nYes.", [("Hm.\n", True), ("\n\nYes.", False)]),
    "twice": (
        "<think>a</think>b<think>c</think>d",
        [("a", True), ("b", False), ("c", True), ("d", False)],
    ),
    "tag inside": ("<think>a <think> b</think>c", [("a <think> b", True), ("c", False)]),
    "stray end after an answer": ("<think>a</think>b</think>c", [("a", True), ("b</think>c", False)]),
    "empty": ("<think>\n\n</think>\n\nYes.", [("\n\nYes.", False)]),
    "none": (" Yes.", [(" Yes.", False)]),
    "capitals": ("<THINK>a</Think>b", [("a", True), ("b", False)]),
}


@pytest.mark.parametrize(("text", "parts"), CASES.values(), ids=CASES)
def test_reasoning_is_told_from_the_answer(text: str, parts: list[tuple[str, bool]]) -> None:
    assert list(split_reasoning(text)) == [Part(*part) for part in parts]


def test_the_answer_keeps_the_white_space_before_the_text() -> None:
    assert without_reasoning("\n\n<think>a</think>\n\nYes.") == "\n\nYes."
    assert without_reasoning("  Yes. ") == "  Yes. "


def test_a_text_that_is_nothing_but_reasoning_has_an_empty_answer() -> None:
    assert not without_reasoning("\n\n<think>I wonder whether")


@given(st.lists(st.sampled_from(["<think>", "</think>", "word", " ", "\n"]), max_size=12))
def test_what_is_left_has_no_reasoning(pieces: list[str]) -> None:
    # Every word is another one, so that a word of the reasoning cannot be in the answer by chance.
    text = "".join(f"{piece}{number:02}" if piece == "word" else piece for number, piece in enumerate(pieces))
    answer = without_reasoning(text)

    reasoning = [part.text.strip() for part in split_reasoning(text) if part.is_reasoning]
    assert not [part for part in reasoning if part in answer]
    assert bool(reasoning) == has_reasoning(text)
    assert reasoning or answer == text
