"""Draw rows of three parts that make up a whole: right, unknown, wrong; won, tied, lost."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rater.report.figures.style import ARMS, MUTED, wrap

PARTS = ("won", "tied", "lost")
_LOOKS = ((ARMS[0], "#ffffff"), ("#ececf0", "#000000"), (ARMS[1], "#000000"))
_LEAST_LABELLED = 0.06


def draw_shares(
    figure: Figure, axes: Axes, rows: Sequence[tuple[str, tuple[int, int, int]]], names: Sequence[str]
) -> None:
    """Draw each row's parts as shares of it, with its size under its name, and a legend above."""
    for row, (_, counts) in enumerate(rows):
        left, total = 0.0, max(sum(counts), 1)
        for count, name, (colour, writing) in zip(counts, names, _LOOKS, strict=True):
            share, label = count / total, name if row == 0 else None
            axes.barh(
                row, share, left=left, height=0.6, color=colour, edgecolor=MUTED, linewidth=0.5, label=label
            )
            if share >= _LEAST_LABELLED:
                middle = left + share / 2
                axes.text(middle, row, f"{share:.0%}", ha="center", va="center", fontsize=8, color=writing)
            left += share
    axes.set_yticks(range(len(rows)), [f"{wrap(name, 24)}\nn = {sum(counts):,}" for name, counts in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper left", ncols=3)
