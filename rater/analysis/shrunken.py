"""Shrink the effects of single prompts and raters towards the mean, by how little each one's answers say.

Raw effects of single prompts scatter too widely: the largest is large partly by luck. The best linear
unbiased predictions of the cell model (empirical Bayes, from the variances that REML estimates) correct for
it; the model is that of `rater.analysis.reml`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rater.analysis.crossed import CellScores, free_components
from rater.analysis.reml import NoFit, RemlFit, fit_reml

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Predictions:
    """For each rater or each prompt, mean + its random effect, and the standard error of that."""

    values: Floats
    errors: Floats


@dataclass(frozen=True)
class Shrunken:
    """The predictions for raters and prompts; None for a variance that could not be estimated."""

    raters: Predictions | None
    prompts: Predictions | None
    fit: RemlFit


def shrink(scores: CellScores) -> Shrunken | None:
    """Predict every rater's and every prompt's effect; None where the model cannot be fitted.

    Costs one REML fit and long × short² operations. The errors take the variances as known, and so are a
    little small. In R, for the fit m of `two_way_t`: ``fixef(m) + ranef(m)``. Reference: Henderson 1975,
    Biometrics 31:423–447, eq. 3.
    """
    if min(scores.n.raters, scores.n.prompts) < 2 or np.ptp(scores.values) < 1e-9:
        return None
    free = free_components(scores.n)
    fit = fit_reml(scores.rater, scores.prompt, scores.values, scores.weight, free=free)
    if isinstance(fit, NoFit):
        return None
    swap = scores.n.prompts > scores.n.raters
    long, short = (scores.prompt, scores.rater) if swap else (scores.rater, scores.prompt)
    weights = np.zeros((int(long.max()) + 1, int(short.max()) + 1))
    values = np.zeros_like(weights)
    weights[long, short], values[long, short] = scores.weight, scores.values
    variances = (fit.rater_variance, fit.prompt_variance)
    found = _solve(weights, values, variances[::-1] if swap else variances, fit.residual_variance)
    raters, prompts = found[::-1] if swap else found
    return Shrunken(raters if free[0] else None, prompts if free[1] else None, fit)


def _solve(
    weights: Floats, values: Floats, variances: tuple[float, float], residual: float
) -> tuple[Predictions, Predictions]:
    """Solve Henderson's equations for (mean, short factor) with the long factor eliminated.

    A variance of 0 has no finite inverse; its effects are all 0, and so are the rows of its factor here.
    """
    long_variance, short_variance = (variance / residual for variance in variances)
    fixed = np.column_stack([weights.sum(axis=1), weights])  # long 1+short
    # shrink: 1 / (sum of weights + residual/variance), which is 0 where the variance is.
    shrink_long = long_variance / (1 + long_variance * weights.sum(axis=1))  # long
    right = np.concatenate([[(weights * values).sum()], (weights * values).sum(axis=0)])
    right_long = (weights * values).sum(axis=1)
    columns = weights.sum(axis=0)
    left = np.zeros((columns.size + 1,) * 2)
    left[0, 0], left[0, 1:], left[1:, 0] = columns.sum(), columns, columns
    left[1:, 1:] = np.diag(columns)
    left -= fixed.T @ (shrink_long[:, None] * fixed)
    # Scaled by the short factor's standard deviation, so that a variance of 0 gives the identity.
    scale = np.concatenate([[1.0], np.full(columns.size, np.sqrt(short_variance))])
    left = scale[:, None] * left * scale + np.diag(np.concatenate([[0.0], np.ones(columns.size)]))
    inverse = scale[:, None] * np.linalg.inv(left) * scale  # 1+short 1+short
    solution = inverse @ (right - fixed.T @ (shrink_long * right_long))
    mean, short_effects = solution[0], solution[1:]
    long_effects = shrink_long * (right_long - fixed @ solution)
    short_errors = inverse[0, 0] + 2 * inverse[0, 1:] + np.diag(inverse)[1:]
    # mean + long effect = shrink right_long + (e_0 − shrink fixed) (mean, short); its error adds `shrink`.
    pull = -shrink_long[:, None] * fixed
    pull[:, 0] += 1
    long_errors = shrink_long + ((pull @ inverse) * pull).sum(axis=1)
    return (
        Predictions(mean + long_effects, np.sqrt(residual * long_errors)),
        Predictions(mean + short_effects, np.sqrt(residual * short_errors)),
    )
