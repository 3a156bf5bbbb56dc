"""Balanced booklets: an ordered list of trials for each planned rater; and measures of their balance.

Booklets are balanced over labels 0, 1, …, and the arms replace the labels at the end. Anyone who has the
booklets can search for labels that make every balanced count come out. That sorts the texts of one prompt by
label, but reveals nothing of another prompt's arms: the booklets depend on labels alone, and for each prompt
all assignments of arms to labels are equally likely.

Where a trial shows all arms, each sample has an assignment of its own: then the booklets tell nothing of the
arms at all.

A pure function of the design and a random generator; `rater.study.design` defines a set. Choices are random
among those that keep the counts balanced: the least used prompt, and the least used completion, come next.

Until the last step a completion's ``arm`` is a label that means a different arm in each prompt
(`ArmsOfLabels`). So nothing here can balance arms across prompts, which would reveal them.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, combinations, pairwise, permutations
from typing import TypeVar

import numpy as np
from scipy.optimize import linear_sum_assignment

from rater.publish.booklet_order import Ordering, arrange, block_orders, shuffled
from rater.publish.trials import CompletionIndex, Integers, Trial, Uses
from rater.study.block_designs import block_rounds, triangles
from rater.study.design import Design

V = TypeVar("V")


class ArmsOfLabels:
    """The arm that each label means, by prompt and sample."""

    def __init__(self, design: Design, rng: np.random.Generator) -> None:
        is_per_sample = design.n_texts == design.n_arms and not design.has_odd_text
        n_drawn = design.n_samples if is_per_sample else 1
        labels = np.broadcast_to(np.arange(design.n_arms), (design.n_prompts, n_drawn, design.n_arms))
        arms = rng.permuted(labels, axis=-1)
        self._arms: list[list[list[int]]] = np.repeat(arms, design.n_samples // n_drawn, axis=1).tolist()

    def put_in(self, booklet: Sequence[Trial]) -> list[Trial]:
        """Return a booklet of arms for one of labels."""
        return [
            replace(trial, shown=tuple(map(self._completion, trial.shown))) if trial.shown else trial
            for trial in booklet
        ]

    def _completion(self, labelled: CompletionIndex) -> CompletionIndex:
        return labelled._replace(arm=self._arms[labelled.prompt][labelled.sample][labelled.arm])


def assign_texts(
    design: Design,
    prompt: int,
    dimension: int | None,
    arms: Sequence[int],
    *,
    taken: Collection[CompletionIndex],
    uses: Uses,
    rng: np.random.Generator,
) -> list[tuple[CompletionIndex, ...]]:
    """Choose the texts of the trials that compare some arms, in a balanced block design.

    The texts of a round are of one sample, so that those of a trial share their random numbers, and no text
    comes twice. The least used samples come next: the assignment of samples to
    rounds with the smallest sum of their counts.
    """
    rounds = block_rounds(len(arms), design.n_texts)
    left = [n for n in range(design.n_samples) if not any((prompt, arm, n) in taken for arm in arms)]
    samples = shuffled(left, rng)
    counts = uses.of_samples(dimension, prompt)[np.ix_(arms, samples)]
    costs = [counts[list(chain(*blocks))].sum(axis=0) for blocks in rounds]
    _, assigned = linear_sum_assignment(costs)
    return [
        tuple(CompletionIndex(prompt, arms[arm], samples[place]) for arm in block)
        for blocks, place in zip(rounds, assigned.tolist(), strict=True)
        for block in blocks
    ]


def assign_triangles(
    design: Design,
    prompt: int,
    dimension: int | None,
    *,
    taken: Collection[CompletionIndex],
    uses: Uses,
    rng: np.random.Generator,
) -> list[tuple[CompletionIndex, ...]]:
    """Choose the texts of odd-one-out trials: the least used set of those that the rater has not seen.

    The texts of a trial are the same for all raters, and each text is in one trial only.
    """
    n_samples = design.samples_per_set
    counts = uses.of_samples(dimension, prompt).sum(axis=0)
    starts = range(0, design.max_sets_per_prompt * n_samples, n_samples)
    left = [n for n in starts if CompletionIndex(prompt, 0, n) not in taken]
    start = min(shuffled(left, rng), key=lambda n: counts[n : n + n_samples].sum())
    return [
        tuple(CompletionIndex(prompt, arm, start + sample) for arm, sample in texts)
        for texts in triangles(design.n_arms)
    ]


def choose_places(trials: Sequence[Trial], uses: Uses, rng: np.random.Generator) -> list[Trial]:
    """Put the texts of each trial in places where they were least so far, then their arms in the prompt.

    Where texts always come together, each is then in each place equally often, to within one: the cells of
    the least used places have as many texts in each row as in each column, so that an order of them exists.
    The places of an odd text are balanced over each trial alone: over trials they would show which it is.
    """
    placed = []
    for trial in trials:
        orders = _orders(len(trial.shown))
        for counts in uses.of_places(trial):
            sums = counts[range(len(trial.shown)), orders].sum(axis=1)
            orders = orders[sums == sums.min()]
        order = orders[int(rng.integers(len(orders)))]
        uses.count_places(trial, order)
        placed.append(replace(trial, shown=tuple(trial.shown[text] for text in np.argsort(order))))
    return placed


@lru_cache
def _orders(n_texts: int) -> Integers:
    """List all orders of a trial's texts: a row each, with the place of each text."""
    return np.array(list(permutations(range(n_texts))))


