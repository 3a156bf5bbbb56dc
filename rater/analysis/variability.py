"""Spread of the answers by arm, and prediction of the difference for a new prompt and a new rater.

Steering can change how widely answers scatter, and not where they lie. At the end of a scale that shows as a
difference of means as well: where most answers are at the lowest point, answers can only scatter upwards.

The estimand is the log ratio of the standard deviations of single answers, over raters, prompts and texts
together. It is a smooth function of the answers, so each answer has a first-order influence on it,

    psi = ((y − mean)² / variance − 1) / (2 n)   in the first arm, and the same with a minus in the second,

and the sums of psi over rater × prompt cells are numbers on cells as any others: the two-way t on them gives
a standard error for crossed raters and prompts (the infinitesimal jackknife, by both factors at once).

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

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from rater.analysis.answer_scale import Judged, ends_of
from rater.analysis.cell_scores import CellScores
from rater.analysis.cell_scores import Unit as CellUnit
from rater.analysis.contrast_data import Ratings, cell_codes
from rater.analysis.crossed import OutcomeLabels, crossed_t
from rater.analysis.intervals import Bounds, clip
from rater.analysis.reml import RemlFit
from rater.analysis.results import Interval, NotEstimable, Outcome, Result
from rater.analysis.unit_effects import Shrunken

Floats = NDArray[np.float64]

TEST = "ratio of SDs, crossed t"
REFERENCE = "Jaeckel 1972, The Infinitesimal Jackknife, Bell Labs MM 72-1215-11"
# From this share of answers at one end of the scale on, spread alone moves the mean.
AT_THE_END = 0.5


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The spread of the answers by arm."""

    sds: tuple[tuple[str, float], ...]
    """By arm, of single answers (n − 1)."""
    log_ratio: Outcome
    """The log of the first arm's SD over the second's, over raters and prompts."""
    ratio: float | None
    ratio_interval: Interval | None
    reading: str
    """The meaning for the difference of means, where the arms differ in both at an end of the scale."""


def compare_spread(ratings: Ratings, judged: Judged, primary: Outcome, *, alpha: float) -> Spread:
    """Compare the spread of the two arms. Costs one two-way t.

    Args:
        ratings: The answers to the contrast.
        judged: What was judged, for the ends of its scale.
        primary: The test of the difference, which the reading is about.
        alpha: The interval covers 1 − alpha.
    """
    arms = (ratings.is_first, ~ratings.is_first)
    sds = tuple(
        (name, float(ratings.answer[arm].std(ddof=1)))
        for name, arm in zip(ratings.contrast, arms, strict=True)
        if arm.sum() > 1
    )
    outcome = _test(ratings, alpha)
    ratio = interval = None
    if isinstance(outcome, Result):
        ratio = float(np.exp(outcome.estimate))
        ends = outcome.interval
        interval = ends and Interval(float(np.exp(ends.low)), float(np.exp(ends.high)), ends.level)
    spread = Spread(sds=sds, log_ratio=outcome, ratio=ratio, ratio_interval=interval, reading="")
    return replace(spread, reading=_read(spread, ratings, judged, primary, alpha=alpha))


def _test(ratings: Ratings, alpha: float) -> Outcome:
    first, second = ratings.contrast
    n = ratings.count()
    for name, arm in ((first, ratings.is_first), (second, ~ratings.is_first)):
        values = ratings.answer[arm]
        if values.size < 2 or np.ptp(values) < 1e-9:
            reason = f"the answers to “{name}” do not vary"
            return NotEstimable(test=TEST, score="log_sd_ratio", reason=reason, n=n)
    estimate, influence = _linearise(ratings)
    codes, at, cell = np.unique(
        cell_codes(ratings.rater, ratings.prompt), return_index=True, return_inverse=True
    )
    summed = np.asarray(
        codes.size * np.bincount(cell, weights=influence, minlength=codes.size), dtype=np.float64
    )
    rater = np.unique(ratings.rater[at], return_inverse=True)[1]
    prompt = np.unique(ratings.prompt[at], return_inverse=True)[1]
    concepts = ratings.concepts and ratings.concepts.take(np.unique(ratings.prompt))
    scores = CellScores(rater, prompt, summed, np.ones(codes.size), replace(n, cells=codes.size), concepts)
    estimand = f"log of the standard deviation of answers to “{first}” over that of answers to “{second}”"
    about = OutcomeLabels(TEST, estimand, "log_sd_ratio", "influence on the ratio of SDs")
    outcome = crossed_t(scores, about, alpha=alpha)
    if isinstance(outcome, NotEstimable) or outcome.standard_error is None:
        return outcome
    return _recentre(outcome, estimate)


