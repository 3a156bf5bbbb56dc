"""The profiled REML deviance of a linear mixed model, its gradient, its minimum and Satterthwaite's df.

The model of the n answers is y = Xβ + ZΛu + e with u ~ N(0, σ²I) and e ~ N(0, σ²I). Z has the random effects
of `rater.analysis.ordinal.design`. Λ is diagonal; its entries θ are the standard deviations of the random
effects, divided by σ, one for each kind. Where answers have weights w, the rows of y, X and Z are multiplied
by √w.

With V = I + ZΛ²Z', the relative covariance of the answers, and C = I + ΛZ'ZΛ, the matrix inversion lemma
gives V⁻¹ = I − ZΛC⁻¹ΛZ' and |V| = |C|. So with K = [X y] all that is needed of the answers are the
cross-products Z'Z, Z'K and K'K, which are computed once. −2 × the REML log-likelihood is, up to a constant,

    d(θ, σ²) = log|C| + log|X'V⁻¹X| + (n − p) log σ² + r(θ) / σ²,   r = (y − Xβ)'V⁻¹(y − Xβ),

and is smallest in σ² at r / (n − p) (Bates et al. 2015, section 3.4). Let b be the columns of s = C⁻¹ΛZ'K for
X, and c = s_y − bβ. Since ∂V/∂θ_k = 2 θ_k Z_k Z_k' and ΛZ'V⁻¹ = C⁻¹ΛZ', the derivatives by θ_k are

    ∂log|C| = 2 (m_k − tr (C⁻¹)_kk) / θ_k,   ∂(X'V⁻¹X) = −2 b_k'b_k / θ_k,   ∂r = −2 c_k'c_k / θ_k,

where a subscript k takes the rows of the m_k random effects of kind k. d is an even function of θ_k. A
component of 0 is therefore an interior point at which d is smooth, and its derivatives there are 0.

C is factored as in `rater.analysis.ordinal.laplace`: the factor with the most random effects is eliminated
block by block, and only a matrix of the size of the others together is inverted.

Reference: Bates, Mächler, Bolker & Walker 2015, J. Stat. Softw. 67(1); for the degrees of freedom
Kuznetsova, Brockhoff & Christensen 2017, J. Stat. Softw. 82(13).
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dpotrf, dtrtri

from rater.analysis.ordinal.design import RandomEffects
from rater.analysis.ordinal.laplace import BlockIndex, sum_products
from rater.analysis.ordinal.links import Floats
from rater.analysis.ordinal.minimise import Optimum, minimise

# Where the search starts: all standard deviations as a share of the error's. Those after the first are used
# where a search did not converge, which no fit of our simulations and reference data did.
_STARTS = (0.5, 0.1, 1.5)
# With a random effect of this many times the error's standard deviation, the error is only rounding.
MAX_RATIO = 1e3
# Answers are divided by their standard deviation; a smaller residual mean square is rounding.
MIN_MEAN_SQUARE = 1e-12
# Below the first, a component is tried at 0. The sign of the gradient at the second decides.
_SMALL, _NEAR_ZERO = 0.05, 1e-6
# Half the width of differences of gradients, as in `rater.analysis.ordinal.minimise`.
_DIFFERENCE = 1e-4


@dataclass(frozen=True)
class Evaluation:
    """The profiled deviance at a point, halved as a negative log-likelihood, and the parts of it."""

    theta: Floats
    value: float
    gradient: Floats
    """(kinds,)"""
    beta: Floats
    """(p,)"""
    inverse: Floats
    """(p, p): (X'V⁻¹X)⁻¹."""
    rss: float
    """r(θ)."""
    determinant_slopes: Floats
    """(kinds,): the derivatives of log|C| + log|X'V⁻¹X|."""
    rss_slopes: Floats
    """(kinds,): the derivatives of r."""
    variance_slopes: Floats
    """(kinds,): the derivatives of the tested coefficient's entry of (X'V⁻¹X)⁻¹."""
    b: Floats
    """(effects, p): C⁻¹ΛZ'X."""
    c: Floats
    """(effects,): C⁻¹ΛZ'(y − Xβ), the predicted random effects u."""
    inverse_diagonal: Floats
    """(effects,): of C⁻¹."""


class RemlDeviance:
    """The cross-products of some answers with their random effects, and the deviance as a function of θ.

    Args:
        effects: The random effects.
        fixed: (answers, p), the columns of X.
        answer: (answers,)
        tested: The column of X whose coefficient is tested.
    """

    def __init__(self, effects: RandomEffects, fixed: Floats, answer: Floats, *, tested: int) -> None:
        index = BlockIndex(effects)
        width, size = index.width, index.size
        long, short = effects.z[:, :width], effects.z[:, width:]
        self._index = index
        self._a = sum_products(index.in_a, long, long, size * width).reshape(index.n_long, width, width)
        self._c = sum_products(index.in_c, long, short, size * index.n_short).reshape(size, index.n_short)
        self._d = sum_products(index.in_d, short, short, index.n_short**2).reshape((index.n_short,) * 2)
        k = np.column_stack([fixed, answer])
        self._zk = np.column_stack(
            [effects.sum_by_effect(effects.z * column[:, None]) for column in k.T]
        )  # effects p+1
        self._kk = k.T @ k
        self.tested = tested
        self.df_error = answer.size - k.shape[1] + 1
        # The kind of each random effect: intercepts and slopes of a factor alternate.
        ends = np.cumsum([factor.width for factor in effects.factors])
        self.n_kinds = int(ends[-1])
        self.kinds_of_factors = np.split(np.arange(self.n_kinds), ends[:-1])
        self.kind = np.concatenate(
            [
                np.tile(kinds, factor.n_levels)
                for factor, kinds in zip(effects.factors, self.kinds_of_factors, strict=True)
            ]
        )
        self._n_levels = np.bincount(self.kind)

    def _sum(self, values: Floats) -> Floats:
        """Sum numbers of random effects by kind; (effects,) → (kinds,)."""
        return np.bincount(self.kind, values, minlength=self.n_kinds).astype(np.float64, copy=False)

    def evaluate(self, theta: Floats) -> Evaluation:
        """Return the deviance, profiled over β and σ², and its derivatives."""
        scale = theta[self.kind]
        right = scale[:, None] * self._zk
        log_determinant, solved, inverse_diagonal = self._solve(scale, right)
        products = self._kk - right.T @ solved  # K'V⁻¹K
        inverse = np.linalg.inv(products[:-1, :-1])
        beta = inverse @ products[:-1, -1]
        rss = float(max(products[-1, -1] - beta @ products[:-1, -1], np.finfo(float).tiny))
        b, c = solved[:, :-1], solved[:, -1] - solved[:, :-1] @ beta
        # All three derivatives have the factor 2 / θ; at θ = 0 they are 0.
        twice = 2 * np.divide(1.0, theta, out=np.zeros_like(theta), where=theta != 0)
        log_c_slopes = twice * (self._n_levels - self._sum(inverse_diagonal))
        log_a_slopes = -twice * self._sum(((b @ inverse) * b).sum(axis=1))
        determinant_slopes, rss_slopes = log_c_slopes + log_a_slopes, -twice * self._sum(c**2)
        log_a = float(np.linalg.slogdet(products[:-1, :-1])[1])
        value = log_determinant + log_a + self.df_error * np.log(rss)
        return Evaluation(
            theta=theta,
            value=float(value) / 2,
            gradient=(determinant_slopes + self.df_error * rss_slopes / rss) / 2,
            beta=beta,
            inverse=inverse,
            rss=rss,
            determinant_slopes=determinant_slopes,
            rss_slopes=rss_slopes,
            # ∂A⁻¹ = −A⁻¹ ∂A A⁻¹ with ∂A = −2 b'b / θ
            variance_slopes=twice * self._sum((b @ inverse[:, self.tested]) ** 2),
            b=b,
            c=c,
            inverse_diagonal=inverse_diagonal,
        )

    def _solve(self, scale: Floats, right: Floats) -> tuple[float, Floats, Floats]:
        """Return log|C|, C⁻¹ times some columns, and the diagonal of C⁻¹.

        With C = [[A, B], [B', D]] and A = LL' block by block, the Schur complement is S = D − H'H with
        H = L⁻¹B. With S = GG', C⁻¹ has the diagonal blocks S⁻¹ = G⁻ᵀG⁻¹ and A⁻¹ + JJ' with J = A⁻¹B G⁻ᵀ.
        """
        index, size = self._index, self._index.size
        blocks = (index.n_long, index.width, -1)
        long, short = scale[:size], scale[size:]
        by_block = long.reshape(index.n_long, index.width)
        a = by_block[:, :, None] * self._a * by_block[:, None, :] + np.eye(index.width)
        root = np.linalg.inv(np.linalg.cholesky(a))  # L⁻¹
        h = np.matmul(root, (long[:, None] * self._c * short).reshape(blocks)).reshape(size, -1)
        s = short[:, None] * self._d * short + np.eye(index.n_short) - h.T @ h
        factor, _ = dpotrf(s.T, lower=1)
        g, _ = dtrtri(factor, lower=1)  # G⁻¹
        upper = np.matmul(root.transpose(0, 2, 1), h.reshape(blocks)).reshape(size, -1)  # A⁻¹B
        j = upper @ g.T

        a_right = np.matmul(root.transpose(0, 2, 1) @ root, right[:size].reshape(blocks)).reshape(size, -1)
        below = g.T @ (g @ (right[size:] - upper.T @ right[:size]))
        solved = np.concatenate([a_right - upper @ below, below])
        of_a = (root**2).sum(axis=1).ravel()
        diagonal = np.concatenate([of_a + (j**2).sum(axis=1), (g**2).sum(axis=0)])
        log_determinant = 2 * float(np.log(np.diag(factor)).sum()) - 2 * float(
            np.log(np.diagonal(root, axis1=1, axis2=2)).sum()
        )
        return log_determinant, solved, diagonal


def has_no_error(theta: Floats) -> bool:
    """Return whether the error is only rounding next to a random effect."""
    return bool(np.abs(theta).max() > MAX_RATIO)


def put_to_zero(model: RemlDeviance, theta: Floats) -> Floats:
    """Set each small component to 0 if the deviance does not decrease as it leaves 0.

    The search ends near such a boundary, at some 1e-7, and not on it. By θ² the deviance has the slope
    ∂d/∂θ / 2θ, whose sign near 0 decides.
    """
    for kind in np.flatnonzero(theta < _SMALL):
        near, at = theta.copy(), theta.copy()
        near[kind], at[kind] = _NEAR_ZERO, 0.0
        if model.evaluate(near).gradient[kind] >= 0:
            theta = at
    return theta


def satterthwaite(model: RemlDeviance, fit: Evaluation) -> float:
    """Return Satterthwaite's degrees of freedom 2 v² / (g'Ag) of the tested coefficient, as lmerTest.

    v is its variance as a function of the variance parameters, g its gradient and A the
    asymptotic covariance of their estimates: twice the inverse of the Hessian of the deviance, here not
    profiled over σ (Kuznetsova et al. 2017, section 2). lmerTest takes both derivatives numerically. Here g
    and the gradient of the deviance are exact, and the Hessian is by central differences of that gradient.

    The parameters are θ and t = log σ². They give the same value as θ and σ, since the gradient of the
    deviance is 0 at the optimum. With d = … + (n − p) t + r e⁻ᵗ, ∂²d/∂t² = n − p and ∂²d/∂t∂θ = −∂r/∂θ e⁻ᵗ.
    v = eᵗ times its entry of (X'V⁻¹X)⁻¹ has ∂v/∂t = v. A component at 0 has no gradient in v, and none in
    the deviance whatever the others are, so it is left out.
    """
    sigma_squared, own = fit.rss / model.df_error, fit.inverse[model.tested, model.tested]
    kept = np.flatnonzero(fit.theta)
    n = kept.size
    hessian = np.empty((n + 1, n + 1))
    for row, kind in enumerate(kept):
        step = np.zeros_like(fit.theta)
        step[kind] = _DIFFERENCE
        above, below = (
            there.determinant_slopes + there.rss_slopes / sigma_squared
            for there in (model.evaluate(fit.theta + step), model.evaluate(fit.theta - step))
        )
        hessian[row, :n] = (above - below)[kept] / (2 * _DIFFERENCE)
    hessian[:n, :n] = (hessian[:n, :n] + hessian[:n, :n].T) / 2
    hessian[n, :n] = hessian[:n, n] = -fit.rss_slopes[kept] / sigma_squared
    hessian[n, n] = model.df_error
    # by the relative variance v / σ²
    gradient = np.append(fit.variance_slopes[kept], own)
    return float(own**2 / (gradient @ np.linalg.solve(hessian, gradient)))


def search(model: RemlDeviance) -> Optimum:
    """Minimise from each starting point until a search converges."""
    for start in _STARTS:
        optimum = minimise(model.evaluate, np.full(model.n_kinds, start), stop=has_no_error)
        if optimum.is_minimum or has_no_error(optimum.point):
            break
    return optimum
