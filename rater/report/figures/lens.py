"""Figure of the predictions of each layer: a heat map over layers and tokens, unsteered above steered."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from rater.analysis.sentences import counted
from rater.report.figures.style import WIDTH, Sketch, is_dark, wrap

# More cells than this in a row or column have no words in them.
_MAX_WORDS_ACROSS, _MAX_LABELS = 12, 40
_ROW, _AROUND = 0.15, 1.3
_MIN_PANEL = 1.6
# The default of matplotlib; light is high.
_COLOURS = "cividis"


@dataclass(frozen=True)
class LensCell:
    """The prediction at one layer and token."""

    layer: int
    position: int
    token: str
    """The token of the text."""
    top_token: str
    """The most likely next token."""
    value: float
    """The measure that is drawn."""


def sketch_lens(unsteered: Sequence[LensCell], steered: Sequence[LensCell], measure: str) -> Sketch:
    """Draw a measure over layers and tokens, with the most likely next token in each cell where it fits.

    Args:
        unsteered: The cells without steering, for each layer and position.
        steered: The same cells with steering; none for one panel.
        measure: The name of the measure and its unit.
    """
    panels = {"unsteered": unsteered, **({"steered": steered} if steered else {})}
    tokens = {each.position: each.token for each in unsteered}
    n_layers = 1 + max(each.layer for each in unsteered)
    height = len(panels) * max(_ROW * n_layers, _MIN_PANEL) + _AROUND
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    every = [each.value for cells in panels.values() for each in cells]
    low, high = min(every), max(every)
    axes = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
    for panel, (name, cells) in zip(axes, panels.items(), strict=True):
        values = np.full((n_layers, len(tokens)), np.nan)
        for each in cells:
            values[each.layer, each.position] = each.value
        image = panel.imshow(
            values, origin="lower", aspect="auto", cmap=_COLOURS, vmin=low, vmax=high, interpolation="nearest"
        )
        panel.set_ylabel(f"{name}: layer")
        panel.set_yticks(range(0, n_layers, 1 + n_layers // 12))
        panel.grid(visible=False)
        if len(tokens) <= _MAX_WORDS_ACROSS:
            for each in cells:
                colour = "white" if is_dark(image.cmap(image.norm(each.value))) else "black"
                shown = _shown(each.top_token, 80 // len(tokens))
                panel.text(
                    each.position, each.layer, shown, ha="center", va="center", color=colour, fontsize=6
                )
    step = 1 + (len(tokens) - 1) // _MAX_LABELS
    positions = range(0, len(tokens), step)
    axes[-1].set_xticks(positions, [_shown(tokens[at], 18) for at in positions], rotation=60, ha="right")
    figure.colorbar(image, ax=list(axes), label=measure)
    title = f"{measure[:1].upper()}{measure[1:]}, by layer and token"
    words = " Words: the most likely next token." if len(tokens) <= _MAX_WORDS_ACROSS else ""
    return Sketch(
        name="lens",
        title=title,
        caption=(
            f"{counted(len(tokens), 'token')}, BOS first; the residual stream before each block, and after "
            f"the last.{words}"
        ),
        alt=(
            f"Heat map of {measure} over {counted(n_layers, 'layer')} and {counted(len(tokens), 'token')}, "
            f"{' above '.join(panels)}; from {low:.2g} to {high:.2g}."
        ),
        figure=figure,
    )


def _shown(token: str, width: int) -> str:
    """Return a token with its white space visible, in as few characters as a cell may have."""
    visible = token.replace(" ", "␣").replace("\n", "↵").replace("\t", "⇥")
    return wrap(visible, max(width, 3), lines=1)
