from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from rater.analysis import analyze, plan_for, read
from rater.analysis.equivalence import Equivalence, two_one_sided_tests
from rater.analysis.headline import compare_with_sesoi, judge, write_headline
from rater.analysis.plan import Planned
from rater.analysis.results import Counts, Interval, NotEstimable, Result
from rater.study.analysis_plan import PlannedScore
from rater.study.dimension import Dimension
from rater.study.scales import Likert

HAPPINESS = Dimension(name="happiness", question="How happy?", scale=Likert(low="not", high="very"))
PLANNED = Planned(contrast=("steered", "unsteered"), dimensions=(HAPPINESS,), primary="happiness")
COUNTS = Counts(raters=12, prompts=10, items=60, answers=720, cells=120)


def result(estimate: float, low: float, high: float, p: float) -> Result:
    return Result(
        test="crossed t",
        estimand="",
        score="net_superiority",
        estimate=estimate,
        interval=Interval(low, high, 0.95),
        standard_error=0.1,
        symbol="t",
        statistic=1.0,
        df=9.0,
        p=p,
        n=COUNTS,
        claim="",
        method="",
        reference="",
    )


NO_POINTS = NotEstimable(test="crossed t", score="scale_points", reason="x", n=COUNTS)


def test_a_negative_estimate_that_is_not_significant_reads_less_often() -> None:
    primary = result(-0.05, -0.2, 0.1, 0.4)

    assert write_headline(HAPPINESS, PLANNED, primary, NO_POINTS) == (
        "No significant difference between “steered” and “unsteered” on happiness: the estimate is that a "
        "rater shown one of each rates “steered” lower 5 percentage points more often than higher (95% CI "
        "−20 to 10, p = .400, 12 raters × 10 prompts). This is not evidence that there is no difference."
    )


def test_no_end_of_a_significant_interval_reads_zero() -> None:
    primary = result(0.06, 0.003, 0.117, 0.04)

    assert "6.0 percentage points more often than lower (95% CI 0.3 to 11.7, p = .040" in write_headline(
        HAPPINESS, PLANNED, primary, NO_POINTS
    )


@pytest.mark.parametrize(
    ("estimate", "p", "verdict"),
    [
        (0.2, 0.049, "higher"),
        (-0.2, 0.049, "lower"),
        (0.2, 0.05, "inconclusive"),
        (-0.2, 0.9, "inconclusive"),
    ],
)
def test_significance_and_sign_make_the_verdict(estimate: float, p: float, verdict: str) -> None:
    assert judge(result(estimate, -1, 1, p), alpha=0.05) == verdict


def against_sesoi(primary: Result, sesoi: float) -> Equivalence:
    found = two_one_sided_tests(primary, sesoi, alpha=0.05)
    assert isinstance(found, Equivalence)
    return found


def estimated(estimate: float, standard_error: float, *, score: PlannedScore = "net_superiority") -> Result:
    """A result with many degrees of freedom, so that its 95% interval is the estimate ± 1.96 SE."""
    half = 1.959964 * standard_error
    p = float(2 * stats.norm.sf(abs(estimate) / standard_error))
    made = result(estimate, estimate - half, estimate + half, p)
    return replace(made, standard_error=standard_error, df=1e9, score=score)


@pytest.mark.parametrize(
    ("estimate", "error", "conclusion", "words"),
    [
        (
            0.57,
            0.19,
            "larger",
            "is larger than the smallest effect size of interest of ±15 percentage points",
        ),
        (
            -0.57,
            0.19,
            "larger",
            "is larger than the smallest effect size of interest of ±15 percentage points",
        ),
        (0.01, 0.03, "smaller", "is smaller than the smallest effect size of interest"),
        (0.08, 0.03, "smaller", "is smaller than the smallest effect size of interest"),
        (0.25, 0.10, "different", "may be trivial: it differs significantly from 0"),
        (-0.25, 0.10, "different", "may be trivial: it differs significantly from 0"),
        (0.05, 0.10, "inconclusive", "do not show whether the difference is larger or smaller"),
    ],
)
def test_each_of_four_conclusions_about_the_smallest_effect_of_interest_has_its_words(
    estimate: float, error: float, conclusion: str, words: str
) -> None:
    """By hand: 57 ± 1.96 × 19 is 19.8 to 94.2, entirely above 15; 8 ± 1.645 × 3 is 3.1 to 12.9, within."""
    primary = estimated(estimate, error)
    found = against_sesoi(primary, 0.15)

    sentence = write_headline(HAPPINESS, PLANNED, primary, NO_POINTS, equivalence=found)

    assert found.conclusion == conclusion
    assert words in compare_with_sesoi(found)
    assert compare_with_sesoi(found) in sentence


