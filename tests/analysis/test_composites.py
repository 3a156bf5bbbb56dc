"""Composite scores are computed within an answer, and are missing with any part."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from rater.analysis.composites import (
    add_composites,
    combine,
    count_composites,
    describe_missing,
    without_composites,
)
from rater.analysis.plan import Planned, plan_analysis
from rater.analysis.primary import Analysis, analyze
from rater.analysis.results import Result
from rater.errors import RaterError
from rater.study.analysis_plan import AnalysisPlan, Exclusions
from rater.study.composite import Composite, CompositeRule
from rater.study.dimension import Dimension
from rater.study.scales import Slider

PARTS = ("concept", "instruction", "fluency")
DIMENSIONS = tuple(
    Dimension(
        name=name,
        question=f"{name}?",
        scale=Slider(minimum=0, maximum=2, low="no", high="yes"),
        cannot_judge=True,
    )
    for name in PARTS
)


def plan(rule: CompositeRule = "harmonic_mean", **changes: Any) -> Planned:
    analysis = AnalysisPlan.model_validate(
        {
            "composites": (Composite(name="overall", of=PARTS, by=rule),),
            "primary": "overall",
            "score": "scale_points",
            **changes,
        }
    )
    return plan_analysis(analysis, DIMENSIONS, contrast=("steered", "unsteered"))


def ratings(seed: int = 1, *, n_raters: int = 8, n_prompts: int = 6) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        [
            {
                "rater": f"r{rater:02}",
                "prompt": f"p{prompt}",
                "arm": arm,
                "item": f"{arm}-{prompt}",
                "dimension": dimension,
                "answer": float(rng.integers(0, 3)),
            }
            for rater in range(n_raters)
            for prompt in range(n_prompts)
            for arm in ("steered", "unsteered")
            for dimension in PARTS
        ]
    )


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("harmonic_mean", [3 / (1 + 1 / 2 + 1 / 2), 0.0, 2.0]),
        ("minimum", [1.0, 0.0, 2.0]),
        ("mean", [5 / 3, 4 / 3, 2.0]),
    ],
)
def test_each_rule_combines_the_parts_of_one_answer(rule: CompositeRule, expected: list[float]) -> None:
    parts = np.array([[1.0, 2.0, 2.0], [0.0, 2.0, 2.0], [2.0, 2.0, 2.0]])

    assert_allclose(combine(parts, rule), expected)


@pytest.mark.parametrize("rule", ["harmonic_mean", "minimum", "mean"])
def test_a_missing_part_makes_the_composite_missing(rule: CompositeRule) -> None:
    assert np.isnan(combine(np.array([[0.0, np.nan, 2.0]]), rule)).all()


def test_scores_belong_to_rater_and_text_whatever_the_order_of_the_rows() -> None:
    frame = ratings()
    wide = frame.pivot(index=["rater", "item"], columns="dimension", values="answer")
    expected = combine(wide[list(PARTS)].to_numpy(), "harmonic_mean")

    extended = add_composites(frame.sample(frac=1, random_state=3), plan().dimensions)

    scores = extended[extended["dimension"] == "overall"].set_index(["rater", "item"])["answer"]
    assert_allclose(scores.loc[wide.index], expected)
    assert len(without_composites(extended, plan().dimensions)) == len(frame)


def test_the_difference_is_that_of_the_scores_and_not_of_the_means() -> None:
    frame = ratings()
    wide = frame.pivot(index=["rater", "prompt", "arm"], columns="dimension", values="answer")
    scores = pd.Series(wide[list(PARTS)].min(axis=1), index=wide.index).unstack("arm")

    found = analyze(frame, plan("minimum")).dimensions[0]

    assert isinstance(found.primary, Result)
    assert found.primary.estimate == pytest.approx((scores["steered"] - scores["unsteered"]).mean())
    of_means = wide.groupby("arm")[list(PARTS)].mean().min(axis=1)
    assert found.primary.estimate != pytest.approx(of_means["steered"] - of_means["unsteered"], abs=1e-3)


def test_a_composite_score_is_tested_like_an_answer_of_the_same_value() -> None:
    frame = ratings()
    planned = plan()
    scores = add_composites(frame, planned.dimensions).query("dimension == 'overall'")
    alone = replace(planned, dimensions=DIMENSIONS[:1], primary="concept")

    of_composite = analyze(frame, planned).dimensions[0].primary
    as_answers = (
        analyze(
            scores.assign(dimension="concept"),
            replace(alone, dimensions=(replace_scale(DIMENSIONS[0]),)),
        )
        .dimensions[0]
        .primary
    )

    assert isinstance(of_composite, Result)
    assert isinstance(as_answers, Result)
    assert of_composite.estimate == as_answers.estimate
    assert of_composite.p == as_answers.p


def replace_scale(dimension: Dimension) -> Dimension:
    fine = Slider(minimum=0, maximum=2, step=0.0000001, low="no", high="yes")
    return dimension.model_copy(update={"scale": fine})


def analysed(frame: pd.DataFrame, **changes: Any) -> Analysis:
    return analyze(frame, plan(**changes))


def test_the_parts_are_reported_with_the_composite() -> None:
    analysis = analysed(ratings())

    assert [each.dimension.name for each in analysis.dimensions] == ["overall", *PARTS]
    assert [each.is_primary for each in analysis.dimensions] == [True, False, False, False]


def test_scores_do_not_count_as_answers() -> None:
    frame = ratings()
    analysis = analysed(frame)

    assert analysis.n.answers == len(frame)
    assert analysis.diagnosis.n_used == len(frame)
    assert analysis.diagnosis.n_contrast == len(frame) / len(PARTS)


def test_missing_scores_are_counted_by_arm_and_part() -> None:
    frame = ratings().assign(cannot_judge=False)
    gone = (frame["rater"] == "r00") & (frame["item"] == "steered-0") & (frame["dimension"] == "fluency")
    frame = frame[~gone]
    unjudged = (frame["rater"] == "r01") & (frame["prompt"] == "p1") & (frame["dimension"] == "concept")
    frame.loc[unjudged, ["answer", "cannot_judge"]] = [np.nan, True]

    analysis = analysed(frame)

    steered, unsteered = analysis.composites
    assert (steered.arm, steered.n_scores, steered.n_missing) == ("steered", 46, 2)
    assert dict(steered.n_without) == {"concept": 1, "instruction": 0, "fluency": 1}
    assert (unsteered.n_scores, unsteered.n_missing) == (47, 1)
    notes = [note.message for note in analysis.notes]
    assert "overall is missing for 3 of 96 rated texts" in " ".join(notes)
    assert analysis.dimensions[0].arms[0].n == 46


def test_nothing_is_said_of_missing_scores_where_there_are_none() -> None:
    planned = plan()

    assert describe_missing(count_composites(ratings(), planned.dimensions)) == []


def test_two_answers_to_a_part_of_one_text_are_refused() -> None:
    frame = ratings()

    with pytest.raises(RaterError, match="answered fluency twice about item"):
        add_composites(pd.concat([frame, frame.iloc[[2]]]), plan().dimensions)


def test_repeated_trials_have_scores_of_their_own() -> None:
    frame = ratings().assign(is_repeat=False)
    again = frame[frame["item"] == "steered-0"].assign(is_repeat=True, answer=0.0)

    extended = add_composites(pd.concat([frame, again], ignore_index=True), plan().dimensions)

    scores = extended[(extended["dimension"] == "overall") & (extended["item"] == "steered-0")]
    assert scores["is_repeat"].sum() == 8
    assert (scores.loc[scores["is_repeat"], "answer"] == 0).all()


def test_straight_lining_on_a_composite_is_equal_answers_to_all_parts() -> None:
    frame = ratings()
    # the harmonic mean of r00 is always 0, but the answers differ
    varied = frame["rater"] == "r00"
    frame.loc[varied & (frame["dimension"] == "concept"), "answer"] = 0.0
    frame.loc[frame["rater"] == "r01", "answer"] = 2.0

    analysis = analysed(frame, exclusions=Exclusions(max_same_answer_share=0.9))

    assert analysis.exclusion is not None
    assert [each.rater for each in analysis.exclusion.raters] == ["r01"]


def test_a_secondary_composite_is_in_the_family_of_secondary_dimensions() -> None:
    analysis = analysed(ratings(), primary="concept")

    secondary = {each.dimension.name: each for each in analysis.dimensions[1:]}
    assert set(secondary) == {"instruction", "fluency", "overall"}
    assert all(each.p_adjusted is not None for each in secondary.values())
