"""Predict the difference on a new prompt and for a new rater, and how often its sign is the opposite one.

The mean difference can be sure and yet differ from prompt to prompt. In the model of the cell scores,
M_rp = mu + a_r + b_p + e_rp (`rater.analysis.reml`), the difference on a new prompt, over all raters like
these, is mu + b with b ~ N(0, s_p); for a new rater, over all prompts like these, mu + a with a ~ N(0, s_r).

Neither mu nor the variances are known, so both enter with their uncertainty, by generalised pivotal
quantities: each expected mean square is drawn as its estimate × df / chi²(df), the variances and the mean are
computed from the draws, and the interval is that between the percentiles of mu* + sqrt(s*) z. The plain
m ± t √(SE² + s) takes s as known, and collapses to the confidence interval where s is estimated as 0.

The share of prompts with the opposite sign is P(mu + b < 0) where the estimate is above 0. Its interval holds
that of the normal model and that of a count, Clopper and Pearson's of the prompts studied whose shrunken
difference has the opposite sign: the first is right where effects are normal, the second where they are
skewed, or of two kinds, and precise. Coverage in simulations: tests/benchmarks/reliability.py and docs.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from rater.analysis.bounds import Bounds, clip
from rater.analysis.crossed import CellScores
from rater.analysis.reml import RemlFit
from rater.analysis.results import Counts, Interval, NotEstimable
from rater.analysis.shrunken import Shrunken

Floats = NDArray[np.float64]
Unit = Literal["prompt", "rater"]

MIN_UNITS = 8
"""With fewer prompts (raters) their variance is known too badly for a useful interval: with 5 its upper
95 % limit is 8 times the estimate, with 8 it is 4 times."""
N_DRAWS = 20_000
"""So many that the ends of a 95 % interval move by about 1 % of its width from seed to seed."""
METHOD = (
    "prediction interval from generalised pivotal quantities of the mean squares, with normal effects of "
    "raters and prompts"
)
REFERENCE = (
    "Weerahandi 1993, J. Am. Stat. Assoc. 88:899–905; "
    "Higgins, Thompson & Spiegelhalter 2009, J. R. Stat. Soc. A 172:137–159"
)


@dataclass(frozen=True, kw_only=True)
class NewUnit:
    """The difference that is to be expected on a new prompt, or for a new rater."""

    unit: Unit
    n_units: int
    """How many prompts (raters) it is predicted from."""
    mean: float
    sd: float
    """The estimated standard deviation of the difference between prompts (raters)."""
    sd_interval: Interval
    interval: Interval
    """The prediction interval, within what is possible."""
    unclipped_interval: Interval
    opposite: float
    """The estimated share of prompts (raters) whose difference has the other sign than the mean."""
    opposite_interval: Interval
    n_opposite: int | None
    """How many of those studied have a shrunken difference of the other sign; None where there are none."""
    method: str = METHOD
    reference: str = REFERENCE


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """How far the difference holds beyond the prompts and raters that were studied."""

    prompts: NewUnit | NotEstimable
    raters: NewUnit | NotEstimable


def predict_new_units(
    scores: CellScores,
    shrunken: Shrunken | None,
    *,
    alpha: float,
    rng: np.random.Generator,
    bounds: Bounds | None = None,
) -> Reliability:
    """Predict the difference on a new prompt and for a new rater. Costs 20,000 draws of three numbers.

    Args:
        scores: The cells of the contrast.
        shrunken: The fitted model with its predictions; None where it could not be fitted.
        alpha: Intervals cover 1 − alpha.
        rng: Draws the mean squares.
        bounds: Between what a difference must be.
    """

    def predict(unit: Unit) -> NewUnit | NotEstimable:
        reason = _why_not(scores.n, shrunken, unit)
        if reason or shrunken is None:
            test = f"prediction for a new {unit}"
            return NotEstimable(test=test, score="answers", reason=reason, n=scores.n)
        return _predict(scores, shrunken, unit, alpha=alpha, rng=rng, bounds=bounds)

    return Reliability(prompts=predict("prompt"), raters=predict("rater"))


def _why_not(n: Counts, shrunken: Shrunken | None, unit: Unit) -> str:
    n_units, n_others = (n.prompts, n.raters) if unit == "prompt" else (n.raters, n.prompts)
    if n_units < MIN_UNITS:
        return (
            f"{n_units} {unit}s are too few to say how much the difference varies between them; at least "
            f"{MIN_UNITS} are needed"
        )
    if n_others < 2:
        other = "rater" if unit == "prompt" else "prompt"
        return f"with only 1 {other} nothing tells differences between {unit}s from chance"
    if shrunken is None:
        return "the model of the cell scores could not be fitted"
    if n.cells <= n_units:
        return f"each {unit} has one cell, so nothing tells differences between {unit}s from chance"
    return ""


@dataclass(frozen=True)
class _Draws:
    mean: Floats
    variance: Floats
    """Of the effects of prompts, or of raters."""


def _predict(
    scores: CellScores,
    shrunken: Shrunken,
    unit: Unit,
    *,
    alpha: float,
    rng: np.random.Generator,
    bounds: Bounds | None,
) -> NewUnit:
    fit = shrunken.fit
    variance = fit.prompt_variance if unit == "prompt" else fit.rater_variance
    drawn = _draw(scores, fit, unit, rng)
    sd = np.sqrt(drawn.variance)
    new = drawn.mean + sd * rng.normal(size=N_DRAWS)
    sign = 1.0 if fit.estimate >= 0 else -1.0
    by_model = _percentiles(_share_below(sign * drawn.mean, sd), alpha)
    whole = _percentiles(new, alpha)
    predictions = shrunken.prompts if unit == "prompt" else shrunken.raters
    n_opposite = None if predictions is None else int((sign * predictions.values < 0).sum())
    n_units = scores.n.prompts if unit == "prompt" else scores.n.raters
    return NewUnit(
        unit=unit,
        n_units=n_units,
        mean=fit.estimate,
        sd=float(np.sqrt(variance)),
        sd_interval=_percentiles(sd, alpha),
        interval=clip(whole, bounds),
        unclipped_interval=whole,
        opposite=float(_share_below(np.array([sign * fit.estimate]), np.array([np.sqrt(variance)]))[0]),
        opposite_interval=by_model if n_opposite is None else _widen(by_model, n_opposite, n_units),
        n_opposite=n_opposite,
    )


def _widen(by_model: Interval, n_opposite: int, n_units: int) -> Interval:
    """Widen the interval of a share to hold that of the count of those studied as well."""
    counted = stats.binomtest(n_opposite, n_units).proportion_ci(by_model.level, method="exact")
    return Interval(
        min(by_model.low, float(counted.low)), max(by_model.high, float(counted.high)), by_model.level
    )


def _draw(scores: CellScores, fit: RemlFit, unit: Unit, rng: np.random.Generator) -> _Draws:
    """Draw the mean and one variance from their generalised pivotal quantities.

    With n_r, n_p the harmonic mean numbers of cells of a rater and of a prompt, the expected mean squares are
    L_R = e + n_r s_r, L_P = e + n_p s_p and L_E = e, with e the mean residual variance of a cell. In a
    complete table they are the mean squares themselves, and the mean has the variance (L_R + L_P − L_E) /
    cells; its floor is that of the primary test, and its scale the standard error of the fit.
    """
    n = scores.n
    of_rater, of_prompt = (_harmonic(np.bincount(code)) for code in (scores.rater, scores.prompt))
    residual = fit.residual_variance * float((1 / scores.weight).mean())
    expected = np.array(
        [residual + of_rater * fit.rater_variance, residual + of_prompt * fit.prompt_variance, residual]
    )
    df = np.array([n.raters - 1, n.prompts - 1, max(n.cells - n.raters - n.prompts + 1, 1)], dtype=np.float64)
    squares = (expected * df)[:, None] / rng.chisquare(df[:, None], size=(3, N_DRAWS))
    error = fit.standard_error * np.sqrt(_of_mean(squares) / _of_mean(expected[:, None]))
    mean = fit.estimate + error * rng.normal(size=N_DRAWS)
    own, cells = (squares[1], of_prompt) if unit == "prompt" else (squares[0], of_rater)
    return _Draws(mean, np.maximum(own - squares[2], 0.0) / cells)


def _of_mean(squares: Floats) -> Floats:
    """The variance of the mean in mean squares of raters, prompts and residual, floored as in `quasi_f`."""
    raters, prompts, residual = squares
    floor: Floats = np.maximum(np.maximum(raters, prompts), raters + prompts - residual)
    return floor


def _harmonic(counts: NDArray[np.intp]) -> float:
    return float(counts.size / (1 / counts).sum())


def _share_below(mean: Floats, sd: Floats) -> Floats:
    """P(mean + sd z < 0); 0 or 1 where sd is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(sd > 0, stats.norm.cdf(-mean / sd), (mean < 0).astype(np.float64))
    return np.asarray(share, dtype=np.float64)


def _percentiles(values: Floats, alpha: float) -> Interval:
    low, high = np.quantile(values, [alpha / 2, 1 - alpha / 2])
    return Interval(float(low), float(high), 1 - alpha)
