"""Draw what a sweep measured: effect by layer and coefficient, and where the text is no language any more."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rater.report.figures.style import INK, MUTED, WIDTH, Sketch, is_dark

_DAMAGED = "#e8e8ea"
_PANEL_HEIGHT, _ROW_HEIGHT = 1.1, 0.32


@dataclass(frozen=True)
class SweepCell:
    """What one setting does."""

    layer: int
    coeff: float
    position: str
    """front, mid or back."""
    effect: float
    nll: float
    """Of the completion under the unsteered model, in nats per token."""
    is_damaged: bool
    """Whether the text is hardly language any more."""


@dataclass(frozen=True)
class SweepLabels:
    """What a sweep is of, in words."""

    arm: str
    effect: str
    """What the effect counts."""
    unsteered_effect: float
    unsteered_nll: float
    n: str
    """Prompts and samples."""


def sketch_sweep(cells: Sequence[SweepCell], labels: SweepLabels) -> Sketch:
    """Draw a panel for each position: colour for effect, numbers for effect and NLL, hatching for damage."""
    positions = list(dict.fromkeys(cell.position for cell in cells))
    n_layers = len({cell.layer for cell in cells})
    height = len(positions) * (_PANEL_HEIGHT + _ROW_HEIGHT * n_layers)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    panels = figure.subplots(len(positions), squeeze=False)[:, 0]
    highest = max([cell.effect for cell in cells if not cell.is_damaged] or [1.0])
    for panel, position in zip(panels, positions, strict=True):
        _draw_panel(panel, [cell for cell in cells if cell.position == position], highest)
        panel.set_title(f"At the {position} of the prompt")
    usable = sum(not cell.is_damaged for cell in cells)
    return Sketch(
        name="sweep",
        title=f"What {labels.arm} does, by layer and coefficient",
        caption=(
            f"Each cell: {labels.effect}, and in smaller figures the mean negative log-likelihood of the "
            f"completions under the unsteered model (nats per token). Unsteered: "
            f"{labels.unsteered_effect:.2f} and {labels.unsteered_nll:.2f}. Hatched: hardly language any "
            f"more. {labels.n}."
        ),
        alt=f"Heat map of {len(cells)} settings, of which {usable} leave language whole.",
        figure=figure,
    )


def _draw_panel(panel: Axes, cells: Sequence[SweepCell], highest: float) -> None:
    layers, coeffs = sorted({cell.layer for cell in cells}), sorted({cell.coeff for cell in cells})
    colours = mpl.colormaps["cividis"]
    for cell in cells:
        x, y = coeffs.index(cell.coeff), layers.index(cell.layer)
        share = float(np.clip(cell.effect / highest, 0, 1)) if highest > 0 else 0.0
        colour = mpl.colors.to_rgb(_DAMAGED) if cell.is_damaged else colours(share)[:3]
        panel.add_patch(
            mpl.patches.Rectangle(
                (x - 0.5, y - 0.5),
                1,
                1,
                facecolor=colour,
                edgecolor="white" if not cell.is_damaged else MUTED,
                hatch="////" if cell.is_damaged else None,
                linewidth=0.8,
            )
        )
        ink = "white" if is_dark(colour) else INK
        behind = {"facecolor": _DAMAGED, "edgecolor": "none", "pad": 1} if cell.is_damaged else None
        for text, above, size in ((f"{cell.effect:.2f}", 0.12, 8), (f"{cell.nll:.1f}", -0.27, 6)):
            panel.text(x, y + above, text, ha="center", va="center", fontsize=size, color=ink, bbox=behind)
    panel.set_xlim(-0.5, len(coeffs) - 0.5)
    panel.set_ylim(-0.5, len(layers) - 0.5)
    panel.set_xticks(range(len(coeffs)), [f"{coeff:g}" for coeff in coeffs])
    panel.set_yticks(range(len(layers)), [str(layer) for layer in layers])
    panel.set_xlabel("coefficient")
    panel.set_ylabel("layer")
    panel.grid(visible=False)
