"""Draw intervals, and end axes where the possible values do."""

from matplotlib.axes import Axes

from rater.analysis.bounds import Bounds
from rater.analysis.results import Interval

_MARGIN = 0.03
"""The share of the possible range that an axis shows beyond it, so that marks at its ends are whole."""


def draw_interval(
    axes: Axes, at: float, interval: Interval | None, *, colour: str, width: float, upright: bool = False
) -> None:
    """Draw an interval at a place on the other axis."""
    if interval is None:
        return
    along, across = [interval.low, interval.high], [at, at]
    x, y = (across, along) if upright else (along, across)
    axes.plot(x, y, color=colour, linewidth=width)


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
