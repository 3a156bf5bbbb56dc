r"""Repeat the primary test with the length of the texts as a covariate, as a sensitivity analysis.

Model: the score :math:`d_c` of a rater × prompt cell (first arm minus second) is

.. math:: d_c = \delta + \gamma\, l_c + e_c ,

with :math:`l_c` the difference of the mean lengths of the two arms' texts in the cell, and :math:`e_c`
crossed random effects of raters and prompts and a residual. :math:`\delta` is the difference between arms at
equal length. Weighted least squares (weights :math:`w_c` of the cells, summing to 1) give

.. math::
    \hat\gamma = \frac{\sum w_c (l_c - \bar l)(d_c - \bar d)}{s^2},\quad
    \hat\delta = \bar d - \hat\gamma \bar l,\quad s^2 = \sum w_c (l_c - \bar l)^2 .

:math:`\hat\delta` is linear in the scores: its influence function at cell c is
:math:`h_c \hat e_c` with :math:`h_c = 1 - \bar l (l_c - \bar l) / s^2`. The pseudo-values
:math:`z_c = \hat\delta + h_c \hat e_c` have the weighted mean :math:`\hat\delta` (the normal equations:
:math:`\sum w_c \hat e_c = \sum w_c l_c \hat e_c = 0`), and their spread over raters and prompts is that of
:math:`\hat\delta`, the uncertainty of the slope included. So the planned test is applied to them: the
crossed t test, or the t test over raters' or prompts' means. Residuals of two parameters are too small: with
m raters or prompts (the smaller number) the spread of the pseudo-values is multiplied by :math:`\sqrt{(m - 1)
/ (m - 2)}`.

Of 300 simulated studies without an effect, whose ratings rise with length (tests/analysis), p was below .05
in 4.7% with 8 raters × 8 prompts, 4.7% with 8 × 10, 5.7% with 12 × 12, 5.7% with 20 × 20, and the
standard error was 1.09, 1.07, 1.02 and 0.96 times the estimates' own spread.

Where the planned test is the linear mixed model of all answers, the length of the text is a covariate of it.

Length may be a mediator: if an arm works by making texts longer, the adjustment removes a part of its effect.
The primary test stays the one without it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rater.analysis.answer_kinds.kind import kind_of
from rater.analysis.answer_scale import Judged
from rater.analysis.by_unit_tests import Differences, Unit, one_sample_t
from rater.analysis.contrast_data import select_ratings
from rater.analysis.crossed import TEST, Compared, OutcomeLabels, compare, crossed_t, over_scope
from rater.analysis.intervals import Bounds, bounds_of
from rater.analysis.mixed_model import TEST as MIXED_MODEL
from rater.analysis.mixed_model import mixed_model_test
from rater.analysis.plan import Planned
from rater.analysis.results import NotEstimable, Outcome, Result
from rater.analysis.sentences import SCORES, number

Floats = NDArray[np.float64]

LABEL = "length as covariate"
"""Appended to the name of the planned test."""
MEDIATOR = (
    "This is the difference between texts of equal length. Length may mediate the effect of an arm; then the "
    "adjustment removes a part of the effect, and the primary test is the relevant one."
)
# Two parameters are estimated before the variance is.
_MIN_UNITS = 4
_SAME = 1e-9


@dataclass(frozen=True)
class _Fit:
    """Weighted least squares of cell scores on differences of length."""

    pseudo_values: Floats
    slope: float
    """Change of the score for each character by which the first arm's texts are longer."""
    mean_difference: float
    """Mean difference of length, in characters."""
    is_extrapolated: bool
    """True if the texts of one arm are the longer ones in every cell."""


def adjust_for_length(
    rows: pd.DataFrame, planned: Planned, judged: Judged, lengths: Mapping[str, int]
) -> Outcome:
    """Test the planned contrast with the difference of the texts' lengths as a covariate.

    Args:
        rows: the answers that the planned test is made on.
        planned: what was planned.
        judged: the dimension.
        lengths: the number of characters of each text, by its item.
    """
    if planned.test == "mixed_model":
        return _adjust_mixed_model(rows, planned, judged, lengths)
    compared = compare(rows, planned.contrast, judged)
    cells, score = compared.cells, planned.score
    n, planned_test = cells.n, _planned_test(compared, planned)
    test = f"{planned_test}, {LABEL}"

    def refuse(reason: str) -> NotEstimable:
        return NotEstimable(test=test, score=score, reason=reason, n=cells.n)

    # the units that the planned test has fewest of
    fewest = min(n.raters, n.concepts or n.prompts)
    n_units = {TEST: fewest, "by-rater t": n.raters, "by-prompt t": n.prompts}[planned_test]
    if n_units < _MIN_UNITS:
        units = "concepts" if n.concepts else "prompts"
        return refuse(f"a covariate needs at least {_MIN_UNITS} raters or {units}, not {n_units}")
    difference = _length_differences(rows, planned, judged, lengths)
    if np.isnan(difference).any():
        return refuse("not every text has a known length")
    if np.ptp(difference) < _SAME:
        return refuse(f"the arms differ in length by {difference[0]:g} characters in every cell")
    fit = _fit(cells.score(score), difference, cells.weight, n_units)
    bounds = bounds_of(score, judged)
    outcome = _test(compared, fit.pseudo_values, planned, test, bounds=bounds)
    if isinstance(outcome, Result) and bounds and not bounds.low <= outcome.estimate <= bounds.high:
        beyond = "the difference extrapolated to equal length is beyond what the scale allows"
        return refuse(f"{beyond}; {_extrapolation(fit)}" if fit.is_extrapolated else beyond)
    return _described(outcome, fit)


