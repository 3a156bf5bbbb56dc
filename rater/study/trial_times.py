"""The time that a rater takes for a trial: one definition for exclusions, reports, exports and the desk."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import NamedTuple

MAX_GAP_S = 600.0
"""A longer time between two answers means that the rater was away; it counts for no trial."""


class TrialTime(NamedTuple):
    """What is known of when a trial was first answered."""

    shown_ms: float | None
    """How long the browser showed it; None where it sent no time, as without JavaScript."""
    hidden_ms: float | None
    """How much of that it was out of sight."""
    answered_at: datetime | None
    """When the server stored the first answer."""


@dataclass(frozen=True)
class Pace:
    """How long a rater takes for a trial."""

    seconds: tuple[float, ...]
    """One for each trial whose time is known."""
    n_server: int
    """How many of them are times between answers at the server, since the browser sent none."""

    @property
    def median_s(self) -> float | None:
        """The median time for a trial, in seconds; None where no time is known."""
        return median(self.seconds) if self.seconds else None


def pace_of(trials: Iterable[TrialTime]) -> Pace:
    """Return a rater's time for each trial.

    It is the time for which the browser showed the trial, less the time out of sight. Where the browser sent
    none, it is the time since the rater's answer before, as the server stored them: an upper bound of the
    time that the trial was read. The first trial has no answer before it, and longer gaps than ten minutes
    are left out.

    Args:
        trials: each trial once, whatever the number of questions and of revisions.
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
    """Return the seconds between neighbours, without those of a rater who was away."""
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    return [gap for gap in gaps if 0 <= gap <= MAX_GAP_S]


def _gaps(trials: list[TrialTime]) -> list[float]:
    """Return the gaps before those trials that the browser sent no time of."""
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
    """Count the raters whose times come, in part or in whole, from the server, and those without any."""
    n_server = sum(pace.n_server > 0 for pace in paces.values())
    return n_server, sum(not pace.seconds for pace in paces.values())
