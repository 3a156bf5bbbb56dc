"""Counterbalance dimensions that are not asked together, over the booklets' blocks."""

from collections.abc import Iterator, Sequence

import numpy as np

from rater.publish.order import shuffled
from rater.study.design import Design


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
