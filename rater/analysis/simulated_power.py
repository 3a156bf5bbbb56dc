"""Simulated power of the primary test, and the differences that a finished study could detect.

Answers are drawn for trials as they would be assigned (`rater.analysis.simulate`), and go through the very
test that the analysis uses: so the estimate is the design's own.

The trials are those that were rated; the answers to them are simulated with the planner's variances, and not
with the estimated effect, whose "observed power" is only its p-value in other words (Hoenig & Heisey 2001,
Am. Stat. 55:19–24).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from rater.analysis.answer_scale import Judged
from rater.analysis.contrast_data import Ratings, score_cells
from rater.analysis.crossed import Compared
from rater.analysis.pilot import assume
from rater.analysis.plan import Planned
from rater.analysis.preferences import Preferred, score_preferences
from rater.analysis.results import Counts, Outcome, Result
from rater.analysis.scope import make_primary
from rater.analysis.simulate import (
    AnswerModel,
    ModelSDs,
    Trials,
    difference_of,
    leave_early,
    net_superiority_of,
    simulate,
)
from rater.runners.runner import InProcess, Runner, divide


@dataclass(frozen=True)
class Assumed:
    """Assumptions of a power simulation: response model and drop-out."""

    scale: AnswerModel
    spread: ModelSDs
    drop_out: float = 0.0
    """The share of raters who leave somewhere in their booklet."""


@dataclass(frozen=True)
class Power:
    """The simulated power, with a 95% Wilson interval for the simulation error."""

    share: float
    low: float
    high: float
    n_simulations: int


@dataclass(frozen=True)
class _Simulation:
    """Simulates studies of one design; a job of a runner, whose tasks are random streams of studies."""

    trials: Trials
    assumed: Assumed
    planned: Planned
    effect: float
    is_found: Callable[[Outcome], bool] | None

    def __call__(self) -> Callable[[Sequence[np.random.Generator]], int]:
        return self._count_found

    def _count_found(self, streams: Sequence[np.random.Generator]) -> int:
        return sum(map(self._finds, streams))

    def _finds(self, rng: np.random.Generator) -> bool:
        rated = leave_early(self.trials, self.assumed.drop_out, rng)
        answers = simulate(
            rated, effect=self.effect, scale=self.assumed.scale, rng=rng, spread=self.assumed.spread
        )
        outcome = make_primary(compared(answers), self.planned)
        if self.is_found is None:
            return _rejects(outcome, self.planned.alpha, self.effect)
        return self.is_found(outcome)


def estimate_power(
    trials: Trials,
    assumed: Assumed,
    planned: Planned,
    *,
    effect: float,
    rng: np.random.Generator,
    n_simulations: int = 1_000,
    is_found: Callable[[Outcome], bool] | None = None,
    runner: Runner | None = None,
) -> Power:
    """Simulate studies with an effect in logits, and count those in which the primary test finds one.

    ``is_found`` is the conclusion to count; by default a significant difference in the right direction.
    Each study has a random stream of its own, so that the result does not depend on the number of workers of
    the ``runner``; without one, studies are simulated in this process.

    Costs 1 to 3 ms a simulation where every cell is there, and about 10 ms where cells are missing or the
    test is a linear mixed model.
    """
    runner, streams = runner or InProcess(), rng.spawn(n_simulations)
    tasks = [[streams[i] for i in group] for group in divide(n_simulations, 4 * runner.n_workers)]
    simulation = _Simulation(trials, assumed, planned, effect, is_found)
    n_found = sum(found for _, found in runner.run(simulation, tasks))
    # Wilson's interval keeps its coverage at shares near 0 and 1, where Wald's collapses to a point.
    interval = stats.binomtest(n_found, n_simulations).proportion_ci(method="wilson")
    return Power(n_found / n_simulations, float(interval.low), float(interval.high), n_simulations)


def _rejects(outcome: Outcome, alpha: float, effect: float) -> bool:
    """Return whether the right direction is significant; without an effect both directions count."""
    return isinstance(outcome, Result) and outcome.rejects(alpha) and outcome.estimate * effect >= 0


def compared(answers: Ratings | Preferred) -> Compared:
    """Score simulated answers, whose raters and prompts have no names."""
    cells = score_preferences(answers) if isinstance(answers, Preferred) else score_cells(answers)
    return Compared(answers, cells, (), ())


# From no effect, where the power is the type I error, to about 1.2 points on a scale of five.
LOGITS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
# Beyond, nearly any difference that matters is found, and simulating takes minutes.
MAX_ANSWERS = 50_000
# Answers simulated for each difference: 200 studies of up to 3,000 answers, and at least 40 larger ones.
_MAX_SIMULATED = 600_000
# A linear mixed model of this many answers takes about 0.1 s, and of 200 about 0.01 s.
_MAX_FITTED, _MAX_FITTED_IN_ALL = 5_000, 20_000


@dataclass(frozen=True)
class CurvePoint:
    """The power for one true difference."""

    points: float
    net_superiority: float | None
    """The same difference as net superiority; None on a scale without points."""
    power: Power


@dataclass(frozen=True)
class PowerCurve:
    """Power of a design for several true differences."""

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
    progress: Callable[[str], None] = lambda _: None,
) -> PowerCurve | None:
    """Simulate the primary test on the trials of a contrast; None where that would not be the planned test.

    Costs up to 200 simulations of some milliseconds for each of seven differences.

    Args:
        ratings: The answers, of which only who rated what is used.
        planned: The plan; the curve is for the scope of raters and prompts.
        judged: What was judged, on which scale.
        rng: What the simulations draw from.
        progress: Called with a description before each difference.
    """
    n = ratings.count()
    fits_all = planned.test == "mixed_model"
    n_smallest = min(n.raters, n.prompts) if fits_all else min(n.raters, n.prompts, n.cells)
    most = _MAX_FITTED if fits_all else MAX_ANSWERS
    if planned.scope != "raters+prompts" or n_smallest < 2 or n.answers > most:
        return None
    codes = (ratings.rater, ratings.prompt, ratings.item)
    rater, prompt, item = (np.unique(each, return_inverse=True)[1] for each in codes)
    trials = Trials(rater, prompt, item, ratings.is_first)
    n_simulations = int(np.clip((_MAX_FITTED_IN_ALL if fits_all else _MAX_SIMULATED) // n.answers, 40, 200))
    assumed = Assumed(assume(judged), ModelSDs())
    curve = []
    for logits in LOGITS:
        points = difference_of(logits, assumed.scale, assumed.spread)
        progress(f"Simulating studies with a difference of {points:.2f} points")
        power = estimate_power(trials, assumed, planned, effect=logits, rng=rng, n_simulations=n_simulations)
        net = net_superiority_of(logits, assumed.scale, assumed.spread)
        curve.append(CurvePoint(points, net, power))
    return PowerCurve(tuple(curve), n, planned.alpha)
