"""Charts of the dashboard: counts over time, and histograms."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rater.study.protocol import describe_duration

WIDTH, HEIGHT = 480.0, 64.0
_N_BINS = 48
_MIN_BIN = timedelta(minutes=1)
_GAP = 1.0


@dataclass(frozen=True)
class ChartBar:
    """One bar of a chart, in units of its drawing."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Strip:
    """A chart of counts over time."""

    description: str
    """The chart in a sentence, for users who cannot see it."""
    bars: tuple[ChartBar, ...]
    first: str
    last: str
    most: str


@dataclass(frozen=True)
class CountRow:
    """A row of a histogram: a table whose last column is a bar."""

    label: str
    n: int
    width: float
    """Of the bar, in percent of the widest."""


def strip(came_at: Sequence[datetime], *, now: datetime) -> Strip | None:
    """Draw how many raters came when, up to now; None where nobody has come.

    It begins with the first of them, or earlier where that was a few minutes ago: no bar is shorter than a
    minute, and the chart ends with now.
    """
    if not came_at:
        return None
    now = max(now, *came_at)
    begin = min(*came_at, now - _N_BINS * _MIN_BIN)
    bin_length = (now - begin) / _N_BINS
    counts = Counter(min(_N_BINS - 1, int((at - begin) / bin_length)) for at in came_at)
    most, step = max(counts.values()), WIDTH / _N_BINS
    bars = tuple(
        ChartBar(
            x=round(step * number, 2),
            y=round(HEIGHT * (1 - n / most), 2),
            width=round(step - _GAP, 2),
            height=round(HEIGHT * n / most, 2),
        )
        for number, n in sorted(counts.items())
    )
    n = len(came_at)
    each = describe_duration(bin_length.total_seconds())
    return Strip(
        description=(
            f"{n} rater{'s' * (n != 1)} arrived from {_moment(min(came_at))} to {_moment(max(came_at))}, "
            f"at most {most} per {each}."
        ),
        bars=bars,
        first=_moment(begin),
        last=_moment(now),
        most=f"each bar: {each}; highest: {most}",
    )


def rows(counts: Mapping[str, int]) -> tuple[CountRow, ...]:
    """Make a histogram of counts by label, in the order given."""
    most = max(counts.values(), default=0) or 1
    return tuple(CountRow(label, n, round(100 * n / most, 1)) for label, n in counts.items())


def _moment(at: datetime) -> str:
    return f"{at:%d %b %H:%M} UTC"
