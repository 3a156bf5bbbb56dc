"""Response times: the time per trial, for exclusions, reports, exports and the desk."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import NamedTuple

MAX_GAP_S = 600.0
"""A longer time between two answers means that the rater was away; it counts for no trial."""


class TrialTime(NamedTuple):
    """The recorded times of the first answer to a trial."""

    shown_ms: float | None
    """Time for which the browser showed the trial; None if it sent none, as without JavaScript."""
    hidden_ms: float | None
    """Part of that time in which the page was hidden."""
    answered_at: datetime | None
    """Time at which the server stored the first answer."""


@dataclass(frozen=True)
class Pace:
    """The times per trial of a rater."""

    seconds: tuple[float, ...]
    """One for each trial with a known time."""
    n_server: int
    """Number of these that are times between answers at the server, because the browser sent none."""

    @property
    def median_s(self) -> float | None:
        """The median time per trial in seconds; None if no time is known."""
        return median(self.seconds) if self.seconds else None


def pace_of(trials: Iterable[TrialTime]) -> Pace:
    """Return the time per trial of a rater.

    It is the time for which the browser showed the trial, minus the time in which it was hidden. If the
    browser sent none, it is the time since the previous answer at the server: an upper bound of the reading
    time. The first trial then has no time, and gaps of more than ten minutes are ignored.

    Args:
        trials: The trials, each once, regardless of the number of questions and revisions.
    """
    listed = list(trials)
    seconds = [
        max(0.0, each.shown_ms - (each.hidden_ms or 0.0)) / 1000
        for each in listed
        if each.shown_ms is not None
    ]
    n_browser = len(seconds)
    if n_browser < len(listed):
        seconds += _gaps(listed)
    return Pace(tuple(seconds), len(seconds) - n_browser)


def gaps_between(times: Iterable[datetime]) -> list[float]:
    """Return the seconds between consecutive times, without gaps in which the rater was away."""
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    return [gap for gap in gaps if 0 <= gap <= MAX_GAP_S]


def _gaps(trials: list[TrialTime]) -> list[float]:
    """Return the gaps before the trials for which the browser sent no time."""
    timed = sorted(
        (each.answered_at, each.shown_ms is None) for each in trials if each.answered_at is not None
    )
    return [
        gap
        for (earlier, _), (later, is_untimed) in pairwise(timed)
        if is_untimed
        for gap in gaps_between((earlier, later))
    ]


def count_sources(paces: Mapping[str, Pace]) -> tuple[int, int]:
    """Return the numbers of raters with times from the server, and of raters without times."""
    n_server = sum(pace.n_server > 0 for pace in paces.values())
    return n_server, sum(not pace.seconds for pace in paces.values())
