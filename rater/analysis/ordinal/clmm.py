"""Fit a cumulative link mixed model: an ordinal answer, a contrast, and crossed random effects.

P(y_i ≤ k) = F(θ_k − η_i) with η_i = β x_i + Σ_f (a_f[i] + d_f[i] x_i): thresholds θ, the contrast's effect
β, and for each factor f a normal intercept and (where asked) slope for each level. F is logistic, so that
β is a log odds ratio the same at every cut (proportional odds), or normal.

Equal to R's ``ordinal::clmm(y ~ x + (1 + x | rater) + …, link = …)``, where slopes that do not go with
intercepts are ``(1 | rater) + (0 + x | rater)``. References: McCullagh 1980, J. R. Stat. Soc. B 42:109–142;
Tutz & Hennevogl 1996, Comput. Stat. Data Anal. 22:537–557; Christensen 2019, Cumulative Link Models for
Ordinal Regression with the R Package ordinal.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rater.analysis.ordinal.components import Component, describe_components, settle_at_zero
from rater.analysis.ordinal.laplace import Laplace
from rater.analysis.ordinal.links import Floats, LinkName
from rater.analysis.ordinal.model import CannotFitError, Model, has_run_off, set_up
from rater.analysis.ordinal.optimum import Optimum


@dataclass(frozen=True, kw_only=True)
class ClmmFit:
    """A fitted model; every number in it is finite, and what went wrong is in the warnings."""

    link: LinkName
    categories: tuple[float, ...]
    """The answers that occur, ascending; one that never does has no threshold of its own."""
    thresholds: tuple[float, ...]
    """θ, one between each two categories."""
    threshold_errors: tuple[float, ...] | None
    """Standard errors of the thresholds; None where the likelihood is too flat to give any."""
    beta: float
    """The effect of x: the log odds ratio (logit), or in standard deviations of the latent level (probit)."""
    beta_error: float | None
    """The standard error of β from the observed information, variance parameters included."""
    components: tuple[Component, ...]
    """The factors, in the order given."""
    log_likelihood: float
    """Of the Laplace approximation."""
    n_answers: int
    n_parameters: int
    warnings: tuple[str, ...]
    model: Model
    """What was fitted, for refits."""
    point: Floats
    """The estimates as unconstrained parameters (see `Laplace`), where refits begin."""
    hessian: Floats
    """Of the negative log-likelihood there."""


def fit_clmm(
    answers: Floats,
    x: Floats,
    factors: Mapping[str, NDArray[np.generic]],
    *,
    link: LinkName = "logit",
    slopes: Collection[str] = (),
    correlated: bool = False,
) -> ClmmFit:
    """Fit by maximum likelihood, Laplace-approximated.

    Costs some 40 to 60 evaluations, each of a few passes over the answers and one factorisation of the size
    of all factors but the largest: 0.1 s for 720 answers, 4 s for 40,000 of 200 raters and 100 prompts.

    Args:
        answers: (answers,), on any numbers that order them.
        x: (answers,), the contrast. Coded ±1/2, so that intercepts and slopes are about independent.
        factors: By name, the level of each answer. None of them gives the fixed-effects model, R's clm.
        link: The distribution of what random effects do not explain.
        slopes: The factors whose levels have effects of their own.
        correlated: Whether a level's intercept and slope may be correlated.

    Raises:
        CannotFitError: If there is no estimate, and why.
    """
    model = set_up(answers, x, factors, link=link, slopes=slopes, correlated=correlated)
    optimum = model.search()
    if has_run_off(optimum.point):
        msg = (
            "its estimates lie beyond odds of e^20 to 1: "
            f"{', '.join([*factors, 'arm'])} together separate the answers all but completely"
        )
        raise CannotFitError(msg)
    return _describe(model, optimum, list(factors))


def _describe(model: Model, optimum: Optimum, order: list[str]) -> ClmmFit:
    laplace = Laplace(model.design, model.link)
    point = settle_at_zero(laplace, optimum.point, optimum.value)
    value = laplace.evaluate(point).value
    components = describe_components(laplace, point)
    covariance = _invert(optimum.hessian, laplace.first_scale, point)
    n_cuts = model.design.n_thresholds
    thresholds = laplace.thresholds(point)
    threshold_errors, beta_error = None, None
    if covariance is not None:
        # Every threshold adds up the first and the gaps below it.
        jacobian = np.tril(np.ones((n_cuts, n_cuts))) * np.concatenate([[1.0], np.exp(point[1:n_cuts])])
        variances = np.diag(jacobian @ covariance[:n_cuts, :n_cuts] @ jacobian.T)
        threshold_errors = tuple(np.sqrt(variances).tolist())
        beta_error = float(np.sqrt(covariance[n_cuts, n_cuts]))
    return ClmmFit(
        link=model.link.name,
        categories=model.categories,
        thresholds=tuple(thresholds.tolist()),
        threshold_errors=threshold_errors,
        beta=laplace.beta(point),
        beta_error=beta_error,
        components=tuple(sorted(components, key=lambda component: order.index(component.factor))),
        log_likelihood=-value,
        n_answers=model.design.category.size,
        n_parameters=point.size,
        warnings=tuple(_warn(optimum, components, is_flat=covariance is None)),
        model=model,
        point=point,
        hessian=optimum.hessian,
    )


def _invert(hessian: Floats, first_scale: int, point: Floats) -> Floats | None:
    """Invert the information, without components of 0 where those make it singular; None if it still is.

    The likelihood is even in a component that is 0, so nothing of it is correlated with the other estimates.
    """
    is_zero = (np.arange(point.size) >= first_scale) & (point == 0)
    for kept in (np.arange(point.size), np.flatnonzero(~is_zero)):
        part = hessian[np.ix_(kept, kept)]
        spans = np.sqrt(np.maximum(np.diag(part), 1e-300))
        scaled = part / np.outer(spans, spans)
        if np.linalg.eigvalsh(scaled)[0] > 1e-7:
            return np.asarray(np.linalg.inv(scaled) / np.outer(spans, spans))
    return None


def _warn(optimum: Optimum, components: tuple[Component, ...], *, is_flat: bool) -> list[str]:
    warnings = [remark for component in components for remark in component.remarks]
    if not optimum.is_minimum:
        largest = float(np.abs(optimum.gradient).max())
        warnings.append(
            f"the search for the best fit ended at a gradient of {largest:.1e} instead of 0; "
            "the numbers of this model may be off"
        )
    if is_flat:
        warnings.append("the likelihood is flat at its top, so this model gives no standard errors")
    return warnings
