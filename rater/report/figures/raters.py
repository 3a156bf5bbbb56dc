"""Figures about raters: agreement, use of the scale, and the course of answering."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray
from scipy import stats
from scipy.ndimage import gaussian_filter1d

from rater.analysis.agreement import Agreement
from rater.analysis.intervals import Bounds
from rater.analysis.results import MIN_DF, Estimate, Quantity
from rater.analysis.sentences import counted, coverage, number
from rater.report.figures.forest import draw_interval
from rater.report.figures.style import ARMS, INK, WIDTH, Sketch, arm_style, new_axes, wrap


def coefficients(agreement: Agreement) -> list[tuple[str, Quantity]]:
    """List the agreement coefficients in display order."""
    over_all: tuple[Quantity, ...] = (
        agreement.krippendorff_ordinal,
        agreement.krippendorff_interval,
        agreement.krippendorff_nominal,
        agreement.ac2,
        agreement.icc_single,
        agreement.icc_mean,
        agreement.kappa,
    )
    if agreement.is_nominal:
        over_all = (agreement.krippendorff_nominal,)
    named = [(each.name if isinstance(each, Estimate) else each.test, each) for each in over_all]
    kind = "nominal" if agreement.is_nominal else "ordinal"
    by_arm = [(f"{kind} alpha within {arm}", quantity) for arm, quantity in agreement.krippendorff_by_arm]
    return [*named, *by_arm]


def sketch_agreement(agreement: Agreement, name: str) -> Sketch | None:
    """Draw all estimable agreement coefficients with intervals; None if there is none."""
    estimated = [(label, each) for label, each in coefficients(agreement) if isinstance(each, Estimate)]
    if not estimated:
        return None
    figure, axes = new_axes(0.8 + 0.3 * len(estimated))
    for row, (_, each) in enumerate(estimated):
        draw_interval(axes, row, each.interval, colour=ARMS[0], width=2.0)
        axes.plot(each.estimate, row, "s", color=ARMS[0], markersize=5)
        axes.annotate(
            number(each.estimate),
            (1.01, row),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8,
        )
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(estimated)), [wrap(label, 40, 1) for label, _ in estimated])
    axes.set_ylim(len(estimated) - 0.5, -0.5)
    axes.set_xlim(left=max(-1.0, axes.get_xlim()[0]), right=1.0)
    axes.set_xlabel("agreement beyond chance: 0 is none, 1 is perfect")
    axes.grid(visible=False, axis="y")
    return Sketch(
        name=name,
        title="Agreement on single texts",
        caption=_caption([each for _, each in estimated]),
        alt="Coefficients of agreement: "
        + ", ".join(f"{label} {number(each.estimate)}" for label, each in estimated)
        + ".",
        figure=figure,
    )


def _caption(estimated: Sequence[Estimate]) -> str:
    n = estimated[0].n
    level = next((coverage(each.interval.level) for each in estimated if each.interval), "")
    intervals = f" with {level} bootstrap intervals (raters and texts resampled)" if level else ""
    return (
        f"Coefficients{intervals}; {counted(n.raters, 'rater')}, {counted(n.items, 'text')}, "
        f"{counted(n.answers, 'answer')}. Agreement does not measure the effect: a difference between "
        "arms increases it, so the last rows show agreement within each arm."
    )


Floats = NDArray[np.float64]
MAX_BINS = 12
MAX_ARMS = 6
MIN_TIMES = 10
"""The minimum number of timed answers in an arm for a smoothed curve."""
_MIN_SECONDS = 0.1


class Course(NamedTuple):
    """The answers of some arms, and their possible range."""

    rows: pd.DataFrame
    arms: list[str]
    bounds: Bounds | None


def sketch_positions(course: Course, name: str, *, alpha: float) -> Sketch | None:
    """Draw the mean answer by position and arm; None without positions."""
    rows, arms, bounds = course
    rows = rows[rows["position"].notna() & rows["arm"].isin(arms[:MAX_ARMS])]
    if rows.empty:
        return None
    binned, centres = _bin(rows["position"].to_numpy(dtype=np.float64))
    rows = rows.assign(bin=binned)
    shown = [arm for arm in arms[:MAX_ARMS] if (rows["arm"] == arm).any()]
    n_columns = min(len(shown), 3)
    n_rows = -(-len(shown) // n_columns)
    figure = Figure(figsize=(WIDTH, 0.6 + 2.4 * n_rows), layout="constrained")
    panels = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False).ravel()
    for index, (panel, arm) in enumerate(zip(panels, shown, strict=False)):
        _course(panel, course, rows[rows["arm"] == arm], centres, index=index, alpha=alpha)
        panel.set_title(wrap(arm, 24, 1), fontsize=9)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    for panel in panels[len(shown) :]:
        panel.set_visible(False)
    if bounds is not None:
        panels[0].set_ylim(bounds.low, bounds.high)
    figure.supxlabel("position in the booklet", fontsize=9)
    figure.supylabel("mean answer", fontsize=9)
    n_raters = rows["rater"].nunique()
    width = "" if len(centres) == rows["position"].nunique() else f", in {len(centres)} runs of positions"
    return Sketch(
        name=name,
        title="Answers by position",
        caption=(
            f"Mean of the raters' mean answers at each position{width}, by arm, with {coverage(1 - alpha)} t "
            f"intervals over raters; {counted(n_raters, 'rater')}, {counted(len(rows), 'answer')}. A trend "
            "common to all arms indicates fatigue or practice; it does not bias comparisons, because "
            "booklets balance the order."
        ),
        alt=_describe_course(rows, shown),
        figure=figure,
    )


def _bin(position: Floats) -> tuple[NDArray[np.intp], Floats]:
    """Put positions into at most `MAX_BINS` runs; the centres are the mean positions of the runs."""
    places, code = np.unique(position, return_inverse=True)
    run = np.arange(places.size) * min(MAX_BINS, places.size) // places.size
    binned = run[code]
    size = np.bincount(binned)
    return binned, np.bincount(binned, weights=position) / size


def _course(
    axes: Axes, course: Course, rows: pd.DataFrame, centres: Floats, *, index: int, alpha: float
) -> None:
    bounds = course.bounds or Bounds(-np.inf, np.inf)
    colour, marker, dash = arm_style(index)
    by_rater = (
        rows.groupby(["bin", "rater"])["answer"].mean().groupby(level="bin").agg(["mean", "std", "count"])
    )
    bins = by_rater.index.to_numpy(dtype=np.intp)
    at = centres[bins]
    mean, n = by_rater["mean"].to_numpy(), by_rater["count"].to_numpy()
    known = n > MIN_DF
    half = stats.t.ppf(1 - alpha / 2, n[known] - 1) * by_rater["std"].to_numpy()[known] / np.sqrt(n[known])
    axes.plot(at, mean, color=colour, linewidth=1.2, marker=marker, markersize=4, linestyle=dash)
    low, high = np.maximum(mean[known] - half, bounds.low), np.minimum(mean[known] + half, bounds.high)
    axes.fill_between(at[known], low, high, color=colour, alpha=0.15, linewidth=0)


def _describe_course(rows: pd.DataFrame, arms: list[str]) -> str:
    middle = rows["position"].median()
    parts = []
    for arm in arms:
        own = rows[rows["arm"] == arm]
        halves = [own[own["position"] <= middle], own[own["position"] > middle]]
        means = [number(float(half["answer"].mean())) if len(half) else "–" for half in halves]
        parts.append(f"{arm}: mean {means[0]} in the first half, {means[1]} in the second")
    return "Lines over position. " + "; ".join(parts) + "."


def sketch_times(rows: pd.DataFrame, arms: list[str], name: str) -> Sketch | None:
    """Draw the time to the first answer by arm; None if there are too few times."""
    shown = rows[rows["shown_ms"].notna() & rows["arm"].isin(arms[:MAX_ARMS])]
    counts = shown["arm"].value_counts()
    arms = [arm for arm in arms[:MAX_ARMS] if counts.get(arm, 0) >= MIN_TIMES]
    shown = shown[shown["arm"].isin(arms)]
    seconds = np.maximum(shown["shown_ms"].to_numpy(dtype=np.float64) / 1000, _MIN_SECONDS)
    if not seconds.size:
        return None
    at = np.linspace(np.log10(seconds.min()) - 0.1, np.log10(seconds.max()) + 0.1, 161)
    figure, axes = new_axes(2.8)
    medians = []
    for index, arm in enumerate(arms[:MAX_ARMS]):
        own = seconds[(shown["arm"] == arm).to_numpy()]
        if own.size:
            colour, marker, dash = arm_style(index)
            median = float(np.median(own))
            label = f"{wrap(arm, 30, 1)} (median {number(median, 1)} s)"
            share = _smooth_share(np.log10(own), at)
            middles = 10 ** ((at[:-1] + at[1:]) / 2)
            axes.plot(middles, share, color=colour, linewidth=1.6, linestyle=dash, label=label)
            axes.plot(median, 0, color=colour, marker=marker, markersize=6, clip_on=False)
            medians.append(f"{arm} {number(median, 1)} s")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.set_xlabel("time to answer in seconds (log scale)")
    axes.set_yticks([])
    axes.set_ylim(bottom=0)
    axes.set_ylabel("density of answers")
    figure.legend(loc="outside upper left", ncols=2)
    n_untimed = int(rows["shown_ms"].isna().sum())
    untimed = f"; {n_untimed:,} without time, because the browser sent none" if n_untimed else ""
    return Sketch(
        name=name,
        title="Time per answer",
        caption=(
            f"{counted(seconds.size, 'answer')} by "
            f"{counted(shown['rater'].nunique(), 'rater')}{untimed}. Smoothed densities; markers are "
            "medians. Large differences between arms suggest that their texts differ in length or form."
        ),
        alt=f"Histograms of times. Medians: {', '.join(medians)}.",
        figure=figure,
    )


def _smooth_share(values: Floats, edges: Floats) -> Floats:
    """Smooth a histogram with Scott's rule; the time does not depend on the number of answers."""
    counts = np.histogram(values, bins=edges)[0] / values.size
    width = float(edges[1] - edges[0])
    smoothing = max(1.0, float(values.std()) * values.size**-0.2 / width)
    smoothed: Floats = gaussian_filter1d(counts, smoothing, mode="constant")
    return smoothed
