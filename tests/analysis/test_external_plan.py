import io

import pandas as pd
import pytest

from rater.analysis import plan_for, read
from rater.analysis.answer_scale import Numbers, Preferences
from rater.analysis.external_plan import is_baseline
from rater.errors import StudyError
from rater.study.composite import CompositeRule
from rater.study.scales import Likert

SMALL = "rater,prompt,arm,answer\nr1,p1,a,3\nr1,p1,b,2\n"


def table_of(*arms: str) -> pd.DataFrame:
    """Make a frame of one answer to each arm."""
    return read(pd.DataFrame({"rater": "r1", "prompt": "p1", "arm": arms, "answer": range(1, len(arms) + 1)}))


@pytest.mark.parametrize(
    ("answers", "points", "scale"),
    [
        ([1, 7], None, Likert(points=7, low="lowest", high="highest")),
        ([1, 4], 5, Likert(points=5, low="lowest", high="highest")),
        ([1, 4], 11, Likert(points=11, low="lowest", high="highest")),
        ([1, 1], None, Likert(points=2, low="lowest", high="highest")),
        ([0, 4], None, Numbers(0.0, 4.0)),
        ([1, 2.5], None, Numbers(1.0, 2.5)),
        ([1, 100], None, Numbers(1.0, 100.0)),
    ],
)
def test_the_scale_follows_from_the_answers(
    answers: list[float], points: int | None, scale: Likert | Numbers
) -> None:
    frame = read(io.StringIO(SMALL)).assign(answer=[float(answer) for answer in answers])

    (judged,) = plan_for(frame, contrast=("a", "b"), points=points).dimensions

    assert judged.scale == scale


@pytest.mark.parametrize(
    ("arms", "contrast"),
    [
        (("base", "steered"), ("steered", "base")),
        (("unsteered", "love"), ("love", "unsteered")),
        (("Control", "aaa"), ("aaa", "Control")),
        (("gpt_base_7b", "a"), ("a", "gpt_base_7b")),
        (("None", "zeal"), ("zeal", "None")),
    ],
)
def test_the_arm_named_as_baseline_is_second_and_reported(
    arms: tuple[str, str], contrast: tuple[str, str]
) -> None:
    plan = plan_for(table_of(*arms))

    assert plan.contrast == contrast
    (assumption,) = plan.assumptions
    assert f"the contrast is “{contrast[0]}” minus “{contrast[1]}”" in assumption


@pytest.mark.parametrize(
    ("arms", "offers"),
    [
        (("a", "b"), ("contrast=('a', 'b'), or --contrast a,b", "contrast=('b', 'a'), or --contrast b,a")),
        (("base", "control"), ("--contrast base,control", "--contrast control,base")),
        (("a", "b", "c"), ("such as contrast=('a', 'b'), or --contrast a,b",)),
        (("base", "b", "c"), ("such as contrast=('b', 'base'), or --contrast b,base",)),
        (("t = 0", "t = 1"), ("--contrast 't = 0,t = 1'",)),
    ],
)
def test_where_no_arm_is_named_as_the_baseline_the_contrast_is_asked_for(
    arms: tuple[str, ...], offers: tuple[str, ...]
) -> None:
    with pytest.raises(
        StudyError, match=rf"there are {len(arms)} arms \({', '.join(sorted(arms))}\)"
    ) as refused:
        plan_for(table_of(*arms))

    for offer in offers:
        assert offer in str(refused.value)


def test_a_named_contrast_is_taken_as_it_is() -> None:
    plan = plan_for(table_of("base", "steered"), contrast=("base", "steered"))

    assert plan.contrast == ("base", "steered")
    assert plan.assumptions == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limits": (5.0, 1.0)}, "limits is 5 to 1"),
        ({"limits": (1.0, float("inf"))}, "limits is 1 to inf"),
        ({"limits": (0.0, 5.0), "points": 5}, "points and limits are both given"),
    ],
)
def test_limits_that_are_none_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        plan_for(table_of("base", "steered"), **options)  # type: ignore[arg-type]


def test_limits_are_the_scale_where_they_are_given() -> None:
    (judged,) = plan_for(table_of("base", "steered"), limits=(0.0, 5.0)).dimensions

    assert judged.scale == Numbers(0.0, 5.0)


