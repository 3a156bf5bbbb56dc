"""Intervals are truncated to the possible range; tests with fewer than 2 df decide nothing."""

import io
import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from rich.console import Console
from scipy import stats

from rater.analysis.intervals import Bounds, bounds_of, clip
from rater.analysis.plan import Planned
from rater.analysis.primary import Analysis, analyze
from rater.analysis.results import Interval, Result
from rater.report.compose import compose
from rater.report.console.analysis import Screen, print_analysis
from rater.report.context import ReportContext
from rater.report.document import Document, to_markdown
from rater.report.export import to_json
from rater.report.figures.forest import Effects, sketch_contrasts, sketch_units
from rater.report.figures.raters import Course, sketch_positions
from rater.report.figures.style import drawing
from rater.report.numbers import interval_text, remarks_on_bounds
from rater.report.sections.inputs import Findings
from rater.study.scales import Likert, Pairwise
from tests.report.conftest import Made

ARMS = ("steered", "unsteered", "weak")
DOSES = {"unsteered": 0.0, "weak": 1.0, "steered": 4.0}


@pytest.fixture(scope="module")
def few(make: Made, planned: Planned) -> Analysis:
    """Two raters, of three arms."""
    return analyze(make(2, 3, ARMS), replace(planned, doses=DOSES))


@pytest.fixture(scope="module")
def wide(make: Made, planned: Planned) -> Analysis:
    """Three raters who differ much, of three arms: t intervals are wider than the scale."""
    frame = make(3, 4, ARMS)
    leaning = frame["rater"].map({"r0000": 2.0, "r0001": -2.0, "r0002": 0.0}) * (frame["arm"] == "steered")
    frame["answer"] = np.clip(frame["answer"] + leaning, 1, 5)
    return analyze(frame, replace(planned, doses=DOSES))


def on_screen(analysis: Analysis) -> str:
    shown = io.StringIO()
    print_analysis(analysis, Console(file=shown, width=100), Screen("Texts"))
    return " ".join(shown.getvalue().split())


def document(analysis: Analysis) -> Document:
    return compose(Findings(analysis, ReportContext(title="t"), {}), "0123")


def test_a_scale_bounds_its_differences(planned: Planned) -> None:
    [judged] = planned.dimensions
    assert isinstance(judged.scale, Likert)

    assert bounds_of("net_superiority", judged) == (-1, 1)
    assert bounds_of("scale_points", judged) == (-4, 4)
    assert bounds_of("scale_points", judged.model_copy(update={"scale": Pairwise()})) == (-1, 1)  # type: ignore[union-attr] # a Dimension
    assert bounds_of("log_odds", judged) is None


def test_a_clipped_interval_keeps_the_ends_that_are_possible() -> None:
    assert clip(Interval(-0.2, 1.02, 0.95), Bounds(-1, 1)) == Interval(-0.2, 1, 0.95)
    assert clip(Interval(-6.6, 6.9, 0.95), Bounds(-1, 1)) == Interval(-1, 1, 0.95)
    assert clip(Interval(-6.6, 6.9, 0.95), None) == Interval(-6.6, 6.9, 0.95)


def test_the_interval_ends_at_the_bound_and_the_json_keeps_the_t_interval(wide: Analysis) -> None:
    primary = wide.dimensions[0].primary
    assert isinstance(primary, Result)
    assert primary.standard_error is not None
    assert primary.df is not None

    half = stats.t.ppf(0.975, primary.df) * primary.standard_error
    written = json.loads(to_json(wide))["dimensions"][0]["primary"]

    assert half > 1
    assert (written["interval"]["low"], written["interval"]["high"]) == (-1, 1)
    assert written["unclipped_interval"]["high"] == pytest.approx(primary.estimate + half)


def test_the_console_prints_truncated_intervals_with_a_remark(
    wide: Analysis,
) -> None:
    said = on_screen(wide)

    assert "95% CI −100 to 100, the whole possible range, p =" in said
    assert "interval of net superiority is truncated" in said
    for low, high in re.findall(r"(−?[\d.,]+) to (−?[\d.,]+)", said):
        ends = [float(end.rstrip(".,").replace("−", "-").replace(",", "")) for end in (low, high)]
        assert max(map(abs, ends)) <= 100, (low, high)