# `rater verify` assigns the booklets of a study again from its secret seed, and compares them. Raise this
# whenever the same design and seed give other booklets than before: after a change of the assignment, the
# block designs, the order or a design's counts, and where a new NumPy draws other numbers or a new SciPy
# breaks ties differently. A test fails if the booklets of some designs change and this does not.
ASSIGNMENT_VERSION = 2


def assign_booklets(
    design: Design,
    rng: np.random.Generator,
    *,
    added: Sequence[int] = (),
    label_rng: np.random.Generator | None = None,
) -> list[list[Trial]]:
    """Return one booklet for each planned rater, followed by those of raters added to the plan later.

    Added booklets do not change the booklets before them, and the counts stay balanced over all of them.

    Guarantees:

    - A booklet has each arm (and each two arms in a trial) equally often within each of its prompts, or with
      ``arms_per_prompt="one"`` each prompt in one arm, and no completion twice except as a repeat.
    - With ``arms_per_prompt="one"`` the numbers of ratings of two arms of a prompt differ by at most one.
    - The numbers of sets of two prompts differ by at most one within a block, within a booklet and overall.
    - The numbers of ratings of two completions of one prompt and arm differ by at most one overall, where a
      trial shows one text, or all arms.
    - With dimensions asked apart, both hold for each dimension overall.
    - With the same other texts, each text is in each place of a trial equally often, to within one.
    - Two texts of one prompt are adjacent only where that cannot be avoided.
    - Of odd-one-out trials, each two arms have as many with the odd text in the one as in the other.
    - The mean positions of prompts, and of arms within each prompt, are balanced over booklets.

    Everything else is random.

    Args:
        design: The counts.
        rng: The source of randomness.
        added: The number of booklets added to the plan, each time.
        label_rng: Draws the arms of the labels, independently of everything that a booklet shows; by default
            ``rng``.
    """
    arms, uses, ordering = ArmsOfLabels(design, label_rng or rng), Uses(design), Ordering()
    return [
        arms.put_in(arrange(_assign_blocks(design, dimensions, uses, rng), design, ordering, rng))
        for orders in block_orders(design, (design.n_raters, *added), rng)
        for dimensions in orders
    ]


def _assign_blocks(
    design: Design, dimensions: Sequence[int | None], uses: Uses, rng: np.random.Generator
) -> list[list[Trial]]:
    taken: set[CompletionIndex] = set()
    within = Counter[int]()  # sets of each prompt in this booklet so far
    blocks = []
    for dimension in dimensions:
        n_sets = design.sets_per_rater // len(dimensions)
        trials = [
            trial
            for prompt in _choose_prompts(design, n_sets, dimension, within=within, uses=uses, rng=rng)
            for trial in _assign_set(design, prompt, dimension, taken=taken, uses=uses, rng=rng)
        ]
        blocks.append(choose_places(trials, uses, rng) if design.n_texts > 1 else trials)
    return blocks


def _choose_prompts(
    design: Design,
    n_sets: int,
    dimension: int | None,
    *,
    within: Counter[int],
    uses: Uses,
    rng: np.random.Generator,
) -> list[int]:
    """Choose the prompts of a block's sets, the least used first, among those with samples left."""
    most = design.max_sets_per_prompt
    chosen: list[int] = []
    while len(chosen) < n_sets:
        counts = uses.of_prompts(dimension)
        can = shuffled([prompt for prompt in range(design.n_prompts) if within[prompt] < most], rng)
        can.sort(key=lambda prompt: (within[prompt], counts[prompt]))
        now = can[: n_sets - len(chosen)]
        within.update(now)
        uses.count_prompts(dimension, now)
        chosen += now
    return chosen


