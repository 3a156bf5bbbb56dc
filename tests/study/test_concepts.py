"""A study over concepts makes its arms for each of them, and is refused where something is missing."""

from typing import Any

import pytest
from pydantic import ValidationError

from rater import (
    AnalysisPlan,
    Concept,
    ConceptSteered,
    Dimension,
    Item,
    Likert,
    OtherModel,
    Prompted,
    RandomVector,
    Steered,
    Study,
    Unsteered,
    XVector,
)
from rater.analysis.plan import plan_of
from rater.study.describe import describe_arm
from rater.study.study_checks import remarks, require_effects, require_hook_points

WEDDINGS = Concept(words="weddings", additions=(XVector("Weddings", "Bridges", coeff=2, at=6),))
ANGER = Concept(words="anger", additions=(XVector("Anger", "Calm", coeff=3, at=9),))
ARMS = (
    Unsteered(),
    ConceptSteered(coeff=4),
    ConceptSteered(name="random", coeff=4, random_seed=7),
    Prompted(prefix="Talk about {concept}. "),
    OtherModel(model="other"),
)


def study_of(**changed: Any) -> Study:
    declared: dict[str, Any] = {
        "name": "concepts",
        "title": "Texts",
        "consent": "Yes?",
        "instructions": "Read.",
        "prompts": ("Tell me about a day", "And then"),
        "concepts": (WEDDINGS, ANGER),
        "dimensions": (
            Dimension(
                name="present", question="Is {concept} there?", scale=Likert(low="no", high="very much")
            ),
        ),
        "arms": ARMS,
        "analysis": AnalysisPlan(scope="raters+prompts+concepts"),
    }
    return Study(**declared | changed)


def test_prompts_are_crossed_with_concepts() -> None:
    study = study_of()

    assert [(item.prompt, item.fields["concept"]) for item in study.items] == [
        ("Tell me about a day", "weddings"),
        ("Tell me about a day", "anger"),
        ("And then", "weddings"),
        ("And then", "anger"),
    ]
    assert [study.concept_number(item) for item in range(4)] == [0, 1, 0, 1]
    assert study.prompts_of(1) == ("Tell me about a day", "And then")
    assert Study.model_validate_json(study.canonical_json()) == study
    assert Study.model_validate(study.model_dump()).hash == study.hash


def test_items_nest_prompts_in_concepts() -> None:
    items = [Item(prompt="A wedding is", concept="weddings"), Item(prompt="In a rage", concept="anger")]

    study = study_without_prompts(items=items)

    assert study.prompts == ("A wedding is", "In a rage")
    assert study.prompts_of(1) == ("In a rage",)


def study_without_prompts(**changed: Any) -> Study:
    declared = study_of().model_dump(exclude={"prompts", "items"})
    return Study.model_validate(declared | changed)


def test_an_arm_has_the_vector_or_the_words_of_each_concept() -> None:
    weddings, anger = study_of().concrete_arms

    assert weddings[1] == Steered(additions=(XVector("Weddings", "Bridges", coeff=8, at=6),))
    assert anger[1] == Steered(additions=(XVector("Anger", "Calm", coeff=12, at=9),))
    assert isinstance(weddings[3], Prompted)
    assert isinstance(anger[3], Prompted)
    assert (weddings[3].prefix, anger[3].prefix) == ("Talk about weddings. ", "Talk about anger. ")
    assert (weddings[0], weddings[4]) == (Unsteered(), OtherModel(model="other"))


def test_a_random_control_has_a_direction_of_its_own_for_each_concept() -> None:
    random = [arms[2] for arms in study_of().concrete_arms]

    vectors = [arm.additions[0] for arm in random if isinstance(arm, Steered)]
    assert [each.like for each in vectors if isinstance(each, RandomVector)] == [
        XVector("Weddings", "Bridges", coeff=8, at=6),
        XVector("Anger", "Calm", coeff=12, at=9),
    ]
    assert len({each.seed for each in vectors if isinstance(each, RandomVector)}) == 2
    assert plan_of(study_of()).random_controls == ("random",)


def test_a_study_without_concepts_has_its_arms_once_and_braces_as_they_are() -> None:
    prompted = Prompted(prefix="A set {x}: ")
    dimension = Dimension(name="present", question="Good?", scale=Likert(low="no", high="yes"))
    study = study_of(
        concepts=(), arms=(Unsteered(), prompted), dimensions=(dimension,), analysis=AnalysisPlan()
    )

    assert study.concrete_arms == [(Unsteered(), prompted)]


def test_the_steered_arm_is_compared_with_the_unsteered_one_and_described() -> None:
    assert study_of().contrast == ("steered", "unsteered")
    assert describe_arm(ARMS[1]) == "4 × the additions of each concept"
    assert "random directions (seed 7)" in describe_arm(ARMS[2])


GOOD = Dimension(name="present", question="Good?", scale=Likert(low="no", high="yes"))
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a method without concepts": (
        {"concepts": (), "dimensions": (GOOD,)},
        r"arms\[1\] is a ConceptSteered",
    ),
    "a concept without a vector": (
        {"concepts": (WEDDINGS, Concept(words="anger"))},
        r"concepts\[1\].additions is empty, but the arm 'steered' adds them",
    ),
    "a prefix with another field": (
        {"arms": (Unsteered(), Prompted(prefix="Of {idea}. "))},
        r"arms\[1\].prefix names the field \{idea\}; valid: concept",
    ),
    "a prefix that runs into the prompt": (
        {"arms": (Unsteered(), Prompted(prefix="Of {concept}"))},
        r"arm 'prompted' with concepts\[0\], 'weddings': .*prefix ends with 's'",
    ),
    "a concept twice": ({"concepts": (WEDDINGS, WEDDINGS)}, "'weddings' twice"),
    "a scope without concepts": (
        {
            "concepts": (),
            "arms": (Unsteered(), OtherModel(model="other")),
            "dimensions": (GOOD,),
        },
        "analysis.scope is 'raters.prompts.concepts', but no text has a concept",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_refused_with_its_place(what: str) -> None:
    changed, message = REFUSED[what]

    with pytest.raises(ValidationError, match=message):
        study_of(**changed)


def test_every_item_has_a_concept_and_every_concept_an_item() -> None:
    with pytest.raises(ValidationError, match=r"items\[0\] has the concept 'love'"):
        study_without_prompts(items=[{"prompt": "a", "concept": "love"}])
    with pytest.raises(ValidationError, match=r"concepts\[1\], 'anger', has no item"):
        study_without_prompts(items=[{"prompt": "a", "concept": "weddings"}])


def test_the_vectors_of_concepts_are_checked_with_their_place(tmp_path: Any) -> None:
    with pytest.raises(Exception, match=r"concepts\[1\].additions\[0\].at .arm 'steered'.: 9 does not exist"):
        require_hook_points(study_of(), n_layers=8)
    same = Concept(words="anger", additions=(XVector("Anger", "Anger", coeff=3, at=9),))
    with pytest.raises(Exception, match=r"concepts\[1\].additions\[0\] .arm 'steered'. adds nothing"):
        require_effects(study_of(concepts=(WEDDINGS, same)))
    file = tmp_path / "study.py"
    file.write_text("")
    narrow = list(remarks(study_of(analysis=AnalysisPlan()), file))
    assert any("cannot generalise to other concepts" in remark for remark in narrow)
    assert not any("concepts" in remark for remark in remarks(study_of(), file))