def test_one_arm_has_nothing_to_be_compared_with() -> None:
    with pytest.raises(
        StudyError, match=r"^all answers are of the arm 'a'; to compare, there must be answers"
    ):
        plan_for(read(io.StringIO("rater,prompt,arm,answer\nr1,p1,a,3\n")))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"contrast": ("steerd", "b")},
            "contrast names the arm 'steerd', which has no answers. Valid: a, b.",
        ),
        ({"contrast": ("a", "a")}, "contrast compares the arm 'a' with itself"),
        ({"points": 1}, "points is 1; valid: 2 to 11"),
        ({"sesoi": 0.0}, "sesoi is 0; the smallest effect size of interest is above 0"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(StudyError) as refused:
        plan_for(read(io.StringIO(SMALL)), **{"contrast": ("a", "b"), **options})  # type: ignore[arg-type]  # each case gives one option

    assert message in str(refused.value)


def test_a_table_without_rows_has_nothing_to_plan() -> None:
    with pytest.raises(StudyError, match="there are no answers to analyse"):
        plan_for(read(io.StringIO("rater,prompt,arm,answer\nr,p,a,\n"), drop_empty=True))


def test_a_table_of_choices_is_planned_as_one() -> None:
    rows = [("r1", "a", "b", 2), ("r2", "a", "b", -1)]
    table = pd.DataFrame(rows, columns=["rater", "arm", "other_arm", "answer"]).assign(prompt="p")

    plan = plan_for(read(table), contrast=("a", "b"))

    assert plan.dimensions[0].scale == Preferences(2)


@pytest.mark.parametrize("limits", [(1.0,), "1,5", (1.0, float("nan")), ("1", "5"), 5])
def test_limits_that_are_not_two_numbers_are_refused(limits: object) -> None:
    frame = pd.DataFrame(
        {
            "rater": ["r"] * 2,
            "prompt": ["p"] * 2,
            "item": ["a", "b"],
            "arm": ["a", "b"],
            "dimension": ["d"] * 2,
        }
    )
    with pytest.raises(StudyError, match=r"limits is .*valid: two numbers"):
        plan_for(frame.assign(answer=[1, 2]), contrast=("a", "b"), limits=limits)  # type: ignore[arg-type]


def test_a_coding_of_choices_is_refused_where_there_are_none() -> None:
    frame = pd.DataFrame(
        {
            "rater": ["r"] * 2,
            "prompt": ["p"] * 2,
            "item": ["a", "b"],
            "arm": ["a", "b"],
            "dimension": ["d"] * 2,
        }
    )
    with pytest.raises(StudyError, match=r"no column other_arm"):
        plan_for(frame.assign(answer=[1, 2]), contrast=("a", "b"), choices="1/0")


def test_an_arm_named_control_vector_is_not_the_control() -> None:
    assert not is_baseline("happy_control_vector")
    assert is_baseline("control")
    assert is_baseline("Control group")


def shown(n_raters: int, n_prompts: int, *, n_in_both: int = 0) -> pd.DataFrame:
    """Make a Latin square, in which the first raters saw both arms of every prompt."""
    rows = [
        (rater, prompt, arm, 1 + (rater * prompt + len(arm)) % 5)
        for rater in range(n_raters)
        for prompt in range(n_prompts)
        for arm in (["new", "base"] if rater < n_in_both else [["new", "base"][(rater + prompt) % 2]])
    ]
    return read(pd.DataFrame(rows, columns=["rater", "prompt", "arm", "answer"]))


@pytest.mark.parametrize(
    ("n_in_both", "test", "score"),
    [
        (0, "mixed_model", "scale_points"),
        (3, "mixed_model", "scale_points"),
        (4, "cell_scores", "net_superiority"),
    ],
)
def test_a_table_with_most_prompts_in_one_arm_of_a_rater_is_tested_by_a_mixed_model(
    n_in_both: int, test: str, score: str
) -> None:
    """Of 12 raters, 4 who saw both arms gave 8 / 16 of the answers."""
    plan = plan_for(shown(12, 6, n_in_both=n_in_both))

    assert (plan.test, plan.score) == (test, score)
    assert bool(plan.reason_for_mixed_model) == (test == "mixed_model")


def test_the_choice_of_the_test_looks_at_no_answer() -> None:
    frame = shown(12, 6, n_in_both=3).assign(cannot_judge=False)
    # nobody could judge the arm that few were shown: the texts were shown all the same
    unjudged = frame.assign(
        cannot_judge=frame["rater"].isin([0, 1, 2]), answer=frame["answer"].mask(frame["rater"] < "3")
    )

    plans = [plan_for(each, points=5) for each in (frame, unjudged, frame.assign(answer=3.0))]

    assert {(plan.test, plan.assumptions) for plan in plans} == {(plans[0].test, plans[0].assumptions)}


@pytest.mark.parametrize(
    "options",
    [{"score": "net_superiority"}, {"scope": "raters"}, {"scope": "prompts"}, {"test": "cell_scores"}],
)
def test_a_named_score_scope_or_test_is_kept(options: dict[str, object]) -> None:
    plan = plan_for(shown(12, 6), **options)  # type: ignore[arg-type]  # each case gives its own

    assert plan.test == "cell_scores"
    assert not plan.reason_for_mixed_model


def test_arms_that_no_model_can_tell_from_prompts_choose_no_model() -> None:
    frame = shown(12, 6)
    confounded = frame.assign(
        arm=["new" if prompt < "3" else "base" for prompt in frame["prompt"].astype(str)]
    )

    assert plan_for(confounded).test == "cell_scores"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sesoi": 0.2}, r"sesoi is 0.2, without a unit, .* give score='scale_points' \(--score\) with it"),
        ({"test": "anova"}, r"test is 'anova'; valid: 'cell_scores', 'mixed_model', None"),
        ({"test": "mixed_model", "scope": "raters"}, r"scope is 'raters', but the linear mixed model"),
        ({"test": "mixed_model", "score": "net_superiority"}, r"score is 'net_superiority', but the linear"),
    ],
)
def test_an_option_that_does_not_fit_the_mixed_model_is_refused(
    options: dict[str, object], message: str
) -> None:
    with pytest.raises(StudyError, match=message):
        plan_for(shown(12, 6), **options)  # type: ignore[arg-type]  # each case gives its own


