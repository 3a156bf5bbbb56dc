"""Parts of the dashboard: charts of counts over time, histograms, and the sortable table of raters."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from rater.store.rating.monitoring import WatchedRater
from rater.study.duration import describe_duration

ORDERS = ("flags", "checks", "status", "at", "pace", "came")
DEFAULT_ORDER = "came"
_REVERSED = "-"
_ID_CHARACTERS = 8
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
    first: datetime
    last: datetime
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
        first=begin,
        last=now,
        most=f"each bar: {each}; highest: {most}",
    )


def rows(counts: Mapping[str, int]) -> tuple[CountRow, ...]:
    """Make a histogram of counts by label, in the order given."""
    most = max(counts.values(), default=0) or 1
    return tuple(CountRow(label, n, round(100 * n / most, 1)) for label, n in counts.items())


def _moment(at: datetime) -> str:
    return f"{at:%d %b %H:%M} UTC"


@dataclass(frozen=True)
class RaterLine:
    """A rater in the table."""

    id: str
    flags: str
    checks: str
    status: str
    at: str
    pace: str
    came: datetime


@dataclass(frozen=True)
class Heading:
    """A column that the table can be sorted by."""

    label: str
    url: str
    sorted: str
    """ascending, descending or none, as ``aria-sort`` has it."""
    is_number: bool


class _Column(NamedTuple):
    label: str
    key: Callable[[WatchedRater], tuple[object, ...]]
    is_number: bool


# flags and checks first: a phone shows no more than three columns
_COLUMNS = {
    "flags": _Column("Flags", lambda rater: (-len(rater.flags), tuple(rater.flags)), is_number=False),
    "checks": _Column(
        "Checks passed", lambda rater: (rater.n_checks_passed - rater.n_checks,), is_number=True
    ),
    "status": _Column("Status", lambda rater: (rater.status,), is_number=False),
    "at": _Column("{Trials} rated", lambda rater: (rater.n_answered,), is_number=True),
    "pace": _Column("Seconds per {trial}", lambda rater: (rater.seconds_a_text or 0.0,), is_number=True),
    "came": _Column("Arrived", lambda rater: (rater.consented_at,), is_number=False),
}


def read_order(sent: str) -> str:
    """Read by which column the table is to be sorted, ``-`` before it for the other way round."""
    return sent if sent.removeprefix(_REVERSED) in _COLUMNS else DEFAULT_ORDER


def headings(order: str, trial: str, url_of: Callable[[str], str]) -> tuple[Heading, ...]:
    """Make the headings; pressing the one that sorts already turns the order round.

    Args:
        order: By which column the table is sorted.
        trial: What a trial of the study shows: a text, or a pair.
        url_of: The address of the page in an order.
    """
    columns = []
    for name, column in _COLUMNS.items():
        is_sorted = order.removeprefix(_REVERSED) == name
        direction = "descending" if order.startswith(_REVERSED) else "ascending"
        other = f"{_REVERSED}{name}" if order == name else name
        columns.append(
            Heading(
                column.label.format(trial=trial, Trials=f"{trial.capitalize()}s"),
                f"{url_of(other)}#raters",
                direction if is_sorted else "none",
                column.is_number,
            )
        )
    return tuple(columns)


def rater_lines(raters: Sequence[WatchedRater], order: str) -> tuple[RaterLine, ...]:
    """Write the table's rows in an order."""
    column = _COLUMNS[order.removeprefix(_REVERSED)]
    in_order = sorted(raters, key=column.key, reverse=order.startswith(_REVERSED))
    return tuple(
        RaterLine(
            id=rater.person_id[:_ID_CHARACTERS]
            + (f" ({rater.booklet_number})" if rater.booklet_number > 1 else ""),
            flags=", ".join(rater.flags) or "–",
            checks=f"{rater.n_checks_passed} of {rater.n_checks}" if rater.n_checks else "–",
            status=rater.status,
            at=f"{rater.n_answered} of {rater.n_trials}",
            pace="–" if rater.seconds_a_text is None else f"{rater.seconds_a_text:.1f}",
            came=rater.consented_at,
        )
        for rater in in_order
    )
