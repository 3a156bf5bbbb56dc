from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rater.analysis import analyze, plan_for, read
from rater.analysis.by_unit_tests import sign_flip
from rater.analysis.equivalence import Equivalence
from rater.analysis.plan import Planned
from rater.analysis.primary import Analysis, DimensionAnalysis
from rater.analysis.results import NotEstimable, Result
from rater.report.export import to_json
from rater.study.analysis_plan import PlannedScore, Scope
from rater.study.dimension import Dimension
from rater.study.scales import Slider

Load = Callable[[str], pd.DataFrame]


def analyzed(frame: pd.DataFrame, planned: Planned) -> Analysis:
    """Analyse, and write as JSON, which refuses NaN."""
    analysis = analyze(frame, planned)
    assert "NaN" not in to_json(analysis)
    return analysis


def test_one_rater_gets_the_test_by_prompt_and_no_bootstrap(load: Load, planned: Planned) -> None:
    (found,) = analyzed(load("a").query("rater == 'r01'"), planned).dimensions

    assert found.primary.test == "by-prompt t"
    assert "does not generalise to other raters" in found.headline
    assert found.details.raters[0].shrunken is None


SLIDER = Dimension(
    name="happiness",
    question="How happy?",
    scale=Slider(minimum=0, maximum=100, step=5, low="not", high="very"),
)


def slid(frame: pd.DataFrame) -> pd.DataFrame:
    """Points 1 to 5 as 0, 25, …, 100 of a slider."""
    return frame.assign(answer=(frame["answer"] - 1) * 25)


def test_a_slider_is_tested_as_points_are_and_its_points_are_its_own(load: Load, planned: Planned) -> None:
    plan = replace(planned, score="scale_points")

    (points,) = analyzed(load("a"), plan).dimensions
    (slider,) = analyzed(slid(load("a")), replace(plan, dimensions=(SLIDER,))).dimensions

    assert isinstance(points.primary, Result)
    assert isinstance(slider.primary, Result)
    assert slider.primary.estimate == pytest.approx(25 * points.primary.estimate)
    assert slider.primary.p == pytest.approx(points.primary.p)
    assert slider.arms[0].counts == ()


CASES = Path(__file__).parent.parent / "data" / "cases" / "11-unanimous"
SCOPES: tuple[Scope, ...] = ("raters+prompts", "raters", "prompts")


def analysed(frame: pd.DataFrame, planned: Planned) -> DimensionAnalysis:
    """Analyse the only dimension, and write it as JSON, which refuses NaN."""
    analysis = analyze(frame, planned)
    assert "NaN" not in to_json(analysis)
    (found,) = analysis.dimensions
    return found


def exact(found: DimensionAnalysis) -> Result:
    assert isinstance(found.primary, Result)
    assert found.primary.test == "exact sign-flip"
    return found.primary


