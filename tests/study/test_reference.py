"""A reference is one more text of an arm, which all raters see with every text of its prompt."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from rater import ExternalCompletions, Item, Practice, Sampling, ShownField, Study
from rater.study.canonical import canonical_json

Declare = Callable[..., Study]
SHOWN = (ShownField(name="reference", label="Compare with this text:", is_text=True),)


def test_the_reference_arm_has_one_more_text_of_each_prompt_which_is_not_rated(declare: Declare) -> None:
    plain = declare()
    study = declare(reference_arm="unsteered", shown_fields=SHOWN)

    assert study.n_samples_of("unsteered") == plain.n_samples_of("unsteered") + 1
    assert study.n_samples_of("steered") == plain.n_samples_of("steered")
    assert study.n_completions == plain.n_completions + len(study.prompts)
    assert study.design == plain.design
    assert study.is_reference("unsteered", 4)
    assert not study.is_reference("unsteered", 3)
    assert not study.is_reference("steered", 4)


def test_a_question_may_name_the_reference_and_practice_brings_its_own(declare: Declare) -> None:
    dimension = declare().dimensions[0].model_copy(update={"question": "Happier than “{reference}”?"})
    practice = Practice(prompt="Sun", text=" shines.", fields={"reference": " is there."})
    study = declare(
        reference_arm="unsteered", shown_fields=SHOWN, dimensions=[dimension], practice=[practice]
    )

    assert study.described_dimensions[0].question == "Happier than “{reference}”?"
    with pytest.raises(ValidationError, match="fields has no 'reference'"):
        declare(
            reference_arm="unsteered", shown_fields=SHOWN, practice=[Practice(prompt="Sun", text=" shines.")]
        )


def test_raters_cannot_learn_which_arm_it_is(declare: Declare) -> None:
    study = declare(reference_arm="unsteered", shown_fields=SHOWN)

    assert "unsteered" not in study.protocol.model_dump_json()
    assert "reference_arm" not in canonical_json(declare())


def test_a_field_of_the_items_can_be_the_text_to_compare_with(declare: Declare) -> None:
    items = [Item(prompt="Rain", original=" falls."), Item(prompt="Sun", original=" shines.")]
    shown = (ShownField(name="original", label="The original:", is_text=True),)

    study = declare(prompts=["Rain", "Sun"], items=items, shown_fields=shown)

    assert study.reference_arm is None
    assert study.protocol.shown_fields == shown


@pytest.mark.parametrize(
    ("changed", "phrase"),
    [
        ({"reference_arm": "unstered"}, "Did you mean 'unsteered'"),
        ({"shown_fields": ()}, "raters do not see its texts"),
        ({"shown_fields": (ShownField(name="reference", label="R"),)}, "is_text=True"),
        ({"sampling": Sampling(temperature=0)}, "rated against itself"),
        ({"instructions": "Compare with {reference}."}, "differs from prompt to prompt"),
        (
            {"prompts": ["Rain"], "items": [Item(prompt="Rain", reference="x")]},
            "have a field 'reference' of their own",
        ),
        ({"rendering": "markdown"}, "no text to compare with"),
    ],
)
def test_a_reference_that_cannot_be_shown_is_refused(
    declare: Declare, changed: dict[str, Any], phrase: str
) -> None:
    with pytest.raises(ValidationError, match=phrase):
        declare(**({"reference_arm": "unsteered", "shown_fields": SHOWN} | changed))


def test_an_external_arm_needs_one_more_text(declare: Declare) -> None:
    arms = [*declare().arms, ExternalCompletions(path="x.jsonl")]
    study = declare(arms=arms, reference_arm="external", shown_fields=SHOWN)

    assert study.n_samples_of("external") == 5
