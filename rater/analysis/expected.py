"""Convert an effect in logits to the difference that answers show, and back.

For points and lines that is the expected difference of two answers; for choices, how much more often the
first arm is preferred than the second, from −1 to 1.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from rater.analysis.simulate import Choice, Cuts, Line, Scale, Spread
from rater.analysis.wording import number

Floats = NDArray[np.float64]
_QUADRATURE_POINTS = 41
_FEW_POINTS = 21
"""In each of three dimensions; 41 give the same to 1e-6."""
_MOST_LOGITS = 8.0
"""An effect larger than this moves nearly every answer to the end of the scale."""


def evenly_cut(n_points: int) -> Cuts:
    """Cut the logit scale into points evenly; five points at −1.5, −0.5, 0.5, 1.5."""
    return Cuts((0.0,) if n_points == 2 else tuple(np.linspace(-1.5, 1.5, n_points - 1).tolist()))


def difference_of(effect: float, scale: Scale, spread: Spread | None = None) -> float:
    """Convert an effect in logits to the expected difference on a scale."""
    sd, (nodes, weights) = spread or Spread(), special.roots_hermitenorm(_QUADRATURE_POINTS)
    weights = weights / weights.sum()
    if isinstance(scale, Choice):
        apart = effect + sd.within_pair * nodes
        return float(weights @ (special.expit(apart - scale.tie) - special.expit(-apart - scale.tie)))
    latent = sd.within_arm * nodes
    first, second = (weights @ _mean_answer(latent + shift, scale) for shift in (effect / 2, -effect / 2))
    return float(first - second)


def net_superiority_of(effect: float, scale: Scale, spread: Spread | None = None) -> float | None:
    """Convert an effect in logits to the expected net superiority within rater and prompt.

    The level that both answers share (rater and prompt) and the effect's own deviation are integrated over,
    and each text's deviation within them. None for a scale without points, on which ties have no probability
    but at its ends.
    """
    if isinstance(scale, Choice):
        return difference_of(effect, scale, spread)
    if not isinstance(scale, Cuts):
        return None
    sd, (nodes, weights) = spread or Spread(), special.roots_hermitenorm(_FEW_POINTS)
    weights = weights / weights.sum()
    shared = math.hypot(sd.rater, sd.prompt) * nodes[:, None]
    apart = (effect + math.hypot(sd.rater_arm, sd.prompt_arm) * nodes[None, :]) / 2
    texts = sd.item * nodes[:, None]
    cuts = np.array([*scale.at, np.inf])
    at_or_below = [
        np.einsum("...tk,t->...k", special.expit(cuts - (shared + shift)[..., None, None] - texts), weights)
        for shift in (apart, -apart)
    ]
    first, second = (np.diff(each, prepend=0.0, axis=-1) for each in at_or_below)  # shared apart point
    above = 1 - at_or_below[1]
    below = at_or_below[1] - second
    net = (first * (below - above)).sum(axis=-1)
    return float(weights @ net @ weights)


def logits_of(difference: float, scale: Scale, spread: Spread | None = None) -> float:
    """Convert an expected difference on a scale to an effect in logits.

    Raises:
        ValueError: no effect of the model is as large as that on this scale.
    """
    most = difference_of(_MOST_LOGITS, scale, spread)
    if not -most < difference < most:
        msg = f"{difference:g} is too large for this scale; valid: less than {number(most, 2)}"
        raise ValueError(msg)

    def missed(effect: float) -> float:
        return difference_of(effect, scale, spread) - difference

    return float(optimize.brentq(missed, -_MOST_LOGITS, _MOST_LOGITS))


def _mean_answer(level: Floats, scale: Cuts | Line) -> Floats:
    """The expected answer at levels to which the logistic noise is still to be added."""
    if isinstance(scale, Cuts):
        means: Floats = 1 + special.expit(level[:, None] - np.array(scale.at)).sum(axis=1)
        return means
    # E min(max(X, a), b) = a + the integral of P(X > x) from a to b, for X logistic about its level.
    at = scale.middle + scale.unit * level
    above = np.logaddexp(0, (at - scale.low) / scale.unit) - np.logaddexp(0, (at - scale.high) / scale.unit)
    line: Floats = scale.low + scale.unit * above
    return line


def tie_share(tie: float, spread: Spread | None = None) -> float:
    """Say how often neither of two texts of equal arms is preferred, where less than ``tie`` is a tie."""
    nodes, weights = special.roots_hermitenorm(_QUADRATURE_POINTS)
    apart = (spread or Spread()).within_pair * nodes
    decided = special.expit(apart - tie) + special.expit(-apart - tie)
    return float(1 - weights @ decided / weights.sum())
