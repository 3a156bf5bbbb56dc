from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from rater.analysis.plan import Planned
from rater.analysis.primary import Analysis, analyze
from rater.analysis.results import Result
from rater.report.export import to_json
from rater.study.protocol import Dimension
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
