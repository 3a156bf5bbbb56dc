"""Draw a sweep: effect by layer and coefficient, with degenerate settings hatched."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from rater.report.figures.style import INK, MUTED, WIDTH, Sketch, is_dark, wrap

_DEGENERATE = "#e8e8ea"
_COLOURS = "YlGnBu"
"""From light, no effect, to dark."""
_PANEL_HEIGHT, _ROW_HEIGHT, _CAPTION_HEIGHT = 1.1, 0.32, 0.8


@dataclass(frozen=True)
class SweepCell:
    """What one setting does."""

    layer: int
    coeff: float
    place: str
    """Which tokens are changed, such as "front of the prompt"."""
    effect: float
    nll: float
    """Of the completion under the unsteered model, in nats per token."""
    is_degenerate: bool
    """Whether the text is degenerate."""


@dataclass(frozen=True)
class SweepLabels:
    """What a sweep is of, in words."""

    study: str
    arm: str
    effect: str
    """What the effect measures."""
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
