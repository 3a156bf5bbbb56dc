"""Figure of a sweep as lines over layers or coefficients, with the unsteered model as a line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rater.analysis.sentences import counted
from rater.report.figures.style import INK, WIDTH, Sketch, arm_style, wrap

# Inches: the height of a panel, and of what is around the panels.
_PANEL, _AROUND = 2.1, 1.2
MAX_PANELS = 12


@dataclass(frozen=True)
class LinePoint:
    """The value of one setting, for one prompt or over all of them."""

    layer: int
    coeff: float
    place: str
    """The tokens that are changed, e.g. "front of the prompt"."""
    value: float
    panel: str = ""
    """The prompt; empty over all prompts."""


@dataclass(frozen=True)
class LineLabels:
    """Labels of a figure of lines."""

    study: str
    arm: str
    value: str
    """The measure on the vertical axis."""
    strength: str
    """``coeff`` or ``relative``."""
    by: Literal["layer", "coeff"]
    """The horizontal axis; the other one has a line for each of its values."""
    n: str
    """Prompts and samples."""


def sketch_lines(points: Sequence[LinePoint], unsteered: dict[str, float], labels: LineLabels) -> Sketch:
    """Draw a panel for each prompt and place, with a line for each coefficient (or layer).

    Args:
        points: The values of the settings.
        unsteered: The value of the unsteered model by panel.
        labels: The labels.
    """
    panels = list(dict.fromkeys((point.panel, point.place) for point in points))
    shown = panels[:MAX_PANELS]
    n_places = len({place for _, place in panels})
    figure = Figure(figsize=(WIDTH, _AROUND + _PANEL * len(shown)), layout="constrained")
    for axes, (panel, place) in zip(figure.subplots(len(shown), squeeze=False)[:, 0], shown, strict=True):
        own = [point for point in points if (point.panel, point.place) == (panel, place)]
        _draw_panel(axes, own, labels)
        axes.axhline(unsteered[panel], color=INK, linewidth=0.9, linestyle=":", label="unsteered")
        titles = [panel, *([place] if n_places > 1 or not panel else [])]
        axes.set_title(wrap(", ".join(filter(None, titles)), 80, 1))
    figure.axes[0].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=6, borderaxespad=0.2)
    over = "layer" if labels.by == "layer" else labels.strength
    title = f"{labels.arm} of {labels.study}, by {over}"
    n_left = len(panels) - len(shown)
    left = f" {counted(n_left, 'more panel')} not drawn." if n_left else ""
    each = labels.strength if labels.by == "layer" else "layer"
    caption = (
        f"{labels.value[:1].upper()}{labels.value[1:]}; a line for each {each}, dotted: the unsteered model. "
        f"{labels.n}.{left}"
    )
    figure.suptitle(wrap(title, 80), x=0.01, ha="left", fontsize=11, weight="bold")
    figure.supxlabel(wrap(caption, 110, lines=3), x=0.01, ha="left", fontsize=7)
    return Sketch(
        name="sweep-lines",
        title=title,
        caption=caption,
        alt=f"Lines over {over} in {counted(len(shown), 'panel')}, with the unsteered model.",
        figure=figure,
    )


def _draw_panel(axes: Axes, points: Sequence[LinePoint], labels: LineLabels) -> None:
    by_layer = labels.by == "layer"
    for index, each in enumerate(sorted({point.coeff if by_layer else point.layer for point in points})):
        own = [point for point in points if (point.coeff if by_layer else point.layer) == each]
        line = sorted((float(point.layer if by_layer else point.coeff), point.value) for point in own)
        colour, marker, dash = arm_style(index)
        axes.plot(
            [x for x, _ in line],
            [y for _, y in line],
            color=colour,
            marker=marker,
            linestyle=dash,
            markersize=4,
            label=f"{labels.strength} {each:g}" if by_layer else f"layer {each:g}",
        )
    axes.set_xlabel("layer" if by_layer else labels.strength)
    axes.set_ylabel(wrap(labels.value, 28, 2), fontsize=7)
