"""Refuse an analysis plan that cannot be meant."""

import pytest
from pydantic import ValidationError

from rater.study.analysis_plan import AnalysisPlan, Contrast, CoprimaryTest, Exclusions, InterimLooks
from rater.study.study import Study


def test_nothing_is_excluded_and_nobody_looks_unless_that_is_declared() -> None:
    plan = AnalysisPlan()

    assert not plan.exclusions.any_declared
    assert plan.interim_looks is None
    assert plan.contrasts == ()
    assert Exclusions(max_failed_checks=0).any_declared


def test_a_contrast_of_an_arm_with_itself_is_refused() -> None:
    with pytest.raises(ValidationError, match="compares 'low' with itself; name two different arms"):
        Contrast(first="low", second="low")


@pytest.mark.parametrize("at", [[0.5], [1.0, 0.5], [0.5, 0.5, 1.0]])
def test_planned_looks_rise_to_the_end(at: list[float]) -> None:
    with pytest.raises(ValidationError, match="valid: shares that rise to 1, such as"):
        InterimLooks(at=tuple(at))

    assert InterimLooks(at=(0.5, 1)).at == (0.5, 1)


def test_a_contrast_names_arms_of_the_study(study: Study) -> None:
    declared = study.model_dump()
    declared["analysis"]["contrasts"] = [{"first": "walrus-arm", "second": "zebra-amr"}]

    with pytest.raises(ValidationError, match=r"analysis.contrasts\[0\]: unknown arm 'zebra-amr'.*zebra-arm"):
        Study.model_validate(declared)


def test_the_plan_is_part_of_what_is_preregistered(study: Study) -> None:
    declared = study.model_dump()
    declared["analysis"]["exclusions"]["min_median_seconds"] = 2

    assert Study.model_validate(declared).hash != study.hash


def test_a_smallest_effect_of_interest_that_no_study_could_find_is_refused() -> None:
    with pytest.raises(ValidationError, match="sesoi is 5, but net superiority goes from -1 to 1"):
        AnalysisPlan(sesoi=5)

    assert AnalysisPlan(sesoi=5, score="scale_points").sesoi == 5


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({}, "score is 'net_superiority', but the linear mixed model compares scale points"),
        ({"score": "scale_points", "scope": "prompts"}, "scope is 'prompts', but the linear mixed model"),
    ],
)
def test_a_mixed_model_has_one_scope_and_one_score(plan: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AnalysisPlan.model_validate({"test": "mixed_model", **plan})

    assert AnalysisPlan(test="mixed_model", score="scale_points").test == "mixed_model"
    assert AnalysisPlan().test is None


def test_a_margin_that_no_net_superiority_reaches_is_refused() -> None:
    with pytest.raises(ValidationError, match="score='scale_points'"):
        CoprimaryTest(dimension="fluency", margin=1, score="net_superiority")
    assert CoprimaryTest(dimension="fluency", margin=1).margin == 1
