"""Restricted maximum likelihood (REML) for the crossed random-effects model of cell scores.

The model is M_rp = μ + a_r + b_p + e_rp with Var(a) = s_r, Var(b) = s_p and Var(e) = s_e / w_rp. Its
covariance is s_e V with V = K + t_p Z_p Z_p', K = W⁻¹ + t_r Z_r Z_r' and the ratios t_r = s_r / s_e and
t_p = s_p / s_e. With s_e profiled out, −2 × the REML log-likelihood of n cells is, up to a constant,

    d(t) = (n − 1) log(y'Qy / (n − 1)) + log|V| + log(1'V⁻¹1),   Q = V⁻¹ − V⁻¹1 1'V⁻¹ / 1'V⁻¹1

(Bates et al. 2015, section 3.4; Q projects out the mean). Its derivative by a ratio t_j is
tr(Q Z_j Z_j') − y'Q Z_j Z_j'Q y / s_e, since ∂V/∂t_j = Z_j Z_j'.

K is block-diagonal over raters, so raters are eliminated in closed form (Sherman–Morrison) and only a prompts
× prompts system is solved (Woodbury); with more prompts than raters the two swap roles. An evaluation costs
long × short² operations, where long and short are the larger and the smaller of the two numbers of levels; no
long × long matrix is built.

statsmodels' MixedLM did not converge on the reference data with crossed effects and has no correction of the
degrees of freedom; the package mixedlm fits the model, but too slowly for simulations (statistics.md
section 11).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float64]

# Starting points of the search, as t / (1 + t) of the two ratios. Those after the first are used only when a
# search stopped short of the minimum.
_STARTS = ((0.2, 0.2), (0.3, 0.05), (0.05, 0.3), (0.02, 0.02), (0.6, 0.6), (0.6, 0.02), (0.02, 0.6))
# A search that ends this close to its boundary has ended on it, up to rounding: the component is 0.
_ZERO = 1e-12
# Maximum slope of the deviance at its minimum, as a share of the number of levels of the short factor.
_MAX_SLOPE = 1e-3
# Deviances closer than this are equal: along a ridge towards a residual of 0 they fall ever more slowly.
_SAME = 1e-3
# Ratios of the two components at which a ridge is searched for.
_RIDGE = (0.6, 0.4, 0.25, 0.15, 0.1, 0.05, 0.02, 0.01)
# With a component this many times the residual variance, the residual is only rounding error.
_NEGLIGIBLE_RESIDUAL = 1e4
# Where a ratio grows up to here, the residual variance is 0 within double precision.
MAX_RATIO = 1e6


@dataclass(frozen=True)
class NoFit:
    """The reason why the model cannot be fitted; it completes "not estimable, because …"."""

    reason: str


NO_RESIDUAL = NoFit("raters and prompts explain every cell exactly, so the residual variance is 0")
NOT_CONVERGED = NoFit("the likelihood of the variances could not be maximised: the search did not converge")


@dataclass(frozen=True)
class RemlFit:
    """The fitted mean and variances; a component is 0 where the likelihood puts it on its boundary."""

    estimate: float
    standard_error: float
    df: float
    """Satterthwaite's degrees of freedom from the observed information, components at 0 dropped."""
    rater_variance: float
    prompt_variance: float
    residual_variance: float


