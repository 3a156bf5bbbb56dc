"""Intraclass correlations: the reliability of one rater's answers, and of the mean of all raters.

pingouin's `intraclass_corr` leaves out every item that not all raters answered, and it is licensed under the
GPL.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from rater.analysis.intervals import DIFFERENCE, clip
from rater.analysis.quality import Judgements
from rater.analysis.reml import NO_RESIDUAL, NoFit, fit_reml
from rater.analysis.results import MIN_DF, Estimate, Interval, NotEstimable, Quantity

REFERENCE = "Shrout & Fleiss 1979, Psychol. Bull. 86:420–428; McGraw & Wong 1996, Psychol. Methods 1:30–46"
# A larger incomplete rater × item table is fitted to a random sample of raters that makes it this large.
MAX_CELLS = 1_000_000
NAMES = ("ICC(2,1)", "ICC(2,k)")
_NO_ERROR = "raters and items explain every answer exactly, so the residual variance is 0"


@dataclass(frozen=True)
class _Single:
    """ICC(2,1), its interval, and the method of estimation."""

    value: float
    interval: Interval | None
    method: str
    why_no_interval: str = ""


def intraclass_correlations(
    judged: Judgements, *, alpha: float, rng: np.random.Generator
) -> tuple[Quantity, Quantity]:
    """Estimate ICC(2,1) and ICC(2,k): raters and items random, absolute agreement.

    A complete table is estimated by mean squares, with McGraw and Wong's interval. An incomplete one is
    estimated by the REML variance components of items and raters, without an interval. In R: ``psych::ICC``.

    Args:
        judged: The answers of raters to items.
        alpha: One minus the level of the interval.
        rng: Draws the sample of raters of a table with more than a million cells.
    """
    reason = _why_not(judged)
    if reason:
        single, mean = (NotEstimable(test=name, score="answers", reason=reason, n=judged.n) for name in NAMES)
        return single, mean
    complete = judged.n.answers == judged.n_raters * judged.n_items
    result = _by_mean_squares(judged, alpha) if complete else _by_reml(judged, rng)
    if isinstance(result, str):
        single, mean = (NotEstimable(test=name, score="answers", reason=result, n=judged.n) for name in NAMES)
        return single, mean
    k = judged.n_raters
    of_one = "proportion of the variance of one rater's answers that is between texts"
    of_all = f"proportion of the variance of the mean of all {k} raters' answers that is between texts"
    of_single = _estimate(judged, NAMES[0], result, k=1, estimand=of_one)
    if not _can_step_up(result.value, k):
        reason = "texts differ less than the answers to one text do, so it is estimated as 0"
        return of_single, NotEstimable(test=NAMES[1], score="answers", reason=reason, n=judged.n)
    return of_single, _estimate(judged, NAMES[1], result, k=k, estimand=of_all)


def _why_not(judged: Judgements) -> str:
    if not judged.n.answers:
        return "there are no answers"
    for n, noun in ((judged.n_raters, "rater"), (judged.n_items, "text")):
        if n < 2:
            return f"there is only {n} {noun}"
    if np.ptp(judged.answer) == 0:
        return f"all {judged.n.answers} answers are the same ({judged.answer[0]:g})"
    if judged.n.answers <= max(judged.n_raters, judged.n_items):
        return "no text has answers of two raters who share another text"
    return ""


def _by_mean_squares(judged: Judgements, alpha: float) -> _Single | str:
    """Estimate from mean squares; return the reason if that is impossible."""
    table = judged.table().T  # item rater
    n, k = table.shape
    rows, columns = table.mean(axis=1, keepdims=True), table.mean(axis=0, keepdims=True)
    ms_items = k * float(((rows - table.mean()) ** 2).sum()) / (n - 1)
    ms_raters = n * float(((columns - table.mean()) ** 2).sum()) / (k - 1)
    ms_error = float(((table - rows - columns + table.mean()) ** 2).sum()) / ((n - 1) * (k - 1))
    # McGraw & Wong 1996, table 4: ICC(A,1) = (MS_R − MS_E) / (MS_R + (k − 1) MS_E + k (MS_C − MS_E) / n) with
    # their rows R as items and their columns C as raters.
    total = ms_items + (k - 1) * ms_error + k * (ms_raters - ms_error) / n
    if ms_error < 1e-18:
        return _NO_ERROR
    if total < 1e-9 * ms_error:
        return "neither texts nor raters differ on average"
    value = (ms_items - ms_error) / total
    # McGraw & Wong 1996, table 7, case ICC(A,1): Satterthwaite's df of the denominator.
    ratio, inner = ms_raters / ms_error, n * (1 + (k - 1) * value) - k * value
    squared = (n - 1) * k**2 * value**2 * ratio**2 + inner**2
    df = (k - 1) * (n - 1) * (k * value * ratio + inner) ** 2 / squared if squared > 1e-12 else 0.0
    method = "mean squares of the complete table"
    if df < MIN_DF:
        few = f"the mean squares of the table leave only {df:.2g} degrees of freedom"
        return _Single(value, None, method, few)
    # The limits of ICC(A,1) in the same table, by quantiles of F with n − 1 and df degrees of freedom.
    upper, lower = stats.f.ppf(1 - alpha / 2, n - 1, df), stats.f.ppf(1 - alpha / 2, df, n - 1)
    spread = k * ms_raters + (k * n - k - n) * ms_error
    low = n * (ms_items - upper * ms_error) / (upper * spread + n * ms_items)
    high = n * (lower * ms_items - ms_error) / (spread + n * lower * ms_items)
    return _Single(value, Interval(float(low), float(high), 1 - alpha), method)


def _by_reml(judged: Judgements, rng: np.random.Generator) -> _Single | str:
    """Estimate by REML; return the reason if that is impossible."""
    drawn = judged.among(max(MAX_CELLS // judged.n_items, 2), rng)
    item = np.unique(drawn.item, return_inverse=True)[1]
    # The model of cell scores fits answers too: items take the place of prompts, and all weights are 1.
    ones = np.ones(drawn.rater.size)
    fit = fit_reml(drawn.rater, item, drawn.answer, ones, free=(True, True))
    if isinstance(fit, NoFit):
        return _NO_ERROR if fit is NO_RESIDUAL else fit.reason
    items, raters = fit.prompt_variance, fit.rater_variance
    value = items / (items + raters + fit.residual_variance)
    of = "" if drawn is judged else f" ({drawn.n_raters:,} raters drawn at random)"
    method = f"REML variance components of texts, raters and residual{of}"
    return _Single(value, None, method, "the table of raters × texts is incomplete")


def _estimate(judged: Judgements, name: str, single: _Single, *, k: int, estimand: str) -> Estimate:
    ends, why_none = single.interval, single.why_no_interval
    if ends is not None and not _can_step_up(ends.low, k):
        ends, why_none = None, f"the lower limit for one rater has no counterpart for {k} raters"
    stepped = ends and Interval(_step_up(ends.low, k), _step_up(ends.high, k), ends.level)
    no_interval = () if ends else (f"no interval: {why_none}",)
    return Estimate(
        name=name,
        estimand=estimand,
        estimate=_step_up(single.value, k),
        interval=stepped and clip(stepped, DIFFERENCE),
        unclipped_interval=stepped,
        n=judged.n,
        method=single.method,
        reference=REFERENCE,
        warnings=no_interval,
        settings={"k": k},
    )


def _can_step_up(single: float, k: int) -> bool:
    """Return whether the Spearman–Brown formula applies: its denominator is positive above −1 / (k − 1)."""
    return 1 + (k - 1) * single > 1e-9


def _step_up(single: float, k: int) -> float:
    """Return the reliability of the mean of k raters, by the Spearman–Brown formula k ρ / (1 + (k − 1) ρ)."""
    return k * single / (1 + (k - 1) * single)