def _assign_set(
    design: Design,
    prompt: int,
    dimension: int | None,
    *,
    taken: set[CompletionIndex],
    uses: Uses,
    rng: np.random.Generator,
) -> list[Trial]:
    trials = []
    if design.has_odd_text:
        chosen = assign_triangles(design, prompt, dimension, taken=taken, uses=uses, rng=rng)
        taken.update(chain(*chosen))
        uses.count_completions(dimension, chain(*chosen))
        return [Trial(completions, dimension) for completions in chosen]
    for arms in _parts_of_set(design, prompt, dimension, uses=uses, rng=rng):
        for completions in assign_texts(design, prompt, dimension, arms, taken=taken, uses=uses, rng=rng):
            taken.update(completions)
            uses.count_completions(dimension, completions)
            trials.append(Trial(completions, dimension))
    return trials


def _parts_of_set(
    design: Design, prompt: int, dimension: int | None, *, uses: Uses, rng: np.random.Generator
) -> Sequence[Sequence[int]]:
    """Return the arms that share samples: all, or each alone where a trial shows one text.

    With one arm for each rater and prompt, it is one of those whose samples were used least.
    """
    arms = range(design.n_arms)
    if design.arms_per_prompt == "one":
        use = uses.of_samples(dimension, prompt).sum(axis=1)
        least_used = np.flatnonzero(use == use.min())
        return [[int(least_used[rng.integers(len(least_used))])]]
    return [[arm] for arm in arms] if design.n_texts == 1 else [arms]


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
    """For each two arms shown together, the share of trials with the first left of, or above, the second."""
    odd_places: Mapping[int, int]
    """Of odd-one-out trials, how often the odd text is in each place, from 0; empty on other scales."""
    booklets_by_first_dimension: Mapping[int, int]
    """The number of booklets that begin with each dimension, where they are asked separately."""


def measure_balance(design: Design, booklets: Sequence[Sequence[Trial]]) -> Balance:
    """Measure the balance of booklets. Costs one pass over their trials."""
    rated = [[trial for trial in booklet if trial.shown and not trial.is_repeat] for booklet in booklets]
    trials = [trial for booklet in rated for trial in booklet]
    completions = Counter((trial.dimension, each) for trial in trials for each in trial.shown)
    dimensions = {trial.dimension for trial in trials}
    counts = [*completions.values(), *[0] * (design.n_completions * len(dimensions) - len(completions))]
    n_by_arm = [Counter(each.arm for trial in booklet for each in trial.shown) for booklet in rated]
    in_booklets = [[by_arm[arm] for arm in range(design.n_arms)] for by_arm in n_by_arm]  # with zeros
    arms, prompts = _mean_places(booklets)
    return Balance(
        n_booklets=len(booklets),
        trials_per_booklet=design.trials_per_rater,
        ratings_per_completion=_range(counts),
        ratings_per_arm=_sorted(sum(n_by_arm, Counter[int]())),
        arms_differ_within_booklets=max(max(n) - min(n) for n in in_booklets),
        prompts_per_booklet=_range(len({trial.prompt for trial in booklet}) for booklet in rated),
        mean_places_of_arms=arms,
        mean_places_of_prompts=_range(prompts.values()),
        n_neighbours=sum(
            before.prompt == after.prompt is not None
            for booklet in booklets
            for before, after in pairwise(booklet)
        ),
        first_left=_first_left(trials),
        odd_places=_count_odd_places(trials),
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
    return _sorted({name: float(np.mean(places)) for name, places in values.items()})


def _count_odd_places(trials: Sequence[Trial]) -> dict[int, int]:
    places = Counter[int]()
    for trial in trials:
        if trial.has_odd_text:
            places.update(place for place, text in enumerate(trial.shown) if trial.arms.count(text.arm) == 1)
    return _sorted(places)


def _first_left(trials: Sequence[Trial]) -> dict[tuple[int, ...], float]:
    sides = defaultdict[tuple[int, ...], list[bool]](list)
    for trial in trials:
        for before, after in combinations((each.arm for each in trial.shown), 2):
            if before == after:
                continue
            sides[min(before, after), max(before, after)].append(before < after)
    return {arms: float(np.mean(left)) for arms, left in sorted(sides.items())}
