"""Work out what looks at the data cost, and how far a result must go at each so that all keep alpha.

The planned analysis looks once; the boundaries are here for a plan that names its looks.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

Floats = NDArray[np.float64]
Spending: TypeAlias = Literal["obrien-fleming", "pocock"]

_NODES = 300
"""Gauss–Legendre nodes of each look; more change no boundary in its sixth digit."""
_FARTHEST = 9.0
"""Beyond so many standard deviations a normal density is 0 to double precision."""


def spend(how: Spending, share: float, alpha: float) -> float:
    """Say how much of a one-sided alpha may be spent once this share of the information is in.

    Lan and DeMets' functions: 2 − 2 Φ(z_{α/2} / √t) after O'Brien and Fleming, α ln(1 + (e − 1) t) after
    Pocock.
    """
    if how == "obrien-fleming":
        return float(2 * stats.norm.sf(stats.norm.isf(alpha / 2) / np.sqrt(share)))
    return float(alpha * np.log1p((np.e - 1) * share))


def boundaries(how: Spending, shares: Sequence[float], *, alpha: float = 0.025) -> list[float]:
    """Find the z that a look must exceed, for each share of the information, one-sided.

    Armitage, McPherson and Rowe's recursion: the density of the score on the paths that no earlier look
    stopped is carried from look to look by numerical integration. Prompts are shared by all looks, so that
    increments are positively correlated and the boundaries a little conservative (STATISTICS.md section 9).
    In R: ``rpact::getDesignGroupSequential(typeOfDesign = "asOF")``. References: Lan & DeMets 1983,
    Biometrika 70:659–663; Armitage, McPherson & Rowe 1969, J. R. Stat. Soc. A 132:235–244.

    Args:
        how: The spending function.
        shares: The share of all information at each look, rising to at most 1.
        alpha: The one-sided significance level of all looks together.

    Raises:
        ValueError: If the shares do not rise from above 0 to at most 1.
    """
    steps = np.diff([0.0, *shares])
    if not shares or (steps <= 0).any() or shares[-1] > 1:
        msg = f"shares are {list(shares)}; valid: numbers that rise from above 0 to at most 1"
        raise ValueError(msg)
    at, density = np.zeros(1), np.ones(1)  # before the first look the score is 0
    spent, found = 0.0, []
    for share, step in zip(shares, steps, strict=True):
        now = spend(how, share, alpha)
        end = _boundary(at, density, float(np.sqrt(step)), now - spent)
        found.append(end / float(np.sqrt(share)))
        low = -_FARTHEST * float(np.sqrt(share))
        at, density = _carry_on(at, density, float(np.sqrt(step)), ends=(low, end))
        spent = now
    return found


def cost_of_looks(sizes: Sequence[int], *, alpha: float = 0.05) -> float:
    """Say how often looks at these numbers of answers would find, at least once, what is not there.

    Each look tests two-sided at alpha, with no plan for the others. Looks at the same answers again are one
    look. This is the canonical case, in which the answers between two looks are independent of those before:
    prompts are shared by all looks, which makes it less (14 % rather than the 19 % computed for ten looks,
    STATISTICS.md section 9), so read it as "up to". Reference: Armitage, McPherson & Rowe 1969, J. R. Stat.
    Soc. A 132:235–244, table 2.

    Args:
        sizes: How many answers there were at each look.
        alpha: The two-sided level of each look.

    Raises:
        ValueError: If there is no look, or one at no answers.
    """
    rising = sorted(set(sizes))
    if not rising or rising[0] <= 0:
        msg = f"sizes are {list(sizes)}; valid: numbers of answers above 0, one for each look"
        raise ValueError(msg)
    shares = np.array(rising) / rising[-1]
    critical = float(stats.norm.isf(alpha / 2))
    at, density = np.zeros(1), np.ones(1)
    for share, step in zip(shares, np.diff([0.0, *shares]), strict=True):
        end = critical * float(np.sqrt(share))
        at, density = _carry_on(at, density, float(np.sqrt(step)), ends=(-end, end))
    return float(1 - density.sum())


def _boundary(at: Floats, density: Floats, sd: float, to_spend: float) -> float:
    """Find the score that this look exceeds with the probability that may be spent on it."""

    def excess(end: float) -> float:
        return float(density @ stats.norm.sf((end - at) / sd) - to_spend)

    return float(optimize.brentq(excess, at.min() - _FARTHEST * sd, at.max() + _FARTHEST * sd, xtol=1e-12))


def _carry_on(at: Floats, density: Floats, sd: float, *, ends: tuple[float, float]) -> tuple[Floats, Floats]:
    """Spread the density to the next look's scores below the boundary; densities include their weights."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    half = (ends[1] - ends[0]) / 2
    scores = ends[0] + (nodes + 1) * half
    spread_out = stats.norm.pdf((scores[:, None] - at) / sd) / sd @ density
    return scores, spread_out * weights * half