def _linearise(ratings: Ratings) -> tuple[float, Floats]:
    """Return the log ratio of the SDs, and each answer's first-order influence on it, which sum to 0."""
    influence = np.zeros(ratings.answer.size)
    estimate = 0.0
    for sign, arm in ((1.0, ratings.is_first), (-1.0, ~ratings.is_first)):
        values = ratings.answer[arm]
        squares = (values - values.mean()) ** 2
        influence[arm] = sign * (squares / squares.mean() - 1) / (2 * values.size)
        estimate += sign * 0.5 * float(np.log(values.var(ddof=1)))
    return estimate, influence


def _recentre(result: Result, estimate: float) -> Result:
    """Put the estimate in the place of the influences' mean, with the same standard error and df."""
    error, df = result.standard_error or 0.0, result.df or 0.0
    shift = estimate - result.estimate

    def moved(interval: Interval | None) -> Interval | None:
        return interval and Interval(interval.low + shift, interval.high + shift, interval.level)

    return replace(
        result,
        estimate=estimate,
        interval=moved(result.interval),
        unclipped_interval=moved(result.unclipped_interval),
        statistic=estimate / error,
        p=float(2 * stats.t.sf(abs(estimate) / error, df)),
        method=f"{result.method}, of the answers' influence on the log ratio of standard deviations",
        reference=f"{REFERENCE}; {result.reference}",
    )


def _read(spread: Spread, ratings: Ratings, judged: Judged, primary: Outcome, *, alpha: float) -> str:
    """Return what a difference in spread at an end of the scale means for the difference of means."""
    outcome = spread.log_ratio
    both_differ = all(isinstance(each, Result) and each.rejects(alpha) for each in (outcome, primary))
    if not both_differ or not judged.scale.has_known_ends:
        return ""
    assert isinstance(outcome, Result)  # noqa: S101 (so is primary)
    assert isinstance(primary, Result)  # noqa: S101
    low, high = ends_of(judged)
    wider_is_first = outcome.estimate > 0
    wider, narrower = ratings.contrast if wider_is_first else ratings.contrast[::-1]
    answers = ratings.answer[~ratings.is_first if wider_is_first else ratings.is_first]
    wider_is_higher = wider_is_first == (primary.estimate > 0)
    end, name = (low, "lowest") if wider_is_higher else (high, "highest")
    share = float((answers == end).mean())
    if share < AT_THE_END:
        return ""
    return (
        f"the arms differ in spread, and {share:.0%} of the answers to “{narrower}” are at the {name} point "
        f"of the scale (floor or ceiling effect): there, a wider spread of the answers to “{wider}” alone "
        "changes their mean, so the difference of means may be due to spread instead of a shift"
    )


Unit = Literal["prompt", "rater", "concept"]

# With fewer prompts (raters) their variance is known too badly for a useful interval: with 5 its upper 95%
# limit is 8 times the estimate, with 8 it is 4 times.
MIN_UNITS = 8
# With this number, the ends of a 95% interval vary by about 1% of its width between seeds.
N_DRAWS = 20_000
METHOD = (
    "prediction interval from generalised pivotal quantities of the mean squares, with normal effects of "
    "raters and prompts"
)
RELIABILITY_REFERENCE = (
    "Weerahandi 1993, J. Am. Stat. Assoc. 88:899–905; "
    "Higgins, Thompson & Spiegelhalter 2009, J. R. Stat. Soc. A 172:137–159"
)


