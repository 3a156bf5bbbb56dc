"""Compute d' of the identification of one of m signals: a proportion correct as a distance in SDs.

Model: a text evokes m strengths, one for each option. They are normal with SD 1 and independent. That of the
target has the mean d', the others 0, and a rater chooses the option with the greatest strength. So

    P(correct) = ∫ φ(x − d') Φ(x)^(m − 1) dx,

which is 1/m at d' = 0, and Φ(d' / √2) for m = 2. The model has no bias towards an option. Compared with
proportions, d' does not depend on the number of options.

References: Hacker & Ratcliff 1979, Perception & Psychophysics 26:168–170 (tables for m alternatives); Green &
Dai 1991, Perception & Psychophysics 49:100–101 (the integral). In R: ``psyphy::dprime.mAFC(Pc, m)``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from rater.analysis.results import Interval

REFERENCE = "Hacker & Ratcliff 1979, Perception & Psychophysics 26:168–170"
_POINTS = 101
# The proportion at this distance is 0 or 1 to 15 digits, for 12 options too.
_FAR = 14.0


@dataclass(frozen=True)
class DPrime:
    """d' with the ends of its interval; None where it is not finite, as at a proportion of 0 or 1."""

    estimate: float | None
    low: float | None
    high: float | None


def proportion_correct(d_prime: float, n_options: int) -> float:
    """Return the proportion correct at a d', by Gauss–Hermite quadrature."""
    nodes, weights = _quadrature()
    return float(weights @ special.ndtr(nodes + d_prime) ** (n_options - 1) / weights.sum())


def d_prime_of(proportion: float, n_options: int) -> float | None:
    """Return the d' at which a proportion is correct, below 0 for less than chance; None at 0 and 1."""
    if not proportion_correct(-_FAR, n_options) < proportion < proportion_correct(_FAR, n_options):
        return None
    return float(
        optimize.brentq(lambda d: proportion_correct(d, n_options) - proportion, -_FAR, _FAR, xtol=1e-10)
    )


def d_prime_with_interval(proportion: float, interval: Interval | None, n_options: int) -> DPrime:
    """Return d' with an interval whose ends are those of the proportion's, transformed.

    The transformation is monotone, so that the interval covers d' as often as the other one the proportion.
    """
    if interval is None:
        return DPrime(d_prime_of(proportion, n_options), None, None)
    low, high = (d_prime_of(end, n_options) for end in (interval.low, interval.high))
    return DPrime(d_prime_of(proportion, n_options), low, high)


def _quadrature() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    nodes, weights = special.roots_hermitenorm(_POINTS)
    return nodes, weights
