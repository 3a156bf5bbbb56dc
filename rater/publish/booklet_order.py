"""The order of trials in a booklet: prompts apart, repeats late, positions counterbalanced.

Arms are evened out within each prompt only: evened out across prompts, their positions would be a code that
joins the texts of one arm over the whole study.
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

_MOST_TRIED, _TRIED_IN_ALL = 16, 4_000
"""How many random orders are drawn for a booklet, of which the one that evens positions out most is kept.
With thousands of booklets chance evens them out by itself."""
_WEIGHT_OF_ARMS = 4.0


class Ordering:
    """Where prompts and their arms were in the booklets so far, and which of them were repeated how often."""

    def __init__(self) -> None:
        self.positions = Counter[_Cell]()
        """By prompt, and by prompt and arms: the sum of relative positions, from −½ to ½, over its trials."""
        self.repeats = Counter[_Cell]()
        """By prompt and arms: how many of their trials were repeated."""

    def unevenness(self, trials: Sequence[Trial]) -> float:
        """Compute how far from the middle positions would be on the whole, with one more booklet."""
        return sum(
            (_WEIGHT_OF_ARMS if cell[1] else 1) * (self.positions[cell] + value) ** 2
            for cell, value in _positions(trials).items()
        )

    def count(self, trials: Sequence[Trial]) -> None:
        """Take a booklet into account."""
        for key, value in _positions(trials).items():
            self.positions[key] += value
        self.repeats.update((trial.prompt, trial.arms) for trial in trials if trial.is_repeat)


def arrange(
    blocks: Sequence[Sequence[Trial]], design: Design, ordering: Ordering, rng: np.random.Generator
) -> list[Trial]:
    """Put a booklet's blocks in order, each with its repeats, and the checks among them."""
    share, rest = divmod(design.n_repeats, len(blocks))
    n_repeats = shuffled([share + (number < rest) for number in range(len(blocks))], rng)
    n_tried = min(_MOST_TRIED, max(1, _TRIED_IN_ALL // design.n_raters))
    tried = [_arrange_once(blocks, n_repeats, ordering, rng) for _ in range(n_tried)]
    best = min(tried, key=ordering.unevenness)
    ordering.count(best)
    return _insert_checks(best, design.n_checks, rng)


def shuffled(values: Sequence[T], rng: np.random.Generator) -> list[T]:
    """Return values in random order."""
    return [values[index] for index in rng.permutation(len(values))]


def _positions(trials: Sequence[Trial]) -> Counter[_Cell]:
    found = Counter[_Cell]()
    for place, trial in enumerate(trials):
        if not trial.is_repeat:
            relative = (place + 0.5) / len(trials) - 0.5
            found[trial.prompt, trial.arms] += relative  # type: ignore[assignment] # a Counter adds any number
            found[trial.prompt, ()] += relative  # type: ignore[assignment] # as above
    return found


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
    """Order trials at random, one at a time, never stepping where a prompt must follow itself."""
    left, ordered = shuffled(trials, rng), list[Trial]()
    counts = Counter(trial.prompt for trial in trials)
    most = max(counts.values())
    while left:
        # while no prompt can have become crowded, whatever does not follow itself may come
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
    """Say whether the rest can still be kept apart when a trial comes next.

    n texts can be kept apart if no prompt has more than half of them, rounded up; right after a text of that
    prompt, rounded down.
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
    """Choose trials of a block's first half to show again: of all prompts, and of all their arms, alike."""
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
    """Show trials again in the block's second half: far from their first time, apart from their prompt."""
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
    """Put each check at a random place of a part of the booklet of its own, never first."""
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
    """Say for each booklet which dimension each of its blocks asks, each at each place equally often.

    Each number of booklets is shuffled by itself when its turn comes, and all of them together are even.
    """
    rows: list[list[int | None]] = [[None]]
    if design.asking == "one_per_rater":
        rows = [[dimension] for dimension in rng.permutation(design.n_dimensions).tolist()]
    elif design.asking == "blocks":
        rows = [list(row) for row in _williams_square(design.n_dimensions, rng)]
    so_far = 0
    for n in n_booklets:
        dealt = [rows[number % len(rows)] for number in range(so_far, so_far + n)]
        yield dealt if design.asking == "together" else shuffled(dealt, rng)
        so_far += n


def _williams_square(n: int, rng: np.random.Generator) -> list[list[int]]:
    """Return a Latin square in which each value follows each other equally often (Williams, 1949).

    For odd n it has 2n rows: the square and its mirror image.
    """
    names = rng.permutation(n).tolist()
    zigzag = [step // 2 if step % 2 == 0 else n - 1 - step // 2 for step in range(n)]
    rows = [[names[(place + shift) % n] for place in zigzag] for shift in range(n)]
    return rows if n % 2 == 0 else [*rows, *(row[::-1] for row in rows)]
