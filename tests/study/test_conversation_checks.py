"""Conversations against the rest of a study."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from rater import AttentionCheck, Dimension, Item, Likert, Plan, Practice, Prompted, Study, Turn, Unsteered

Declare = Callable[..., Study]
DEEP = (Turn("user", "Hi"), Turn("assistant", "Hello"), Turn("user", "How are you?"))
OPEN = (Turn("user", "Hi"), Turn("user", "How are you?"))


@pytest.fixture
def chat(declare: Declare) -> Declare:
    """A function that declares a study of two conversations."""

    def declared(**changed: object) -> Study:
        items = (Item(turns=DEEP), Item(turns=(Turn("user", "Bye"),)))
        fields: dict[str, Any] = {"items": items, "chat": True}
        return declare(**{"prompts": [item.prompt for item in items], **fields, **changed})

    return declared


def conversations(*turns: tuple[Turn, ...]) -> dict[str, object]:
    items = tuple(Item(turns=each) for each in turns)
    return {"items": items, "prompts": [item.prompt for item in items]}


def test_the_last_turn_is_rated_unless_the_study_declares_the_whole_conversation(chat: Declare) -> None:
    study = chat()

    assert (study.rated, study.rated_part, study.n_replies) == (None, "last_turn", 1)
    assert study.protocol.rated == "last_turn"
    whole = chat(rated="conversation", **conversations(OPEN, (Turn("user", "Bye"),)))
    assert (whole.protocol.rated, whole.n_replies) == ("conversation", 2)


def test_a_study_of_prompts_has_no_rated_part(declare: Declare) -> None:
    assert declare().protocol.rated is None


def test_a_study_of_conversations_survives_its_canonical_json(chat: Declare) -> None:
    study = chat(practice=(Practice(turns=DEEP, text="Fine."),))

    assert Study.model_validate_json(study.canonical_json()).hash == study.hash


@pytest.mark.parametrize(
    ("changed", "phrase"),
    [
        ({"chat": False}, "set chat=True"),
        ({"rated": "last_turn", **conversations(OPEN)}, r"items\[0\].turns\[1\] is of the user"),
        (conversations(OPEN), "set rated='conversation'"),
        (
            {"items": (Item(turns=DEEP), Item(prompt="Hi")), "prompts": [Item(turns=DEEP).prompt, "Hi"]},
            r"items\[1\] has a prompt",
        ),
        (
            {
                "arms": [Unsteered(), Prompted(system="Be kind.")],
                **conversations((Turn("system", "Be brief."), Turn("user", "Hi"))),
            },
            r"items\[0\] has a system turn",
        ),
        ({"practice": (Practice(prompt="Hi", text="Hello"),)}, r"practice\[0\] has a prompt"),
        (
            {"rated": "conversation", "practice": (Practice(turns=OPEN, text="Hello"),)},
            "give the 2 turns of the assistant",
        ),
        (
            {"rated": "conversation", "practice": (Practice(turns=OPEN, text=("Hello",)),)},
            "a text with 1 turn of the assistant",
        ),
    ],
)
def test_conversations_that_do_not_fit_the_study_are_refused(
    chat: Declare, changed: dict[str, object], phrase: str
) -> None:
    with pytest.raises(ValidationError, match=phrase):
        chat(**changed)


def test_a_part_of_a_conversation_cannot_be_rated_where_there_is_none(declare: Declare) -> None:
    with pytest.raises(ValidationError, match="no item has turns"):
        declare(rated="conversation")
    with pytest.raises(ValidationError, match="but the items of the study have none"):
        declare(practice=(Practice(turns=DEEP, text="Hello"),))


def test_the_texts_of_practice_and_checks_are_whole_conversations_as_the_rated_ones_are(
    chat: Declare,
) -> None:
    ends = {"happiness": (1, 1)}
    study = chat(
        rated="conversation",
        **conversations(OPEN, DEEP),
        practice=(Practice(turns=OPEN, text=("Hello", "Fine")),),
        plan=Plan(checks=(AttentionCheck(turns=DEEP, text=("Choose 1.",), accepted=ends),)),
    )

    assert study.practice[0].text == "[assistant]\nHello\n\n[assistant]\nFine"


def test_fields_are_filled_into_the_turns_of_practice(declare: Declare) -> None:
    scale = Likert(low="not at all", high="very")
    study = declare(
        dimensions=[Dimension(name="happiness", question="How much {topic}?", scale=scale)],
        chat=True,
        items=[
            Item(turns=(Turn("user", "Hi"),), topic="joy"),
            Item(turns=(Turn("user", "Bye"),), topic="joy"),
        ],
        prompts=["[user]\nHi", "[user]\nBye"],
        practice=(Practice(turns=(Turn("user", "About {topic}"),), text="Yes", fields={"topic": "joy"}),),
    )

    assert study.protocol.practice[0].prompt == "[user]\nAbout joy"
    assert type(study.protocol).model_validate_json(study.protocol.model_dump_json()) == study.protocol
