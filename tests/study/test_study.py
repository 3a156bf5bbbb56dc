import hashlib
import json
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from rater import (
    ActivationAddition,
    AnalysisPlan,
    BlindingQuestion,
    Composite,
    Dimension,
    Ending,
    Endings,
    ExternalCompletions,
    Likert,
    Plan,
    Prompted,
    Sampling,
    Steered,
    Study,
    Unsteered,
    XVector,
)
from rater.study.protocol import Protocol

Declare = Callable[..., Study]


def test_the_canonical_json_is_sorted_and_has_no_field_at_its_default(declare: Declare) -> None:
    canonical = declare().canonical_json()

    assert canonical == json.dumps(
        json.loads(canonical), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    assert canonical.startswith('{"arms":[')
    assert (
        '"dimensions":[{"name":"happiness","question":"How happy is this text?",'
        '"scale":{"high":"very","kind":"likert","low":"not at all"}}]'
    ) in canonical


def test_the_hash_is_the_sha256_of_the_canonical_json(declare: Declare) -> None:
    study = declare(title="Wie fröhlich?")

    assert study.hash == hashlib.sha256(study.canonical_json().encode("utf-8")).hexdigest()
    assert "fröhlich" in study.canonical_json()


def test_lists_and_tuples_declare_the_same_study(declare: Declare) -> None:
    listed = declare(prompts=["a", "b"], arms=[Unsteered(), Unsteered(name="again")])
    tupled = declare(prompts=("a", "b"), arms=(Unsteered(), Unsteered(name="again")))

    assert listed == tupled
    assert listed.hash == tupled.hash
    assert hash(listed) == hash(tupled)


def test_a_study_comes_back_from_its_canonical_json(declare: Declare) -> None:
    additions = [
        XVector("Love", "Hate", coeff=5, at=6, pad=3),
        ActivationAddition(1, "hook_embed", tokens=[1]),
    ]
    scale = Likert(points=11, low="a", high="b", labels={10: "ten", 2: "two"})
    study = declare(
        arms=[Unsteered(), Steered(additions=additions)],
        dimensions=[Dimension(name="joy", question="?", scale=scale)],
        analysis=AnalysisPlan(contrast=["steered", "unsteered"], sesoi=0.2),
    )

    back = Study.model_validate_json(study.canonical_json())

    assert back == study
    assert back.hash == study.hash
    assert study.changes_from(study.canonical_json()) == []


_JOY = Dimension(name="joy", question="How joyful?", scale=Likert(low="not", high="very"))


@pytest.mark.parametrize(
    ("changed", "paths"),
    [
        ({"name": "other"}, ["name"]),
        ({"title": "Other"}, ["title"]),
        ({"consent": "Other"}, ["consent"]),
        ({"instructions": "Other"}, ["instructions"]),
        ({"thanks": "Other"}, ["thanks"]),
        ({"model": "gpt2-xl"}, ["model"]),
        ({"prompts": ["I hate you because", "The sun"]}, ["prompts[1]"]),
        ({"prompts": ["The rain", "I hate you because"]}, ["prompts[0]", "prompts[1]"]),
        ({"prompts": ["I hate you because"]}, ["prompts"]),
        (
            {"dimensions": [_JOY]},
            ["dimensions[0].name", "dimensions[0].question", "dimensions[0].scale.low"],
        ),
        ({"sampling": Sampling(max_new_tokens=51)}, ["sampling.max_new_tokens"]),
        ({"sampling": Sampling(temperature=0.9)}, ["sampling.temperature"]),
        ({"sampling": Sampling(top_p=0.9)}, ["sampling.top_p"]),
        ({"sampling": Sampling(frequency_penalty=1)}, ["sampling.frequency_penalty"]),
        ({"sampling": Sampling(samples_per_prompt=5)}, ["sampling.samples_per_prompt"]),
        ({"sampling": Sampling(seed=1)}, ["sampling.seed"]),
        ({"plan": Plan(raters=13)}, ["plan.raters"]),
        ({"plan": Plan(items_per_rater=2)}, ["plan.items_per_rater"]),
        (
            {
                "plan": Plan(arms_per_prompt="one"),
                "analysis": AnalysisPlan(score="scale_points"),
            },
            ["analysis.score", "plan.arms_per_prompt"],
        ),
        ({"analysis": AnalysisPlan(contrast=("unsteered", "steered"))}, ["analysis.contrast"]),
        ({"analysis": AnalysisPlan(primary="happiness")}, ["analysis.primary"]),
        ({"analysis": AnalysisPlan(scope="raters")}, ["analysis.scope"]),
        ({"analysis": AnalysisPlan(score="scale_points")}, ["analysis.score"]),
        (
            {"analysis": AnalysisPlan(score="scale_points", test="mixed_model")},
            ["analysis.score", "analysis.test"],
        ),
        ({"analysis": AnalysisPlan(alpha=0.01)}, ["analysis.alpha"]),
        ({"analysis": AnalysisPlan(sesoi=0.1)}, ["analysis.sesoi"]),
        (
            {"arms": [Unsteered(name="plain"), Steered(additions=[XVector("Love", "Hat", coeff=4, at=6)])]},
            ["arms[0].name", "arms[1].additions[0].coeff", "arms[1].additions[0].prompt2"],
        ),
    ],
)
def test_each_field_changes_the_hash_and_is_named_by_its_path(
    declare: Declare, changed: dict[str, object], paths: list[str]
) -> None:
    before, after = declare(), declare(**changed)

    assert after.hash != before.hash
    assert after.changes_from(before.canonical_json()) == paths


def test_a_field_of_another_version_is_named_by_its_path(declare: Declare) -> None:
    earlier = json.loads(declare(plan=Plan(raters=13)).canonical_json())
    earlier["plan"]["payment"] = 3

    assert declare(plan=Plan(raters=13)).changes_from(json.dumps(earlier)) == ["plan.payment"]


def test_a_part_that_had_its_default_is_named_by_its_fields(declare: Declare) -> None:
    before = declare()

    assert declare(endings=Endings(finished=Ending(code="A"))).changes_from(before.canonical_json()) == [
        "endings.finished.code"
    ]
    assert declare(blinding=BlindingQuestion(question="Which?")).changes_from(before.canonical_json()) == [
        "blinding"
    ]


def test_the_hash_of_a_study_is_the_same_in_every_version() -> None:
    """It changes only with the meaning of a field or default, which would change stored studies, too."""
    study = Study(
        name="pinned",
        title="How happy?",
        consent="You may stop at any time.",
        instructions="Read.",
        dimensions=[Dimension(name="happiness", question="How happy?", scale=Likert(low="not", high="very"))],
        prompts=["I went to the shop and"],
        arms=[Unsteered(), Steered(additions=[XVector("Love", "Hate", coeff=5, at=6)])],
    )

    assert study.hash == "1bbf2728aeb309f076cbb0e04105fd8f5dd1a9ed865178df68f04e6ddedd893b"


def test_the_contrast_is_by_default_the_first_steered_arm_minus_the_first_unsteered(declare: Declare) -> None:
    addition = XVector("Love", "Hate", coeff=5, at=6)
    weak, strong = (Steered(name=name, additions=[addition]) for name in ("weak", "strong"))

    assert declare(arms=[weak, Unsteered(), strong]).contrast == ("weak", "unsteered")
    assert declare(arms=[strong, weak]).contrast == ("weak", "strong")
    assert declare(arms=[Unsteered(), Unsteered(name="again")]).contrast == ("again", "unsteered")


def test_without_a_steered_arm_the_contrast_is_with_what_else_there_is(declare: Declare) -> None:
    asked, file = Prompted(prefix="Love. "), ExternalCompletions(path="gpt.jsonl")
    steered = Steered(additions=[XVector("Love", "Hate", coeff=5, at=6)])

    assert declare(arms=[asked, Unsteered(), steered]).contrast == ("steered", "unsteered")
    assert declare(arms=[Unsteered(), file, asked]).contrast == ("external", "unsteered")
    assert declare(arms=[file, asked]).contrast == ("prompted", "external")


def test_the_plans_defaults_follow_from_the_study(declare: Declare) -> None:
    study = declare(sampling=Sampling(samples_per_prompt=3))

    assert study.primary == "happiness"
    assert study.arm_names == ["unsteered", "steered"]
    assert (study.items_per_rater, study.n_completions) == (4, 12)


def test_what_raters_are_shown_holds_nothing_of_the_arms(declare: Declare) -> None:
    protocol = declare().protocol

    assert type(protocol) is Protocol
    sealed = {"arms", "analysis", "guessed_arms", "model", "sampling", "plan", "name", "prompts"}
    assert sealed.isdisjoint(protocol.model_dump())
    assert "Love" not in protocol.model_dump_json()


def test_new_fields_at_their_defaults_are_not_hashed(declare: Declare) -> None:
    canonical = declare().canonical_json()

    assert "arms_per_prompt" not in canonical
    assert '"test"' not in canonical


def test_the_design_decides_the_test_unless_the_plan_names_it(declare: Declare) -> None:
    points = AnalysisPlan(score="scale_points")

    assert declare().planned_test == "cell_scores"
    assert (
        declare(analysis=AnalysisPlan(score="scale_points", test="mixed_model")).planned_test == "mixed_model"
    )
    assert declare(plan=Plan(arms_per_prompt="one"), analysis=points).planned_test == "mixed_model"


def test_with_one_arm_of_each_prompt_a_booklet_has_each_prompt_once(declare: Declare) -> None:
    study = declare(plan=Plan(arms_per_prompt="one"), analysis=AnalysisPlan(score="scale_points"))

    assert (study.items_per_rater, study.design.sets_per_rater, study.design.max_sets) == (2, 2, 2)


TWO_DIMENSIONS = [
    Dimension(name=name, question=f"How {name}?", scale=Likert(low="no", high="yes"))
    for name in ("happy", "fluent")
]
OVERALL = Composite(name="overall", of=["happy", "fluent"], by="mean")


def test_a_composite_score_can_be_the_primary_dimension(declare: Declare) -> None:
    analysis = AnalysisPlan(composites=[OVERALL], primary="overall")

    study = declare(dimensions=TWO_DIMENSIONS, analysis=analysis)

    assert study.primary_dimension.name == "overall"
    assert study.simulated_as("overall").name == "happy"
    assert study.simulated_as("fluent").name == "fluent"


@pytest.mark.parametrize("max_failed", [1, 4])
def test_a_rule_for_attention_checks_needs_more_checks_than_may_be_failed(
    study: Study, max_failed: int
) -> None:
    declared = study.model_dump() | {"check_rule": {"max_failed": max_failed}}

    with pytest.raises(ValidationError, match=f"check_rule.max_failed is {max_failed}.*nobody can fail"):
        Study.model_validate(declared)
