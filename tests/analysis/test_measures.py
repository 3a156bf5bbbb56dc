"""Compare known metrics with simulated raters: a perfect one, a blind one, a biased one, and pairs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rater.analysis.measures import MetricComparison
from rater.analysis.metric_values import VALUE_COLUMNS, MetricValues
from rater.analysis.plan import Planned
from rater.analysis.primary import analyze
from rater.analysis.results import Estimate, NotEstimable, Outcome, Result
from rater.study.dimension import Dimension
from rater.study.scales import Likert, Pairwise

SCALE = Likert(low="not", high="very")
PLAN = Planned(
    contrast=("steered", "plain"),
    dimensions=(Dimension(name="happiness", question="How happy?", scale=SCALE),),
    primary="happiness",
)
EFFECT = 1.0
N_RATERS, N_PROMPTS, N_SAMPLES = 10, 12, 2


def texts() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    rows = [
        (f"{prompt}-{arm}-{sample}", f"prompt {prompt:02}", arm, sample, rng.normal(0, 0.6))
        for prompt in range(N_PROMPTS)
        for arm in ("steered", "plain")
        for sample in range(N_SAMPLES)
    ]
    frame = pd.DataFrame(rows, columns=["item", "prompt", "arm", "sample", "noise"])
    quality = 3 + frame.pop("noise") + np.where(frame["arm"] == "steered", EFFECT / 2, -EFFECT / 2)
    return frame.assign(quality=quality, n_characters=10)


def ratings(shown: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    answers = shown.merge(pd.DataFrame({"rater": [f"r{n}" for n in range(N_RATERS)]}), how="cross")
    seen = answers["quality"] + rng.normal(0, 0.7, len(answers))
    return answers.assign(dimension="happiness", answer=np.clip(np.rint(seen), 1, 5).astype(float))


def metric(values: "pd.Series[float]", shown: pd.DataFrame, *, dimension: str | None = None) -> MetricValues:
    rows = pd.DataFrame(
        {
            "item": shown["item"],
            "other_item": None,
            "repeat": 0,
            "is_swapped": False,
            "value": values.astype(float),
            "reason": np.where(values.isna(), "no answer", ""),
        },
        columns=list(VALUE_COLUMNS),
    )
    return MetricValues("judge", "judge", dimension, "a judge", len(shown), rows)


def compared(values: "pd.Series[float]", *, dimension: str | None = None) -> MetricComparison:
    shown = texts()
    analysis = analyze(
        ratings(shown), PLAN, texts=shown, metrics=[metric(values, shown, dimension=dimension)]
    )
    return analysis.metrics[0]


def result(outcome: Outcome) -> Result:
    assert isinstance(outcome, Result), outcome
    return outcome


@pytest.fixture(scope="module")
def perfect() -> MetricComparison:
    return compared(texts()["quality"], dimension="happiness")


def test_a_judge_who_knows_the_quality_agrees_and_has_no_different_error(perfect: MetricComparison) -> None:
    assert perfect.is_on_scale
    assert isinstance(perfect.correlation, Estimate)
    assert perfect.correlation.estimate > 0.8
    assert result(perfect.difference).estimate == pytest.approx(EFFECT, abs=0.4)
    assert result(perfect.net_superiority).p < 0.01
    assert abs(result(perfect.error_difference).estimate) < 0.2
    assert result(perfect.error_difference).p > 0.05


def test_a_metrics_difference_is_tested_over_prompts_with_the_metric_fixed(perfect: MetricComparison) -> None:
    test = result(perfect.difference)

    assert test.n.prompts == N_PROMPTS
    assert test.df == N_PROMPTS - 1
    shown = texts()
    by_prompt = shown.groupby(["prompt", "arm"])["quality"].mean().unstack("arm")
    assert test.estimate == pytest.approx(float((by_prompt["steered"] - by_prompt["plain"]).mean()))


def test_a_judge_who_cannot_see_the_effect_understates_it() -> None:
    shown = texts()
    blind = shown["quality"] - np.where(shown["arm"] == "steered", EFFECT / 2, -EFFECT / 2)

    found = compared(blind, dimension="happiness")

    error = result(found.error_difference)
    assert error.estimate == pytest.approx(-EFFECT, abs=0.35)
    assert error.p < 0.01
    assert error.n.raters == N_RATERS
    errors = {each.arm: each.mean_error for each in found.arms}
    assert errors["steered"] is not None
    assert errors["plain"] is not None
    assert errors["steered"] - errors["plain"] == pytest.approx(error.estimate, abs=0.01)


def test_the_error_of_a_metric_in_other_units_is_in_the_raters_points() -> None:
    shown = texts()
    good, blind = (
        compared(1000 * values)
        for values in (
            shown["quality"],
            shown["quality"] - np.where(shown["arm"] == "steered", EFFECT / 2, -EFFECT / 2),
        )
    )

    assert not good.is_on_scale
    assert good.agreement is None
    assert abs(result(good.error_difference).estimate) < 0.25
    assert result(blind.error_difference).estimate < -0.6


def test_a_constant_metric_is_named_and_has_no_test(perfect: MetricComparison) -> None:
    found = compared(texts()["quality"] * 0 + 3, dimension="happiness")

    assert found.is_constant
    assert not perfect.is_constant
    assert not isinstance(found.difference, Result) or found.difference.p == 1


def test_missing_values_are_counted_by_arm_and_left_out() -> None:
    shown = texts()
    values = shown["quality"].where(shown["arm"] == "plain", other=np.nan)
    values[0] = 3.0

    found = compared(values, dimension="happiness")

    by_arm = {each.arm: each.n_failed for each in found.coverage.by_arm}
    assert by_arm == {"plain": 0, "steered": N_PROMPTS * N_SAMPLES - 1}
    assert {each.arm: each.n for each in found.arms} == {"steered": 1, "plain": N_PROMPTS * N_SAMPLES}
    assert len(found.points) == N_PROMPTS * N_SAMPLES + 1


def test_a_judge_without_any_value_has_nothing_but_failures() -> None:
    found = compared(texts()["quality"] * np.nan, dimension="happiness")

    assert found.coverage.n_values == 0
    assert found.arms == ()
    for outcome in (found.net_superiority, found.difference, found.error_difference):
        assert isinstance(outcome, NotEstimable)
        assert "value of the metric" in outcome.reason
    assert found.agreement is not None
    assert isinstance(found.agreement.kappa, NotEstimable)


def test_the_headline_is_the_raters_whatever_a_metric_finds() -> None:
    shown = texts()
    without, with_metric = (
        analyze(ratings(shown), PLAN, texts=shown, metrics=metrics)
        for metrics in ([], [metric(-shown["quality"], shown, dimension="happiness")])
    )

    assert with_metric.dimensions == without.dimensions
    assert replace(with_metric, metrics=()) == without


def pairs() -> tuple[pd.DataFrame, pd.DataFrame, Planned]:
    shown = texts()
    both = shown[shown["arm"] == "steered"].merge(
        shown[shown["arm"] == "plain"], on=["prompt", "sample"], suffixes=("", "_other")
    )
    rng = np.random.default_rng(2)
    answers = both.merge(pd.DataFrame({"rater": [f"r{n}" for n in range(N_RATERS)]}), how="cross")
    seen = answers["quality"] - answers["quality_other"] + rng.normal(0, 0.7, len(answers))
    frame = answers.rename(columns={"item_other": "other_item", "arm_other": "other_arm"}).assign(
        dimension="happier", answer=np.where(seen > 0, 1.0, -1.0), arm_is_left=True
    )
    happier = Dimension(name="happier", question="Which is happier?", scale=Pairwise())
    return shown, frame, replace(PLAN, dimensions=(happier,), primary="happier")


def test_a_judge_of_pairs_is_compared_with_choices() -> None:
    shown, frame, plan = pairs()
    quality = shown.set_index("item")["quality"]
    both = frame[["item", "other_item"]].drop_duplicates()
    prefers = np.sign(both["item"].map(quality) - both["other_item"].map(quality))
    rows = pd.concat(
        [both.assign(repeat=0, is_swapped=swapped, value=prefers, reason="") for swapped in (False, True)]
    )
    judge = MetricValues("judge", "judge", "happier", "a judge", len(rows), rows[list(VALUE_COLUMNS)])

    (found,) = analyze(frame, plan, texts=shown, metrics=[judge]).metrics

    assert found.is_pairwise
    assert found.consistency[0].share_equal == 1.0
    assert found.agreement is not None
    assert isinstance(found.agreement.kappa, Estimate)
    assert found.agreement.kappa.estimate > 0.25
    assert {each.answer for each in found.agreement.base_rates} == {-1.0, 1.0}
    assert result(found.net_superiority).estimate > 0.3
    assert abs(result(found.error_difference).estimate) < 0.35


def test_a_metric_of_single_texts_is_compared_with_choices_by_its_difference() -> None:
    shown, frame, plan = pairs()

    (found,) = analyze(frame, plan, texts=shown, metrics=[metric(shown["quality"], shown)]).metrics

    assert not found.is_pairwise
    assert isinstance(found.correlation, Estimate)
    assert found.correlation.estimate > 0.6
