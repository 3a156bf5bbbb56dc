"""The texts of a page, in one paragraph or in turns."""

from typing import Any

import pytest

from rater.study.conversation import Turn, write_transcript
from rater.study.dimension import Dimension
from rater.study.protocol import Protocol
from rater.study.scales import Likert
from rater.web.rating.shown_text import text_fields

PROMPT = write_transcript((Turn("user", "Hi"),))


def protocol(**fields: Any) -> Protocol:
    return Protocol(
        title="Texts",
        consent="Agree?",
        instructions="Read.",
        dimensions=(Dimension(name="joy", question="How happy?", scale=Likert(low="a", high="b")),),
        **fields,
    )


def test_without_turns_a_text_follows_its_prompt() -> None:
    (field,) = text_fields(protocol(), "I woke", (" up.",))

    assert (field.prompt, field.text, field.context, field.turns) == ("I woke", " up.", (), ())
    assert (field.letter, field.words_id) == ("", "words")


def test_hidden_reasoning_is_not_on_the_page() -> None:
    (field,) = text_fields(protocol(reasoning="hidden"), "I woke", ("<think>secret</think> up.",))

    assert "secret" not in repr(field)


@pytest.mark.parametrize(("texts", "tag"), [(("# A",), "<h2"), (("# A", "# B"), "<h3")])
def test_headings_are_below_those_of_the_page(texts: tuple[str, ...], tag: str) -> None:
    field = text_fields(protocol(rated="last_turn", rendering="markdown"), PROMPT, texts)[0]

    assert tag in str(field.turns[0].parts[0].html)


def test_several_texts_share_their_context() -> None:
    first, second = text_fields(protocol(rated="last_turn"), PROMPT, ("Yes", "No"))

    assert first.context == second.context
    assert (first.letter, second.letter) == ("A", "B")
