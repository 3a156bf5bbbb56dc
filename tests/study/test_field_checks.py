"""A study with items is refused where a template names a field that a text lacks."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from rater import (
    AttentionCheck,
    Dimension,
    DimensionTranslation,
    Item,
    Likert,
    Pairwise,
    Plan,
    Practice,
    Prompted,
    ShownField,
    Study,
    Translation,
    Unsteered,
)

ITEMS = (
    Item(prompt="Tell me about a day", concept="weddings", tongue="English"),
    Item(prompt="Tell me about a day", concept="dogs", tongue="English"),
    Item(prompt="And then", concept="dogs", tongue="English"),
)
PRESENT = Dimension(
    name="present",
    question="How clearly is {concept} present?",
    scale=Likert(low="no {concept}", high="{concept}"),
)


def study_of(**changed: Any) -> Study:
    declared: dict[str, Any] = {
        "name": "concepts",
        "title": "Texts",
        "consent": "Yes?",
        "instructions": "Read.",
        "items": ITEMS,
        "dimensions": (PRESENT,),
        "arms": (Unsteered(), Prompted(name="prompted", prefix="Go. ")),
    }
    return Study(**declared | changed)


def test_the_prompts_are_those_of_the_items_and_the_hash_covers_their_fields() -> None:
    study = study_of()
    other = study_of(items=(ITEMS[0].model_copy(update={"concept": "cats"}), *ITEMS[1:]))

    assert study.prompts == ("Tell me about a day", "Tell me about a day", "And then")
    assert study.design.n_prompts == 3
    assert study.field_names == ["concept", "tongue"]
    assert Study.model_validate_json(study.canonical_json()) == study
    assert study.hash != other.hash
    assert other.changes_from(study.canonical_json()) == ["items[0].concept"]


def test_a_study_without_items_has_prompts_without_fields_and_no_items_in_its_hash() -> None:
    question = PRESENT.model_copy(update={"question": "How well does it follow {prompt}?"})
    dimension = question.model_copy(update={"scale": Likert(low="no", high="yes")})
    study = study_of(items=(), prompts=("And then",), dimensions=(dimension,))

    assert [item.fields for item in study.rated_items] == [{}]
    assert "items" not in json.loads(study.canonical_json())
    assert study.dimensions[0].filled({"prompt": "And then"}).question == "How well does it follow And then?"


def test_questions_and_labels_take_the_values_of_a_text() -> None:
    filled = PRESENT.filled({"prompt": "Go", "concept": "love"})

    assert (filled.question, filled.scale.describe()) == (
        "How clearly is love present?",
        "5 points from “no love” to “love”",
    )


def test_reports_show_the_names_of_fields_in_braces() -> None:
    dimension = PRESENT.model_copy(update={"question": "Is {concept} in {{x}}?"})

    assert study_of(dimensions=(dimension,)).described_dimensions[0].question == "Is {concept} in {x}?"


WITHOUT_FIELD = DimensionTranslation(question="Wie klar?")
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a question": (
        {"dimensions": (PRESENT.model_copy(update={"question": "Is {idea} there?"}),)},
        r"dimensions\[0\].question names the field \{idea\}; valid: concept, prompt, tongue",
    ),
    "the completion": (
        {"dimensions": (PRESENT.model_copy(update={"question": "Is {completion} good?"}),)},
        r"dimensions\[0\].question names the field \{completion\}; valid: concept, prompt, tongue",
    ),
    "a label": (
        {"dimensions": (PRESENT.model_copy(update={"scale": Likert(low="{x}", high="y")}),)},
        r"dimensions\[0\].scale.low names the field \{x\}",
    ),
    "a label in a list": (
        {
            "dimensions": (
                Dimension(name="which", question="Which?", scale=Pairwise(degrees=("{x}", "much"))),
            )
        },
        r"dimensions\[0\].scale.degrees\[0\] names the field \{x\}",
    ),
    "a comment": (
        {"dimensions": (PRESENT.model_copy(update={"comment": "Why {x}?"}),)},
        r"dimensions\[0\].comment names the field \{x\}",
    ),
    "a label that becomes too long": (
        {"items": (Item(prompt="Tell me about a day", concept="x" * 80),)},
        "scale.low with the fields of the prompt 'Tell me about a day': .* at most 80 characters",
    ),
    "a field that changes, in the instructions": (
        {"instructions": "Look for {concept}."},
        r"instructions names the field \{concept\}, which is 'weddings' in one item and 'dogs' in another",
    ),
    "a shown field": (
        {"shown_fields": (ShownField(name="idea", label="Idea"),)},
        r"shown_fields\[0\].name is 'idea'; the fields of the items are: concept, tongue",
    ),
    "practice without the field of a question": (
        {"practice": (Practice(prompt="So", text=" it is."),)},
        r"practice\[0\].fields has no 'concept'",
    ),
    "practice with another field": (
        {"practice": (Practice(prompt="So", text=" it is.", fields={"idea": "love"}),)},
        r"practice\[0\].fields has 'idea'; the fields of the items are: concept, tongue",
    ),
    "practice that names another field": (
        {"practice": (Practice(prompt="So", text=" {tongue}.", fields={"concept": "love"}),)},
        r"practice\[0\].text names the field \{tongue\}; valid: concept",
    ),
    "a check without the field of a question": (
        {"plan": Plan(checks=[AttentionCheck(prompt="So", text=" 1.", accepted={"present": (1, 1)})])},
        r"plan.checks\[0\].fields has no 'concept'",
    ),
    "a translation that leaves the field out": (
        {"translations": {"de": Translation(dimensions={"present": WITHOUT_FIELD})}},
        r"translations\['de'\].dimensions\['present'\].question names other fields \(none\) than .*concept",
    ),
    "an item twice": ({"items": (*ITEMS, ITEMS[0])}, "items has .*concept='weddings'.* twice"),
    "other prompts": ({"prompts": ("Other",)}, "prompts differs from the prompts of items"),
    "one arm of a prompt that is there twice": (
        {"plan": Plan(arms_per_prompt="one")},
        "plan.arms_per_prompt is 'one', .* but items has the same prompt with different fields",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_refused_with_its_place(what: str) -> None:
    changed, message = REFUSED[what]

    with pytest.raises(ValidationError, match=message):
        study_of(**changed)


def test_instructions_name_fields_that_all_items_share() -> None:
    german = Translation(instructions="Auf {tongue}.", dimensions={})

    protocol = study_of(instructions="In {tongue}, with {{}}.", translations={"de": german}).protocol

    assert protocol.instructions == "In English, with {}."
    assert protocol.in_language("de").instructions == "Auf English."


def test_braces_in_instructions_stay_where_the_study_has_no_fields() -> None:
    dimension = Dimension(name="present", question="Good?", scale=Likert(low="no", high="yes"))
    plain = study_of(items=(), prompts=("Go",), dimensions=(dimension,), instructions="A set {x} and {{y}}.")

    assert plain.protocol.instructions == "A set {x} and {{y}}."


def test_practice_is_filled_in_with_its_own_fields() -> None:
    practice = Practice(
        prompt="So", text=" {concept}!", feedback="Much **{concept}**.", fields={"concept": "love"}
    )

    shown = study_of(practice=(practice,)).protocol.practice[0]

    assert (shown.text, shown.feedback) == (" love!", "Much **love**.")


def test_shown_fields_have_labels_in_each_language() -> None:
    german = Translation(shown_fields={"concept": "Begriff"})
    study = study_of(shown_fields=(ShownField(name="concept", label="Idea"),), translations={"de": german})

    assert study.protocol.in_language("de").shown_fields == (ShownField(name="concept", label="Begriff"),)
    with pytest.raises(ValidationError, match="'tongue' is not among the shown fields"):
        study_of(
            shown_fields=(ShownField(name="concept", label="Idea"),),
            translations={"de": Translation(shown_fields={"tongue": "Sprache"})},
        )