def fit_reml(
    rater: NDArray[np.intp],
    prompt: NDArray[np.intp],
    score: Floats,
    weight: Floats,
    *,
    free: tuple[bool, bool],
) -> RemlFit | NoFit:
    """Fit the model to cells. Costs 10 to 30 evaluations.

    Equal to R's ``lmerTest::lmer(score ~ 1 + (1|rater) + (1|prompt), weights = weight)``. References: Bates,
    Mächler, Bolker & Walker 2015, J. Stat. Softw. 67(1); for the degrees of freedom Kuznetsova, Brockhoff &
    Christensen 2017, J. Stat. Softw. 82(13).

    Args:
        rater: (cells,), codes from 0 without gaps.
        prompt: (cells,), codes from 0 without gaps.
        score: (cells,)
        weight: (cells,), above 0; the variance of a cell's error is inversely proportional to it.
        free: Whether the variances of raters and of prompts are estimated; the others are 0.

    Returns:
        The fit, or the reason why there is none: raters and prompts explain every cell exactly, so that the
        likelihood has no maximum, or the search converges from none of several starting points.
    """
    swap = prompt.max() > rater.max()
    long, short = (prompt, rater) if swap else (rater, prompt)
    shape = (int(long.max()) + 1, int(short.max()) + 1)
    weights, scores = np.zeros(shape), np.zeros(shape)
    weights[long, short] = weight
    scores[long, short] = score
    ratios = _minimise(weights, scores, free[::-1] if swap else free)
    if isinstance(ratios, NoFit):
        return ratios
    fit = _Fit(weights, scores, ratios)
    rater_ratio, prompt_ratio = ratios[::-1] if swap else ratios
    return RemlFit(
        estimate=fit.mean,
        standard_error=float(np.sqrt(fit.residual_variance / fit.precision)),
        df=_satterthwaite(fit, ratios),
        rater_variance=float(rater_ratio) * fit.residual_variance,
        prompt_variance=float(prompt_ratio) * fit.residual_variance,
        residual_variance=fit.residual_variance,
    )


def _minimise(weights: Floats, scores: Floats, free: tuple[bool, bool]) -> Floats | NoFit:
    """Return the ratios that minimise the deviance, searching over t / (1 + t), which is bounded.

    L-BFGS-B can stop where the deviance does not change within rounding along its search direction, although
    its gradient is large (in 100 raters × 6 prompts with gaps, 2 of 12,400 fits stopped 3.9 above the
    optimum). So the gradient is checked, and the search is repeated from other points until it vanishes.
    """

    def deviance(shares: Floats) -> tuple[float, Floats]:
        fit = _Fit(weights, scores, shares / (1 - shares))
        # Chain rule: dt / d(share) = 1 / (1 − share)².
        return fit.deviance, fit.slopes / (1 - shares) ** 2

    largest = MAX_RATIO / (1 + MAX_RATIO)
    best, lowest = None, np.inf
    for start in _STARTS:
        search = minimize(
            deviance,
            [share if allowed else 0.0 for share, allowed in zip(start, free, strict=True)],
            jac=True,
            method="L-BFGS-B",
            bounds=[(0.0, largest if allowed else 0.0) for allowed in free],
            options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 200},
        )
        shares = np.where(search.x < _ZERO, 0.0, search.x)
        ratios = np.asarray(shares / (1 - shares), dtype=np.float64)
        if search.fun < lowest:
            best, lowest = ratios, search.fun
        if is_stationary(weights, scores, ratios, free) or ratios.max() > _NEGLIGIBLE_RESIDUAL:
            break
    assert best is not None  # noqa: S101 (a deviance is a number)
    if _has_no_residual(weights, scores, free, lowest) or best.max() > _NEGLIGIBLE_RESIDUAL:
        return NO_RESIDUAL
    return best if is_stationary(weights, scores, best, free) else NOT_CONVERGED


def _has_no_residual(weights: Floats, scores: Floats, free: tuple[bool, bool], lowest: float) -> bool:
    """Return whether the deviance decreases without limit towards a residual variance of 0.

    It can do so towards a corner, which the search may have missed. With no more cells than levels, where
    raters and prompts can explain every cell, it can also do so along a ridge of both components.
    """
    directions = [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0)]
    if np.count_nonzero(weights) <= sum(weights.shape):
        directions += [pair for share in _RIDGE for pair in ((1.0, share), (share, 1.0))]
    ratios = [np.multiply(free, direction) * MAX_RATIO for direction in directions]
    return any(_Fit(weights, scores, each).deviance <= lowest + _SAME for each in ratios if each.any())


