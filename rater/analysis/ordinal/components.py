"""Describe the fitted random effects: how much the levels of a factor differ, and each level's own effect."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rater.analysis.ordinal.design import Factor
from rater.analysis.ordinal.laplace import Laplace
from rater.analysis.ordinal.links import Floats

SMALL = 0.02
"""Standard deviations (in logits) below this are tried as 0."""
SAME = 1e-7
"""What log-likelihood a component of 0 may cost and still be as good: far below what R's fits agree to."""


@dataclass(frozen=True)
class Modes:
    """The conditional modes of one kind of effect (BLUPs, shrunken towards 0), by level."""

    effect: Floats
    """(levels,)"""
    error: Floats
    """(levels,): conditional standard deviations, the parameters taken as known (R's condVar)."""


@dataclass(frozen=True)
class Component:
    """The random effects of one factor."""

    factor: str
    levels: NDArray[np.generic]
    """(levels,), ascending: whose the modes are."""
    intercept_sd: float
    slope_sd: float | None
    """How much the contrast's effect differs from level to level; None where the model has no slopes."""
    correlation: float | None
    """Of intercepts and slopes; None where held at 0, or where one of them does not vary."""
    intercepts: Modes
    slopes: Modes | None
    """Each level's departure from β."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is at the edge of the possible (a singular fit, as lme4 calls it)."""
        found = []
        for noun, sd in (("levels", self.intercept_sd), ("effects", self.slope_sd)):
            if sd == 0:
                found.append(
                    f"the {noun} of {self.factor}s are estimated not to differ (a singular fit): "
                    "the term is kept, with a standard deviation of 0"
                )
        if self.correlation is not None and abs(self.correlation) > 1 - 1e-6:
            found.append(
                f"the levels and effects of {self.factor}s are estimated to go together completely "
                f"(a singular fit): correlation {self.correlation:.0f}".replace("-", "−")
            )
        return tuple(found)


def settle_at_zero(laplace: Laplace, point: Floats, value: float) -> Floats:
    """Put components at exactly 0 where that is as likely as the small number that a search ends at."""
    for index in range(laplace.first_scale, point.size):
        if not 0 < abs(point[index]) < SMALL:
            continue
        there = point.copy()
        there[index] = 0.0
        if laplace.evaluate(there).value <= value + SAME:
            point = there
    return point


def describe_components(laplace: Laplace, point: Floats) -> tuple[Component, ...]:
    """Describe every factor of a model at a point. Costs one evaluation."""
    laplace.evaluate(point)
    assert laplace.curvature is not None  # noqa: S101 (an evaluation leaves it there)
    inverse, spread = laplace.curvature.invert(), laplace.spread(point)
    components, start, column = [], 0, 0
    for factor in laplace.design.factors if laplace.design.scales else ():
        end = start + factor.n_levels * factor.width
        own = slice(column, column + factor.width)
        blocks = inverse.block(start, factor.n_levels, factor.width)
        u = laplace.u[start:end].reshape(factor.n_levels, factor.width)
        components.append(_describe(factor, spread[own, own], u, blocks))
        start, column = end, own.stop
    return tuple(components)


def _describe(factor: Factor, cholesky: Floats, u: Floats, blocks: Floats) -> Component:
    """Turn spherical effects u into effects Λu, and their covariance H⁻¹ into ΛH⁻¹Λ'."""
    effects = u @ cholesky.T  # levels width
    variances = np.einsum("jk,ikl,jl->ij", cholesky, blocks, cholesky)
    modes = [Modes(effects[:, j], np.sqrt(variances[:, j])) for j in range(factor.width)]
    covariance = cholesky @ cholesky.T
    sds = np.sqrt(np.diag(covariance)).tolist()
    correlation = None
    if factor.is_correlated and min(sds) > 0:
        correlation = float(np.clip(covariance[0, 1] / (sds[0] * sds[1]), -1, 1))
    return Component(
        factor=factor.name,
        levels=factor.levels,
        intercept_sd=sds[0],
        slope_sd=sds[1] if factor.has_slope else None,
        correlation=correlation,
        intercepts=modes[0],
        slopes=modes[1] if factor.has_slope else None,
    )
