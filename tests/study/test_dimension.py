import pytest
from pydantic import ValidationError

from rater.study.dimension import Dimension
from rater.study.scales import Likert

CLEAR = Dimension(
    name="presence",
    question="How clearly is {concept} present?",
    scale=Likert(low="no {concept}", high="clearly", labels={3: "some {concept}"}),
    comment="Where is {concept}?",
)


def test_the_fields_of_a_text_are_filled_in_everywhere() -> None:
    asked = CLEAR.filled({"concept": "love"})

    assert asked.question == "How clearly is love present?"
    assert asked.comment == "Where is love?"
    assert [choice.label for choice in asked.scale.choices] == ["no love", "", "some love", "", "clearly"]
    assert asked.name == "presence"


def test_a_dimension_without_fields_is_asked_as_it_is() -> None:
    plain = Dimension(name="joy", question="How happy?", scale=Likert(low="not", high="very"))

    assert plain.filled({"concept": "love"}) is plain


def test_each_template_has_its_place_in_the_study_file() -> None:
    assert dict(CLEAR.templates) == {
        "question": "How clearly is {concept} present?",
        "comment": "Where is {concept}?",
        "scale.low": "no {concept}",
        "scale.high": "clearly",
        "scale.labels[3]": "some {concept}",
    }


def test_labels_of_not_applicable_and_confidence_are_templates_too() -> None:
    asked = CLEAR.model_copy(
        update={
            "not_applicable": "No place for {concept}",
            "confidence": "How sure about {concept}?",
            "confidence_labels": ("not", "{concept}!"),
        }
    ).filled({"concept": "love"})

    assert asked.not_applicable == "No place for love"
    assert asked.confidence == "How sure about love?"
    assert asked.confidence_labels == ("not", "love!")
    assert asked.n_confidence == 2


def test_in_our_words_they_are_no_templates() -> None:
    asked = CLEAR.model_copy(update={"not_applicable": True, "confidence": True}).filled({"concept": "love"})

    assert asked.not_applicable is True
    assert asked.confidence is True
    assert asked.n_confidence == 4


@pytest.mark.parametrize(
    ("wrong", "phrase"),
    [
        ({"confidence_labels": ("no", "yes")}, "confidence is False"),
        ({"confidence": True, "confidence_labels": ("yes",)}, "valid: 2 to 7"),
        ({"confidence": ""}, "confidence"),
        ({"not_applicable": ""}, "not_applicable"),
    ],
)
def test_confidence_needs_a_question_and_two_points(wrong: dict[str, object], phrase: str) -> None:
    with pytest.raises(ValidationError, match=phrase):
        Dimension.model_validate({"name": "a", "question": "?", "scale": CLEAR.scale, **wrong})
