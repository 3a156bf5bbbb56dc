"""Heat maps of the confusion matrices of a choice among labels: one panel for each arm."""

import math

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from rater.analysis.choices import ConfusionMatrix, LabelChoices
from rater.report.figures.style import INK, PAPER, WIDTH, Sketch, clean, is_dark, wrap

MAX_PANELS = 8
_COLUMNS = 2
_COLOURS = mpl.colormaps["Blues"]


def sketch_confusion(choices: LabelChoices, name: str) -> Sketch:
    """Draw the share of each label among the answers to the texts of each target, with counts."""
    matrices = choices.by_arm[:MAX_PANELS]
    n_columns = min(_COLUMNS, len(matrices))
    n_rows = math.ceil(len(matrices) / n_columns)
    height = sum(
        1.3 + 0.34 * max(len(matrix.targets) for matrix in matrices[row * n_columns :][:n_columns])
        for row in range(n_rows)
    )
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    for number, matrix in enumerate(matrices, start=1):
        _draw(figure.add_subplot(n_rows, n_columns, number), matrix)
    left_out = len(choices.by_arm) - len(matrices)
    rest = f" {left_out} further arms are in the tables." if left_out else ""
    return Sketch(
        name=name,
        title="Confusion matrices",
        caption=(
            "Labels chosen (columns) for the texts of each target (rows), by arm. Numbers are answers, "
            f"colours their shares of the row. Correct choices are outlined; chance is "
            f"{choices.chance:.0%}.{rest}"
        ),
        alt="Share of target choices: "
        + ", ".join(f"{each.arm} {each.n_correct / each.n:.0%}" for each in choices.arms if each.n)
        + ".",
        figure=figure,
    )


def _draw(axes: Axes, matrix: ConfusionMatrix) -> None:
    counts = np.asarray(matrix.counts, dtype=np.float64).reshape(len(matrix.targets), len(matrix.chosen))
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros_like(counts), where=totals > 0)
    for row, target in enumerate(matrix.targets):
        for column, label in enumerate(matrix.chosen):
            colour = _COLOURS(shares[row, column])
            # a rectangle and no image, which a report must not load
            axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=colour, linewidth=0))
            axes.text(
                column,
                row,
                f"{counts[row, column]:.0f}",
                ha="center",
                va="center",
                fontsize=8,
                color=PAPER if is_dark(colour) else INK,
            )
            if label == target:
                corner = (column - 0.5, row - 0.5)
                axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=INK, linewidth=1.2, zorder=3))
    axes.set_xlim(-0.5, len(matrix.chosen) - 0.5)
    axes.set_ylim(len(matrix.targets) - 0.5, -0.5)
    axes.set_xticks(range(len(matrix.chosen)), [wrap(clean(label), 14) for label in matrix.chosen])
    axes.set_yticks(range(len(matrix.targets)), [wrap(clean(label), 14) for label in matrix.targets])
    if len(matrix.chosen) > 4:
        axes.tick_params(axis="x", rotation=45)
    axes.grid(visible=False)
    dose = "" if matrix.dose is None else f" (dose {matrix.dose:g})"
    axes.set_title(wrap(clean(matrix.name) + dose, 40), fontsize=9)
    axes.set_xlabel("label chosen")
    axes.set_ylabel("target")