@dataclass(frozen=True, kw_only=True)
class NewUnit:
    """The difference that is to be expected on a new prompt or concept, or for a new rater."""

    unit: Unit
    n_units: int
    """The number of prompts (concepts, raters) in the study."""
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
    """The number of units in the study whose BLUP has the opposite sign; None without BLUPs."""
    method: str = METHOD
    reference: str = RELIABILITY_REFERENCE


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """Prediction of the difference for new prompts, or new concepts where these are a factor, and raters."""

    texts: NewUnit | NotEstimable
    """On new prompts; on new concepts where these are a factor."""
    raters: NewUnit | NotEstimable
    text_unit: CellUnit = "prompt"


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
        reason = _why_not(scores, shrunken, unit)
        if reason or shrunken is None:
            test = f"prediction for a new {unit}"
            return NotEstimable(test=test, score="answers", reason=reason, n=scores.n)
        return _predict(scores, shrunken, unit, alpha=alpha, rng=rng, bounds=bounds)

    return Reliability(texts=predict(scores.unit), raters=predict("rater"), text_unit=scores.unit)


def _why_not(scores: CellScores, shrunken: Shrunken | None, unit: Unit) -> str:
    sizes = scores.n_raters, scores.n_prompts
    n_units, n_others = sizes if unit == "rater" else sizes[::-1]
    if n_units < MIN_UNITS:
        return (
            f"{n_units} {unit}s are too few to estimate the variance of the difference between them; at "
            f"least {MIN_UNITS} are needed"
        )
    if n_others < 2:
        other = scores.unit if unit == "rater" else "rater"
        return f"with only 1 {other}, differences between {unit}s cannot be separated from residual variation"
    if shrunken is None:
        return "the model of the cell scores could not be fitted"
    if scores.values.size <= n_units:
        return f"each {unit} has one cell, so nothing tells differences between {unit}s from chance"
    return ""


@dataclass(frozen=True)
class _Draws:
    mean: Floats
    variance: Floats
    """Of the effects of prompts, concepts or raters."""


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
    variance = fit.rater_variance if unit == "rater" else fit.prompt_variance
    drawn = _draw(scores, fit, unit, rng)
    sd = np.sqrt(drawn.variance)
    new = drawn.mean + sd * rng.normal(size=N_DRAWS)
    sign = 1.0 if fit.estimate >= 0 else -1.0
    by_model = _percentiles(_share_below(sign * drawn.mean, sd), alpha)
    whole = _percentiles(new, alpha)
    predictions = shrunken.raters if unit == "rater" else shrunken.prompts
    n_opposite = None if predictions is None else int((sign * predictions.values < 0).sum())
    n_units = scores.n_raters if unit == "rater" else scores.n_prompts
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
    n_raters, n_prompts = scores.n_raters, scores.n_prompts
    counts = (np.bincount(code) for code in (scores.rater, scores.prompt))
    of_rater, of_prompt = (float(each.size / (1 / each).sum()) for each in counts)  # harmonic means
    residual = fit.residual_variance * float((1 / scores.weight).mean())
    expected = np.array(
        [residual + of_rater * fit.rater_variance, residual + of_prompt * fit.prompt_variance, residual]
    )
    df = np.array(
        [n_raters - 1, n_prompts - 1, max(scores.values.size - n_raters - n_prompts + 1, 1)], dtype=np.float64
    )
    squares = (expected * df)[:, None] / rng.chisquare(df[:, None], size=(3, N_DRAWS))
    error = fit.standard_error * np.sqrt(_of_mean(squares) / _of_mean(expected[:, None]))
    mean = fit.estimate + error * rng.normal(size=N_DRAWS)
    own, cells = (squares[0], of_rater) if unit == "rater" else (squares[1], of_prompt)
    return _Draws(mean, np.maximum(own - squares[2], 0.0) / cells)


def _of_mean(squares: Floats) -> Floats:
    """The variance of the mean in mean squares of raters, prompts and residual, floored as in `quasi_f`."""
    raters, prompts, residual = squares
    floor: Floats = np.maximum(np.maximum(raters, prompts), raters + prompts - residual)
    return floor


def _share_below(mean: Floats, sd: Floats) -> Floats:
    """P(mean + sd z < 0); 0 or 1 where sd is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(sd > 0, stats.norm.cdf(-mean / sd), (mean < 0).astype(np.float64))
    return np.asarray(share, dtype=np.float64)


def _percentiles(values: Floats, alpha: float) -> Interval:
    low, high = np.quantile(values, [alpha / 2, 1 - alpha / 2])
    return Interval(float(low), float(high), 1 - alpha)
