"""Test whether a difference is too small to matter: two one-sided tests against the SESOI.

A p above alpha is not "no effect". This test can say it: that the difference lies within the smallest effect
size of interest either way (STATISTICS.md section 8).
"""

from dataclasses import dataclass

from scipy import stats

from rater.analysis.bounds import Bounds, clip
from rater.analysis.results import Interval, NotEstimable, Outcome, Score
from rater.analysis.wording import round_down


@dataclass(frozen=True, kw_only=True)
class Equivalence:
    """Two one-sided tests of one result; the difference is equivalent to none where p < alpha."""

    score: Score
    sesoi: float
    """The smallest effect size of interest: the margin on either side of 0, in units of the score."""
    interval: Interval
    """The interval at level 1 − 2 alpha; equivalent to no difference if within the margin."""
    t_lower: float
    p_lower: float
    """That the difference is not above −SESOI."""
    t_upper: float
    p_upper: float
    """That the difference is not below +SESOI."""
    p: float
    """The larger of the two."""
    is_equivalent: bool
    method: str = "two one-sided t tests with the primary test's standard error and degrees of freedom"
    reference: str = "Schuirmann 1987, J. Pharmacokinet. Biopharm. 15:657–680"


def two_one_sided_tests(
    primary: Outcome, sesoi: float, *, alpha: float, bounds: Bounds | None = None
) -> Equivalence | NotEstimable:
    """Test a result of the two-way or a one-sample t against margins of ± ``sesoi``.

    In R, with the result's standard error and df: ``pt((estimate + sesoi) / se, df, lower.tail = FALSE)`` and
    ``pt((estimate - sesoi) / se, df)``.
    """
    if isinstance(primary, NotEstimable):
        return NotEstimable(test="equivalence", score=primary.score, reason=primary.reason, n=primary.n)
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
    )