def at_their_ends(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(answer=frame["arm"].map({"steered": 5.0, "unsteered": 1.0}))


@pytest.mark.parametrize("scope", SCOPES)
def test_choices_that_all_go_one_way_have_the_estimate_and_the_exact_test(scope: Scope) -> None:
    """144 of 144 choices of 12 raters about 12 prompts: p = 2 / 2^12."""
    frame = read(CASES / "all-prefer-steered.csv")

    found = analysed(frame, plan_for(frame, scope=scope))

    primary = exact(found)
    assert (primary.estimate, primary.p) == (1.0, 2 / 2**12)
    assert primary.interval is None
    assert found.verdict == "higher"
    assert "“steered” was preferred to “base”" in found.headline
    assert "100 percentage points more often" in found.headline
    assert "p = 2/2^12 = .0005" in found.headline


def test_one_dissenter_among_144_is_tested_as_ever() -> None:
    frame = read(CASES / "all-but-one.csv")

    found = analysed(frame, plan_for(frame))

    assert found.primary.test == "crossed t"
    assert found.primary.estimate == pytest.approx(0.99, abs=0.005)


@pytest.mark.parametrize(("scope", "n"), [("raters+prompts", 10), ("raters", 12), ("prompts", 10)])
@pytest.mark.parametrize(("score", "estimate"), [("net_superiority", 1.0), ("scale_points", 4.0)])
def test_ratings_at_their_ends_are_tested_over_the_fewer_units(
    load: Load, planned: Planned, scope: Scope, n: int, score: PlannedScore, estimate: float
) -> None:
    found = analysed(at_their_ends(load("a")), replace(planned, scope=scope, score=score))

    primary = exact(found)
    assert (primary.estimate, primary.p, primary.settings["n_units"]) == (estimate, 2 / 2**n, n)
    assert isinstance(found.other_score, Result)
    assert found.other_score.p == primary.p


def test_the_claim_over_raters_and_prompts_names_the_scope_of_the_exact_test(
    load: Load, planned: Planned
) -> None:
    primary = exact(analysed(at_their_ends(load("a")), planned))

    assert "The p-value is exact for prompts like those of this study, with its raters fixed" in primary.claim
    assert "there is no exact test over both" in primary.claim
    assert "The same test over raters gives p = 2/2^12 = .0005" in primary.claim


def test_the_ordinal_model_gives_its_reason(load: Load, planned: Planned) -> None:
    ordinal = analysed(at_their_ends(load("a")), planned).details.ordinal

    assert isinstance(ordinal, NotEstimable)
    assert "the odds ratio is infinite" in ordinal.reason


@pytest.mark.parametrize("difference", [1.0, -1.0])
def test_equal_differences_that_are_not_at_the_ends_are_tested_too(
    load: Load, planned: Planned, difference: float
) -> None:
    frame = load("a")
    level = frame["rater"].map({rater: 2.0 + i % 3 for i, rater in enumerate(frame["rater"].unique())})
    frame = frame.assign(answer=level + difference * (frame["arm"] == "steered"))

    primary = exact(analysed(frame, replace(planned, score="scale_points")))

    assert (primary.estimate, primary.p) == (difference, 2 / 2**10)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("same", [True, False])
def test_cells_that_are_all_tied_have_an_estimate_of_0_and_p_of_1(
    load: Load, planned: Planned, scope: Scope, *, same: bool
) -> None:
    frame = load("a")
    level = (
        4.0 if same else frame["rater"].map({r: 1.0 + i % 5 for i, r in enumerate(frame["rater"].unique())})
    )

    found = analysed(frame.assign(answer=level), replace(planned, scope=scope))

    primary = exact(found)
    assert (primary.estimate, primary.p) == (0.0, 1.0)
    assert found.verdict == "inconclusive"
    assert found.headline.startswith("No significant difference between")


def test_a_table_with_cells_missing_is_tested_over_the_units_that_are_there(
    load: Load, planned: Planned
) -> None:
    frame = at_their_ends(load("a"))
    few = frame[(frame["prompt"] < "p05") & ~((frame["rater"] == "r03") & (frame["prompt"] == "p02"))]

    primary = exact(analysed(few, planned))

    assert primary.p == 2 / 2**4
    assert primary.warnings == ("with 4 prompts, this test has no p-value below 0.125",)


def test_the_p_is_that_of_all_sign_patterns() -> None:
    """Independent: `sign_flip` sums the differences under all 2^n signs."""
    for n in (2, 5, 12, 17):
        assert sign_flip(np.full(n, 0.5), np.random.default_rng(0)).p == 2 / 2**n


@pytest.mark.parametrize(
    ("difference", "sesoi", "conclusion", "p"),
    [
        (1.0, 0.2, "larger", 1.0),
        (0.0, 0.2, "smaller", 1 / 2**10),
        (1.0, 1.5, "smaller", 1 / 2**10),
    ],
)
def test_equal_differences_are_compared_with_the_smallest_of_interest_exactly(
    load: Load, planned: Planned, difference: float, sesoi: float, conclusion: str, p: float
) -> None:
    frame = load("a")
    frame = frame.assign(answer=3.0 + difference * (frame["arm"] == "steered"))
    plan = replace(planned, score="scale_points", sesoi=sesoi)

    found = analysed(frame, plan)

    assert isinstance(found.equivalence, Equivalence)
    assert (found.equivalence.conclusion, found.equivalence.p) == (conclusion, p)
    assert found.equivalence.interval is None
    assert f"is {conclusion} than the smallest effect size of interest" in found.headline


def test_an_early_look_at_few_units_decides_nothing_at_its_level(load: Load, planned: Planned) -> None:
    frame = at_their_ends(load("a"))
    few = frame[frame["rater"].isin(["r01", "r02", "r03", "r04", "r05", "r06"])]

    found = analysed(few, replace(planned, alpha=0.005))

    assert exact(found).p == 2 / 2**6
    assert found.verdict == "inconclusive"
    assert exact(found).warnings == ("with 6 raters, this test has no p-value below 0.0312",)


def test_a_prompt_on_which_all_agree_has_its_estimate_and_exact_p(load: Load, planned: Planned) -> None:
    frame = load("a")
    first = frame["prompt"] == "p01"
    frame = frame.assign(answer=frame["answer"].mask(first, at_their_ends(frame)["answer"]))

    found = analysed(frame, planned)

    (effect,) = [each for each in found.details.prompts if each.unit == "p01"]
    assert (effect.raw, effect.interval) == (1.0, None)
    assert effect.reason == "its 12 cells are equal: exact sign-flip p < .001"
    assert found.primary.test == "crossed t"


CASE_12 = Path(__file__).parent.parent / "data" / "cases" / "12-each-prompt-in-one-arm"


@pytest.mark.parametrize(
    ("file", "estimate", "p"),
    [("one-arm-of-each-prompt.csv", -1.0278, 1.7266e-10), ("a-few-in-both.csv", -0.9625, 9.7922e-05)],
)
def test_each_prompt_in_one_arm_leads_to_the_linear_mixed_model(file: str, estimate: float, p: float) -> None:
    """R: lmerTest, in tests/data/mixed_model/reference.json."""
    frame = read(CASE_12 / file)

    (found,) = analyzed(frame, plan_for(frame, contrast=("base", "steered"))).dimensions

    assert isinstance(found.primary, Result)
    assert found.primary.test == "linear mixed model"
    assert found.primary.estimate == pytest.approx(estimate, abs=1e-4)
    assert found.primary.p == pytest.approx(p, rel=1e-3)
    assert found.verdict == "lower"
    assert isinstance(found.other_score, NotEstimable)
    assert found.sensitivity_tests == ()


def test_a_planned_mixed_model_of_a_complete_table_comes_with_the_tests_on_cells(
    load: Load, planned: Planned
) -> None:
    plan = replace(planned, score="scale_points", test="mixed_model")

    (found,) = analyzed(load("a"), plan).dimensions

    assert [each.test for each in found.tests] == ["linear mixed model", "crossed t", "crossed t"]
    assert [each.score for each in found.tests] == ["scale_points", "net_superiority", "scale_points"]
    (cells,) = found.sensitivity_tests
    assert cells.estimate == pytest.approx(found.primary.estimate)
    assert found.headline.endswith("The test is a linear mixed model of all 720 answers.")


def test_tests_on_cells_come_with_the_mixed_model_where_they_leave_answers_out(
    load: Load, planned: Planned
) -> None:
    complete = load("a")
    incomplete = complete[(complete["rater"] != "r01") | (complete["arm"] == "steered")]

    (whole,) = analyzed(complete, planned).dimensions
    (part,) = analyzed(incomplete, planned).dimensions

    assert whole.sensitivity_tests == ()
    assert [each.test for each in part.sensitivity_tests] == ["linear mixed model"]
    assert not part.headline.startswith("Only")


def test_interim_answers_of_one_arm_have_no_mixed_model_yet(load: Load, planned: Planned) -> None:
    plan = replace(planned, score="scale_points", test="mixed_model")

    (found,) = analyzed(load("a").query("arm == 'steered'"), plan).dimensions

    assert isinstance(found.primary, NotEstimable)
    assert "“unsteered” has no answers yet" in found.headline
