from collections.abc import Callable

import pytest
from pydantic import ValidationError

from rater import (
    DimensionTranslation,
    Study,
    Translation,
)
from rater.study.dimension import Dimension
from rater.study.scales import Likert
from rater.study.validation import explain

Declare = Callable[..., Study]


HAPPINESS = Dimension(name="happiness", question="How happy?", scale=Likert(low="not", high="very"))


@pytest.mark.parametrize("tag", ["pt", "pt-BR", "ar", "zh-Hant", "de-CH", "la"])
def test_a_study_can_be_in_any_language_that_has_a_tag(declare: Declare, tag: str) -> None:
    assert declare(language=tag).language == tag


@pytest.mark.parametrize(
    ("tag", "valid"),
    [
        ("PT-br", "'pt-BR'"),
        ("Portuguese", "such as 'pt', 'pt-BR' or 'ar'"),
        ("xx", "such as"),
        ("pt_BR", "such as"),
    ],
)
def test_a_language_is_named_by_its_tag(declare: Declare, tag: str, valid: str) -> None:
    with pytest.raises(ValidationError) as caught:
        declare(language=tag)

    [said] = explain(caught.value)
    assert said.startswith(f"language is {tag!r}; valid: ")
    assert valid in said


def test_texts_are_shown_in_another_language_as_far_as_they_are_given(declare: Declare) -> None:
    german = Translation(
        title="Wie fröhlich?",
        dimensions={
            "happiness": DimensionTranslation(question="Wie fröhlich klingt der Text?", low="gar nicht")
        },
    )
    protocol = declare(dimensions=[HAPPINESS], translations={"de": german}).protocol

    shown = protocol.in_language("de")

    assert shown.title == "Wie fröhlich?"
    assert shown.instructions == protocol.instructions
    assert shown.dimensions[0].question == "Wie fröhlich klingt der Text?"
    assert (shown.dimensions[0].scale.choices[0].label, shown.dimensions[0].scale.choices[-1].label) == (
        "gar nicht",
        "very",
    )
    assert protocol.in_language("fr") is protocol


def test_labels_of_not_applicable_and_confidence_are_translated(declare: Declare) -> None:
    sure = HAPPINESS.model_copy(
        update={"not_applicable": "No text", "confidence": "Sure?", "confidence_labels": ("no", "yes")}
    )
    words = DimensionTranslation(
        not_applicable="Kein Text", confidence="Sicher?", confidence_labels=("nein", "ja")
    )
    german = Translation(dimensions={"happiness": words})

    shown = declare(dimensions=[sure], translations={"de": german}).protocol.in_language("de").dimensions[0]
    plain = declare(dimensions=[HAPPINESS], translations={"de": german}).protocol.in_language("de")

    assert (shown.not_applicable, shown.confidence, shown.confidence_labels) == (
        "Kein Text",
        "Sicher?",
        ("nein", "ja"),
    )
    assert plain.dimensions[0] == HAPPINESS


def test_a_translation_has_as_many_points_of_confidence(declare: Declare) -> None:
    sure = HAPPINESS.model_copy(update={"confidence": True})
    words = DimensionTranslation(confidence_labels=("nein", "ja"))

    with pytest.raises(ValidationError, match="has 2, but the study has 4"):
        declare(dimensions=[sure], translations={"de": Translation(dimensions={"happiness": words})})
