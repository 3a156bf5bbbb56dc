"""The weighted mean of scores with any number of crossed or nested random terms, fitted by REML.

The model of score i is y_i = μ + Σ_k u_k[level of i in term k] + e_i with independent normal random effects
of variance s_k for each term, and Var(e_i) = s_e / w_i. Multiplied by √w_i it is the model of
`rater.analysis.reml_deviance` with X = √w. With two crossed terms it equals `rater.analysis.reml`, which is
faster.

The best linear unbiased prediction of level l of a term is μ + u_l (Henderson 1975). With θ the term's
standard deviation relative to the error's, s = C⁻¹ΛZ'X its row b_l, and A = X'V⁻¹X, the prediction error has
the variance s_e (θ² (C⁻¹)_ll + (1 − θ b_l)² / A), in which the variances count as known.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rater.analysis.ordinal.design import Factor, lay_out_effects
from rater.analysis.reml import NOT_CONVERGED, NoFit
from rater.analysis.reml_deviance import (
    MIN_MEAN_SQUARE,
    Evaluation,
    RemlDeviance,
    has_no_error,
    put_to_zero,
    satterthwaite,
    search,
)

Codes = NDArray[np.intp]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Predictions:
    """The predicted effects (mean + random effect) of a term's levels, and standard errors; (levels,)."""

    values: Floats
    errors: Floats


@dataclass(frozen=True)
class MeanFit:
    """The fitted mean, variances and predictions."""

    estimate: float
    standard_error: float
    df: float
    """Satterthwaite's degrees of freedom, components at 0 dropped."""
    variances: Mapping[str, float]
    """By term; 0 where the likelihood puts it on its boundary."""
    residual_variance: float
    deviance: float
    """−2 × the REML log-likelihood, as lme4's ``REMLcrit``."""
    predictions: Mapping[str, Predictions]
    """By term."""


def fit_mean(score: Floats, weight: Floats, terms: Mapping[str, Codes]) -> MeanFit | NoFit:
    """Fit the model. Costs 20 to 50 evaluations of long × short² + short³ operations.

    long is the number of levels of the term with the most, short that of the others together.

    Equal to R's ``lmerTest::lmer(score ~ 1 + (1 | term) + …, weights = weight)``.

    Args:
        score: (cells,)
        weight: (cells,), above 0.
        terms: By name, the level of each score, 0, 1, …. At least one.
    """
    mean, unit, per_cell = float(score.mean()), float(score.std()), float(weight.mean())
    if unit <= 0:
        return NoFit(f"all {score.size:,} scores are the same ({mean:g})")
    # Weights of mean 1 keep the ratios of standard deviations near those of single scores.
    root = np.sqrt(weight / per_cell)
    effects = lay_out_effects(
        np.ones_like(score),
        [Factor(name, *np.unique(level, return_inverse=True)) for name, level in terms.items()],
    )
    effects = replace(effects, z=effects.z * root[:, None])
    model = RemlDeviance(effects, root[:, None], root * (score - mean) / unit, tested=0)
    optimum = search(model)
    theta = put_to_zero(model, np.abs(optimum.point))
    fit = model.evaluate(theta)
    if has_no_error(theta) or fit.rss < MIN_MEAN_SQUARE * score.size:
        return NoFit(f"{', '.join(terms)} together explain every cell exactly, so the residual variance is 0")
    if not optimum.is_minimum:
        return NOT_CONVERGED
    sigma = unit * float(np.sqrt(fit.rss / model.df_error))
    names = [factor.name for factor in effects.factors]
    centre = mean + unit * float(fit.beta[0])
    return MeanFit(
        estimate=centre,
        standard_error=sigma * float(np.sqrt(fit.inverse[0, 0])),
        df=satterthwaite(model, fit),
        variances={name: float((sigma * theta[names.index(name)]) ** 2) for name in terms},
        residual_variance=sigma**2 * per_cell,
        deviance=_deviance(model, fit, weight, unit),
        predictions={
            name: Predictions(centre + unit * values, sigma * errors)
            for name, (values, errors) in zip(names, _predict(model, fit), strict=True)
        },
    )


def _predict(model: RemlDeviance, fit: Evaluation) -> Iterator[tuple[Floats, Floats]]:
    """Yield the random effects of each term, and the errors of mean + effect in SDs of the residual."""
    for kind, theta in enumerate(fit.theta):
        of_term = model.kind == kind
        remaining = 1 - theta * fit.b[of_term, 0]
        variance = theta**2 * fit.inverse_diagonal[of_term] + remaining**2 * fit.inverse[0, 0]
        yield theta * fit.c[of_term], np.sqrt(variance)


def _deviance(model: RemlDeviance, fit: Evaluation, weight: Floats, unit: float) -> float:
    """Compute the deviance with the constants that lme4 keeps, for scores and weights in their units."""
    per_cell = float(weight.mean())
    constants = model.df_error * (1 + np.log(2 * np.pi * per_cell / model.df_error) + 2 * np.log(unit))
    return float(2 * fit.value + constants + np.log(per_cell) - np.log(weight).sum())
