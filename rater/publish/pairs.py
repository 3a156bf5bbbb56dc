"""Put completions in pairs for a study that shows two together, and choose which is on the left."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice, permutations

import numpy as np

from rater.publish.dealt import Completion, Trial
from rater.publish.order import shuffled
from rater.publish.uses import Uses
from rater.study.design import Design

_MOST_TRIED = 120


def pair_set(
    design: Design,
    prompt: int,
    dimension: int | None,
    *,
    taken: Collection[Completion],
    uses: Uses,
    rng: np.random.Generator,
) -> list[tuple[Completion, ...]]:
    """Pair every two arms once, both of a pair from one sample, so that they share their random numbers.

    Each round of a round robin takes one sample, and no arm meets twice in a round: so no text comes twice.
    """
    rounds = _round_robin(design.n_arms)
    counts = [uses.of_samples(dimension, prompt, arm) for arm in range(design.n_arms)]
    used = {(each.arm, each.sample) for each in taken if each.prompt == prompt}
    free = [n for n in range(design.n_samples) if not any((arm, n) in used for arm in range(design.n_arms))]

    def use(sample: int) -> tuple[int, int]:
        of_arms = [count[sample] for count in counts]
        return sum(own for own, _ in of_arms), sum(overall for _, overall in of_arms)

    def unevenness(order: Sequence[int]) -> int:
        return sum(
            counts[arm][sample][0]
            for pairs, sample in zip(rounds, order, strict=True)
            for pair in pairs
            for arm in pair
        )

    # where arms sit out rounds, a sample more leaves room to even them out
    least_used = sorted(shuffled(free, rng), key=use)[: len(rounds) + design.n_arms % 2]
    tried = list(islice(permutations(least_used, len(rounds)), _MOST_TRIED))
    assigned = min(shuffled(tried, rng), key=unevenness)
    return [
        (Completion(prompt, first, sample), Completion(prompt, second, sample))
        for pairs, sample in zip(rounds, assigned, strict=True)
        for first, second in pairs
    ]


@lru_cache
def _round_robin(n_arms: int) -> list[list[tuple[int, int]]]:
    """List the rounds in which every two arms meet once and each meets one at a time (the circle method)."""
    players: list[int | None] = [*range(n_arms)] if n_arms % 2 == 0 else [*range(n_arms), None]
    half = len(players) // 2
    rounds = []
    for _ in range(len(players) - 1):
        meetings = zip(players[:half], reversed(players[half:]), strict=True)
        pairs = [(a, b) for a, b in meetings if a is not None and b is not None]
        rounds.append([(min(a, b), max(a, b)) for a, b in pairs])
        players = [players[0], players[-1], *players[1:-1]]
    return rounds


def choose_sides(trials: Sequence[Trial], uses: Uses, rng: np.random.Generator) -> list[Trial]:
    """Put the first of each pair on the side where it was less often so far, then its arms in the prompt."""
    sided = []
    for trial in trials:
        lean = uses.lean(trial) or 2 * int(rng.integers(2)) - 1
        uses.count_side(trial, left=lean < 0)
        sided.append(trial if lean < 0 else replace(trial, shown=trial.shown[::-1]))
    return sided
