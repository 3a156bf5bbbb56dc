"""Compute the Laplace approximation of the log-likelihood, and its exact gradient.

With u the spherical random effects, −log L ≈ g(û) + ½ log|H|, where g(u) = −Σ log p_i + u'u / 2 has its
minimum at û and H = I + (ZΛ)'W(ZΛ) there. û moves with the parameters; its derivative follows from
∂g/∂u = 0 (implicit differentiation), and one solve with H gives what all parameters need of it.

References: Christensen 2019, Cumulative Link Models for Ordinal Regression with the R Package ordinal,
section 3; Tutz & Hennevogl 1996, Comput. Stat. Data Anal. 22:537–557; Pinheiro & Bates 1995, J. Comput.
Graph. Stat. 4:12–35.
"""

from dataclasses import dataclass

import numpy as np

from rater.analysis.ordinal.curvature import Curvature, Layout
from rater.analysis.ordinal.design import Design
from rater.analysis.ordinal.links import END, Derivatives, Floats, Link

MOST_STEPS = 200
MODE_TOLERANCE = 1e-18
"""The squared Newton decrement at which the mode is found: 1e-9 of a conditional standard deviation."""


@dataclass(frozen=True)
class Value:
    """The negative log-likelihood at one point, and its gradient there."""

    value: float
    gradient: Floats


@dataclass(frozen=True)
class _Given:
    """What a point's parameters make of the data; the random effects do not enter."""

    upper: Floats
    """θ_y − βx, the upper cut without random effects."""
    lower: Floats
    b: Floats
    """zΛ."""


@dataclass(frozen=True)
class _State:
    """Random effects, and what follows from them."""

    u: Floats
    level: Derivatives
    penalised: float
    """g(u)."""
    gradient: Floats
    """∂g/∂u."""


class Laplace:
    """The negative log-likelihood of a design under a link, as a function of unconstrained parameters.

    Parameters run: the first threshold, the logarithms of the gaps between thresholds, β (unless it is held
    at a value), the free entries of Λ. Λ is on the scale of standard deviations and its signs are free, so
    that a component of 0 is a point like any other.

    CAUTION: keeps the mode of the last point as the next one's start; values agree to about 1e-12 whatever
    came before.
    """

    def __init__(self, design: Design, link: Link, *, held: float | None = None) -> None:
        self.design, self._link, self._held = design, link, held
        self._layout = Layout(design)
        self.u = np.zeros(design.n_effects)
        self.curvature: Curvature | None = None
        self._given = _Given(np.empty(0), np.empty(0), np.empty((0, 0)))

    def thresholds(self, point: Floats) -> Floats:
        """The thresholds, which always ascend."""
        return np.cumsum(np.concatenate([point[:1], np.exp(point[1 : self.design.n_thresholds])]))

    def beta(self, point: Floats) -> float:
        """β, free or held."""
        return float(point[self.design.n_thresholds]) if self._held is None else self._held

    @property
    def first_scale(self) -> int:
        """Where in a point the entries of Λ begin."""
        return self.design.n_thresholds + (self._held is None)

    def spread(self, point: Floats) -> Floats:
        """Λ."""
        return self.design.spread(point[self.first_scale :])

    def evaluate(self, point: Floats) -> Value:
        """Compute the negative log-likelihood and its gradient.

        Costs a few passes over the answers and one or two factorisations (see `Curvature`).
        """
        category = self.design.category
        cuts = np.concatenate([[-END], self.thresholds(point), [END]])
        fixed = self.beta(point) * self.design.x
        b = self.design.z @ self.spread(point)
        self._given = _Given(cuts[category + 1] - fixed, cuts[category] - fixed, b)
        state = self._find_mode()
        self.u = state.u
        self.curvature = Curvature(self._layout, b, state.level.weight)
        value = state.penalised + self.curvature.log_determinant / 2
        return Value(value, self._gradient(point, state, self.curvature))

    def _state(self, u: Floats) -> _State:
        design, given = self.design, self._given
        b = given.b
        eta = (b * u[design.positions]).sum(axis=1)
        level = self._link.differentiate(given.upper - eta, given.lower - eta)
        return _State(
            u,
            level,
            penalised=float(u @ u / 2 - level.log_p.sum()),
            gradient=u - design.sum_up(b * level.slope[:, None]),
        )

    def _find_mode(self) -> _State:
        """Minimise g by Newton's method, from the last point's mode and with its curvature while that serves.

        g is strictly convex, so any positive definite curvature gives a way down.
        """
        state, curvature, last = self._state(self.u), self.curvature, np.inf
        for _ in range(MOST_STEPS):
            curvature = curvature or Curvature(self._layout, self._given.b, state.level.weight)
            step = curvature.solve(state.gradient)
            decrement = float(state.gradient @ step)
            if decrement <= MODE_TOLERANCE:
                break
            if decrement > last / 100:  # the old curvature leads slowly: take the one of here
                curvature, last = None, np.inf
                continue
            last = decrement
            state = self._descend(state, step)
        return state

    def _descend(self, state: _State, step: Floats) -> _State:
        """Go along a step as far as g falls."""
        noise = 1e-12 * (1 + abs(state.penalised))
        for halvings in range(40):
            there = self._state(state.u - step / 2**halvings)
            if there.penalised <= state.penalised + noise:
                return there
        return state

    def _gradient(self, point: Floats, state: _State, curvature: Curvature) -> Floats:
        """Differentiate −log L by every parameter, û's own movement included.

        With h_i = b_i'H⁻¹b_i and c_i = H⁻¹b_i, half the log-determinant's derivative by η_i is h_i w'_i / 2;
        s = H⁻¹ B'(h w' / 2) carries what that does through û, and t = Bs.
        """
        design, level, b = self.design, state.level, self._given.b
        positions, slope, weight = design.positions, level.slope, level.weight
        c = curvature.invert().times(b)
        half = (b * c).sum(axis=1) / 2
        s = curvature.solve(design.sum_up(b * (half * level.weight_by_level)[:, None]))
        t = (b * s[positions]).sum(axis=1)

        pull = -slope + half * level.weight_by_level - t * weight
        of_scales = design.z.T @ (
            pull[:, None] * state.u[positions] + weight[:, None] * c + slope[:, None] * s[positions]
        )
        upper = -level.by_upper + half * level.weight_by_upper + t * level.slope_by_upper
        lower = -level.by_lower + half * level.weight_by_lower + t * level.slope_by_lower
        n = design.n_categories
        of_cuts = (
            np.bincount(design.category, upper, minlength=n)[:-1]
            + np.bincount(design.category, lower, minlength=n)[1:]
        )
        # The first entry moves every threshold, a gap those above it.
        of_thresholds = np.cumsum(of_cuts[::-1])[::-1]
        of_thresholds[1:] *= np.exp(point[1 : design.n_thresholds])
        of_beta = [pull @ design.x] if self._held is None else []
        rows, columns = np.array(design.scales, np.intp).reshape(-1, 2).T
        return np.concatenate([of_thresholds, of_beta, of_scales[rows, columns]])
