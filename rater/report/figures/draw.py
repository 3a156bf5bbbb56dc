"""Selection and drawing of the figures of an analysis."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pandas as pd

from rater.analysis.agreement import Agreement
from rater.analysis.answer_kinds.kind import kind_of
from rater.analysis.arm_strengths import ArmRanking
from rater.analysis.blinding import Blinding
from rater.analysis.choices import LabelChoices
from rater.analysis.intervals import bounds_of, bounds_of_answers
from rater.analysis.primary import Analysis, DimensionAnalysis
from rater.analysis.results import Result
from rater.analysis.simulated_power import PowerCurve
from rater.analysis.unit_effects import UnitEffect
from rater.report.figures.arms import (
    arms_in_order,
    sketch_choices,
    sketch_guesses,
    sketch_numbers,
    sketch_points,
)
from rater.report.figures.confusion import sketch_confusion
from rater.report.figures.curves import sketch_doses, sketch_power
from rater.report.figures.fonts import FontPlan, plan_fonts
from rater.report.figures.forest import Effects, sketch_contrasts, sketch_units
from rater.report.figures.metrics import sketch_metrics
from rater.report.figures.raters import Course, sketch_agreement, sketch_positions, sketch_times
from rater.report.figures.strengths import sketch_strengths
from rater.report.figures.style import Drawn, Sketch, clean, drawing, render


def draw_figures(
    analysis: Analysis,
    frame: pd.DataFrame,
    curve: PowerCurve | None,
    *,
    label: str | None,
    fonts: FontPlan | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Drawn]:
    """Draw the figures that apply to the data, by name; about 0.25 s each.

    ``fonts`` defaults to the fonts that the names need.
    """
    drawn = {}
    with drawing(plan_analysis_fonts(analysis) if fonts is None else fonts):
        for sketch in _sketches(analysis, frame, curve):
            progress(f"Drawing: {sketch.title}")
            drawn[sketch.name] = render(sketch, label)
    return drawn


def draw_main_figure(analysis: Analysis, frame: pd.DataFrame, *, label: str | None) -> Drawn | None:
    """Draw the answers of the primary dimension by arm; None without answers. Costs a quarter of a second.

    Args:
        analysis: The analysis.
        frame: The answers that the tests are made on.
        label: A line on the figure where this is not the planned result.
    """
    with drawing(plan_analysis_fonts(analysis)):
        first = next(_of_arms(analysis.dimensions[0], frame, "arms", doses=analysis.planned.doses), None)
        return None if first is None else render(first, label)


def plan_analysis_fonts(analysis: Analysis) -> FontPlan:
    """Choose fonts for the names that the figures of an analysis show."""
    found = analysis.dimensions[0]
    arms = [*analysis.planned.contrast, *(arm.arm for arm in found.arms)]
    names = {
        "arm": [clean(arm) for arm in dict.fromkeys(arms)],
        "prompt": [clean(unit.unit) for unit in (*_concepts(found), *found.details.prompts)],
        "rater": [clean(unit.unit) for unit in found.details.raters],
    }
    labels = [point.label for each in analysis.dimensions for point in each.dimension.scale.levels]
    declared = [contrast.name for contrast in found.details.contrasts]
    if isinstance(found.details.choices, LabelChoices):
        labels += [label for label in (*found.details.choices.options, found.details.choices.none) if label]
    return plan_fonts(names, [*map(clean, labels), *map(clean, declared)])


def _concepts(found: DimensionAnalysis) -> tuple[UnitEffect, ...]:
    return found.details.concepts.effects if found.details.concepts else ()


def _sketches(analysis: Analysis, frame: pd.DataFrame, curve: PowerCurve | None) -> Iterator[Sketch]:
    for number, found in enumerate(analysis.dimensions, 1):
        name = "arms" if number == 1 else f"arms-{number}"
        yield from _of_arms(found, frame, name, doses=analysis.planned.doses)
    primary = analysis.dimensions[0]
    yield from _of_primary(analysis, primary)
    if isinstance(primary.details.ranking, ArmRanking):
        yield sketch_strengths(primary.details.ranking, "strengths", alpha=analysis.planned.alpha)
    yield from _of_course(analysis, primary, frame)
    if isinstance(analysis.blinding, Blinding):
        yield sketch_guesses(analysis.blinding, "guesses")
    metrics = sketch_metrics(analysis.metrics, analysis.planned.contrast, "metrics")
    if metrics is not None:
        yield metrics
    if curve is not None:
        both = (primary.primary, primary.other_score)
        points = next((each.estimate for each in both if each.score == "scale_points"), None)
        yield sketch_power(curve, points, "power", primary.dimension.scale.answer_unit)


def _of_arms(
    results: DimensionAnalysis, frame: pd.DataFrame, name: str, *, doses: Mapping[str, float]
) -> Iterator[Sketch]:
    if not any(arm.n for arm in results.arms):
        return
    if points := results.dimension.scale.levels:
        yield sketch_points(results, points, name, doses=doses)
    elif kind_of(results.dimension).is_preference:
        yield sketch_choices(results, name)
    else:
        yield sketch_numbers(results, frame, name, doses=doses)


def _of_primary(analysis: Analysis, results: DimensionAnalysis) -> Iterator[Sketch]:
    details, planned = results.details, analysis.planned
    for noun, units in (
        ("concept", _concepts(results)),
        ("prompt", details.prompts),
        ("rater", details.raters),
    ):
        if len(units) > 1:
            yield sketch_units(Effects(noun, units, results.primary, planned), f"by-{noun}")
    if any(isinstance(contrast.outcome, Result) for contrast in details.contrasts):
        yield sketch_contrasts(details.contrasts, planned, "contrasts")
    if details.dose_response is not None:
        rise = bounds_of("scale_points", results.dimension)
        yield sketch_doses(details.dose_response, "doses", rise, alpha=planned.alpha)
    if isinstance(details.choices, LabelChoices) and details.choices.by_arm:
        yield sketch_confusion(details.choices, "confusion")
    if isinstance(details.agreement, Agreement):
        sketch = sketch_agreement(details.agreement, "agreement")
        if sketch is not None:
            yield sketch


def _of_course(analysis: Analysis, results: DimensionAnalysis, frame: pd.DataFrame) -> Iterator[Sketch]:
    rows = frame[frame["dimension"] == results.dimension.name]
    if kind_of(results.dimension).is_preference:
        rows, arms = _turned(rows, analysis.planned.contrast)
    else:
        arms = [arm.arm for arm in arms_in_order(results.arms, analysis.planned.doses) if arm.n]
    sketches = []
    if "position" in rows.columns:
        course = Course(rows, arms, bounds_of_answers(results.dimension))
        sketches.append(sketch_positions(course, "positions", alpha=analysis.planned.alpha))
    if "shown_ms" in rows.columns:
        sketches.append(sketch_times(rows, arms, "times"))
    yield from (sketch for sketch in sketches if sketch is not None)


def _turned(rows: pd.DataFrame, contrast: tuple[str, str]) -> tuple[pd.DataFrame, list[str]]:
    """Return the choices between two arms, with positive answers for the first arm."""
    first, second = contrast
    chosen = rows[rows["arm"].isin(contrast) & rows["other_arm"].isin(contrast)]
    sign = np.where(chosen["arm"] == first, 1.0, -1.0)
    name = f"{first} over {second}"
    return chosen.assign(answer=sign * chosen["answer"].to_numpy(dtype=np.float64), arm=name), [name]
