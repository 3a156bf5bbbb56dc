"""Figures of answers by arm: points, densities, choices and guesses."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from rater.analysis.blinding import Blinding
from rater.analysis.describe import ArmSummary
from rater.analysis.primary import DimensionAnalysis
from rater.analysis.results import Result
from rater.analysis.sentences import counted, number
from rater.report.figures.style import (
    ARMS,
    INK,
    MUTED,
    PAPER,
    WIDTH,
    Sketch,
    arm_style,
    is_dark,
    new_axes,
    point_colours,
    wrap,
)
from rater.study.scales import Choice

PARTS = ("won", "tied", "lost")
_LOOKS = ((ARMS[0], "#ffffff"), ("#ececf0", "#000000"), (ARMS[1], "#000000"))
_MIN_LABELLED = 0.06


def draw_shares(
    figure: Figure, axes: Axes, rows: Sequence[tuple[str, tuple[int, int, int]]], names: Sequence[str]
) -> None:
    """Draw stacked bars of shares, with the size of each row below its name, and a legend above."""
    for row, (_, counts) in enumerate(rows):
        left, total = 0.0, max(sum(counts), 1)
        for count, name, (colour, writing) in zip(counts, names, _LOOKS, strict=True):
            share, label = count / total, name if row == 0 else None
            axes.barh(
                row, share, left=left, height=0.6, color=colour, edgecolor=MUTED, linewidth=0.5, label=label
            )
            if share >= _MIN_LABELLED:
                middle = left + share / 2
                axes.text(middle, row, f"{share:.0%}", ha="center", va="center", fontsize=8, color=writing)
            left += share
    axes.set_yticks(range(len(rows)), [f"{wrap(name, 24)}\nn = {sum(counts):,}" for name, counts in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper left", ncols=3)


Floats = NDArray[np.float64]
MAX_ARMS = 24
_BINS = 200


def arms_in_order(arms: Sequence[ArmSummary], doses: Mapping[str, float]) -> list[ArmSummary]:
    """Sort arms by dose, those without one first; keep the order if there are no doses."""
    return sorted(arms, key=lambda arm: doses.get(arm.arm, -math.inf)) if doses else list(arms)


def sketch_points(
    results: DimensionAnalysis, points: Sequence[Choice], name: str, *, doses: Mapping[str, float]
) -> Sketch:
    """Draw the share of every point in each arm, stacked around the middle of the scale."""
    arms = [arm for arm in arms_in_order(results.arms, doses) if arm.n][:MAX_ARMS]
    colours = point_colours(len(points))
    legend_rows = -(-len(points) // _columns(points))
    figure, axes = new_axes(1.1 + 0.62 * len(arms) + 0.2 * legend_rows)
    for row, arm in enumerate(arms):
        _stack(axes, row, arm, len(points))
    axes.axvline(0, color=INK, linewidth=0.8, zorder=0.5)  # behind the bars and their numbers
    axes.set_yticks(range(len(arms)), [f"{wrap(arm.arm, 22)}\nn = {arm.n:,}" for arm in arms])
    axes.set_ylim(len(arms) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{abs(x):.0%}"))
    axes.set_xlabel("share of answers, below and above the middle of the scale")
    axes.grid(visible=False, axis="y")
    labels = [wrap(point.numbered_label, 26, 1) for point in points]
    handles = [Patch(facecolor=colour, edgecolor=MUTED, linewidth=0.5) for colour in colours]
    figure.legend(handles, labels, loc="outside lower center", ncols=_columns(points), columnspacing=1.2)
    return Sketch(
        name=name,
        title=f"Answers by arm: {results.dimension.name}",
        caption=(
            f"Share of each point of the scale among all answers to an arm ({_sizes(results)}), stacked so "
            "that the middle of the scale is at 0, with the mean of each arm on the right. "
            "No intervals: answers of one rater, or to one prompt, are not independent."
        ),
        alt="Stacked bars. " + " ".join(_describe(arm) for arm in arms),
        figure=figure,
    )


def _stack(axes: Axes, row: int, arm: ArmSummary, points: int) -> None:
    shares = np.array(arm.counts) / arm.n
    middle = points // 2
    left = -(shares[:middle].sum() + (shares[middle] / 2 if points % 2 else 0))
    for share, colour in zip(shares, point_colours(points), strict=True):
        axes.barh(row, share, left=left, height=0.62, color=colour, edgecolor=MUTED, linewidth=0.5)
        if share >= _MIN_LABELLED:
            writing = "#ffffff" if is_dark(colour) else "#000000"
            axes.text(
                left + share / 2, row, f"{share:.0%}", ha="center", va="center", fontsize=7.5, color=writing
            )
        left += share
    if arm.mean is not None:
        axes.annotate(
            f"mean {number(arm.mean)}",
            (1.01, row),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8,
            color=INK,
        )


def _columns(points: Sequence[Choice]) -> int:
    letters = [min(26, len(point.numbered_label)) for point in points]
    width = sum(0.5 + 0.075 * n for n in letters)  # inches
    return -(-len(points) // math.ceil(width / WIDTH))


def sketch_numbers(
    results: DimensionAnalysis, frame: pd.DataFrame, name: str, *, doses: Mapping[str, float]
) -> Sketch:
    """Draw the distribution of the answers in each arm: density, quartiles, median and mean."""
    arms = [arm for arm in arms_in_order(results.arms, doses) if arm.n][:MAX_ARMS]
    rows = frame[frame["dimension"] == results.dimension.name]
    answers = [rows.loc[rows["arm"] == arm.arm, "answer"].to_numpy(dtype=np.float64) for arm in arms]
    low, high = min(each.min() for each in answers), max(each.max() for each in answers)
    figure, axes = new_axes(1.0 + 0.75 * len(arms))
    for row, (arm, values) in enumerate(zip(arms, answers, strict=True)):
        _spread(axes, row, values, (low, high))
        if arm.mean is not None:
            axes.plot(arm.mean, row + 0.12, marker="D", markersize=5, color=PAPER, markeredgecolor=INK)
    axes.set_yticks(range(len(arms)), [f"{wrap(arm.arm, 22)}\nn = {arm.n:,}" for arm in arms])
    axes.set_ylim(len(arms) - 0.6, -0.75)
    axes.set_xlabel("answer")
    axes.grid(visible=False, axis="y")
    return Sketch(
        name=name,
        title=f"Answers by arm: {results.dimension.name}",
        caption=(
            f"All answers to each arm ({_sizes(results)}): smoothed density, interquartile range (bar), "
            "median (line) and mean (diamond). No intervals: answers of one rater, or to one prompt, are not "
            "independent."
        ),
        alt="Densities. " + " ".join(_describe(arm) for arm in arms),
        figure=figure,
    )


def _spread(axes: Axes, row: int, values: Floats, ends: tuple[float, float]) -> None:
    colour, _, _ = arm_style(row)
    low, high = ends
    if high > low:
        counts, edges = np.histogram(values, bins=_BINS, range=ends)
        smoothing = max(2.0, _BINS * float(values.std()) / (high - low) * values.size**-0.2)
        density = gaussian_filter1d(counts.astype(np.float64), smoothing, mode="reflect")
        at = (edges[:-1] + edges[1:]) / 2
        top = row - 0.02 - 0.6 * density / density.max()
        axes.fill_between(at, row - 0.02, top, color=colour, alpha=0.45, linewidth=0)
        axes.plot(at, top, color=colour, linewidth=1)
    lower, median, upper = np.quantile(values, [0.25, 0.5, 0.75])
    axes.barh(row + 0.12, upper - lower, left=lower, height=0.16, color=colour)
    axes.plot([median, median], [row + 0.04, row + 0.2], color=INK, linewidth=1.6)


def _describe(arm: ArmSummary) -> str:
    mean = "–" if arm.mean is None else number(arm.mean)
    shares = ", ".join(f"{count / arm.n:.0%} answered {point}" for point, count in enumerate(arm.counts, 1))
    return f"{arm.arm}: mean {mean}" + (f"; {shares}." if shares else ".")


def _sizes(results: DimensionAnalysis) -> str:
    n = results.primary.n
    return f"{counted(n.raters, 'rater')} × {counted(n.prompts, 'prompt')}"


def sketch_choices(results: DimensionAnalysis, name: str) -> Sketch:
    """Draw the shares of choices won, tied and lost by each arm."""
    arms = [arm for arm in results.arms if arm.n][:MAX_ARMS]
    figure, axes = new_axes(1.1 + 0.55 * len(arms))
    rows = [(arm.arm, (arm.wins or 0, arm.ties or 0, arm.losses or 0)) for arm in arms]
    draw_shares(figure, axes, rows, ("preferred", "no preference", "other preferred"))
    axes.set_xlabel("share of choices")
    n = results.primary.n
    return Sketch(
        name=name,
        title=f"Choices by arm: {results.dimension.name}",
        caption=(
            "Share of choices in which the text of each arm was preferred, among all choices with a text of "
            f"it ({counted(n.raters, 'rater')} × {counted(n.prompts, 'prompt')}). No intervals: choices of "
            "one rater, or about one prompt, are not independent."
        ),
        alt="Stacked bars. "
        + " ".join(
            f"{arm}: " + ", ".join(f"{count} {kind}" for kind, count in zip(PARTS, parts, strict=True)) + "."
            for arm, parts in rows
        ),
        figure=figure,
    )


def sketch_guesses(blinding: Blinding, name: str) -> Sketch:
    """Draw the shares of correct, unknown and wrong guesses by arm."""
    figure, axes = new_axes(1.1 + 0.55 * len(blinding.counts))
    rows = [(arm, (right, unknown, wrong)) for arm, right, wrong, unknown in blinding.counts]
    draw_shares(figure, axes, rows, ("correct", "don't know", "wrong"))
    axes.set_xlabel("share of guesses")
    index = ""
    if isinstance(blinding.together, Result):
        index = f" Bang's index over both arms is {number(blinding.together.estimate)} (0 is chance)."
    return Sketch(
        name=name,
        title="Guesses of the arm",
        caption=(
            f"Guesses of the arm by {counted(blinding.together.n.raters, 'rater')}.{index} An "
            "effective intervention is noticeable, so correct guesses alone are not a flaw."
        ),
        alt="Stacked bars. "
        + " ".join(
            f"{arm}: {right} correct, {wrong} wrong, {unknown} did not know."
            for arm, right, wrong, unknown in blinding.counts
        ),
        figure=figure,
    )
