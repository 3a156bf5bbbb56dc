"""Draw intervals no further than what is possible, with an arrow where one goes on beyond it."""

from matplotlib.axes import Axes

from rater.analysis.bounds import Bounds
from rater.analysis.results import Interval

ARROWS = "An arrow is where an interval goes on beyond what is possible."
_MARGIN = 0.03
"""The share of the possible range that an axis shows beyond it, so that marks at its ends are whole."""


def draw_interval(
    axes: Axes,
    at: float,
    interval: Interval | None,
    bounds: Bounds | None,
    *,
    colour: str,
    width: float,
    upright: bool = False,
) -> bool:
    """Draw an interval at a place on the other axis; says whether it goes on beyond the bounds."""
    if interval is None:
        return False
    low, high = interval.low, interval.high
    if bounds is not None:
        low, high = max(low, bounds.low), min(high, bounds.high)
    _plot(axes, [low, high], at, colour=colour, upright=upright, linewidth=width)
    size = 2.5 + 1.5 * width
    if low > interval.low:
        _plot(
            axes, [low], at, colour=colour, upright=upright, marker="v" if upright else "<", markersize=size
        )
    if high < interval.high:
        _plot(
            axes, [high], at, colour=colour, upright=upright, marker="^" if upright else ">", markersize=size
        )
    return low > interval.low or high < interval.high


def keep_within(axes: Axes, bounds: Bounds | None, *, upright: bool = False) -> None:
    """End an axis where what it shows ends, give or take a margin."""
    if bounds is None:
        return
    low, high = axes.get_ylim() if upright else axes.get_xlim()
    margin = _MARGIN * (bounds.high - bounds.low)
    limits = max(low, bounds.low - margin), min(high, bounds.high + margin)
    if upright:
        axes.set_ylim(*limits)
    else:
        axes.set_xlim(*limits)


def _plot(
    axes: Axes,
    along: list[float],
    at: float,
    *,
    colour: str,
    upright: bool,
    linewidth: float = 0.0,
    marker: str = "",
    markersize: float = 0.0,
) -> None:
    across = [at] * len(along)
    x, y = (across, along) if upright else (along, across)
    axes.plot(x, y, color=colour, linewidth=linewidth, marker=marker, markersize=markersize)