def is_stationary(weights: Floats, scores: Floats, ratios: Floats, free: tuple[bool, bool]) -> bool:
    """Return whether the deviance's projected gradient vanishes: no free ratio can lower it.

    Slopes are taken by log(1 + t), in which the curvature of the deviance is about constant and of the order
    of the number of levels m. A slope of ε m then leaves a deviance of at most about ε² m / 2 above the
    optimum, 1e-6 m with ε = 1e-3. At a ratio of 0 only a negative slope counts.
    """
    fit = _Fit(weights, scores, ratios)
    slopes = fit.slopes * (1 + ratios)
    projected = np.where(ratios > 0, slopes, np.minimum(slopes, 0.0))[np.asarray(free)]
    return bool(np.all(np.abs(projected) <= _MAX_SLOPE * min(weights.shape)))


class _Covariance:
    """V at one pair of ratios, in the blocks that solving with it needs.

    Within a long level with weights w, Sherman–Morrison gives K⁻¹ = W − t ww' / (1 + t Σw). So the blocks of
    Z'K⁻¹Z are diag(e) for (long, long), f for (long, short) and a for (short, short). Woodbury gives
    V⁻¹ = K⁻¹ − K⁻¹Z_s q Z_s'K⁻¹ with q = t_short (I + t_short a)⁻¹, so the blocks of Z'V⁻¹Z are
    diag(e) − f q f', f (I + t_short a)⁻¹ and a (I + t_short a)⁻¹. By the determinant lemma
    log|V| = log|W⁻¹| + Σ log(1 + t Σw) + log|I + t_short a|; the first term is constant and left out.
    """

    def __init__(self, weights: Floats, ratios: Floats) -> None:
        t_long, t_short = ratios
        self.weights, self.t_long = weights, t_long  # weights: long short
        self.shrink = 1 / (1 + t_long * weights.sum(axis=1))  # long
        self.e = weights.sum(axis=1) * self.shrink  # long
        self.f = self.shrink[:, None] * weights  # long short
        self.a = np.diag(weights.sum(axis=0)) - t_long * weights.T @ self.f  # short short
        grown = np.eye(self.a.shape[0]) + t_short * self.a
        self.inverse = np.linalg.inv(grown)
        self.q = t_short * self.inverse
        self.log_determinant = float(np.linalg.slogdet(grown)[1] - np.log(self.shrink).sum())

    def half(self, table: Floats) -> tuple[Floats, Floats]:
        """Return Z'K⁻¹x by long and by short factor; (long, short) → (long,), (short,)."""
        weighted = self.weights * table
        rows = self.shrink * weighted.sum(axis=1)
        return rows, weighted.sum(axis=0) - self.t_long * self.weights.T @ rows

    def whole(self, table: Floats) -> tuple[Floats, Floats]:
        """Return Z'V⁻¹x by long and by short factor; each sums to 1'V⁻¹x."""
        rows, columns = self.half(table)
        return rows - self.f @ (self.q @ columns), self.inverse @ columns

    def square(self, table: Floats) -> float:
        """Return x'V⁻¹x."""
        rows, columns = self.half(table)
        within = (self.weights * table**2).sum() - self.t_long * (rows / self.shrink) @ rows
        return float(within - columns @ self.q @ columns)


