"""Link functions: the log-probability of an ordinal answer, and its derivatives.

An answer k has P(y = k) = F(a) − F(b), where a = θ_k − η is the upper cut, b = θ_{k−1} − η the lower cut, and
F the cumulative distribution of the link. A change of the linear predictor η moves both cuts by the same
amount, so the derivatives by η follow from those by a and b.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_ndtr, logit, ndtri

Floats: TypeAlias = NDArray[np.float64]
LinkName: TypeAlias = Literal["logit", "probit"]

# The two outermost cuts, instead of ±infinity: larger than any η, while e^END is still finite in a double.
END = 300.0


@dataclass(frozen=True)
class Derivatives:
    """The log-probability l of every answer, and derivatives of it; all of shape (answers,)."""

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
        """The curvature w = −∂²l/∂η², which is positive for both links because l is concave in η."""
        return self.slope_by_upper + self.slope_by_lower

    @property
    def weight_by_predictor(self) -> Floats:
        """∂w/∂η."""
        return -(self.weight_by_upper + self.weight_by_lower)


@dataclass(frozen=True)
class Link:
    """A link function: the map from the latent scale to probabilities."""

    name: LinkName
    quantile: Callable[[Floats], Floats]
    """The inverse of F."""
    error_variance: float
    """The variance of the distribution F."""
    differentiate: Callable[[Floats, Floats], Derivatives]
    """Map upper and lower cuts (a > b) to the log-probability and its derivatives."""

    @property
    def unit(self) -> float:
        """The standard deviation of F divided by that of the logistic distribution: converts from logits."""
        return float(np.sqrt(self.error_variance * 3) / np.pi)


def _logistic(a: Floats, b: Floats) -> Derivatives:
    """Differentiate log(F(a) − F(b)) = log(1 − e^(b−a)) − log(1 + e^−a) − log(1 + e^b).

    So w = f(a) + f(b) exactly, and no digits are lost where both cuts are in a tail.
    """
    below_a, above_a, below_b, above_b = expit(a), expit(-a), expit(b), expit(-b)
    # The first term depends on the thresholds only, not on η: it has no part in slope and weight.
    width = a - b
    with np.errstate(over="ignore"):  # where thresholds are more than 709 apart, the term is 0
        within = 1 / np.expm1(width)
    density_a, density_b = below_a * above_a, below_b * above_b
    return Derivatives(
        log_p=np.log1p(-np.exp(-width)) - np.logaddexp(0, -a) - np.logaddexp(0, b),
        by_upper=above_a + within,
        by_lower=-(below_b + within),
        slope_by_upper=density_a,
        slope_by_lower=density_b,
        # f' = f (1 − 2F).
        weight_by_upper=density_a * (above_a - below_a),
        weight_by_lower=density_b * (above_b - below_b),
    )


def _normal(a: Floats, b: Floats) -> Derivatives:
    """Differentiate log(Φ(a) − Φ(b)) with the ratios r_a = φ(a) / p and r_b = φ(b) / p.

    Where both cuts are positive, the difference is taken between the upper tails: Φ(a) and Φ(b) are then both
    near 1, and their difference would lose its digits.
    """
    flip = a + b > 0
    top, bottom = log_ndtr(np.where(flip, -b, a)), log_ndtr(np.where(flip, -a, b))
    log_p = top + np.log1p(-np.exp(bottom - top))
    half_log_tau = 0.5 * np.log(2 * np.pi)
    r_a = np.exp(-0.5 * a**2 - half_log_tau - log_p)
    r_b = np.exp(-0.5 * b**2 - half_log_tau - log_p)
    # ∂l/∂η = r_b − r_a. With φ'(a) = −a φ(a): ∂r_a/∂a = −r_a (a + r_a), ∂r_a/∂b = r_a r_b, and so on.
    gap = r_a - r_b
    up, low = a + gap, b + gap
    return Derivatives(
        log_p=log_p,
        by_upper=r_a,
        by_lower=-r_b,
        slope_by_upper=r_a * up,
        slope_by_lower=-r_b * low,
        # w = r_a (a + gap) − r_b (b + gap), differentiated again by the same rules.
        weight_by_upper=r_a * (1 - (a + r_a) * up - r_a * up + r_b * low + r_b * up),
        weight_by_lower=r_b * (-1 + (b - r_b) * low - r_b * low + r_a * up + r_a * low),
    )


LINKS: Mapping[LinkName, Link] = {
    "logit": Link("logit", logit, np.pi**2 / 3, _logistic),
    "probit": Link("probit", ndtri, 1.0, _normal),
}
