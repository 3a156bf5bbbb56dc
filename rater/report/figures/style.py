"""Say how every figure looks, and turn one into the bytes of an SVG and a PNG.

Colours are told apart by people who are colour-blind and in grey: Okabe and Ito's for arms, each with a
marker of its own, and cividis for the points of a scale. The four colours of ink and paper occur nowhere
else, so that a page can exchange them for its own. The same figure gives the same bytes: no dates, fixed
ids, fonts that come with matplotlib, and none of the settings of whoever runs it.
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

from rater.harmless import harmless
from rater.report.figures.fonts import BASE_FONT, FontPlan, current_plan, using

INK, MUTED, GRID, PAPER = "#1a1a1b", "#5c5c5e", "#d4d4d7", "#fffffe"
ARMS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
MARKERS = ("o", "s", "^", "D", "v", "P")
DASHES = ("-", "--", "-.", ":")
WIDTH = 7.2
"""Inches: a text column in print."""
_DPI = 150
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
    """A figure that was drawn, with the words that go with it."""

    name: str
    """The name of its files."""
    title: str
    caption: str
    """What is shown, of how many, by which method."""
    alt: str
    """What somebody sees who looks at it, for somebody who cannot."""
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
    """Make matplotlib draw in our style, whatever the settings were; everything is drawn inside of it."""
    plan = fonts or FontPlan()
    with mpl.rc_context(), using(plan):
        mpl.rcdefaults()
        mpl.rcParams.update({**_STYLE, "font.family": list(plan.families)})
        yield


def new_axes(height: float, *, width: float = WIDTH) -> tuple[Figure, Axes]:
    """Begin a figure of one panel."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def render(sketch: Sketch, label: str | None) -> Drawn:
    """Write a figure as SVG and PNG, with the label on it where there is one."""
    figure = sketch.figure
    if label:
        figure.suptitle(clean(label).upper(), x=0.99, ha="right", fontsize=8, weight="bold", color="#b3261e")
    svg, png = io.StringIO(), io.BytesIO()
    with warnings.catch_warnings():
        # what no font has is replaced before (`rater.report.figures.fonts`), and warned of there
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
        figure.savefig(png, format="png", dpi=_DPI, metadata={"Software": None})
    # trailing blanks are of no use, and differ from one version of matplotlib to the next
    text = "\n".join(line.rstrip() for line in svg.getvalue().splitlines()) + "\n"
    return Drawn(
        name=sketch.name,
        title=sketch.title,
        caption=sketch.caption,
        alt=sketch.alt,
        svg=text,
        png=png.getvalue(),
    )


def clean(text: str) -> str:
    """Put a text from a study on one line, without characters that XML refuses or that no font has."""
    return current_plan().show(" ".join(harmless(str(text)).split()))


def wrap(text: str, width: int, lines: int = 2) -> str:
    """Break a text into lines for a label; what does not fit ends in an ellipsis."""
    wrapped = textwrap.wrap(clean(text), width, max_lines=lines, placeholder=" …", break_long_words=True)
    return "\n".join(wrapped)


def point_colours(n: int) -> list[tuple[float, float, float]]:
    """Choose a colour for each point of a scale, from dark to light."""
    colours = mpl.colormaps["cividis"](np.linspace(0.08, 0.97, n))
    return [(float(red), float(green), float(blue)) for red, green, blue, _ in colours]


def is_dark(colour: Sequence[float]) -> bool:
    """Say whether white writing reads better on a colour than black."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] < 0.5


def arm_style(index: int) -> tuple[str, str, str]:
    """Give an arm its colour, marker and kind of line."""
    return ARMS[index % len(ARMS)], MARKERS[index % len(MARKERS)], DASHES[index % len(DASHES)]
