"""The style of all figures, and their rendering as SVG and PNG.

Colours are distinguishable for colour-blind readers and in greyscale: Okabe and Ito's palette for arms, each
with its own marker, and cividis for the points of a scale. The four colours of ink and paper are used for
nothing else, so that a page can replace them. The same figure gives the same bytes: no dates, fixed ids,
fonts that come with matplotlib, and no user settings.
"""

import io
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rater.report.figures.fonts import BASE_FONT, FontPlan, current_plan, using
from rater.sanitize import sanitize_for_display

INK, MUTED, GRID, PAPER = "#1a1a1b", "#5c5c5e", "#d4d4d7", "#fffffe"
ARMS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
MARKERS = ("o", "s", "^", "D", "v", "P")
DASHES = ("-", "--", "-.", ":")
WIDTH = 7.2
"""Inches: a text column in print."""
_DPI = 150
_LABEL_INCHES = 0.25
_STYLE: dict[Any, Any] = {
    "axes.edgecolor": MUTED,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.facecolor": PAPER,
    "figure.facecolor": PAPER,
    "font.family": BASE_FONT,
    "font.size": 9,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "savefig.facecolor": PAPER,
    "svg.fonttype": "none",  # text stays text: it can be searched, and has glyphs that our font lacks
    "svg.hashsalt": "rater",
    "text.color": INK,
    "text.parse_math": False,  # a prompt may hold dollar signs
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 8,
    "ytick.left": False,
}


@dataclass(frozen=True, kw_only=True)
class Sketch:
    """A drawn figure with its title, caption and alternative text."""

    name: str
    """The base name of its files."""
    title: str
    caption: str
    """Content, sample sizes and method."""
    alt: str
    """Alternative text for screen readers."""
    figure: Figure


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A figure as bytes."""

    name: str
    title: str
    caption: str
    alt: str
    svg: str
    png: bytes


@contextmanager
def drawing(fonts: FontPlan | None = None) -> Iterator[None]:
    """Apply our style in a block, independent of the user's settings."""
    plan = fonts or FontPlan()
    with mpl.rc_context(), using(plan):
        mpl.rcdefaults()
        mpl.rcParams.update({**_STYLE, "font.family": list(plan.families)})
        yield


def new_axes(height: float, *, width: float = WIDTH) -> tuple[Figure, Axes]:
    """Create a figure with one panel."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def render(sketch: Sketch, label: str | None) -> Drawn:
    """Render a figure as SVG and PNG, with the label if there is one."""
    figure = sketch.figure
    if label:
        _add_label(figure, label)
    svg, png = io.StringIO(), io.BytesIO()
    with warnings.catch_warnings():
        # `rater.report.figures.fonts` has replaced missing glyphs, with a warning of its own
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
        figure.savefig(png, format="png", dpi=_DPI, metadata={"Software": None})
    # trailing blanks differ between versions of matplotlib
    text = "\n".join(line.rstrip() for line in svg.getvalue().splitlines()) + "\n"
    return Drawn(
        name=sketch.name,
        title=sketch.title,
        caption=sketch.caption,
        alt=sketch.alt,
        svg=text,
        png=png.getvalue(),
    )


def _add_label(figure: Figure, label: str) -> None:
    """Make a figure taller, and add a label above everything in it.

    The constrained layout would put a suptitle over a legend that is outside the axes, and reserves no room
    for a legend with an anchor. So the layout is computed first, and then moved down as it is.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    height = figure.get_figheight() + _LABEL_INCHES
    top = 1 - _LABEL_INCHES / height
    figure.set_figheight(height)
    for axes in figure.axes:
        left, bottom, width, tall = axes.get_position(original=True).bounds
        axes.set_position((left, top * bottom, width, top * tall))
    for legend in figure.legends:
        legend.set_bbox_to_anchor((0, 0, 1, top), transform=figure.transFigure)
    written = clean(label).upper()
    figure.text(0.99, 0.995, written, ha="right", va="top", fontsize=8, weight="bold", color="#b3261e")


def clean(text: str) -> str:
    """Return a text on one line, without characters that are invalid in XML or missing from all fonts."""
    return current_plan().show(" ".join(sanitize_for_display(str(text)).split()))


def wrap(text: str, width: int, lines: int = 2) -> str:
    """Wrap a label; truncate it with an ellipsis if it does not fit."""
    wrapped = textwrap.wrap(clean(text), width, max_lines=lines, placeholder=" …", break_long_words=True)
    return "\n".join(wrapped)


def point_colours(n: int) -> list[tuple[float, float, float]]:
    """Return a colour for each point of a scale, from dark to light."""
    colours = mpl.colormaps["cividis"](np.linspace(0.08, 0.97, n))
    return [(float(red), float(green), float(blue)) for red, green, blue, _ in colours]


def is_dark(colour: Sequence[float]) -> bool:
    """Return whether white text has more contrast on a colour than black text."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] < 0.5


def arm_style(index: int) -> tuple[str, str, str]:
    """Return the colour, marker and line style of an arm."""
    return ARMS[index % len(ARMS)], MARKERS[index % len(MARKERS)], DASHES[index % len(DASHES)]
