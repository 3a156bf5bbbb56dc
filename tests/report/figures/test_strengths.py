import numpy as np
import pytest

from rater.analysis.arm_strengths import ArmRanking
from rater.analysis.plackett_luce import rank_arms_of_trials
from rater.analysis.results import Estimate
from rater.report.figures.strengths import sketch_strengths
from rater.report.figures.style import drawing, render
from tests.analysis.test_plackett_luce import trials


@pytest.fixture(scope="module")
def ranking() -> ArmRanking:
    frame, trial = trials("ranking", n_raters=12, n_prompts=8)
    found = rank_arms_of_trials(frame, trial, "ranking", "a", alpha=0.05, rng=np.random.default_rng(1))
    assert isinstance(found, ArmRanking)
    return found


def test_each_arm_has_a_dot_and_the_control_is_at_zero(ranking: ArmRanking) -> None:
    with drawing():
        drawn = render(sketch_strengths(ranking, "strengths", alpha=0.05), None)

    for arm in ranking.arms:
        assert arm.arm in drawn.svg
        assert isinstance(arm.log_strength, Estimate)
        assert f"{arm.arm} " in drawn.alt
    assert "a 0.00" in drawn.alt
    assert "Plackett–Luce" in drawn.caption
    assert "95% bootstrap intervals" in drawn.caption


def test_arms_are_in_decreasing_order(ranking: ArmRanking) -> None:
    with drawing():
        figure = sketch_strengths(ranking, "strengths", alpha=0.05).figure
        labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]

    strengths = {
        arm.arm: arm.log_strength.estimate for arm in ranking.arms if isinstance(arm.log_strength, Estimate)
    }
    expected = sorted(labels, key=lambda arm: -strengths.get(arm, 0.0))
    assert labels == expected
