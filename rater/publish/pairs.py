"""Put completions in pairs for a study that shows two together, and choose which stands left."""

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


def choose_sides(trials: list[Trial], uses: Uses, rng: np.random.Generator) -> list[Trial]:
    """Put the first of two arms left in half the block's pairs: where it stood left least often so far."""
    by_arms: dict[tuple[int, ...], list[Trial]] = {}
    for trial in shuffled(trials, rng):
        by_arms.setdefault(tuple(completion.arm for completion in trial.shown), []).append(trial)
    is_left = {}
    for arms, pairs in by_arms.items():

        def lean(trial: Trial, arms: tuple[int, ...] = arms) -> tuple[int, int]:
            return uses.left[trial.shown], uses.left_of_prompt[trial.shown[0].prompt, arms]

        ordered = sorted(pairs, key=lean)
        n_left, odd = divmod(len(pairs), 2)
        if odd and (uses.left_of_arms[arms] < 0 or (uses.left_of_arms[arms] == 0 and rng.integers(2))):
            n_left += 1
        for place, trial in enumerate(ordered):
            is_left[trial] = place < n_left
            step = 1 if place < n_left else -1
            uses.left[trial.shown] += step
            uses.left_of_prompt[trial.shown[0].prompt, arms] += step
            uses.left_of_arms[arms] += step
    return [trial if is_left[trial] else replace(trial, shown=trial.shown[::-1]) for trial in trials]
