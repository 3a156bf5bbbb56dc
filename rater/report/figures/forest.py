"""Forest plots: differences with their intervals by prompt, rater or arm."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from rater.analysis.intervals import Bounds, bounds_of
from rater.analysis.multiple_comparisons import ArmContrast
from rater.analysis.plan import Planned
from rater.analysis.results import Interval, Outcome, Result
from rater.analysis.sentences import counted, coverage, describe_counts, number
from rater.analysis.unit_effects import UnitEffect
from rater.report.figures.style import ARMS, INK, MUTED, PAPER, Sketch, clean, new_axes, wrap
from rater.report.numbers import short_ids

# An axis extends beyond the possible range by this share of it, so that marks at the ends are not clipped.
_MARGIN = 0.03


def draw_interval(
    axes: Axes, at: float, interval: Interval | None, *, colour: str, width: float, upright: bool = False
) -> None:
    """Draw an interval at a position on the other axis."""
    if interval is None:
        return
    along, across = [interval.low, interval.high], [at, at]
    x, y = (across, along) if upright else (along, across)
    axes.plot(x, y, color=colour, linewidth=width)


def keep_within(axes: Axes, bounds: Bounds | None, *, upright: bool = False) -> None:
    """Limit an axis to the possible range plus a margin."""
    if bounds is None:
        return
    low, high = axes.get_ylim() if upright else axes.get_xlim()
    margin = _MARGIN * (bounds.high - bounds.low)
    limits = max(low, bounds.low - margin), min(high, bounds.high + margin)
    if upright:
        axes.set_ylim(*limits)
    else:
        axes.set_xlim(*limits)


# With more units, names are omitted, because they would be too small to read.
MAX_LABELLED = 60
# With more units, a histogram replaces the lines.
MAX_LINES = 300
# Height of a line in inches.
_MIN_ROW, _MAX_ROW = 0.155, 0.26
_RAW, _SHRUNKEN = ARMS[1], ARMS[0]


class Effects(NamedTuple):
    """The differences of prompts, or of raters."""

    noun: str
    units: Sequence[UnitEffect]
    overall: Outcome
    planned: Planned


def name_axis(planned: Planned) -> str:
    """Return the name of the axis of differences on the primary dimension."""
    if planned.score == "net_superiority":
        return "net superiority"
    return f"difference in {planned.in_order[0].scale.answer_unit}"


def units_in_order(units: Sequence[UnitEffect]) -> list[UnitEffect]:
    """Sort by decreasing difference: by the BLUP if there is one, otherwise by the raw difference."""
    return sorted(units, key=lambda unit: (-_middle(unit), -unit.raw, unit.unit))


def sketch_units(effects: Effects, name: str) -> Sketch:
    """Draw the raw difference and the BLUP of every prompt, or of every rater."""
    n = len(effects.units)
    units = units_in_order(effects.units)
    bounds = bounds_of(effects.planned.score, effects.planned.in_order[0])
    if n > MAX_LINES:
        figure, axes = new_axes(3.0)
        _spread(axes, effects)
        order = "Histogram of the differences"
    else:
        labelled = n <= MAX_LABELLED
        each = max(_MIN_ROW, min(_MAX_ROW, 7.0 / n))
        figure, axes = new_axes(1.1 + each * n if labelled else 4.2)
        _lines(axes, units, labelled=labelled, in_two_lines=each == _MAX_ROW)
        order = "Sorted by decreasing difference"
        keep_within(axes, bounds)
    _mark_overall(axes, effects.overall)
    first, second = (wrap(arm, 40, 1) for arm in effects.planned.contrast)
    axes.set_xlabel(f"{name_axis(effects.planned)}, {first} minus {second}")
    figure.legend(loc="outside upper left", ncols=3)
    level = coverage(1 - effects.planned.alpha)
    of = effects.overall.n
    sizes = ", ".join([describe_counts(of), counted(of.answers, "answer")])
    over = " over raters and prompts" if effects.noun == "concept" else ""
    return Sketch(
        name=name,
        title=f"Difference by {effects.noun}",
        caption=(
            f"{counted(n, effects.noun)}; {sizes}. Raw: mean of the {effects.noun}'s cells "
            f"with {level} t interval{over}. BLUP: best linear unbiased prediction (shrunken difference) "
            f"with {level} interval, if the model could be fitted. {order}. Dashed line: overall estimate. "
            "Exploratory: prefer the BLUPs, because extreme raw differences are partly due to chance. "
            "Intervals are truncated to the possible range."
        ),
        alt=_describe(effects, units),
        figure=figure,
    )


def sketch_contrasts(contrasts: Sequence[ArmContrast], planned: Planned, name: str) -> Sketch:
    """Draw all secondary contrasts."""
    figure, axes = new_axes(1.0 + 0.34 * len(contrasts))
    rows = []
    bounds = bounds_of(planned.score, planned.in_order[0])
    for row, contrast in enumerate(contrasts):
        outcome = contrast.outcome
        if isinstance(outcome, Result):
            draw_interval(axes, row, outcome.interval, colour=ARMS[0], width=2.0)
            axes.plot(outcome.estimate, row, "s", color=ARMS[0], markersize=5)
            rows.append(f"{contrast.name} {number(outcome.estimate)}")
    keep_within(axes, bounds)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(contrasts)), [wrap(contrast.name, 32) for contrast in contrasts])
    axes.set_ylim(len(contrasts) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(name_axis(planned))
    n = contrasts[0].outcome.n
    return Sketch(
        name=name,
        title="Secondary contrasts",
        caption=(
            f"Estimates with {coverage(1 - planned.alpha)} confidence intervals, not adjusted for multiple "
            f"comparisons; {describe_counts(n)}."
        ),
        alt="Differences: " + ", ".join(rows) + ".",
        figure=figure,
    )


def _lines(axes: Axes, units: Sequence[UnitEffect], *, labelled: bool, in_two_lines: bool) -> None:
    """Draw every unit's two estimates."""
    apart = 0.17 if labelled else 0.0
    for row, unit in enumerate(units):
        draw_interval(axes, row - apart, unit.interval, colour=_RAW, width=1.0)
        draw_interval(axes, row + apart, unit.shrunken_interval, colour=_SHRUNKEN, width=2.0)
    rows = np.arange(len(units))
    raw = [unit.raw for unit in units]
    size = 4.5 if labelled else 2.5
    axes.plot(raw, rows - apart, "o", color=PAPER, markeredgecolor=_RAW, markersize=size, label="raw")
    known = [row for row, unit in enumerate(units) if unit.shrunken is not None]
    if known:
        shrunken = [_middle(units[row]) for row in known]
        at = [row + apart for row in known]
        axes.plot(shrunken, at, "s", color=_SHRUNKEN, markersize=size, label="BLUP")
    axes.set_ylim(len(units) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    if labelled:
        plain = [clean(unit.unit) for unit in units]
        short = short_ids(plain)
        names = [wrap(short[name], 40, 2 if in_two_lines else 1) for name in plain]
        axes.set_yticks(rows, names, fontsize=7 if any("\n" in name for name in names) else 8)
    else:
        axes.set_yticks([])


def _spread(axes: Axes, effects: Effects) -> None:
    raw = np.array([unit.raw for unit in effects.units])
    shrunken = np.array([unit.shrunken for unit in effects.units if unit.shrunken is not None])
    edges = np.linspace(raw.min(), raw.max(), 41) if np.ptp(raw) > 0 else np.array([-0.5, 0.5]) + raw[0]
    for values, colour, label, dash in ((raw, _RAW, "raw", "--"), (shrunken, _SHRUNKEN, "BLUP", "-")):
        if values.size:
            counts = np.histogram(values, bins=edges)[0]
            axes.stairs(counts, edges, color=colour, linewidth=1.6, linestyle=dash, label=label)
    axes.set_ylabel(f"{effects.noun}s")
    axes.set_ylim(bottom=0)


def _mark_overall(axes: Axes, overall: Outcome) -> None:
    axes.axvline(0, color=INK, linewidth=0.8)
    if overall.estimate is not None:
        axes.axvline(
            overall.estimate,
            color=MUTED,
            linewidth=1,
            linestyle="--",
            label=f"overall {number(overall.estimate)}",
        )


def _middle(unit: UnitEffect) -> float:
    return unit.raw if unit.shrunken is None else unit.shrunken


def _describe(effects: Effects, units: Sequence[UnitEffect]) -> str:
    raw = [unit.raw for unit in units]
    above = sum(value > 0 for value in raw)
    return (
        f"Forest plot of {counted(len(units), effects.noun)}: raw differences from {number(min(raw))} to "
        f"{number(max(raw))}, {above} of them above 0. Largest: {wrap(units[0].unit, 80, 1)}; smallest: "
        f"{wrap(units[-1].unit, 80, 1)}."
    )
