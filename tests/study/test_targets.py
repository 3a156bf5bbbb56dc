"""Each text of a choice among labels has a target: its concept, or the option of its arm."""

from typing import Any

import pytest
from pydantic import ValidationError

from rater import (
    AnalysisPlan,
    AttentionCheck,
    Choose,
    Composite,
    Concept,
    ConceptSteered,
    Dimension,
    DimensionTranslation,
    Item,
    Likert,
    Plan,
    Steered,
    Study,
    Translation,
    Unsteered,
    XVector,
)
from rater.study.targets import find_target

WHICH = Dimension(name="which", question="Which is it about?", scale=Choose(options="concepts"))
LOVE = Concept(words="love", additions=(XVector("Love", "Hate", coeff=2, at=6),))
ANGER = Concept(words="anger", additions=(XVector("Anger", "Calm", coeff=2, at=6),))


def study_of(**changed: Any) -> Study:
    declared: dict[str, Any] = {
        "name": "which",
        "title": "Texts",
        "consent": "Yes?",
        "instructions": "Read.",
        "prompts": ("One day", "And then"),
        "concepts": (LOVE, ANGER),
        "dimensions": (WHICH,),
        "arms": (ConceptSteered(coeff=4), ConceptSteered(name="random", coeff=4, random_seed=7)),
        "analysis": AnalysisPlan(scope="raters+prompts+concepts"),
    }
    return Study(**declared | changed)


def by_arm(*options: str, **targets: str) -> Study:
    return study_of(
        concepts=(),
        dimensions=(WHICH.model_copy(update={"scale": Choose(options=options)}),),
        arms=(Unsteered(), Steered(name="kind", additions=LOVE.additions)),
        analysis=AnalysisPlan(targets=targets),
    )


def test_the_concepts_of_a_study_are_options_in_their_order() -> None:
    study = study_of()
    scale = study.dimensions[0].scale

    assert isinstance(scale, Choose)
    assert scale.options == ("love", "anger")
    assert study == study_of(
        dimensions=(WHICH.model_copy(update={"scale": Choose(options=("love", "anger"))}),)
    )
    assert Study.model_validate_json(study.canonical_json()).hash == study.hash
    assert "concepts" not in study.protocol.model_dump_json()


def test_the_concepts_in_the_fields_of_items_are_options() -> None:
    items = (Item(prompt="a", concept="joy"), Item(prompt="b", concept="fear"))
    arms = (Unsteered(), Steered(name="s", additions=LOVE.additions))
    study = study_of(prompts=("a", "b"), concepts=(), items=items, arms=arms)
    scale = study.dimensions[0].scale

    assert isinstance(scale, Choose)
    assert scale.labels == ("joy", "fear")
    assert find_target(scale, "s", items[1].fields, {}) == "fear"


def test_arms_have_the_targets_that_the_plan_names() -> None:
    study = by_arm("love", "anger", kind="love", unsteered="love")
    scale = study.dimensions[0].scale

    assert isinstance(scale, Choose)
    assert find_target(scale, "kind", {}, study.analysis.targets) == "love"
    assert study.hash != by_arm("love", "anger", kind="love", unsteered="anger").hash


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        ({}, "needs a correct option for each text, but items\\[0\\] has no field 'concept'"),
        ({"kind": "love"}, "analysis.targets has no option for the arm 'unsteered'"),
        ({"kind": "lov", "unsteered": "love"}, "targets\\['kind'\\]: unknown option 'lov'"),
        ({"kinder": "love"}, "analysis.targets: unknown arm 'kinder'"),
    ],
)
def test_targets_that_do_not_fit_are_refused(targets: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        by_arm("love", "anger", **targets)


def test_options_without_concepts_are_refused() -> None:
    with pytest.raises(ValidationError, match="but the study has 0 that can be options"):
        study_of(
            concepts=(),
            arms=(Unsteered(), Steered(name="s", additions=LOVE.additions)),
            analysis=AnalysisPlan(),
        )
    with pytest.raises(ValidationError, match="has the concept 'love'; valid: one of"):
        study_of(dimensions=(WHICH.model_copy(update={"scale": Choose(options=("joy", "fear"))}),))


def test_targets_without_a_choice_among_labels_are_refused() -> None:
    rated = Dimension(name="warmth", question="Warm?", scale=Likert(low="no", high="yes"))

    with pytest.raises(ValidationError, match="targets is given, but no dimension is a Choose"):
        study_of(dimensions=(rated,), analysis=AnalysisPlan(targets={"random": "love"}))


def test_labels_are_no_part_of_a_composite_score() -> None:
    composite = Composite(name="both", of=("which", "warmth"), by="mean")
    rated = Dimension(name="warmth", question="Warm?", scale=Likert(low="no", high="yes"))

    with pytest.raises(ValidationError, match="'which' is a choice among labels"):
        study_of(dimensions=(WHICH, rated), analysis=AnalysisPlan(composites=(composite,)))


@pytest.mark.parametrize(("ends", "words"), [((1, 2), "answers have no order"), ((3, 3), "valid: 1 to 2")])
def test_one_option_is_the_answer_of_a_check(ends: tuple[float, float], words: str) -> None:
    check = AttentionCheck(prompt="Choose", text=" love.", accepted={"which": ends}, fields={})

    with pytest.raises(ValidationError, match=words):
        study_of(plan=Plan(checks=(check,)))


def test_options_are_translated_in_their_order() -> None:
    def translated(*options: str) -> Study:
        dimension = DimensionTranslation(options=options)
        return study_of(translations={"de": Translation(dimensions={"which": dimension})})

    scale = translated("Liebe", "Zorn").in_language("de").dimensions[0].scale

    assert scale.name_value(2) == "Zorn"
    with pytest.raises(ValidationError, match="options has 1, but the study has 2"):
        translated("Liebe")
