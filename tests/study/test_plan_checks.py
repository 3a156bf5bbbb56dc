import re
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from rater import (
    AnalysisPlan,
    Composite,
    CoprimaryTest,
    Dimension,
    Likert,
    Pairwise,
    Plan,
    Question,
    Study,
)

Declare = Callable[..., Study]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"analysis": AnalysisPlan()}, "analysis.score is 'net_superiority', but the linear mixed model"),
        (
            {"analysis": AnalysisPlan(score="scale_points", scope="raters")},
            "analysis.scope is 'raters', but the linear mixed model generalises to all",
        ),
        (
            {"analysis": AnalysisPlan(score="scale_points", test="cell_scores")},
            "analysis.test is 'cell_scores', but with plan.arms_per_prompt='one'",
        ),
        (
            {
                "dimensions": [Dimension(name="joy", question="Which?", scale=Pairwise())],
                "analysis": AnalysisPlan(score="scale_points"),
            },
            "plan.arms_per_prompt is 'one', but trials of this study show 2 texts",
        ),
    ],
)
def test_one_arm_of_each_prompt_asks_for_a_test_that_can_use_it(
    declare: Declare, changed: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        declare(plan=Plan(arms_per_prompt="one"), **changed)


def test_choices_between_texts_have_no_mixed_model(declare: Declare) -> None:
    pairwise = [Dimension(name="joy", question="Which?", scale=Pairwise())]

    with pytest.raises(
        ValidationError, match=r"analysis.test is 'mixed_model', but trials of this study show"
    ):
        declare(dimensions=pairwise, analysis=AnalysisPlan(score="scale_points", test="mixed_model"))


TWO_DIMENSIONS = [
    Dimension(name=name, question=f"How {name}?", scale=Likert(low="no", high="yes"))
    for name in ("happy", "fluent")
]
OVERALL = Composite(name="overall", of=["happy", "fluent"], by="mean")


@pytest.mark.parametrize(
    ("analysis", "asking", "reason"),
    [
        ({"primary": "over-all", "composites": [OVERALL]}, "together", "did you mean 'overall'"),
        ({"composites": [OVERALL]}, "blocks", "plan.asking='together'"),
        (
            {"composites": [Composite(name="o", of=["happy", "sad"], by="mean")]},
            "together",
            "analysis.composites: the composite 'o' has an unknown part 'sad'",
        ),
        (
            {"coprimary": CoprimaryTest(dimension="sad", margin=1)},
            "together",
            "analysis.coprimary.dimension: unknown dimension 'sad'",
        ),
        (
            {"coprimary": CoprimaryTest(dimension="happy", margin=1)},
            "together",
            "'happy', the primary one",
        ),
    ],
)
def test_composites_and_second_tests_must_fit_the_study(
    declare: Declare, analysis: dict[str, object], asking: str, reason: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        declare(
            dimensions=TWO_DIMENSIONS,
            analysis=AnalysisPlan.model_validate(analysis),
            plan={"asking": asking},
        )

    assert reason.casefold() in str(refused.value).casefold()


def test_a_second_test_in_net_superiority_has_no_mixed_model(declare: Declare) -> None:
    coprimary = CoprimaryTest(dimension="fluent", margin=0.2, score="net_superiority")

    with pytest.raises(ValidationError, match=r"coprimary\.score"):
        declare(
            dimensions=TWO_DIMENSIONS,
            analysis=AnalysisPlan(score="scale_points", coprimary=coprimary),
            plan={"arms_per_prompt": "one"},
        )


FIELD = Question(name="field", question="What do you study?", options=("Physics", "Other"))


def test_moderators_are_questions_with_one_option_or_a_number(declare: Declare) -> None:
    job = Question(name="job", question="Your job?", kind="text")

    study = declare(questionnaire=[FIELD, job], analysis=AnalysisPlan(moderators=["field"]))

    assert study.analysis.moderators == ("field",)
    for name, reason in (("job", "kind 'text'"), ("fields", "did you mean 'field'")):
        with pytest.raises(ValidationError) as refused:
            declare(questionnaire=[FIELD, job], analysis=AnalysisPlan(moderators=[name]))
        assert reason.casefold() in str(refused.value).casefold()


def test_moderators_need_differences_within_raters(declare: Declare) -> None:
    with pytest.raises(ValidationError, match=r"analysis\.moderators compares differences within raters"):
        declare(
            questionnaire=[FIELD],
            analysis=AnalysisPlan(moderators=["field"], score="scale_points"),
            plan={"arms_per_prompt": "one"},
        )