def test_a_difference_beyond_the_smallest_effect_is_not_called_unproven() -> None:
    sentence = compare_with_sesoi(against_sesoi(estimated(-0.57, 0.19), 0.15))

    assert sentence == (
        "The difference is larger than the smallest effect size of interest of ±15 percentage points "
        "(95% CI 19.8 to 94.2, entirely beyond it)."
    )


def test_an_equivalent_difference_is_called_equivalent() -> None:
    primary = estimated(0.01, 0.03)
    within = against_sesoi(primary, 0.1)

    assert judge(primary, 0.05, equivalence=within) == "equivalent"
    assert write_headline(HAPPINESS, PLANNED, primary, NO_POINTS, equivalence=within) == (
        "“steered” and “unsteered” were rated equivalently on happiness: the estimate is that a rater shown "
        "one of each rates “steered” higher 1 percentage points more often than lower "
        "(95% CI −5 to 7, p = .739, 12 raters × 10 prompts). "
        "The difference is smaller than the smallest effect size of interest of ±10 percentage points "
        "(90% CI −3.9 to 5.9, entirely within it; TOST p = .001)."
    )


def test_a_significant_negligible_difference_has_both_sentences() -> None:
    primary = estimated(0.04, 0.015)
    within = against_sesoi(primary, 0.1)

    sentence = write_headline(HAPPINESS, PLANNED, primary, NO_POINTS, equivalence=within)

    assert judge(primary, 0.05, equivalence=within) == "higher"
    assert "was rated higher" in sentence
    assert "The difference is smaller than the smallest effect size of interest" in sentence


def test_a_margin_in_scale_points_is_printed_in_scale_points() -> None:
    sentence = compare_with_sesoi(against_sesoi(estimated(0.01, 0.03, score="scale_points"), 0.1))

    assert "±0.1 scale points (90% CI −0.04 to 0.06" in sentence


def test_an_adjusted_p_decides_and_is_named() -> None:
    primary = result(0.2, 0.01, 0.4, 0.03)

    assert judge(primary, 0.05, p_adjusted=0.06) == "inconclusive"
    assert "Holm-adjusted p = .060" in write_headline(HAPPINESS, PLANNED, primary, NO_POINTS, p_adjusted=0.06)


def test_a_result_holds_no_nan() -> None:
    with pytest.raises(AssertionError):
        result(float("nan"), -1, 1, 0.5)


CASE_12 = Path(__file__).parent.parent / "data" / "cases" / "12-each-prompt-in-one-arm"


def headline_of(frame: pd.DataFrame, **options: object) -> str:
    (found,) = analyze(frame, plan_for(frame, **options)).dimensions  # type: ignore[arg-type]  # each its own
    return found.headline


def test_a_design_with_each_prompt_in_one_arm_is_stated_first() -> None:
    assert headline_of(read(CASE_12 / "one-arm-of-each-prompt.csv")).startswith(
        "No rater answered both arms for the same prompt, so no comparison is within rater and prompt. The "
        "test is a linear mixed model of all 144 answers. “steered” was rated higher than “base” on answer: "
        "answers to “steered” are 1.03 scale points higher (95% CI 0.73 to 1.32, p < .001, 12 raters × 12 "
        "prompts)."
    )


def test_few_pairs_are_stated_first() -> None:
    headline = headline_of(read(CASE_12 / "a-few-in-both.csv"))

    assert headline.startswith("Only 8 of 148 answers are by raters who answered both arms for the prompt.")
    assert "0.96 scale points higher (95% CI 0.61 to 1.32" in headline


def test_a_planned_test_on_few_pairs_is_stated_after_the_mixed_model() -> None:
    """A test on 8 of 148 answers used to be the whole headline: no difference, p = .889."""
    headline = headline_of(read(CASE_12 / "a-few-in-both.csv"), score="net_superiority")

    assert headline.startswith(
        "Only 8 of 148 answers enter the test, because the raters of the others answered only one arm for "
        "the prompt. By a linear mixed model of all 148 answers: “steered” was rated higher than “base”"
    )
    assert "By the planned test: No significant difference" in headline


def test_a_planned_test_without_pairs_is_stated_after_the_mixed_model() -> None:
    headline = headline_of(read(CASE_12 / "one-arm-of-each-prompt.csv"), test="cell_scores")

    assert headline.startswith("By a linear mixed model of all 144 answers: “steered” was rated higher")
    assert "By the planned test: Not estimable on answer, because no rater has answered both" in headline


def test_a_comparison_between_raters_states_what_it_assumes() -> None:
    frame = read(CASE_12 / "one-arm-of-each-prompt.csv")
    between = frame.assign(arm=np.where(frame["rater"] < "r06", "steered", "base"))

    assert headline_of(between).startswith(
        "Each rater answered one arm only, so this is a comparison between raters; the test assumes that "
        "chance decided which raters got which arm. The test is a linear mixed model of all 144 answers."
    )
