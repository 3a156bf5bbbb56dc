"""Figures of curves: dose–response, power, and sweeps."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from rater.analysis.intervals import Bounds
from rater.analysis.results import Result
from rater.analysis.sentences import counted, coverage, number, p_value, sentence, significant
from rater.analysis.simulated_power import PowerCurve
from rater.analysis.trend import DoseResponse
from rater.report.figures.forest import draw_interval, keep_within
from rater.report.figures.style import ARMS, INK, MUTED, PAPER, WIDTH, Sketch, is_dark, new_axes, wrap


def sketch_doses(response: DoseResponse, name: str, bounds: Bounds | None, *, alpha: float) -> Sketch:
    """Draw the differences from the lowest dose with their intervals, and the isotonic (monotone) fit."""
    figure, axes = new_axes(3.2)
    doses = [point.dose for point in response.curve]
    curve = [point for point in response.curve if point.fitted is not None]
    if curve:
        at = [point.dose for point in curve]
        lows = [
            point.fitted_interval.low if point.fitted_interval else (point.fitted or 0.0) for point in curve
        ]
        highs = [
            point.fitted_interval.high if point.fitted_interval else (point.fitted or 0.0) for point in curve
        ]
        axes.fill_between(at, lows, highs, color=ARMS[0], alpha=0.2, linewidth=0)
        axes.plot(
            at, [point.fitted or 0.0 for point in curve], color=ARMS[0], linewidth=1.8, label="isotonic fit"
        )
    risen = [(point.dose, point.rise) for point in response.curve if isinstance(point.rise, Result)]
    for dose, rise in risen:
        draw_interval(axes, dose, rise.interval, colour=ARMS[1], width=1.2, upright=True)
    axes.plot(
        [dose for dose, _ in risen],
        [rise.estimate for _, rise in risen],
        "o",
        color=PAPER,
        markeredgecolor=ARMS[1],
        markersize=5,
        label="difference from the lowest dose",
    )
    keep_within(axes, bounds, upright=True)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_xticks(doses, [f"{dose:g}" for dose in doses])
    axes.set_xlabel("dose")
    axes.set_ylabel("difference (points)")
    figure.legend(loc="outside upper left", ncols=2)
    sizes = ", ".join(f"{point.n:,} at {point.dose:g}" for point in response.curve)
    return Sketch(
        name=name,
        title="Dose–response curve",
        caption=(
            f"Differences from dose {doses[0]:g} within rater and prompt, with {coverage(1 - alpha)} "
            "confidence intervals of the crossed random-effects t test (points) and of the pigeonhole "
            "bootstrap (band "
            f"around the isotonic fit). Answers: {sizes}." + _describe_trends(response)
        ),
        alt="Differences by dose: "
        + ", ".join(f"{dose:g}: {number(rise.estimate)}" for dose, rise in risen)
        + ".",
        figure=figure,
    )


def _describe_trends(response: DoseResponse) -> str:
    trends = [
        f"{trend.test}, {p_value(trend.p)}"
        for trend in ((response.linear,) if response.is_one_test else (response.monotone, response.linear))
        if isinstance(trend, Result) and trend.has_enough_df
    ]
    return f" {sentence('; '.join(trends))}" if trends else ""


def sketch_power(curve: PowerCurve, estimate: float | None, name: str, unit: str) -> Sketch:
    """Draw the power curve of the design, with the estimate; ``unit`` is that of the answers."""
    at = [point.points for point in curve.points]
    shares = [point.power.share for point in curve.points]
    figure, axes = new_axes(2.9)
    lows = [point.power.low for point in curve.points]
    highs = [point.power.high for point in curve.points]
    axes.fill_between(at, lows, highs, color=ARMS[0], alpha=0.25, linewidth=0)
    axes.plot(at, shares, color=ARMS[0], marker="o", markersize=4, linewidth=1.6)
    axes.axhline(0.8, color=MUTED, linewidth=0.8, linestyle="--")
    axes.annotate("80%", (0, 0.8), xytext=(2, 2), textcoords="offset points", fontsize=8)
    if estimate is not None and abs(estimate) <= at[-1]:
        axes.axvline(abs(estimate), color=INK, linewidth=1, linestyle=":")
        axes.annotate(
            "estimate",
            (abs(estimate), 0.02),
            xytext=(3, 0),
            textcoords="offset points",
            fontsize=8,
        )
    axes.set_ylim(0, 1.02)
    axes.set_xlim(0, at[-1])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:.0%}"))
    axes.set_xlabel(f"true difference in {unit}")
    axes.set_ylabel("power")
    n_simulations = curve.points[0].power.n_simulations
    n = curve.n
    return Sketch(
        name=name,
        title="Power of this design",
        caption=(
            f"Power of the primary test at p < {significant(curve.alpha)} by true difference, from "
            f"{n_simulations:,} simulated studies per point with this design "
            f"({counted(n.raters, 'rater')}, {counted(n.prompts, 'prompt')}, "
            f"{counted(n.answers, 'answer')}; SDs of raters, prompts and texts 1.0, 0.8 and 0.5 logits, of "
            "the effect by rater and by prompt 0.5), with 95% Wilson intervals. Power describes the design, "
            "not the evidence for this result."
        ),
        alt="Power curve: "
        + ", ".join(f"{number(x)} points {share:.0%}" for x, share in zip(at, shares, strict=True))
        + ".",
        figure=figure,
    )


_DEGENERATE = "#e8e8ea"
_COLOURS = "YlGnBu"
"""From light, no effect, to dark."""
_PANEL_HEIGHT, _ROW_HEIGHT, _CAPTION_HEIGHT = 1.1, 0.32, 0.8


@dataclass(frozen=True)
class SweepCell:
    """One setting of a sweep, with its effect and fluency."""

    layer: int
    coeff: float
    place: str
    """The tokens that are changed, e.g. "front of the prompt"."""
    effect: float
    nll: float
    """Of the completion under the unsteered model, in nats per token."""
    is_degenerate: bool
    """True if the text is degenerate."""


@dataclass(frozen=True)
class SweepLabels:
    """Labels of a sweep figure."""

    study: str
    arm: str
    effect: str
    """The measure of the effect."""
    strength: str
    """``coeff`` or ``relative``."""
    unsteered_effect: float
    unsteered_nll: float
    n: str
    """Prompts and samples."""


def sketch_sweep(cells: Sequence[SweepCell], labels: SweepLabels) -> Sketch:
    """Draw a panel for each place: colour for effect, numbers for effect and NLL, hatching if degenerate."""
    places = list(dict.fromkeys(cell.place for cell in cells))
    n_layers = len({cell.layer for cell in cells})
    title = f"Effect of {labels.arm} in {labels.study}, by layer and {labels.strength}"
    caption = (
        f"Each cell: the effect ({labels.effect}), and in smaller figures the mean negative log-likelihood "
        f"of the completions under the unsteered model (nats per token). Unsteered: "
        f"{labels.unsteered_effect:.2f} and {labels.unsteered_nll:.2f}. Hatched: degenerate text. {labels.n}."
    )
    height = _CAPTION_HEIGHT + len(places) * (_PANEL_HEIGHT + _ROW_HEIGHT * n_layers)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    panels = figure.subplots(len(places), squeeze=False)[:, 0]
    highest = max([cell.effect for cell in cells if not cell.is_degenerate] or [1.0])
    scale = mpl.cm.ScalarMappable(mpl.colors.Normalize(0, highest if highest > 0 else 1.0), _COLOURS)
    for panel, place in zip(panels, places, strict=True):
        _draw_panel(panel, [cell for cell in cells if cell.place == place], scale, labels.strength)
        panel.set_title(place.capitalize())
    figure.colorbar(scale, ax=list(panels), label="effect", shrink=0.9, aspect=30)
    figure.suptitle(wrap(title, 80), x=0.01, ha="left", fontsize=11, weight="bold")
    figure.supxlabel(wrap(caption, 110, lines=4), x=0.01, ha="left", fontsize=7)
    usable = sum(not cell.is_degenerate for cell in cells)
    return Sketch(
        name="sweep",
        title=title,
        caption=caption,
        alt=f"Heat map of {len(cells)} settings, {usable} of them without degenerate text.",
        figure=figure,
    )


def _draw_panel(panel: Axes, cells: Sequence[SweepCell], scale: ScalarMappable, strength: str) -> None:
    layers, coeffs = sorted({cell.layer for cell in cells}), sorted({cell.coeff for cell in cells})
    for cell in cells:
        x, y = coeffs.index(cell.coeff), layers.index(cell.layer)
        colour = mpl.colors.to_rgb(_DEGENERATE) if cell.is_degenerate else _colour(scale, cell.effect)
        panel.add_patch(
            mpl.patches.Rectangle(
                (x - 0.5, y - 0.5),
                1,
                1,
                facecolor=colour,
                edgecolor="white" if not cell.is_degenerate else MUTED,
                hatch="////" if cell.is_degenerate else None,
                linewidth=0.8,
            )
        )
        ink = "white" if is_dark(colour) else INK
        behind = {"facecolor": _DEGENERATE, "edgecolor": "none", "pad": 1} if cell.is_degenerate else None
        for text, above, size in ((f"{cell.effect:.2f}", 0.12, 8), (f"{cell.nll:.1f}", -0.27, 6)):
            panel.text(x, y + above, text, ha="center", va="center", fontsize=size, color=ink, bbox=behind)
    panel.set_xlim(-0.5, len(coeffs) - 0.5)
    panel.set_ylim(-0.5, len(layers) - 0.5)
    panel.set_xticks(range(len(coeffs)), [f"{coeff:g}" for coeff in coeffs])
    panel.set_yticks(range(len(layers)), [str(layer) for layer in layers])
    panel.set_xlabel(strength)
    panel.set_ylabel("layer")
    panel.grid(visible=False)


def _colour(scale: ScalarMappable, effect: float) -> tuple[float, float, float]:
    red, green, blue = scale.to_rgba(np.array([effect]))[0][:3]
    return float(red), float(green), float(blue)
