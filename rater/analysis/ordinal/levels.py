"""Fit how much raters, prompts and texts differ in level, without knowing an arm."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rater.analysis.ordinal.components import describe_components, settle_at_zero
from rater.analysis.ordinal.design import Factor, lay_out
from rater.analysis.ordinal.laplace import Laplace
from rater.analysis.ordinal.links import LINKS, Floats
from rater.analysis.ordinal.model import CannotFitError, Model, has_run_off


@dataclass(frozen=True)
class Levels:
    """What was fitted, in logits."""

    categories: tuple[float, ...]
    """The answers that occur, ascending."""
    thresholds: tuple[float, ...]
    """One between each two categories."""
    sds: dict[str, float]
    """By factor, the standard deviation of its levels."""


def fit_levels(answers: Floats, factors: Mapping[str, NDArray[np.generic]]) -> Levels:
    """Fit a cumulative logit model with crossed random intercepts alone; costs as `fit_clmm` does.

    In R: ``ordinal::clmm(y ~ 1 + (1|rater) + …)``. Factors must have more than one level and fewer than
    answers.

    Raises:
        CannotFitError: If the answers are all the same, or the estimates run off to infinity.
    """
    categories, category = np.unique(answers, return_inverse=True)
    if categories.size < 2:
        msg = "all answers are the same"
        raise CannotFitError(msg)
    made = [Factor(name, *np.unique(level, return_inverse=True)) for name, level in factors.items()]
    design = lay_out(category, np.zeros(answers.size), made)
    model = Model(design, LINKS["logit"], tuple(categories.tolist()))
    optimum = model.search(held=0.0)
    if has_run_off(optimum.point):
        msg = f"{', '.join(factors)} together separate the answers all but completely"
        raise CannotFitError(msg)
    laplace = Laplace(design, model.link, held=0.0)
    point = settle_at_zero(laplace, optimum.point, optimum.value)
    return Levels(
        categories=model.categories,
        thresholds=tuple(laplace.thresholds(point).tolist()),
        sds={each.factor: each.intercept_sd for each in describe_components(laplace, point)},
    )
