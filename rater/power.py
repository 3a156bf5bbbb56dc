"""Plan a study's size: how often its own booklets and primary test would find a given difference."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rater.analysis.power import Power, Spread, Trials, estimate_power, logits_of, points_of
from rater.errors import StudyError
from rater.publish.booklets import Design, deal_booklets, design_of
from rater.study.forecast import forecast
from rater.study.study import Study

TARGETS = (0.8, 0.9)
_RATERS = (0.5, 1, 2, 4)
_PROMPTS = (0.5, 1, 2, 3)
_BISECTIONS = 6
_LARGEST_LOGITS = 4.0


@dataclass(frozen=True)
class Size:
    """One size of the study: how many raters and prompts, and what it costs."""

    n_raters: int
    n_prompts: int
    rater_minutes: float
    power: Power


@dataclass(frozen=True)
class PowerPlan:
    """What a study would find as planned, and what other sizes would."""

    points: float
    """The difference in scale points that is asked about."""
    planned: Power
    smallest_points: float | None
    """The smallest difference found in 80 % of studies as planned; None where even a huge one is not."""
    sizes: list[Size]
    cheapest: dict[float, Size | None]
    """For each target power, the size that reaches it for the fewest rater-minutes."""


def default_points(study: Study) -> float:
    """Give the difference to plan for where none is named: an eighth of the scale."""
    return (_n_points(study) - 1) / 8


def power_as_planned(study: Study, points: float, *, n_simulations: int, seed: int = 0) -> Power:
    """Estimate a study's power as it is planned, for a difference in scale points."""
    planner = _Planner(study, n_simulations=n_simulations, rng=np.random.default_rng(seed))
    return planner.power(design_of(study), planner.logits(points))


def plan_power(
    study: Study,
    points: float,
    *,
    n_simulations: int,
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> PowerPlan:
    """Estimate the power of a study as planned and of smaller and larger ones.

    Costs about 25 times ``n_simulations`` simulations, of some milliseconds each.
    """
    planner = _Planner(study, n_simulations=n_simulations, rng=np.random.default_rng(seed))
    design, effect = design_of(study), planner.logits(points)
    sizes = []
    for n_prompts in _multiples(design.n_prompts, _PROMPTS):
        for n_raters in _multiples(design.n_raters, _RATERS):
            say(f"{n_raters} raters × {n_prompts} prompts")
            sizes.append(planner.size(_resized(design, n_raters, n_prompts), effect))
    return PowerPlan(
        points=points,
        planned=planner.power(design, effect),
        smallest_points=planner.smallest_points(design),
        sizes=sizes,
        cheapest={target: _cheapest(sizes, target) for target in TARGETS},
    )


class _Planner:
    """What stays the same over a plan's simulations: the study's scale, test and pace, and the stream."""

    def __init__(self, study: Study, *, n_simulations: int, rng: np.random.Generator) -> None:
        self._n_points = _n_points(study)
        self._arms = tuple(study.arm_names.index(name) for name in study.contrast)
        self._analysis = study.analysis
        self._minutes_per_trial = forecast(study).minutes_per_rater / study.items_per_rater
        self._n_simulations = n_simulations
        self._rng = rng

    def logits(self, points: float) -> float:
        try:
            return logits_of(points, self._n_points)
        except ValueError as error:
            msg = f"A difference of {error}."
            raise StudyError(msg) from error

    def power(self, design: Design, effect: float) -> Power:
        return estimate_power(
            _trials(design, self._arms, self._rng),
            effect=effect,
            n_points=self._n_points,
            rng=self._rng,
            n_simulations=self._n_simulations,
            score=self._analysis.score,
            alpha=self._analysis.alpha,
            spread=Spread(),
        )

    def size(self, design: Design, effect: float) -> Size:
        minutes = design.n_raters * design.items_per_rater * self._minutes_per_trial
        return Size(design.n_raters, design.n_prompts, minutes, self.power(design, effect))

    def smallest_points(self, design: Design) -> float | None:
        low, high = 0.0, _LARGEST_LOGITS
        if self.power(design, high).share < TARGETS[0]:
            return None
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            if self.power(design, middle).share < TARGETS[0]:
                low = middle
            else:
                high = middle
        return points_of(high, self._n_points)


def _n_points(study: Study) -> int:
    return next(d for d in study.dimensions if d.name == study.primary).scale.points


def _trials(design: Design, arms: Sequence[int], rng: np.random.Generator) -> Trials:
    """Deal the design's booklets and keep the trials of the two arms compared."""
    dealt = [
        (rater, completion)
        for rater, booklet in enumerate(deal_booklets(design, rng))
        for completion in booklet
        if completion.arm in arms
    ]
    prompt = np.array([completion.prompt for _, completion in dealt])
    sample = np.array([completion.sample for _, completion in dealt])
    is_first = np.array([completion.arm == arms[0] for _, completion in dealt])
    return Trials(
        rater=np.array([rater for rater, _ in dealt]),
        prompt=prompt,
        item=(prompt * 2 + is_first) * design.n_samples + sample,
        is_first=is_first,
    )


def _resized(design: Design, n_raters: int, n_prompts: int) -> Design:
    """Change the numbers of raters and prompts; a booklet keeps its share of the prompts, in whole sets."""
    sets = max(1, round(design.sets_per_rater * n_prompts / design.n_prompts))
    return replace(design, n_raters=n_raters, n_prompts=n_prompts, items_per_rater=sets * design.n_arms)


def _multiples(n: int, factors: Sequence[float]) -> list[int]:
    return sorted({max(2, math.ceil(n * factor)) for factor in factors})


def _cheapest(sizes: list[Size], target: float) -> Size | None:
    enough = [size for size in sizes if size.power.share >= target]
    return min(enough, key=lambda size: size.rater_minutes, default=None)
