"""The verdict of two primary tests: both must reject, each at level alpha."""

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from rater.analysis.answer_scale import Judged
from rater.analysis.crossed import compare
from rater.analysis.joint_verdict import JointVerdict, judge_jointly
from rater.analysis.plan import Planned, plan_analysis
from rater.analysis.primary import analyze
from rater.analysis.results import Outcome, Result
from rater.analysis.scope import make_tests
from rater.errors import StudyError
from rater.report.export import to_json
from rater.study.analysis_plan import AnalysisPlan, CoprimaryTest
from rater.study.dimension import Dimension
from rater.study.scales import Slider

DIMENSIONS = tuple(
    Dimension(
        name=name,
        question=f"{name}?",
        scale=Slider(minimum=0, maximum=100, step=0.01, low="no", high="yes"),
    )
    for name in ("concept", "fluency")
)


def ratings(concept: float, fluency: float, *, seed: int = 2, sd: float = 1.0) -> pd.DataFrame:
    """Draw answers of 10 raters to 8 prompts with true differences between the arms."""
    rng = np.random.default_rng(seed)
    rows = []
    for name, effect in (("concept", concept), ("fluency", fluency)):
        rater, prompt = rng.normal(0, 0.3, 10), rng.normal(0, 0.3, 8)
        for r, p in np.ndindex(10, 8):
            for arm in ("steered", "unsteered"):
                shift = (effect + rater[r] + prompt[p]) * (0.5 if arm == "steered" else -0.5)
                answer = round(float(np.clip(50 + shift + rng.normal(0, sd), 0, 100)), 2)
                rows.append((f"r{r}", f"p{p}", arm, f"{arm}{p}", name, answer))
    return pd.DataFrame(rows, columns=["rater", "prompt", "arm", "item", "dimension", "answer"])


@dataclass(frozen=True)
class Compared:
    dimension: Judged
    primary: Outcome
    other_score: Outcome


def plan(**test: object) -> Planned:
    coprimary = CoprimaryTest.model_validate({"dimension": "fluency", "margin": 1.0, **test})
    declared = AnalysisPlan(score="scale_points", coprimary=coprimary)
    return plan_analysis(declared, DIMENSIONS, contrast=("steered", "unsteered"))


def joint_of(frame: pd.DataFrame, **test: object) -> JointVerdict:
    """Make the two tests alone, without the bootstraps of a whole analysis."""
    planned = plan(**test)
    tested = []
    for judged in planned.in_order:
        made = make_tests(compare(frame, planned.contrast, judged), planned, judged)
        tested.append(Compared(judged, made.primary, made.other_score))
    joint = judge_jointly(planned, tested)
    assert joint is not None
    return joint


def test_both_tests_must_reject() -> None:
    both = joint_of(ratings(3, 0))
    no_effect = joint_of(ratings(0, 0))
    too_bad = joint_of(ratings(3, -3))
    neither = joint_of(ratings(0, -3))

    assert [each.is_met for each in (both, no_effect, too_bad, neither)] == [True, False, False, False]
    assert [each.has_effect for each in (both, no_effect, too_bad, neither)] == [True, False, True, False]
    assert [each.is_within_margin for each in (both, no_effect, too_bad, neither)] == [
        True,
        True,
        False,
        False,
    ]


def test_non_inferiority_is_one_t_test_at_the_margin() -> None:
    joint = joint_of(ratings(3, -0.3))

    outcome = joint.outcome
    assert isinstance(outcome, Result)
    assert outcome.standard_error is not None
    assert outcome.df is not None
    t = (outcome.estimate + 1.0) / outcome.standard_error
    assert joint.p_coprimary == pytest.approx(stats.t.sf(t, outcome.df))
    assert joint.interval is not None
    assert joint.interval.level == pytest.approx(0.9)
    assert (joint.interval.low > -1) == joint.is_within_margin


def test_a_gain_is_non_inferior_but_not_equivalent() -> None:
    frame = ratings(3, 3)

    assert joint_of(frame).is_met
    assert not joint_of(frame, test="equivalence").is_met


def test_lower_answers_can_be_better() -> None:
    assert joint_of(ratings(3, -3), better="lower").is_met
    assert not joint_of(ratings(3, 3), better="lower").is_met


def test_the_p_of_both_is_the_larger_one() -> None:
    strong, weak = joint_of(ratings(3, 0)), joint_of(ratings(0, 0))

    assert strong.p == strong.p_coprimary
    assert weak.p is not None
    assert weak.p_coprimary is not None
    assert weak.p > weak.p_coprimary


def test_the_headline_and_the_json_have_the_verdict() -> None:
    frame = ratings(3, -3)
    analysis = analyze(frame.assign(answer=frame["answer"].round()), plan())

    headline = analysis.dimensions[0].headline
    assert headline.startswith("The joint criterion is not met: the arms differ on concept, but")
    assert "“steered” is worse than “unsteered” by less than 1 scale points" in headline
    joint = json.loads(to_json(analysis))["joint"]
    assert (joint["has_effect"], joint["is_within_margin"]) == (True, False)
    assert joint["coprimary"]["margin"] == 1.0


def test_the_score_of_the_second_test_is_its_own() -> None:
    joint = joint_of(ratings(3, 0), score="net_superiority", margin=0.4)

    assert joint.outcome.score == "net_superiority"


def test_a_test_that_is_not_estimable_meets_nothing() -> None:
    frame = ratings(3, 0)
    one_arm = (frame["dimension"] == "concept") | (frame["arm"] == "steered")

    joint = joint_of(frame[one_arm])

    assert not joint.is_met
    assert joint.p is None
    assert "not estimable" in joint.sentence


def test_the_second_test_needs_another_dimension() -> None:
    for dimension, key in (("concept", "primary"), ("fluensy", "Unknown")):
        coprimary = CoprimaryTest(dimension=dimension, margin=1)
        with pytest.raises(StudyError, match=key):
            plan_analysis(AnalysisPlan(coprimary=coprimary), DIMENSIONS, contrast=("steered", "unsteered"))


def test_the_type_i_error_at_the_corner_of_the_null_hypothesis_is_at_most_alpha() -> None:
    # a large effect, and a loss of exactly the margin: only the second test can err
    n_met = sum(joint_of(ratings(5, -1, seed=seed)).is_met for seed in range(60))

    assert n_met <= 8  # binomial with 60 and .05: above 8 in 0.3% of cases
