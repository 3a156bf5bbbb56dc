"""Compare a difference with the smallest effect size of interest (SESOI): larger, smaller, or undecided.

A p above alpha is not "no effect", and a p below alpha is not "an effect that matters". With d the difference
and m the SESOI, one of four conclusions holds:

- *larger*: the 1 − alpha interval lies wholly above +m or wholly below −m;
- *smaller* (equivalent): the 1 − 2 alpha interval lies within (−m, m), that is, both one-sided tests have
  p < alpha; d may be shown to differ from 0 as well;
- *different*: d is shown to differ from 0 (p < alpha), and neither of the above: it may be trivial;
- *inconclusive*: none of these.

The four exclude each other: an interval beyond m contains one that is within m for no standard error.
"""

from dataclasses import dataclass
from typing import Literal

from scipy import stats

from rater.analysis.intervals import Bounds, clip
from rater.analysis.results import Interval, NotEstimable, Outcome, Result, Score
from rater.analysis.scope import EXACT_TEST
from rater.analysis.sentences import round_down

REFERENCE = "Schuirmann 1987, J. Pharmacokinet. Biopharm. 15:657–680"
Conclusion = Literal["larger", "smaller", "different", "inconclusive"]
"""The conclusion about a difference relative to the SESOI."""


@dataclass(frozen=True, kw_only=True)
class Equivalence:
    """Two one-sided tests of one result, and the conclusion about the SESOI."""

    score: Score
    sesoi: float
    """The smallest effect size of interest: the margin on either side of 0, in units of the score."""
    interval: Interval | None
    """The interval at level 1 − 2 alpha; equivalent to no difference if within the margin. None where nothing
    varies, as are the two t."""
    t_lower: float | None
    p_lower: float
    """That the difference is not above −SESOI."""
    t_upper: float | None
    p_upper: float
    """That the difference is not below +SESOI."""
    p: float
    """The larger of the two."""
    is_equivalent: bool
    """True if p < alpha: the difference is smaller than the SESOI, either way."""
    conclusion: Conclusion
    direction: Literal["higher", "lower"] | None
    """Of the difference, where it is shown to differ from 0."""
    difference_interval: Interval | None
    """The primary interval, at level 1 − alpha; larger than the SESOI if wholly beyond it."""
    p_conclusion: float
    """The p that the conclusion rests on, without an interval; otherwise that of equivalence."""
    method: str = "two one-sided t tests with the primary test's standard error and degrees of freedom"
    reference: str = REFERENCE


def two_one_sided_tests(
    primary: Outcome, sesoi: float, *, alpha: float, bounds: Bounds | None = None
) -> Equivalence | NotEstimable:
    """Test a result of the two-way or a one-sample t against margins of ± ``sesoi``.

    In R, with the result's standard error and df: ``pt((estimate + sesoi) / se, df, lower.tail = FALSE)`` and
    ``pt((estimate - sesoi) / se, df)``.
    """
    if isinstance(primary, NotEstimable):
        return NotEstimable(test="equivalence", score=primary.score, reason=primary.reason, n=primary.n)
    if primary.test == EXACT_TEST:
        return _against_margins_exactly(primary, sesoi, alpha=alpha)
    error, df = primary.standard_error, primary.df
    if error is None or df is None:
        reason = f"the {primary.test} has no standard error"
        return NotEstimable(test="equivalence", score=primary.score, reason=reason, n=primary.n)
    if not primary.has_enough_df:
        reason = f"the {primary.test} has only {round_down(df)} degrees of freedom"
        return NotEstimable(test="equivalence", score=primary.score, reason=reason, n=primary.n)
    t_lower, t_upper = ((primary.estimate + margin) / error for margin in (sesoi, -sesoi))
    p_lower, p_upper = float(stats.t.sf(t_lower, df)), float(stats.t.cdf(t_upper, df))
    half = float(stats.t.ppf(1 - alpha, df)) * error
    p = max(p_lower, p_upper)
    whole = Interval(
        primary.estimate - (wide := float(stats.t.ppf(1 - alpha / 2, df)) * error),
        primary.estimate + wide,
        1 - alpha,
    )
    is_different = primary.p < alpha
    return Equivalence(
        score=primary.score,
        sesoi=sesoi,
        interval=clip(Interval(primary.estimate - half, primary.estimate + half, 1 - 2 * alpha), bounds),
        t_lower=t_lower,
        p_lower=p_lower,
        t_upper=t_upper,
        p_upper=p_upper,
        p=p,
        is_equivalent=p < alpha,
        conclusion=_conclude(whole, sesoi, is_equivalent=p < alpha, is_different=is_different),
        direction=("higher" if primary.estimate > 0 else "lower") if is_different else None,
        difference_interval=clip(whole, bounds),
        p_conclusion=p,
    )


def _against_margins_exactly(primary: Result, sesoi: float, *, alpha: float) -> Equivalence:
    """Compare n equal differences with a margin: all lie on one side of it, so that p = 1 / 2^n."""
    one_sided = 0.5 ** int(primary.settings["n_units"])
    p_lower = one_sided if primary.estimate > -sesoi else 1.0
    p_upper = one_sided if primary.estimate < sesoi else 1.0
    p = max(p_lower, p_upper)
    is_larger = abs(primary.estimate) > sesoi and 2 * one_sided < alpha
    is_different = primary.p < alpha
    conclusion: Conclusion = "larger" if is_larger else "smaller" if p < alpha else "inconclusive"
    if conclusion == "inconclusive" and is_different:
        conclusion = "different"
    return Equivalence(
        score=primary.score,
        sesoi=sesoi,
        interval=None,
        t_lower=None,
        p_lower=p_lower,
        t_upper=None,
        p_upper=p_upper,
        p=p,
        is_equivalent=p < alpha,
        conclusion=conclusion,
        direction=("higher" if primary.estimate > 0 else "lower") if is_different else None,
        difference_interval=None,
        p_conclusion=2 * one_sided if is_larger else primary.p if conclusion == "different" else p,
        method="exact one-sided sign-flip tests of the differences from either margin",
        reference=primary.reference,
    )


def _conclude(whole: Interval, sesoi: float, *, is_equivalent: bool, is_different: bool) -> Conclusion:
    if whole.low > sesoi or whole.high < -sesoi:
        return "larger"
    if is_equivalent:
        return "smaller"
    return "different" if is_different else "inconclusive"