def test_choices_between_texts_have_no_mixed_model() -> None:
    choices = pd.DataFrame(
        {"rater": ["a", "b"], "prompt": ["p", "q"], "arm": "new", "other_arm": "base", "answer": [1, -1]}
    )

    with pytest.raises(StudyError, match=r"test is 'mixed_model', but the answers are choices"):
        plan_for(read(choices), test="mixed_model", choices="signed")


def two_dimensions(**answers: list[float]) -> pd.DataFrame:
    rows = [
        {"rater": f"r{rater}", "prompt": "p1", "arm": arm, "dimension": name, "answer": values[rater]}
        for name, values in answers.items()
        for rater in range(2)
        for arm in ("base", "steered")
    ]
    return read(pd.DataFrame(rows), dimension="dimension")


def test_a_table_can_have_a_composite_score_and_a_second_test() -> None:
    frame = two_dimensions(Concept=[0.0, 2.0], Fluency=[0.0, 2.0])

    plan = plan_for(
        frame,
        composites=[("Overall score", "harmonic_mean", ("Concept", "Fluency"))],
        primary="Overall score",
        no_worse=("Fluency", 0.3),
    )

    assert [each.name for each in plan.in_order] == ["Overall score", "Concept", "Fluency"]
    assert plan.primary_parts == ("Concept", "Fluency")
    assert plan.coprimary is not None
    assert (plan.coprimary.dimension, plan.coprimary.margin) == ("Fluency", 0.3)


def test_parts_whose_answers_show_different_scales_are_refused_with_the_option() -> None:
    frame = two_dimensions(concept=[1.0, 5.0], fluency=[1.0, 4.0])
    overall: tuple[str, CompositeRule, tuple[str, ...]] = ("overall", "minimum", ("concept", "fluency"))

    with pytest.raises(StudyError, match="--points or --limits"):
        plan_for(frame, composites=[overall])
    assert plan_for(frame, composites=[overall], points=5).dimensions[-1].scale.highest == 5
