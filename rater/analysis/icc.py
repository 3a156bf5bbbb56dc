"""Measure how reliable one rater's answers, and the mean of all raters', are: intraclass correlations."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from rater.analysis.intervals import DIFFERENCE, clip
from rater.analysis.quality import Judgements
from rater.analysis.reml import NO_RESIDUAL, NoFit, fit_reml
from rater.analysis.results import MIN_DF, Estimate, Interval, NotEstimable, Quantity

REFERENCE = "Shrout & Fleiss 1979, Psychol. Bull. 86:420–428; McGraw & Wong 1996, Psychol. Methods 1:30–46"
MOST_CELLS = 1_000_000
"""A larger rater × item table with gaps is fitted to as many raters drawn at random as make it so large."""
NAMES = ("ICC(2,1)", "ICC(2,k)")
_NO_ERROR = "raters and items explain every answer, which leaves nothing to compare them with"


@dataclass(frozen=True)
class _Single:
    """ICC(2,1) and how it was found."""

    value: float
    interval: Interval | None
    method: str
    why_no_interval: str = ""


def intraclass_correlations(
    judged: Judgements, *, alpha: float, rng: np.random.Generator
) -> tuple[Quantity, Quantity]:
    """Estimate ICC(2,1) and ICC(2,k): raters and items random, absolute agreement.

    A complete table takes mean squares, with McGraw and Wong's interval; one with gaps the REML variance
    components of items and raters, for which no interval is given. In R: ``psych::ICC``.
    """
    reason = _why_not(judged)
    if reason:
        single, mean = (NotEstimable(test=name, score="answers", reason=reason, n=judged.n) for name in NAMES)
        return single, mean
    complete = judged.n.answers == judged.n_raters * judged.n_items
    found = _by_mean_squares(judged, alpha) if complete else _by_reml(judged, rng)
    if isinstance(found, str):
        single, mean = (NotEstimable(test=name, score="answers", reason=found, n=judged.n) for name in NAMES)
        return single, mean
    k = judged.n_raters
    of_one = "how much of the variance of one rater's answers is between texts"
    of_all = f"how much of the variance of the mean of all {k} raters' answers is between texts"
    of_single = _estimate(judged, NAMES[0], found, k=1, estimand=of_one)
    if not _can_step_up(found.value, k):
        reason = "texts differ less on average than the answers to one text do, so that no variance is theirs"
        return of_single, NotEstimable(test=NAMES[1], score="answers", reason=reason, n=judged.n)
    return of_single, _estimate(judged, NAMES[1], found, k=k, estimand=of_all)


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
    """Estimate from mean squares, or say why that cannot be."""
    table = judged.table().T  # item rater
    n, k = table.shape
    rows, columns = table.mean(axis=1, keepdims=True), table.mean(axis=0, keepdims=True)
    ms_items = k * float(((rows - table.mean()) ** 2).sum()) / (n - 1)
    ms_raters = n * float(((columns - table.mean()) ** 2).sum()) / (k - 1)
    ms_error = float(((table - rows - columns + table.mean()) ** 2).sum()) / ((n - 1) * (k - 1))
    total = ms_items + (k - 1) * ms_error + k * (ms_raters - ms_error) / n
    if ms_error < 1e-18:
        return _NO_ERROR
    if total < 1e-9 * ms_error:
        return "answers differ neither from text to text nor from rater to rater on average"
    value = (ms_items - ms_error) / total
    # McGraw & Wong 1996, table 7, case ICC(A,1): Satterthwaite's df of the denominator.
    ratio, inner = ms_raters / ms_error, n * (1 + (k - 1) * value) - k * value
    squared = (n - 1) * k**2 * value**2 * ratio**2 + inner**2
    df = (k - 1) * (n - 1) * (k * value * ratio + inner) ** 2 / squared if squared > 1e-12 else 0.0
    method = "mean squares of the complete table"
    if df < MIN_DF:
        few = f"the table's mean squares leave only {df:.2g} degrees of freedom for one"
        return _Single(value, None, method, few)
    upper, lower = stats.f.ppf(1 - alpha / 2, n - 1, df), stats.f.ppf(1 - alpha / 2, df, n - 1)
    spread = k * ms_raters + (k * n - k - n) * ms_error
    low = n * (ms_items - upper * ms_error) / (upper * spread + n * ms_items)
    high = n * (lower * ms_items - ms_error) / (spread + n * lower * ms_items)
    return _Single(value, Interval(float(low), float(high), 1 - alpha), method)


def _by_reml(judged: Judgements, rng: np.random.Generator) -> _Single | str:
    """Estimate by REML, or say why that cannot be."""
    drawn = judged.among(max(MOST_CELLS // judged.n_items, 2), rng)
    item = np.unique(drawn.item, return_inverse=True)[1]
    ones = np.ones(drawn.rater.size)
    fit = fit_reml(drawn.rater, item, drawn.answer, ones, free=(True, True))
    if isinstance(fit, NoFit):
        return _NO_ERROR if fit is NO_RESIDUAL else fit.reason
    items, raters = fit.prompt_variance, fit.rater_variance
    value = items / (items + raters + fit.residual_variance)
    of = "" if drawn is judged else f" ({drawn.n_raters:,} raters drawn at random)"
    method = f"REML variance components of texts, raters and residual{of}"
    return _Single(value, None, method, "the table of raters × texts has gaps")


def _estimate(judged: Judgements, name: str, single: _Single, *, k: int, estimand: str) -> Estimate:
    ends, why_none = single.interval, single.why_no_interval
    if ends is not None and not _can_step_up(ends.low, k):
        ends, why_none = None, f"the lower end for one rater has no counterpart for {k}"
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
    """Say whether Spearman and Brown's formula holds: below −1 / (k − 1) disagreement becomes agreement."""
    return 1 + (k - 1) * single > 1e-9


def _step_up(single: float, k: int) -> float:
    """Go from one rater to the mean of k, by Spearman and Brown's formula."""
    return k * single / (1 + (k - 1) * single)