def test_every_interval_of_the_json_is_possible(wide: Analysis) -> None:
    bounds = {"net_superiority": 1, "scale_points": 4, "answers": 1}

    def check(node: object) -> int:
        n = 0
        if isinstance(node, dict):
            ends = node.get("interval")
            if isinstance(ends, dict) and node.get("score") in bounds:
                # a straight line through bounded answers may rise by a little more than the scale is long
                steeper = 1.1 if node.get("test") == "linear trend over doses" else 1
                most = steeper * bounds[node["score"]] + 1e-12
                assert -most <= ends["low"] <= ends["high"] <= most, node
                n += 1
            return n + sum(check(each) for each in node.values())
        return sum(check(each) for each in node) if isinstance(node, list) else n

    assert check(json.loads(to_json(wide))) >= 9


def test_a_test_with_less_than_two_degrees_of_freedom_prints_no_number_and_decides_nothing(
    few: Analysis,
) -> None:
    found = few.dimensions[0]
    assert isinstance(found.primary, Result)
    assert found.primary.df is not None
    assert found.primary.df < 2

    said = on_screen(few)
    report = to_markdown(document(few))
    written = json.loads(to_json(few))["dimensions"][0]["primary"]

    assert found.verdict == "inconclusive"
    assert "(no usable interval: " in found.headline
    assert "p =" not in found.headline
    assert "no usable interval" in said
    assert " t(1" not in said
    assert " t(1" not in report
    assert written["interval"] is None
    assert written["unclipped_interval"]["low"] < -1
    assert 0 < written["p"] < 1


def test_two_raters_give_no_verdict(make: Made, planned: Planned) -> None:
    """Two raters with nearly the same difference: t with 1 degree of freedom has p < .05."""
    frame = make(2, 3)
    frame["answer"] = np.where(frame["arm"] == "steered", 5.0, 1.0)
    frame.loc[(frame["rater"] == "r0000") & (frame["arm"] == "steered"), "answer"] = 4.0

    [found] = analyze(frame, replace(planned, score="scale_points", scope="raters", sesoi=None)).dimensions

    assert isinstance(found.primary, Result)
    assert (found.primary.df, found.primary.estimate) == (1, 3.5)
    assert found.verdict == "inconclusive"
    assert interval_text(found.primary) == "no usable interval"


def test_an_interval_within_bounds_is_not_remarked_on(analysis: Analysis) -> None:
    inside = replace_interval(analysis, Interval(-0.2, 1, 0.95))
    outside = replace_interval(analysis, Interval(-0.2, 1.01, 0.95))

    assert remarks_on_bounds([("d", inside)]) == []
    [remark] = remarks_on_bounds([("d", outside)])
    assert remark.startswith("the confidence interval of d is truncated at the bounds of the possible values")


def replace_interval(analysis: Analysis, whole: Interval) -> Result:
    primary = analysis.dimensions[0].primary
    assert isinstance(primary, Result)
    return replace(primary, interval=clip(whole, Bounds(-1, 1)), unclipped_interval=whole)


def test_figures_end_where_the_scale_does(wide: Analysis, make: Made) -> None:
    found, details = wide.dimensions[0], wide.dimensions[0].details
    with drawing():
        forest = sketch_units(Effects("prompt", details.prompts, found.primary, wide.planned), "by-prompt")
        contrasts = sketch_contrasts(details.contrasts, wide.planned, "contrasts")
        course = sketch_positions(
            Course(make(3, 3), ["steered", "unsteered"], Bounds(1, 5)), "positions", alpha=0.05
        )

    assert course is not None
    for sketch, upright, (low, high) in (
        (forest, False, (-1, 1)),
        (contrasts, False, (-1, 1)),
        (course, True, (1, 5)),
    ):
        start, end = limits(sketch.figure, upright=upright)
        assert low - 0.2 <= start < end <= high + 0.2, sketch.name


def limits(figure: Figure, *, upright: bool) -> tuple[float, float]:
    axes = figure.axes[0]
    return axes.get_ylim() if upright else axes.get_xlim()


def test_bands_over_the_booklet_stay_on_the_scale(make: Made) -> None:
    rows = pd.concat([make(3, 3), make(3, 3).assign(answer=5.0)])
    with drawing():
        sketch = sketch_positions(Course(rows, ["steered"], Bounds(1, 5)), "positions", alpha=0.05)

    assert sketch is not None
    [axes] = sketch.figure.axes
    low, high = axes.dataLim.intervaly
    assert 1 <= low < high <= 5
