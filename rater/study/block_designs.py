"""Balanced block designs: which arms a trial of several texts shows together.

A *block* is the arms of one trial. In each design here every arm is in as many blocks as every other, and
every two arms meet in as many blocks as every other two (a balanced incomplete block design; Yates 1936,
Annals of Eugenics 7:121–140). It is one block where a trial shows all arms, a cyclic design where there is
one, and otherwise all combinations.
"""

from collections import Counter
from functools import lru_cache
from itertools import combinations, permutations

Block = tuple[int, ...]


@lru_cache
def block_rounds(n_arms: int, n_texts: int) -> tuple[tuple[Block, ...], ...]:
    """Return the blocks of a balanced design, in rounds in which no arm comes twice.

    The texts of a round can come from one sample, so that they share their random numbers, and no text comes
    twice. For pairs, the rounds are those of a round-robin tournament.

    Args:
        n_arms: The number of arms.
        n_texts: The number of texts that a trial shows, each of another arm.

    Raises:
        ValueError: If there are fewer arms than texts.
    """
    if n_texts > n_arms:
        msg = f"a trial shows {n_texts} texts of different arms, but the study has {n_arms} arms"
        raise ValueError(msg)
    if n_texts == 1:
        return (tuple((arm,) for arm in range(n_arms)),)
    if n_texts == n_arms:
        return ((tuple(range(n_arms)),),)
    if n_texts == 2:
        return _round_robin(n_arms)
    base = _difference_set(n_arms, n_texts)
    if base is None:
        return _in_rounds(list(combinations(range(n_arms), n_texts)))
    return _in_rounds([tuple(sorted((arm + step) % n_arms for arm in base)) for step in range(n_arms)])


# Each trial takes three different samples: texts of one sample share their random numbers, so that two of
# them can be alike although their arms differ, which would make the third text look odd.
SAMPLES_PER_TRIANGLE = 3


@lru_cache
def triangles(n_arms: int) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Return the odd-one-out trials of a set: each text as its arm and its sample, from 0 in the set.

    Each two arms have two trials, with the odd text in the one arm and in the other. All texts of a set are
    different, and those of a trial always come together. So booklets show nothing of which text is odd, or of
    the arm that others are compared with.

    Raises:
        ValueError: If there is only one arm.
    """
    trials = []
    for number, pairs in enumerate(block_rounds(n_arms, 2)):
        one, two, three = range(SAMPLES_PER_TRIANGLE * number, SAMPLES_PER_TRIANGLE * (number + 1))
        for pair in pairs:
            for twice, odd in permutations(pair):
                trials.append(((twice, one), (twice, two), (odd, three)))
    return tuple(trials)


def _round_robin(n_arms: int) -> tuple[tuple[Block, ...], ...]:
    """List the rounds in which every two arms meet once and each meets one at a time (the circle method)."""
    players: list[int | None] = [*range(n_arms)] if n_arms % 2 == 0 else [*range(n_arms), None]
    half = len(players) // 2
    rounds = []
    for _ in range(len(players) - 1):
        meetings = zip(players[:half], reversed(players[half:]), strict=True)
        pairs = [(a, b) for a, b in meetings if a is not None and b is not None]
        rounds.append(tuple((min(a, b), max(a, b)) for a, b in pairs))
        players = [players[0], players[-1], *players[1:-1]]
    return tuple(rounds)


def _difference_set(n_arms: int, n_texts: int) -> Block | None:
    """Find a block whose differences modulo the number of arms are all equally frequent; None if none is.

    Its n_arms shifts are then a balanced design. Each of the n_arms − 1 differences would occur
    n_texts (n_texts − 1) / (n_arms − 1) times: unless that is a whole number, no such block exists.
    """
    share, rest = divmod(n_texts * (n_texts - 1), n_arms - 1)
    if rest:
        return None
    for others in combinations(range(1, n_arms), n_texts - 1):
        block = (0, *others)
        found = Counter((one - other) % n_arms for one, other in permutations(block, 2))
        if all(count == share for count in found.values()):
            return block
    return None


def _in_rounds(blocks: list[Block]) -> tuple[tuple[Block, ...], ...]:
    """Put each block into the first round in which none of its arms is."""
    rounds: list[list[Block]] = []
    for block in blocks:
        free = (own for own in rounds if all(set(block).isdisjoint(other) for other in own))
        own = next(free, None)
        if own is None:
            rounds.append([block])
        else:
            own.append(block)
    return tuple(map(tuple, rounds))
