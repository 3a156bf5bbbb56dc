"""Compute p-values from flipping signs: of the differences themselves, and of their ranks.

Both are two-sided and hold without a normal distribution, if a difference is as likely to be its negative.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LARGEST_EXACT_FLIP = 40
"""Two halves of 2^20 sign patterns are sorted and matched: about 0.3 s and 50 MB."""
LARGEST_EXACT_RANK = 200
"""The distribution of V is built by adding one rank at a time: n² (n + 1) / 2 additions."""
N_DRAWS = 9_999
DECIMALS = 9
"""Differences that are equal on paper differ by rounding noise, and must tie (STATISTICS.md section 13)."""


@dataclass(frozen=True)
class SignTest:
    """A statistic, its two-sided p-value, and how that was computed."""

    statistic: float
    p: float
    how: str
    n: int
    """How many differences had a sign to flip."""


def sign_flip(differences: NDArray[np.float64], rng: np.random.Generator) -> SignTest:
    """Compare the sum of differences with its sums under all 2^n signs.

    Exact up to 40 differences; beyond, ``rng`` draws 9,999 sign patterns (and p = (1 + found) / 10,000).
    Reference: Fisher 1935, The Design of Experiments §21.
    """
    rounded = differences.round(DECIMALS)
    observed = float(rounded.sum())
    bar = abs(observed) - 10.0**-DECIMALS
    nonzero = int(np.count_nonzero(rounded))
    if rounded.size > LARGEST_EXACT_FLIP:
        found = 0
        for chunk in np.array_split(np.arange(N_DRAWS), 100):
            signs = rng.choice([-1.0, 1.0], size=(chunk.size, rounded.size))
            found += int((np.abs(signs @ rounded) >= bar).sum())
        p = (1 + found) / (1 + N_DRAWS)
        return SignTest(observed, p, f"{N_DRAWS:,} random sign patterns", nonzero)
    left, right = (_signed_sums(half) for half in np.array_split(rounded, 2))
    right.sort()
    reached = right.size - np.searchsorted(right, bar - left, side="left")
    # Signs are symmetric, so as many patterns reach −bar from below; at 0 both counts overlap.
    p = min(1.0, 2 * float(reached.sum()) / (left.size * right.size))
    return SignTest(observed, p, "exact, all sign patterns", nonzero)


def signed_rank(differences: NDArray[np.float64]) -> SignTest:
    """Compare V, the ranks of positive differences, with its distribution.

    Zeros are dropped and ties share their mean rank; exact for these ranks up to 200 differences, beyond
    normal with continuity and tie corrections. In R: ``exactRankTests::wilcox.exact(differences)``.
    Reference: Wilcoxon 1945, Biometrics Bull. 1:80–83.
    """
    rounded = differences.round(DECIMALS)
    kept = rounded[rounded != 0]
    ranks = stats.rankdata(np.abs(kept))
    v = float(ranks[kept > 0].sum())
    if kept.size > LARGEST_EXACT_RANK:
        return SignTest(v, _normal_rank_p(v, ranks), "normal approximation, zeros dropped", kept.size)
    doubled = np.rint(2 * ranks).astype(int)  # mean ranks are halves at most
    mass = np.zeros(doubled.sum() + 1)
    mass[0] = 1.0
    for rank in doubled:
        shifted = np.zeros_like(mass)
        shifted[rank:] = mass[: mass.size - rank]
        mass = (mass + shifted) / 2
    at = round(2 * v)
    p = min(1.0, 2 * min(float(mass[at:].sum()), float(mass[: at + 1].sum())))
    return SignTest(v, p, "exact, zeros dropped", kept.size)


def _normal_rank_p(v: float, ranks: NDArray[np.float64]) -> float:
    """Compare V with the normal distribution; the sum of squared ranks carries the tie correction."""
    distance = abs(v - ranks.sum() / 2) - 0.5
    return min(1.0, float(2 * stats.norm.sf(distance / np.sqrt((ranks**2).sum() / 4))))


def _signed_sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum the values under each of the 2^n sign patterns."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums
