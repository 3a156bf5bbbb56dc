"""Give the log-probability of an answer between two cuts, and what a Laplace approximation needs of it.

An answer k has P(y = k) = F(a) − F(b) with a = θ_k − η the upper and b = θ_{k−1} − η the lower cut, F the
distribution of the link. η moves both cuts at once, so derivatives by η follow from those by a and b.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_ndtr, logit, ndtri

Floats: TypeAlias = NDArray[np.float64]
LinkName: TypeAlias = Literal["logit", "probit"]

END = 300.0
"""Where the scale's two ends are put instead of infinity: past any η, and e^END is still a double."""


@dataclass(frozen=True)
class Derivatives:
    """The log-probability l of every answer at its cuts, and derivatives of it; all of shape (answers,)."""

    log_p: Floats
    by_upper: Floats
    """∂l/∂a."""
    by_lower: Floats
    """∂l/∂b."""
    slope_by_upper: Floats
    """∂²l/∂η∂a."""
    slope_by_lower: Floats
    """∂²l/∂η∂b."""
    weight_by_upper: Floats
    """∂w/∂a for the weight w = −∂²l/∂η²."""
    weight_by_lower: Floats
    """∂w/∂b."""

    @property
    def slope(self) -> Floats:
        """∂l/∂η."""
        return -(self.by_upper + self.by_lower)

    @property
    def weight(self) -> Floats:
        """The curvature w = −∂²l/∂η², positive for both links: l is concave in η."""
        return self.slope_by_upper + self.slope_by_lower

    @property
    def weight_by_level(self) -> Floats:
        """∂w/∂η."""
        return -(self.weight_by_upper + self.weight_by_lower)


@dataclass(frozen=True)
class Link:
    """A link function: how a level on the latent scale becomes a probability."""

    name: LinkName
    quantile: Callable[[Floats], Floats]
    """The inverse of F."""
    error_variance: float
    """The variance of the distribution F."""
    differentiate: Callable[[Floats, Floats], Derivatives]
    """Map upper and lower cuts (a > b) to the log-probability and its derivatives."""


def _logistic(a: Floats, b: Floats) -> Derivatives:
    """Differentiate log(F(a) − F(b)) = log(1 − e^(b−a)) − log(1 + e^−a) − log(1 + e^b).

    So w = f(a) + f(b) exactly, and nothing is lost where both cuts are far out.
    """
    below_a, above_a, below_b, above_b = expit(a), expit(-a), expit(b), expit(-b)
    width = a - b  # of η it does not depend, but of the thresholds
    within = 1 / np.expm1(width)
    density_a, density_b = below_a * above_a, below_b * above_b
    return Derivatives(
        log_p=np.log1p(-np.exp(-width)) - np.logaddexp(0, -a) - np.logaddexp(0, b),
        by_upper=above_a + within,
        by_lower=-(below_b + within),
        slope_by_upper=density_a,
        slope_by_lower=density_b,
        weight_by_upper=density_a * (above_a - below_a),
        weight_by_lower=density_b * (above_b - below_b),
    )


def _normal(a: Floats, b: Floats) -> Derivatives:
    """Differentiate log(Φ(a) − Φ(b)) by way of the ratios φ(a) / p and φ(b) / p.

    Where both cuts are positive the difference is taken between the upper tails, where it has digits.
    """
    flip = a + b > 0
    top, bottom = log_ndtr(np.where(flip, -b, a)), log_ndtr(np.where(flip, -a, b))
    log_p = top + np.log1p(-np.exp(bottom - top))
    half_log_tau = 0.5 * np.log(2 * np.pi)
    r_a = np.exp(-0.5 * a**2 - half_log_tau - log_p)
    r_b = np.exp(-0.5 * b**2 - half_log_tau - log_p)
    gap = r_a - r_b
    up, low = a + gap, b + gap
    return Derivatives(
        log_p=log_p,
        by_upper=r_a,
        by_lower=-r_b,
        slope_by_upper=r_a * up,
        slope_by_lower=-r_b * low,
        weight_by_upper=r_a * (1 - (a + r_a) * up - r_a * up + r_b * low + r_b * up),
        weight_by_lower=r_b * (-1 + (b - r_b) * low - r_b * low + r_a * up + r_a * low),
    )


LINKS: Mapping[LinkName, Link] = {
    "logit": Link("logit", logit, np.pi**2 / 3, _logistic),
    "probit": Link("probit", ndtri, 1.0, _normal),
}
