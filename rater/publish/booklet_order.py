"""The order of trials in a booklet: prompts apart, repeats late, positions counterbalanced.

The order of a booklet is random within constraints: two texts of one prompt are not adjacent where that can
be avoided, repeats come late and far from the first showing, attention checks are spread out. Over all
booklets the mean position of each prompt, and of each arm within each prompt, is driven towards the middle,
so that fatigue and practice favour no arm.

Arms are balanced within each prompt only. Balanced across prompts, positions would be a code that links the
texts of one arm over the whole study, which somebody with the published booklets could read (see
tests/leaks).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeVar

import numpy as np

from rater.publish.trials import Trial
from rater.study.design import Design

T = TypeVar("T")
_Cell = tuple[int | None, tuple[int, ...]]
"""A prompt and the arms shown."""

# Number of random orders drawn for each booklet, of which the best balanced one is kept, and in all booklets
# together: with thousands of booklets chance balances positions by itself.
_MAX_CANDIDATES, _MAX_CANDIDATES_IN_ALL = 16, 4_000
# Weight of the positions of arms within a prompt, relative to those of prompts: a difference between arms can
# bias the contrast, one between prompts cannot.
_ARM_WEIGHT = 4.0


class Ordering:
    """The positions of prompts and their arms in the booklets so far, and the number of their repeats."""

    def __init__(self) -> None:
        self.positions = Counter[_Cell]()
        """By prompt, and by prompt and arms: the sum of the relative positions (−½ to ½) of its trials."""
        self.repeats = Counter[_Cell]()
        """By prompt and arms: the number of repeated trials."""

    def unevenness(self, trials: Sequence[Trial]) -> float:
        """Return the imbalance of positions with one more booklet: Σ weight × (sum of relative positions)².

        Only the cells of this booklet count, since the others do not change.
        """
        return sum(
            (_ARM_WEIGHT if cell[1] else 1) * (self.positions[cell] + value) ** 2
            for cell, value in _positions(trials).items()
        )

    def count(self, trials: Sequence[Trial]) -> None:
        """Count a booklet."""
        for key, value in _positions(trials).items():
            self.positions[key] += value
        self.repeats.update((trial.prompt, trial.arms) for trial in trials if trial.is_repeat)


def arrange(
    blocks: Sequence[Sequence[Trial]], design: Design, ordering: Ordering, rng: np.random.Generator
) -> list[Trial]:
    """Return a booklet's blocks in order, each with its repeats, and with the attention checks inserted.

    Costs up to 16 random orders, each of about trials × prompts operations.
    """
    share, rest = divmod(design.n_repeats, len(blocks))
    n_repeats = shuffled([share + (number < rest) for number in range(len(blocks))], rng)
    n_candidates = min(_MAX_CANDIDATES, max(1, _MAX_CANDIDATES_IN_ALL // design.n_raters))
    candidates = [_arrange_once(blocks, n_repeats, ordering, rng) for _ in range(n_candidates)]
    best = min(candidates, key=ordering.unevenness)
    ordering.count(best)
    return _insert_checks(best, design.n_checks, rng)


def shuffled(values: Sequence[T], rng: np.random.Generator) -> list[T]:
    """Return values in random order."""
    return [values[index] for index in rng.permutation(len(values))]


def _positions(trials: Sequence[Trial]) -> Counter[_Cell]:
    positions = Counter[_Cell]()
    for place, trial in enumerate(trials):
        if not trial.is_repeat:
            relative = (place + 0.5) / len(trials) - 0.5
            positions[trial.prompt, trial.arms] += relative  # type: ignore[assignment] # a Counter adds any number
            positions[trial.prompt, ()] += relative  # type: ignore[assignment] # as above
    return positions


def _arrange_once(
    blocks: Sequence[Sequence[Trial]],
    n_repeats: Sequence[int],
    ordering: Ordering,
    rng: np.random.Generator,
) -> list[Trial]:
    ordered: list[Trial] = []
    repeated = Counter[int | None]()
    for block, n in zip(blocks, n_repeats, strict=True):
        own = _keep_apart(block, ordered[-1].prompt if ordered else None, rng)
        again = _choose_repeats(own, n, repeated=repeated, ordering=ordering, rng=rng)
        ordered += _insert_repeats(own, again, rng)
    return ordered


def _keep_apart(trials: Sequence[Trial], after: int | None, rng: np.random.Generator) -> list[Trial]:
    """Return trials in random order, no two of a prompt adjacent where that is possible.

    Trials are placed one at a time: the first of a random order that differs from the prompt before and
    leaves the rest feasible (`_leaves_rest_apart`). This never needs backtracking.
    """
    left, ordered = shuffled(trials, rng), list[Trial]()
    counts = Counter(trial.prompt for trial in trials)
    most = max(counts.values())
    while left:
        # While no prompt has more than half of the rest, any trial leaves the rest feasible: skip the check.
        is_loose = most <= (len(left) - 1) // 2
        index = next(
            (
                place
                for place in reversed(range(len(left)))
                if left[place].prompt != after and (is_loose or _leaves_rest_apart(left[place], counts))
            ),
            -1,
        )
        trial = left.pop(index)
        after = trial.prompt
        counts[after] -= 1
        ordered.append(trial)
    return ordered


def _leaves_rest_apart(trial: Trial, counts: Counter[int | None]) -> bool:
    """Return whether the rest can be ordered without adjacent texts of a prompt when this trial comes next.

    n texts can be ordered so if no prompt has more than ⌈n / 2⌉ of them: its texts then take every second
    place. For the prompt of the text just before the limit is ⌊n / 2⌋, because the first place is taken from
    it.
    """
    n_after = counts.total() - 1
    if counts[trial.prompt] - 1 > n_after // 2:
        return False
    most = (n_after + 1) // 2
    return all(count <= most for prompt, count in counts.items() if prompt != trial.prompt)


def _choose_repeats(
    ordered: Sequence[Trial],
    n: int,
    *,
    repeated: Counter[int | None],
    ordering: Ordering,
    rng: np.random.Generator,
) -> list[Trial]:
    """Choose trials of the first half of a block to repeat, least repeated prompts and arms first."""
    early = shuffled(ordered[: (len(ordered) + 1) // 2], rng)
    chosen: list[Trial] = []
    for _ in range(n):
        left = [trial for trial in early if trial not in chosen]
        trial = min(left, key=lambda each: (repeated[each.prompt], ordering.repeats[each.prompt, each.arms]))
        repeated[trial.prompt] += 1
        chosen.append(trial)
    return chosen


def _insert_repeats(
    ordered: Sequence[Trial], again: Sequence[Trial], rng: np.random.Generator
) -> list[Trial]:
    """Insert repeats in the second half of a block: far from their first showing, apart from their prompt."""
    trials, far = list(ordered), len(ordered) // 3
    for trial in again:
        first = trials.index(trial)
        late = range(max(first + far + 1, (len(trials) + 1) // 2), len(trials) + 1)
        apart = [
            slot for slot in late if all(near.prompt != trial.prompt for near in trials[slot - 1 : slot + 1])
        ]
        slots = apart or [len(trials)]
        trials.insert(slots[rng.integers(len(slots))], replace(trial, is_repeat=True))
    return trials


def _insert_checks(trials: list[Trial], n_checks: int, rng: np.random.Generator) -> list[Trial]:
    """Insert each check at a random place within its own section of the booklet, never first."""
    ends = np.linspace(1, len(trials) + 1, n_checks + 1).astype(int)
    places = [int(rng.integers(start, max(start + 1, end))) for start, end in pairwise(ends)]
    order = rng.permutation(n_checks).tolist()
    with_checks = list(trials)
    for place, check in reversed(list(zip(places, order, strict=True))):
        before = trials[min(place, len(trials)) - 1]
        with_checks.insert(place, Trial(shown=(), dimension=before.dimension, check=check))
    return with_checks


def block_orders(
    design: Design, n_booklets: Sequence[int], rng: np.random.Generator
) -> Iterator[list[list[int | None]]]:
    """Yield, for each number of booklets, the dimension of each block of each booklet.

    Each dimension is in each place equally often (to within one). Each group of booklets is shuffled on its
    own, and the rows of the design continue from one group to the next, so all groups together are balanced.
    """
    rows: list[list[int | None]] = [[None]]
    if design.asking == "one_per_rater":
        rows = [[dimension] for dimension in rng.permutation(design.n_dimensions).tolist()]
    elif design.asking == "blocks":
        rows = [list(row) for row in _williams_square(design.n_dimensions, rng)]
    so_far = 0
    for n in n_booklets:
        orders = [rows[number % len(rows)] for number in range(so_far, so_far + n)]
        yield orders if design.asking == "together" else shuffled(orders, rng)
        so_far += n


def _williams_square(n: int, rng: np.random.Generator) -> list[list[int]]:
    """Return a Latin square in which each value follows each other value equally often.

    Its first row is 0, n − 1, 1, n − 2, …, whose successive differences modulo n are all different, and the
    other rows are its shifts. With odd n no single square has the property, and the mirror image is added: 2n
    rows. Reference: Williams 1949, Aust. J. Sci. Res. A 2:149–168.
    """
    names = rng.permutation(n).tolist()
    zigzag = [step // 2 if step % 2 == 0 else n - 1 - step // 2 for step in range(n)]
    rows = [[names[(place + shift) % n] for place in zigzag] for shift in range(n)]
    return rows if n % 2 == 0 else [*rows, *(row[::-1] for row in rows)]
