"""The Laplace approximation of the log-likelihood of an ordinal mixed model, with its exact gradient.

The likelihood of a crossed model is an integral over all random effects u ~ N(0, I) at once:

    L = ∫ exp(−g(u)) du / (2π)^(q/2),   g(u) = −Σ_i log p_i(u) + u'u / 2.

g is convex. With û its minimum and H = ∂²g/∂u² = I + (ZΛ)'W(ZΛ) there, where W = diag(w_i) and
w_i = −∂²log p_i/∂η², a second-order expansion around û gives −log L ≈ g(û) + ½ log|H|. That is what
`ordinal::clmm` maximises by default (nAGQ = 1).

The gradient is exact, by implicit differentiation: û depends on the parameters through ∂g/∂u = 0. One solve
with H gives what all parameters need of that (see `Laplace._gradient`).

H has (levels × terms)² entries, but those of one factor among themselves are block-diagonal. With the longest
factor first, H = [[A, C], [C', D]], where A consists of blocks of 1 or 2. So only the Schur complement
S = D − C'A⁻¹C is factored, of the size of the other factors together, and |H| = |A| |S|. Costs
long × short² + short³ operations and long × short numbers of memory, where long and short are the numbers of
random effects of the longest factor and of the others. (Bates et al. 2015, J. Stat. Softw. 67(1), do the same
with a sparse Cholesky factor.)

References: Christensen 2019, Cumulative Link Models for Ordinal Regression with the R Package ordinal,
section 3; Tutz & Hennevogl 1996, Comput. Stat. Data Anal. 22:537–557; Pinheiro & Bates 1995, J. Comput.
Graph. Stat. 4:12–35.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dtrtri

from rater.analysis.ordinal.design import OrdinalDesign, RandomEffects
from rater.analysis.ordinal.links import END, Derivatives, Floats, Link

_MAX_NEWTON_STEPS = 200
_MAX_HALVINGS = 40
# The squared Newton decrement at which û is found: 1e-9 of a conditional standard deviation. R's default
# (a gradient of 1e-4) leaves errors of up to 9e-5 in the log-likelihood on the reference data.
_MODE_TOLERANCE = 1e-18
# A step with an old H must shrink the decrement by this factor, or H is computed anew. A factorisation costs
# about as much as several steps.
_MIN_SHRINKAGE = 100


@dataclass(frozen=True)
class Value:
    """The negative log-likelihood at a point, and its gradient there; (parameters,)."""

    value: float
    gradient: Floats


@dataclass(frozen=True)
class _FixedPart:
    """The part of the model that does not depend on the random effects, at one point."""

    upper: Floats
    """(answers,): θ_y − βx, the upper cut without random effects."""
    lower: Floats
    """(answers,): the lower cut."""
    b: Floats
    """(answers, columns): zΛ."""


@dataclass(frozen=True)
class _State:
    """Random effects u, and g and its derivatives there."""

    u: Floats
    """(effects,)"""
    answers: Derivatives
    penalised: float
    """g(u)."""
    gradient: Floats
    """(effects,): ∂g/∂u."""


class Laplace:
    """The negative log-likelihood of a design under a link, as a function of unconstrained parameters.

    The parameters are, in this order: the first threshold; the logarithms of the gaps between thresholds, so
    that thresholds always ascend; β, unless ``fixed_beta`` is given; the free entries of Λ. Λ is on the scale
    of standard deviations and its signs are free, so a variance of 0 is an interior point, where the
    likelihood is smooth.

    CAUTION: stateful. The mode û of the last point is the start for the next one; values agree to about 1e-12
    whatever was evaluated before.
    """

    def __init__(self, design: OrdinalDesign, link: Link, *, fixed_beta: float | None = None) -> None:
        self.design, self._link, self._fixed_beta = design, link, fixed_beta
        self._blocks = BlockIndex(design)
        self.u = np.zeros(design.n_effects)
        self.hessian: Hessian | None = None
        self._fixed = _FixedPart(np.empty(0), np.empty(0), np.empty((0, 0)))

    def thresholds(self, point: Floats) -> Floats:
        """Return the thresholds of a point; (parameters,) → (thresholds,)."""
        return np.cumsum(np.concatenate([point[:1], np.exp(point[1 : self.design.n_thresholds])]))

    def beta(self, point: Floats) -> float:
        """Return β of a point, free or fixed."""
        return float(point[self.design.n_thresholds]) if self._fixed_beta is None else self._fixed_beta

    @property
    def first_scale(self) -> int:
        """The index in a point at which the entries of Λ begin."""
        return self.design.n_thresholds + (self._fixed_beta is None)

    def cholesky(self, point: Floats) -> Floats:
        """Return Λ of a point; (parameters,) → (columns, columns)."""
        return self.design.cholesky(point[self.first_scale :])

    def evaluate(self, point: Floats) -> Value:
        """Return the negative log-likelihood and its gradient at a point.

        Costs a few passes over the answers and one or two factorisations of H.
        """
        category = self.design.category
        cuts = np.concatenate([[-END], self.thresholds(point), [END]])
        shift = self.beta(point) * self.design.x
        b = self.design.z @ self.cholesky(point)
        self._fixed = _FixedPart(cuts[category + 1] - shift, cuts[category] - shift, b)
        state = self._find_mode()
        self.u = state.u
        self.hessian = Hessian(self._blocks, b, state.answers.weight)
        value = state.penalised + self.hessian.log_determinant / 2
        return Value(value, self._gradient(point, state, self.hessian))

    def _state(self, u: Floats) -> _State:
        design, fixed = self.design, self._fixed
        b = fixed.b
        eta = (b * u[design.positions]).sum(axis=1)
        answers = self._link.differentiate(fixed.upper - eta, fixed.lower - eta)
        return _State(
            u,
            answers,
            penalised=float(u @ u / 2 - answers.log_p.sum()),
            # ∂g/∂u = u − B' ∂(Σ log p)/∂η.
            gradient=u - design.sum_by_effect(b * answers.slope[:, None]),
        )

    def _find_mode(self) -> _State:
        """Minimise g by Newton's method from the last point's mode, with its H while that converges quickly.

        g is strictly convex, so with any positive definite H a step leads down.
        """
        state, hessian, last = self._state(self.u), self.hessian, np.inf
        for _ in range(_MAX_NEWTON_STEPS):
            hessian = hessian or Hessian(self._blocks, self._fixed.b, state.answers.weight)
            step = hessian.solve(state.gradient)
            decrement = float(state.gradient @ step)
            if decrement <= _MODE_TOLERANCE:
                break
            if decrement > last / _MIN_SHRINKAGE:
                hessian, last = None, np.inf
                continue
            last = decrement
            state = self._backtrack(state, step)
        return state

    def _backtrack(self, state: _State, step: Floats) -> _State:
        """Return the state after a step, halved until g does not rise by more than rounding."""
        rounding = 1e-12 * (1 + abs(state.penalised))
        for halvings in range(_MAX_HALVINGS):
            there = self._state(state.u - step / 2**halvings)
            if there.penalised <= state.penalised + rounding:
                return there
        return state

    def _gradient(self, point: Floats, state: _State, hessian: "Hessian") -> Floats:
        """Differentiate g(û) + ½ log|H| by every parameter, the movement of û included.

        Let b_i be row i of B = ZΛ and l_i = log p_i. By the chain rule a parameter φ enters

        - g directly, with −∂l_i/∂φ; the movement of û adds nothing, since ∂g/∂u = 0 at û;
        - ½ log|H| with ½ tr(H⁻¹ ∂H/∂φ). Since H = I + Σ w_i b_i b_i', the weights contribute
          ½ Σ h_i ∂w_i/∂φ with h_i = b_i'H⁻¹b_i, and Λ itself contributes Σ w_i c_i'∂b_i/∂φ with c_i = H⁻¹b_i;
        - ½ log|H| through û: implicit differentiation of ∂g/∂u = 0 gives ∂û/∂φ = −H⁻¹ ∂²g/∂u∂φ. With
          s = H⁻¹ B'(½ h w') and w' = ∂w/∂η, that term is −s'∂²g/∂u∂φ for every φ: one solve serves all.

        With t = Bs, the derivative by η_i in all three terms together is ``by_predictor`` below.
        """
        design, answers, b = self.design, state.answers, self._fixed.b
        positions, slope, weight = design.positions, answers.slope, answers.weight
        c = hessian.invert().times(b)
        half_h = (b * c).sum(axis=1) / 2
        s = hessian.solve(design.sum_by_effect(b * (half_h * answers.weight_by_predictor)[:, None]))
        t = (b * s[positions]).sum(axis=1)

        by_predictor = -slope + half_h * answers.weight_by_predictor - t * weight
        by_cholesky = design.z.T @ (
            by_predictor[:, None] * state.u[positions] + weight[:, None] * c + slope[:, None] * s[positions]
        )
        upper = -answers.by_upper + half_h * answers.weight_by_upper + t * answers.slope_by_upper
        lower = -answers.by_lower + half_h * answers.weight_by_lower + t * answers.slope_by_lower
        n = design.n_categories
        by_cuts = (
            np.bincount(design.category, upper, minlength=n)[:-1]
            + np.bincount(design.category, lower, minlength=n)[1:]
        )
        # The first entry of a point moves every threshold; the logarithm of a gap moves those above the gap.
        by_thresholds = np.cumsum(by_cuts[::-1])[::-1]
        by_thresholds[1:] *= np.exp(point[1 : design.n_thresholds])
        by_beta = [by_predictor @ design.x] if self._fixed_beta is None else []
        rows, columns = np.array(design.scales, np.intp).reshape(-1, 2).T
        return np.concatenate([by_thresholds, by_beta, by_cholesky[rows, columns]])


class BlockIndex:
    """The entries of the blocks A, C and D that each answer adds to; computed once for a design."""

    def __init__(self, design: RandomEffects) -> None:
        first = design.factors[0]
        self.level, self.n_long, self.width = first.level, first.n_levels, first.width
        self.size = self.n_long * self.width
        self.n_short = design.n_effects - self.size
        long = design.positions[:, : self.width]
        short = design.positions[:, self.width :] - self.size
        self.in_a: NDArray[np.intp] = (long * self.width)[:, :, None] + np.arange(self.width)
        self.in_c: NDArray[np.intp] = (long * self.n_short)[:, :, None] + short[:, None, :]
        self.in_d: NDArray[np.intp] = (short * self.n_short)[:, :, None] + short[:, None, :]


class Hessian:
    """H = I + B'WB with the longest factor eliminated; b is (answers, columns), w is (answers,)."""

    def __init__(self, index: BlockIndex, b: Floats, w: Floats) -> None:
        self._index, width = index, index.width
        n_long, n_short = index.n_long, index.n_short
        long, short = b[:, :width], b[:, width:]
        weighted_long, weighted_short = w[:, None] * long, w[:, None] * short
        # With B = (L, S) for the longest factor and the others: A = I + L'WL, C = L'WS, D = I + S'WS.
        a = sum_products(index.in_a, weighted_long, long, index.size * width)
        a = a.reshape(n_long, width, width) + np.eye(width)
        c = sum_products(index.in_c, weighted_long, short, index.size * n_short)
        d = sum_products(index.in_d, weighted_short, short, n_short**2)
        self._a_inverse = np.linalg.inv(a)  # n_long width width
        self._c = c.reshape(index.size, n_short)
        # A⁻¹C, block by block.
        self._solved = np.matmul(self._a_inverse, c.reshape(n_long, width, n_short)).reshape(self._c.shape)
        s = d.reshape(n_short, n_short) + np.eye(n_short) - self._c.T @ self._solved
        diagonal, self._short = _factor_and_invert(s)
        # log|H| = log|A| + log|S|, and log|S| is twice the sum of the logarithms of its factor's diagonal.
        self.log_determinant = float(np.linalg.slogdet(a)[1].sum() + 2 * np.log(diagonal).sum())

    def solve(self, vector: Floats) -> Floats:
        """Solve H y = vector by block elimination; (effects,) → (effects,)."""
        # S y_short = v_short − C'A⁻¹v_long, then y_long = A⁻¹v_long − A⁻¹C y_short.
        index = self._index
        long = np.matmul(self._a_inverse, vector[: index.size].reshape(index.n_long, index.width, 1)).ravel()
        if not index.n_short:
            return np.asarray(long)
        short = self._short @ (vector[index.size :] - self._solved.T @ vector[: index.size])
        return np.concatenate([long - self._solved @ short, short])

    def invert(self) -> "InverseHessian":
        """Return the blocks of H⁻¹ that the answers need. Costs long × short².

        The long block of H⁻¹ is A⁻¹ + A⁻¹C S⁻¹ C'A⁻¹, the mixed part −A⁻¹C S⁻¹, and the short part S⁻¹.
        """
        index, short = self._index, self._short
        mixed = -self._solved @ short  # size n_short
        if not index.n_short:
            return InverseHessian(index, np.asarray(self._a_inverse, np.float64), mixed, short)
        blocks = (index.n_long, index.width, index.n_short)
        long = self._a_inverse - np.matmul(
            mixed.reshape(blocks), self._solved.reshape(blocks).transpose(0, 2, 1)
        )
        return InverseHessian(index, long, mixed, short)


