"""The difference for each prompt and each rater: raw, tested, and as BLUPs (empirical-Bayes shrinkage).

Raw effects of single prompts vary too widely: the largest is large partly by chance. Best linear unbiased
predictions shrink each of them towards the mean, the more the less information there is about it. The model
is that of `rater.analysis.reml`, with the variances that REML estimates.

These are exploratory: there are as many of them as prompts and raters, so their p-values are adjusted by
Benjamini and Hochberg's method, and the shrunken effects are the recommended estimates.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from rater.analysis.cell_scores import CellScores
from rater.analysis.crossed import free_components
from rater.analysis.intervals import Bounds, clip
from rater.analysis.multiple_comparisons import benjamini_hochberg
from rater.analysis.multiway_reml import Predictions
from rater.analysis.reml import NoFit, RemlFit, fit_reml
from rater.analysis.results import MIN_DF, Interval
from rater.analysis.sentences import p_value

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shrunken:
    """The predictions for raters and for prompts; None where their variance cannot be estimated."""

    raters: Predictions | None
    prompts: Predictions | None
    fit: RemlFit


def shrink(scores: CellScores) -> Shrunken | None:
    """Return the BLUP of the effect of every rater and every prompt; None where the model cannot be fitted.

    Costs one REML fit and long × short² operations, where long and short are the larger and the smaller of
    the numbers of raters and prompts. The standard errors take the variances as known, so they are slightly
    too small. In R, for the fit m of `contrast_t`: ``fixef(m) + ranef(m)``. Reference: Henderson 1975,
    Biometrics 31:423–447, equation 3.
    """
    if min(scores.n_raters, scores.n_prompts) < 2 or np.ptp(scores.values) < 1e-9:
        return None
    free = free_components(scores)
    fit = fit_reml(scores.rater, scores.prompt, scores.values, scores.weight, free=free)
    if isinstance(fit, NoFit):
        return None
    swap = scores.n_prompts > scores.n_raters
    long, short = (scores.prompt, scores.rater) if swap else (scores.rater, scores.prompt)
    weights = np.zeros((int(long.max()) + 1, int(short.max()) + 1))
    values = np.zeros_like(weights)
    weights[long, short], values[long, short] = scores.weight, scores.values
    variances = (fit.rater_variance, fit.prompt_variance)
    predicted = _solve(weights, values, variances[::-1] if swap else variances, fit.residual_variance)
    raters, prompts = predicted[::-1] if swap else predicted
    return Shrunken(raters if free[0] else None, prompts if free[1] else None, fit)


def _solve(
    weights: Floats, values: Floats, variances: tuple[float, float], residual: float
) -> tuple[Predictions, Predictions]:
    """Solve Henderson's mixed-model equations for (mean, short factor) with the long factor eliminated.

    With X = (1, Z_s) for the mean and the short factor, Z_l for the long factor, W the weights and
    λ = residual / variance of each factor, the equations are

        [ Z_l'WZ_l + λ_l I    Z_l'WX         ] [ u_l       ]   [ Z_l'Wy ]
        [ X'WZ_l              X'WX + (0, λ_s I) ] [ (μ, u_s) ] = [ X'Wy   ]

    and the inverse of their matrix times the residual variance is the covariance of the prediction errors.
    The upper left block is diagonal, so eliminating u_l leaves 1 + short equations:
    S = X'WX + (0, λ_s I) − X'WZ_l D Z_l'WX with D = (Z_l'WZ_l + λ_l I)⁻¹.

    A variance of 0 has no finite λ; D and the scaled rows of its factor are 0, so all its effects are 0.
    """
    long_variance, short_variance = (variance / residual for variance in variances)
    # Z_l'WX: the sum of the weights of each long level, and its weights.
    fixed = np.column_stack([weights.sum(axis=1), weights])  # long 1+short
    # D: 1 / (sum of weights + λ), written so that a variance of 0 gives 0.
    shrink_long = long_variance / (1 + long_variance * weights.sum(axis=1))  # long
    right = np.concatenate([[(weights * values).sum()], (weights * values).sum(axis=0)])
    right_long = (weights * values).sum(axis=1)
    columns = weights.sum(axis=0)
    left = np.zeros((columns.size + 1,) * 2)
    left[0, 0], left[0, 1:], left[1:, 0] = columns.sum(), columns, columns
    left[1:, 1:] = np.diag(columns)
    left -= fixed.T @ (shrink_long[:, None] * fixed)
    # Multiplied from both sides by the short factor's standard deviation, λ_s I becomes the identity; a
    # variance of 0 needs no special case then.
    scale = np.concatenate([[1.0], np.full(columns.size, np.sqrt(short_variance))])
    left = scale[:, None] * left * scale + np.diag(np.concatenate([[0.0], np.ones(columns.size)]))
    inverse = scale[:, None] * np.linalg.inv(left) * scale  # 1+short 1+short
    solution = inverse @ (right - fixed.T @ (shrink_long * right_long))
    mean, short_effects = solution[0], solution[1:]
    long_effects = shrink_long * (right_long - fixed @ solution)
    # Var(μ + u_s) = Var(μ) + 2 Cov(μ, u_s) + Var(u_s).
    short_errors = inverse[0, 0] + 2 * inverse[0, 1:] + np.diag(inverse)[1:]
    # μ + u_l = D Z_l'Wy + (e_0 − D Z_l'WX) (μ, u_s). Its error variance is D plus that of the second term,
    # with (e_0 − D Z_l'WX) = pull.
    pull = -shrink_long[:, None] * fixed
    pull[:, 0] += 1
    long_errors = shrink_long + ((pull @ inverse) * pull).sum(axis=1)
    return (
        Predictions(mean + long_effects, np.sqrt(residual * long_errors)),
        Predictions(mean + short_effects, np.sqrt(residual * short_errors)),
    )


# Fewer equal cells cannot have p below .05 in a sign-flip test.
MIN_EXACT = 6


@dataclass(frozen=True, kw_only=True)
class UnitEffect:
    """One prompt's effect over raters, or one rater's over prompts, in the planned score."""

    unit: str
    n_cells: int
    raw: float
    """The mean of its cells."""
    interval: Interval | None
    """Of the raw effect, from a t over its cells, within what is possible; None below `MIN_DF`."""
    p: float | None
    p_adjusted: float | None
    """p after Benjamini and Hochberg, among the units that have one."""
    reason: str
    """The reason for a missing p-value; empty if there is one."""
    shrunken: float | None
    shrunken_interval: Interval | None


def unit_effects(
    names: list[str],
    code: NDArray[np.intp],
    values: Floats,
    shrunken: Predictions | None,
    *,
    alpha: float,
    bounds: Bounds | None = None,
) -> tuple[UnitEffect, ...]:
    """List the effects of the units that cells belong to.

    Args:
        names: What the units are called, by code.
        code: Each cell's unit.
        values: The cells' scores.
        shrunken: The units' predictions, where the model could be fitted.
        alpha: Intervals cover 1 − alpha.
        bounds: Between what an effect must be.
    """
    n = np.bincount(code)
    mean = np.bincount(code, weights=values) / n
    squares = np.bincount(code, weights=(values - mean[code]) ** 2)
    # A spread of less than 1e-9 is rounding noise of equal cells.
    varies = (n > MIN_DF) & (squares > 1e-18)
    error = np.sqrt(squares / np.maximum(n - 1, 1) / n)
    p = np.ones(n.size)
    p[varies] = 2 * stats.t.sf(np.abs(mean[varies]) / error[varies], n[varies] - 1)
    half = stats.t.ppf(1 - alpha / 2, np.maximum(n - 1, 1)) * error
    adjusted = np.ones(n.size)
    adjusted[varies] = benjamini_hochberg(list(p[varies]))
    z = float(stats.norm.ppf(1 - alpha / 2))
    return tuple(
        UnitEffect(
            unit=name,
            n_cells=int(n[index]),
            raw=float(mean[index]),
            interval=clip(_around(mean[index], half[index], alpha), bounds) if varies[index] else None,
            p=float(p[index]) if varies[index] else None,
            p_adjusted=float(adjusted[index]) if varies[index] else None,
            reason=_why_not(int(n[index]), float(mean[index]), varies=bool(varies[index])),
            shrunken=float(shrunken.values[index]) if shrunken else None,
            shrunken_interval=(
                clip(_around(shrunken.values[index], z * shrunken.errors[index], alpha), bounds)
                if shrunken
                else None
            ),
        )
        for index, name in enumerate(names)
    )


def _around(middle: float, half: float, alpha: float) -> Interval:
    return Interval(float(middle - half), float(middle + half), 1 - alpha)


def _why_not(n: int, mean: float, *, varies: bool) -> str:
    if varies:
        return ""
    if n == 1:
        return "it has one cell"
    if n <= MIN_DF:
        return "it has two cells, which leave 1 degree of freedom"
    # Equal differences have no t, but all n of one sign have p = 2 / 2^n, which is informative from 6 on.
    p = 2.0 ** (1 - n)
    exact = f": exact sign-flip {p_value(p)}" if n >= MIN_EXACT and abs(mean) > 1e-9 else ""
    return f"its {n} cells are equal{exact}"