class _Fit:
    """The weighted mean, the REML deviance and the parts of its derivatives at one pair of ratios.

    Q is as in the module's docstring. Pairs run over (long, short).
    """

    def __init__(self, weights: Floats, scores: Floats, ratios: Floats) -> None:
        self.v = v = _Covariance(weights, ratios)
        self.n_cells = int(np.count_nonzero(weights))
        self.g = v.whole(np.ones_like(weights))  # Z'V⁻¹1
        self.precision = float(self.g[1].sum())  # 1'V⁻¹1
        self.mean = float(v.whole(scores)[1].sum()) / self.precision
        # Centred on the mean, so that no digits are lost where the mean is much larger than the spread.
        centred = np.where(weights > 0, scores - self.mean, 0.0)
        self.u = v.whole(centred)  # Z'Qy
        rss = max(v.square(centred), np.finfo(float).tiny)
        self.residual_variance = rss / (self.n_cells - 1)
        self.deviance = (
            (self.n_cells - 1) * float(np.log(self.residual_variance))
            + v.log_determinant
            + float(np.log(self.precision))
        )
        # Z_long' Q Z_long = diag(e) − side core side'.
        self.side = np.column_stack([v.f, self.g[0]])  # long short+1
        self.core = np.zeros((v.q.shape[0] + 1,) * 2)
        self.core[:-1, :-1], self.core[-1, -1] = v.q, 1 / self.precision
        self.short_block = v.a @ v.inverse - np.outer(self.g[1], self.g[1]) / self.precision
        trace_long = v.e.sum() - (self.core * (self.side.T @ self.side)).sum()
        self.traces = np.array([trace_long, np.trace(self.short_block)])  # of Q Z Z'
        self.pulls = np.array([half @ half for half in self.u])  # y'Q Z Z' Q y
        self.slopes = self.traces - self.pulls / self.residual_variance  # of the deviance, by the ratios

    def products(self) -> tuple[Floats, Floats]:
        """The traces of Q Z_i Z_i' Q Z_j Z_j', and y'Q Z_i Z_i' Q Z_j Z_j' Q y."""
        # With Z_long'QZ_long = E − S C S', E = diag(e), the trace of its square expands to
        # tr E² − 2 tr(C S'ES) + tr((C S'S)²); the other traces are sums of squares of a block.
        e, side, core, (u_long, u_short) = self.v.e, self.side, self.core, self.u
        mixed_block = self.v.f @ self.v.inverse - np.outer(*self.g) / self.precision  # long short
        curved = core @ (side.T @ side)
        long_long = (
            (e**2).sum() - 2 * (core * (side.T @ (e[:, None] * side))).sum() + np.trace(curved @ curved)
        )
        mixed = (mixed_block**2).sum()
        traces = np.array([[long_long, mixed], [mixed, (self.short_block**2).sum()]])
        # With u_i = Z_i'Qy, the forms are u_i' (Z_i'QZ_j) u_j.
        long_long = u_long @ (e * u_long) - (side.T @ u_long) @ core @ (side.T @ u_long)
        mixed = u_long @ mixed_block @ u_short
        return traces, np.array([[long_long, mixed], [mixed, u_short @ self.short_block @ u_short]])


def _satterthwaite(fit: _Fit, ratios: Floats) -> float:
    """Return Satterthwaite's degrees of freedom 2 Var² / (d' I⁻¹ d).

    d is the gradient of the variance Var of the mean by the variances (s_long, s_short, s_e), and I their
    observed information. The covariance is linear in the variances, so Var is homogeneous of degree 1, and
    the two terms of the log-likelihood's gradient, −tr(QV_j) / 2 and y'QV_jQy / 2, are of degrees −1 and −2.
    By Euler's theorem Σ s_j ∂f/∂s_j = degree × f, so derivatives by s_e follow from those by the other two
    variances, and no cells × cells matrix is needed.
    """
    s_e, total = fit.residual_variance, fit.n_cells - 1
    s = ratios * s_e
    variance = s_e / fit.precision
    # ∂Var/∂s_j = 1'V⁻¹Z_jZ_j'V⁻¹1 / (1'V⁻¹1)², where Z_j'V⁻¹1 is g_j.
    derivatives = np.empty(3)
    derivatives[:2] = np.array([half @ half for half in fit.g]) / fit.precision**2
    derivatives[2] = (variance - s @ derivatives[:2]) / s_e

    # The observed information is y'QV_iQV_jQy − tr(QV_iQV_j) / 2; here Q lacks its factor 1 / s_e.
    traces, forms = fit.products()
    information = np.empty((3, 3))
    information[:2, :2] = (forms / s_e - traces / 2) / s_e**2
    by_short_and_long = (fit.pulls / s_e - fit.traces / 2) / s_e
    information[:2, 2] = information[2, :2] = (by_short_and_long - information[:2, :2] @ s) / s_e
    trace_e = (total - ratios @ fit.traces) / s_e
    form_e = (total - ratios @ fit.pulls / s_e) / s_e
    information[2, 2] = (form_e - trace_e / 2 - information[2, :2] @ s) / s_e

    # A component on its boundary has no information of its own; lmerTest leaves it out as well.
    kept = np.flatnonzero([*(ratios > 0), True])
    d = derivatives[kept]
    return float(2 * variance**2 / (d @ np.linalg.solve(information[np.ix_(kept, kept)], d)))