def _adjust_mixed_model(
    rows: pd.DataFrame, planned: Planned, judged: Judged, lengths: Mapping[str, int]
) -> Outcome:
    """Fit the linear mixed model of all answers with the length of each text as a covariate."""
    ratings, test = select_ratings(rows, planned.contrast, judged.name), f"{MIXED_MODEL}, {LABEL}"
    in_characters = rows.assign(answer=rows["item"].astype(str).map(lengths).astype(np.float64))
    length = select_ratings(in_characters, planned.contrast, judged.name).answer
    of_arms = [length[ratings.is_first], length[~ratings.is_first]]
    reason = ""
    if np.isnan(length).any():
        reason = "not every text has a known length"
    elif all(np.ptp(each) < _SAME for each in of_arms):
        reason = "all texts of an arm have the same length"
    if reason:
        return NotEstimable(test=test, score=planned.score, reason=reason, n=ratings.count())
    bounds = bounds_of(planned.score, judged)
    outcome = mixed_model_test(ratings, alpha=planned.alpha, bounds=bounds, covariate=length)
    if isinstance(outcome, NotEstimable):
        return replace(outcome, test=test, estimate=None)
    (first, second), slope = planned.contrast, float(outcome.settings["covariate_slope"])
    difference = float(of_arms[0].mean() - of_arms[1].mean())
    return replace(
        outcome,
        test=test,
        estimand=f"{SCORES[planned.score]} of “{first}” over “{second}” at equal length of the texts",
        method=(
            f"{outcome.method}, with the length of the text as a covariate (slope {number(100 * slope, 3)} "
            f"for each 100 characters; mean difference of length {number(difference, 0)} characters)"
        ),
        claim=f"{MEDIATOR} {outcome.claim}",
        settings={
            **{name: value for name, value in outcome.settings.items() if name != "covariate_slope"},
            "slope_per_100_characters": 100 * slope,
            "mean_length_difference": difference,
        },
    )


def _planned_test(compared: Compared, planned: Planned) -> str:
    if planned.scope == "raters":
        return "by-rater t"
    return "by-prompt t" if planned.scope == "prompts" or compared.cells.n.raters == 1 else TEST


def _length_differences(
    rows: pd.DataFrame, planned: Planned, judged: Judged, lengths: Mapping[str, int]
) -> Floats:
    """Return the mean length of the first arm's texts minus the second's in every cell, in their order."""
    length = rows["item"].astype(str).map(lengths).astype(float)
    if kind_of(judged).is_preference:
        if "other_item" not in rows.columns:
            return np.array([np.nan])
        length = length - rows["other_item"].astype(str).map(lengths).astype(float)
    of_lengths = compare(rows.assign(answer=length), planned.contrast, judged)
    return of_lengths.cells.scale_points


def _fit(scores: Floats, length: Floats, weight: Floats, n_units: int) -> _Fit:
    weight = weight / weight.sum()
    mean_length, mean_score = float(weight @ length), float(weight @ scores)
    centred = length - mean_length
    variance = float(weight @ centred**2)
    slope = float(weight @ (centred * (scores - mean_score))) / variance
    intercept = mean_score - slope * mean_length
    residuals = scores - intercept - slope * length
    residuals *= math.sqrt((n_units - 1) / (n_units - 2))
    return _Fit(
        pseudo_values=intercept + (1 - mean_length * centred / variance) * residuals,
        slope=slope,
        mean_difference=mean_length,
        is_extrapolated=bool((length > 0).all() or (length < 0).all()),
    )


def _extrapolation(fit: _Fit) -> str:
    longer = "longer" if fit.mean_difference > 0 else "shorter"
    return f"the first arm's texts are {longer} in every cell, so that equal length lies beyond the data"


def _test(
    compared: Compared, values: Floats, planned: Planned, test: str, *, bounds: Bounds | None
) -> Outcome:
    """Make the planned test on one value for each cell."""
    cells, (first, second) = compared.cells, planned.contrast
    estimand = f"{SCORES[planned.score]} of “{first}” over “{second}” at equal length of the texts"
    about = OutcomeLabels(test, estimand, planned.score, "length-adjusted score", bounds=bounds)
    if test.startswith(TEST):
        scores = replace(cells.scores(planned.score), values=values)
        return crossed_t(over_scope(scores, planned.scope), about, alpha=planned.alpha)
    unit: Unit = "rater" if planned.scope == "raters" else "prompt"
    codes = cells.rater if unit == "rater" else cells.prompt
    weights = np.bincount(codes, weights=cells.weight)
    means = np.bincount(codes, weights=cells.weight * values) / weights
    outcome = one_sample_t(
        Differences(unit, planned.score, means, cells.n, cells), alpha=planned.alpha, bounds=bounds
    )
    if isinstance(outcome, NotEstimable):
        return replace(outcome, test=test)
    return replace(outcome, test=test, estimand=estimand)


def _described(outcome: Outcome, fit: _Fit) -> Outcome:
    """Add the slope, and what the adjustment can and cannot show."""
    if isinstance(outcome, NotEstimable):
        return outcome
    warnings = outcome.warnings
    if fit.is_extrapolated:
        warnings = (_extrapolation(fit), *warnings)
    how = (
        f"on the cell scores adjusted for length (slope {number(100 * fit.slope, 3)} for each 100 "
        f"characters; mean difference of length {number(fit.mean_difference, 0)} characters)"
    )
    return replace(
        outcome,
        method=f"{outcome.method}, {how}",
        claim=f"{MEDIATOR} {outcome.claim}",
        warnings=warnings,
        settings={
            **outcome.settings,
            "slope_per_100_characters": 100 * fit.slope,
            "mean_length_difference": fit.mean_difference,
        },
    )
