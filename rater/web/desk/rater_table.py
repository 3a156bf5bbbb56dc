"""The dashboard's table of raters, which can be sorted by each column."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from rater.store.rating.monitoring import WatchedRater

ORDERS = ("came", "status", "at", "pace", "checks", "flags")
DEFAULT_ORDER = "came"
_REVERSED = "-"
_ID_CHARACTERS = 8


@dataclass(frozen=True)
class RaterLine:
    """A rater in the table."""

    id: str
    came: datetime
    status: str
    at: str
    pace: str
    checks: str
    flags: str


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


_COLUMNS = {
    "came": _Column("Arrived (UTC)", lambda rater: (rater.consented_at,), is_number=False),
    "status": _Column("Status", lambda rater: (rater.status,), is_number=False),
    "at": _Column("{Trials} rated", lambda rater: (rater.n_answered,), is_number=True),
    "pace": _Column("Seconds per {trial}", lambda rater: (rater.seconds_a_text or 0.0,), is_number=True),
    "checks": _Column(
        "Checks passed", lambda rater: (rater.n_checks_passed - rater.n_checks,), is_number=True
    ),
    "flags": _Column("Flags", lambda rater: (-len(rater.flags), rater.flags), is_number=False),
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
            id=rater.id[:_ID_CHARACTERS],
            came=rater.consented_at,
            status=rater.status,
            at=f"{rater.n_answered} of {rater.n_trials}",
            pace="–" if rater.seconds_a_text is None else f"{rater.seconds_a_text:.1f}",
            checks=f"{rater.n_checks_passed} of {rater.n_checks}" if rater.n_checks else "–",
            flags=", ".join(rater.flags) or "–",
        )
        for rater in in_order
    )
