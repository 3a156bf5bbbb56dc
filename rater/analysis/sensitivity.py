"""Say which true differences a study that was done could find, and how often: its design's power curve.

The trials are those that were rated; the answers to them are simulated with the planner's variances, and not
with the estimated effect, whose "observed power" is only its p-value in other words (Hoenig & Heisey 2001,
Am. Stat. 55:19–24).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rater.analysis.expected import difference_of, net_superiority_of
from rater.analysis.pilot import assume
from rater.analysis.planned import Planned
from rater.analysis.power import Assumed, Power, estimate_power
from rater.analysis.ratings import Ratings
from rater.analysis.results import Counts
from rater.analysis.scales import Judged
from rater.analysis.simulate import Spread, Trials

LOGITS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
MOST_ANSWERS = 50_000
"""Beyond, nearly any difference that matters is found, and simulating takes minutes."""
_MOST_SIMULATED = 600_000


@dataclass(frozen=True)
class CurvePoint:
    """How often one true difference is found."""

    points: float
    net_superiority: float | None
    """The same difference as net superiority; None on a scale without points."""
    power: Power


@dataclass(frozen=True)
class PowerCurve:
    """How often each of several true differences is found by a study of one design."""

    points: tuple[CurvePoint, ...]
    n: Counts
    alpha: float
    """The two-sided level of the test; an early look's is small."""


def power_curve(
    ratings: Ratings,
    planned: Planned,
    judged: Judged,
    *,
    rng: np.random.Generator,
    say: Callable[[str], None] = lambda _: None,
) -> PowerCurve | None:
    """Simulate the primary test on the trials of a contrast; None where that would not be the planned test.

    Costs up to 200 simulations of some milliseconds for each of seven differences.

    Args:
        ratings: The answers, of which only who rated what is used.
        planned: The plan; the curve is for the scope of raters and prompts.
        judged: What was judged, on which scale.
        rng: What the simulations draw from.
        say: Told before each difference.
    """
    n = ratings.count()
    if planned.scope != "raters+prompts" or min(n.raters, n.prompts, n.cells) < 2 or n.answers > MOST_ANSWERS:
        return None
    codes = (ratings.rater, ratings.prompt, ratings.item)
    rater, prompt, item = (np.unique(each, return_inverse=True)[1] for each in codes)
    trials = Trials(rater, prompt, item, ratings.is_first)
    n_simulations = int(np.clip(_MOST_SIMULATED // n.answers, 40, 200))
    assumed = Assumed(assume(judged), Spread())
    found = []
    for logits in LOGITS:
        points = difference_of(logits, assumed.scale, assumed.spread)
        say(f"Simulating studies with a difference of {points:.2f} points")
        power = estimate_power(trials, assumed, planned, effect=logits, rng=rng, n_simulations=n_simulations)
        net = net_superiority_of(logits, assumed.scale, assumed.spread)
        found.append(CurvePoint(points, net, power))
    return PowerCurve(tuple(found), n, planned.alpha)
