"""Fit the crossed random-effects model of cell scores by restricted maximum likelihood.

The model is M_rp = mu + a_r + b_p + e_rp with Var(a) = s_r, Var(b) = s_p and Var(e) = s_e / w_rp. Its
covariance over s_e is V = K + t_p Z_p Z_p' with K = W⁻¹ + t_r Z_r Z_r' and the ratios t_r = s_r / s_e, t_p
= s_p / s_e. K is block-diagonal over raters, so raters are eliminated in closed form and only a prompts ×
prompts system is solved; where there are more prompts than raters, the two change places. One evaluation
costs long × short², and nothing of long × long is ever built.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float64]

LARGEST_RATIO = 1e6
"""Where a ratio grows up to here, the residual variance is 0 as far as double precision can tell."""


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
) -> RemlFit | None:
    """Fit the model to cells; ``free`` says which of the two components (rater, prompt) are estimated.

    None where raters and prompts explain every cell exactly: the likelihood then has no maximum.

    Equal to R's ``lmerTest::lmer(score ~ 1 + (1|rater) + (1|prompt), weights = weight)``. References: Bates,
    Mächler, Bolker & Walker 2015, J. Stat. Softw. 67(1); for the degrees of freedom Kuznetsova, Brockhoff &
    Christensen 2017, J. Stat. Softw. 82(13). Takes 10 to 30 evaluations.
    """
    swap = prompt.max() > rater.max()
    long, short = (prompt, rater) if swap else (rater, prompt)
    shape = (int(long.max()) + 1, int(short.max()) + 1)
    weights, scores = np.zeros(shape), np.zeros(shape)
    weights[long, short] = weight
    scores[long, short] = score
    ratios = _minimise(weights, scores, free[::-1] if swap else free)
    if ratios is None:
        return None
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


def _minimise(weights: Floats, scores: Floats, free: tuple[bool, bool]) -> Floats | None:
    """Find the ratios of least deviance, searching over t / (1 + t), which is bounded and evenly scaled."""
    corners = [np.multiply(free, corner) * LARGEST_RATIO for corner in ((1, 0), (0, 1), (1, 1))]

    def deviance(shares: Floats) -> tuple[float, Floats]:
        fit = _Fit(weights, scores, shares / (1 - shares))
        slopes = fit.traces - fit.pulls / fit.residual_variance
        return fit.deviance, slopes / (1 - shares) ** 2

    largest = LARGEST_RATIO / (1 + LARGEST_RATIO)
    found = minimize(
        deviance,
        [0.2 if allowed else 0.0 for allowed in free],
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, largest if allowed else 0.0) for allowed in free],
        options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 200},
    )
    # Without a residual the deviance falls without end towards a corner, which the search may not have seen.
    ratios = np.asarray(found.x / (1 - found.x), dtype=np.float64)
    fell = any(_Fit(weights, scores, corner).deviance <= found.fun for corner in corners if corner.any())
    return None if fell or ratios.max() > LARGEST_RATIO / 2 else ratios


class _Covariance:
    """V at one pair of ratios, in the blocks that solving with it needs.

    Z'K⁻¹Z is diag(e) for (long, long), f for (long, short) and a for (short, short); with
    q = t_short (I + t_short a)⁻¹, Z'V⁻¹Z is diag(e) − f q f', f inverse and a inverse.
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
        """Z'K⁻¹x, by long and by short factor."""
        weighted = self.weights * table
        rows = self.shrink * weighted.sum(axis=1)
        return rows, weighted.sum(axis=0) - self.t_long * self.weights.T @ rows

    def whole(self, table: Floats) -> tuple[Floats, Floats]:
        """Z'V⁻¹x, by long and by short factor; either sums to 1'V⁻¹x."""
        rows, columns = self.half(table)
        return rows - self.f @ (self.q @ columns), self.inverse @ columns

    def square(self, table: Floats) -> float:
        """x'V⁻¹x."""
        rows, columns = self.half(table)
        within = (self.weights * table**2).sum() - self.t_long * (rows / self.shrink) @ rows
        return float(within - columns @ self.q @ columns)


class _Fit:
    """The weighted mean and the REML deviance at one pair of ratios, with what their derivatives are made of.

    Q is V⁻¹ with the mean projected out: V⁻¹ − V⁻¹1 1'V⁻¹ / 1'V⁻¹1. Pairs run over (long, short).
    """

    def __init__(self, weights: Floats, scores: Floats, ratios: Floats) -> None:
        self.v = v = _Covariance(weights, ratios)
        self.n_cells = int(np.count_nonzero(weights))
        self.g = v.whole(np.ones_like(weights))  # Z'V⁻¹1
        self.precision = float(self.g[1].sum())  # 1'V⁻¹1
        self.mean = float(v.whole(scores)[1].sum()) / self.precision
        # About the mean, so that no digits are lost where the mean is large against the spread.
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

    def products(self) -> tuple[Floats, Floats]:
        """The traces of Q Z_i Z_i' Q Z_j Z_j', and y'Q Z_i Z_i' Q Z_j Z_j' Q y."""
        e, side, core, (u_long, u_short) = self.v.e, self.side, self.core, self.u
        mixed_block = self.v.f @ self.v.inverse - np.outer(*self.g) / self.precision  # long short
        curved = core @ (side.T @ side)
        long_long = (
            (e**2).sum() - 2 * (core * (side.T @ (e[:, None] * side))).sum() + np.trace(curved @ curved)
        )
        mixed = (mixed_block**2).sum()
        traces = np.array([[long_long, mixed], [mixed, (self.short_block**2).sum()]])
        long_long = u_long @ (e * u_long) - (side.T @ u_long) @ core @ (side.T @ u_long)
        mixed = u_long @ mixed_block @ u_short
        return traces, np.array([[long_long, mixed], [mixed, u_short @ self.short_block @ u_short]])


def _satterthwaite(fit: _Fit, ratios: Floats) -> float:
    """Compute 2 Var² / (d' I⁻¹ d), d the derivatives of the mean's variance Var, I the observed information.

    Var and the log-likelihood's gradient are homogeneous in (s_long, s_short, s_e), V being linear in them;
    so the derivatives by s_e follow from those by the other two, and no cells × cells matrix is needed.
    """
    s_e, total = fit.residual_variance, fit.n_cells - 1
    s = ratios * s_e
    variance = s_e / fit.precision
    derivatives = np.empty(3)
    derivatives[:2] = np.array([half @ half for half in fit.g]) / fit.precision**2
    derivatives[2] = (variance - s @ derivatives[:2]) / s_e

    traces, forms = fit.products()
    information = np.empty((3, 3))
    information[:2, :2] = (forms / s_e - traces / 2) / s_e**2
    by_short_and_long = (fit.pulls / s_e - fit.traces / 2) / s_e
    information[:2, 2] = information[2, :2] = (by_short_and_long - information[:2, :2] @ s) / s_e
    trace_e = (total - ratios @ fit.traces) / s_e
    form_e = (total - ratios @ fit.pulls / s_e) / s_e
    information[2, 2] = (form_e - trace_e / 2 - information[2, :2] @ s) / s_e

    kept = np.flatnonzero([*(ratios > 0), True])
    d = derivatives[kept]
    return float(2 * variance**2 / (d @ np.linalg.solve(information[np.ix_(kept, kept)], d)))
