"""The balance of an assignment of booklets: counts, places and sides, by arm and by prompt."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np

from rater.publish.trials import Trial
from rater.study.design import Design

V = TypeVar("V")


@dataclass(frozen=True)
class Range:
    """The minimum and maximum of some numbers."""

    least: float
    greatest: float


@dataclass(frozen=True)
class Balance:
    """The balance of an assignment; places run from 0 (first trial) to 1 (last), and 0.5 is even."""

    n_booklets: int
    trials_per_booklet: int
    ratings_per_completion: Range
    """Ratings per completion without repeats; per dimension where dimensions are asked separately."""
    ratings_per_arm: Mapping[int, int]
    arms_differ_within_booklets: int
    """The largest difference in trials between two arms in one booklet."""
    prompts_per_booklet: Range
    """The number of distinct prompts of a booklet."""
    mean_places_of_arms: Mapping[int, float]
    mean_places_of_prompts: Range
    n_neighbours: int
    """The number of adjacent trials with the same prompt."""
    first_left: Mapping[tuple[int, ...], float]
    """For each two arms of a pairwise study, the share of pairs with the first on the left."""
    booklets_by_first_dimension: Mapping[int, int]
    """The number of booklets that begin with each dimension, where they are asked separately."""


def measure_balance(design: Design, booklets: Sequence[Sequence[Trial]]) -> Balance:
    """Measure the balance of booklets. Costs one pass over their trials."""
    rated = [[trial for trial in booklet if trial.shown and not trial.is_repeat] for booklet in booklets]
    trials = [trial for booklet in rated for trial in booklet]
    completions = Counter((trial.dimension, each) for trial in trials for each in trial.shown)
    dimensions = {trial.dimension for trial in trials}
    counts = [*completions.values(), *[0] * (design.n_completions * len(dimensions) - len(completions))]
    arms, prompts = _mean_places(booklets)
    return Balance(
        n_booklets=len(booklets),
        trials_per_booklet=design.trials_per_rater,
        ratings_per_completion=_range(counts),
        ratings_per_arm=_sorted(Counter(each.arm for trial in trials for each in trial.shown)),
        arms_differ_within_booklets=max(map(_arms_differ, rated)),
        prompts_per_booklet=_range(len({trial.prompt for trial in booklet}) for booklet in rated),
        mean_places_of_arms=arms,
        mean_places_of_prompts=_range(prompts.values()),
        n_neighbours=sum(
            before.prompt == after.prompt is not None
            for booklet in booklets
            for before, after in pairwise(booklet)
        ),
        first_left=_first_left(trials) if design.is_pairwise else {},
        booklets_by_first_dimension=_sorted(
            Counter(booklet[0].dimension for booklet in rated if booklet[0].dimension is not None)
        ),
    )


def _range(values: Iterable[float]) -> Range:
    listed = list(values)
    return Range(min(listed), max(listed))


def _sorted(values: Mapping[int, V]) -> dict[int, V]:
    return dict(sorted(values.items()))


def _mean_places(booklets: Sequence[Sequence[Trial]]) -> tuple[dict[int, float], dict[int, float]]:
    """Return the mean places of arms and of prompts."""
    arms, prompts = defaultdict[int, list[float]](list), defaultdict[int, list[float]](list)
    for booklet in booklets:
        for place, trial in enumerate(booklet):
            if trial.prompt is not None and not trial.is_repeat:
                relative = (place + 0.5) / len(booklet)
                prompts[trial.prompt].append(relative)
                for arm in trial.arms:
                    arms[arm].append(relative)
    return _means(arms), _means(prompts)


def _means(values: Mapping[int, list[float]]) -> dict[int, float]:
    return _sorted({name: float(np.mean(found)) for name, found in values.items()})


def _arms_differ(booklet: Sequence[Trial]) -> int:
    counts = Counter(completion.arm for trial in booklet for completion in trial.shown)
    return max(counts.values()) - min(counts.values())


def _first_left(trials: Sequence[Trial]) -> dict[tuple[int, ...], float]:
    sides = defaultdict[tuple[int, ...], list[bool]](list)
    for trial in trials:
        sides[trial.arms].append(trial.shown[0].arm == trial.arms[0])
    return {arms: float(np.mean(left)) for arms, left in sorted(sides.items())}