class InverseHessian:
    """The entries of H⁻¹ between the columns of one answer: its long block, the mixed and the short part."""

    def __init__(self, index: BlockIndex, long: Floats, mixed: Floats, short: Floats) -> None:
        self._index, self._long, self._mixed, self._short = index, long, mixed, short

    def times(self, b: Floats) -> Floats:
        """Return H⁻¹b of each answer at the answer's own columns; (answers, columns) → (answers, columns)."""
        index = self._index
        long, short = b[:, : index.width], b[:, index.width :]
        by_long = np.einsum("ijk,ik->ij", self._long[index.level], long)
        if not index.n_short:  # a single factor: numpy's einsum over an empty axis may return anything
            return np.asarray(by_long)
        mixed = self._mixed.ravel()[index.in_c]  # answers width short-columns
        return np.concatenate(
            [
                by_long + np.einsum("ijk,ik->ij", mixed, short),
                np.einsum("ijk,ij->ik", mixed, long)
                + np.einsum("ijk,ik->ij", self._short.ravel()[index.in_d], short),
            ],
            axis=1,
        )

    def block(self, start: int, n_levels: int, width: int) -> Floats:
        """Return each level's block of the factor whose effects begin at start: (levels, width, width)."""
        if start == 0:
            return self._long
        first = start - self._index.size + width * np.arange(n_levels)
        at = first[:, None] + np.arange(width)  # levels width
        return np.asarray(self._short[at[:, :, None], at[:, None, :]])


def _factor_and_invert(matrix: Floats) -> tuple[Floats, Floats]:
    """Return the diagonal of the Cholesky factor of a positive definite matrix, and the matrix's inverse.

    S ≥ I, so neither step can fail. This calls LAPACK directly, because every fit does so some hundred times;
    and not dpotri, which OpenBLAS hands to threads however small the matrix (300 µs against 30 for 44 rows).
    """
    if not matrix.size:
        return np.empty(0), matrix
    factor, _ = dpotrf(matrix.T, lower=1)  # transposed, and so already in LAPACK's column order
    root, _ = dtrtri(factor, lower=1)
    return np.diag(factor), root.T @ root


def sum_products(index: NDArray[np.intp], left: Floats, right: Floats, size: int) -> Floats:
    """Add the outer product of left and right of every answer to the entries that the index gives."""
    products = left[:, :, None] * right[:, None, :]
    return np.bincount(index.ravel(), products.ravel(), minlength=size).astype(np.float64, copy=False)
