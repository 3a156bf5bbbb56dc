"""Test all answers as if nobody had given two of them: the Mann–Whitney test, for comparison only.

Answers of one rater, and answers to one prompt, resemble each other. Taken as independent they make this
test find differences that are not there: in 20 % of null studies of 12 raters × 12 prompts, 36 % at 30 × 30
(STATISTICS.md 2).
"""

import numpy as np
from scipy import stats

from rater.analysis.ratings import Ratings
from rater.analysis.results import NotEstimable, Outcome, Result
from rater.analysis.wording import estimand

TEST = "naive Mann–Whitney"
WHY_NOT = (
    "It counts all answers as independent, as if each came from a rater and a prompt of its own; "
    "where nothing differs it still finds something in 9 to 36 % of studies, "
    "more the larger they are. Do not report it."
)


def mann_whitney(ratings: Ratings) -> Outcome:
    """Compare all answers of both arms by their ranks, normal approximation with continuity correction.

    The estimate is pooled Cliff's delta, 2U / (n_first n_second) − 1. It has no interval here: those in use
    cover 73 to 85 % on crossed data. In R: ``wilcox.test(first, second, exact = FALSE)``. References: Mann &
    Whitney 1947, Ann. Math. Stat. 18:50–60.
    """
    first, second = ratings.answer[ratings.is_first], ratings.answer[~ratings.is_first]
    n = ratings.count()
    reason = ""
    if not (first.size and second.size):
        reason = f'"{ratings.contrast[int(first.size > 0)]}" has no answers'
    elif np.ptp(ratings.answer) == 0:
        reason = f"all {ratings.answer.size} answers are the same ({ratings.answer[0]:g})"
    if reason:
        return NotEstimable(test=TEST, score="answers", reason=reason, n=n)
    found = stats.mannwhitneyu(first, second, method="asymptotic", use_continuity=True)
    return Result(
        test=TEST,
        estimand=estimand("answers", ratings.contrast),
        score="answers",
        estimate=float(2 * found.statistic / (first.size * second.size) - 1),
        interval=None,
        standard_error=None,
        symbol="U",
        statistic=float(found.statistic),
        df=None,
        p=float(found.pvalue),
        n=n,
        claim="No claim can rest on this.",
        method="Mann–Whitney test on single answers, normal approximation, tie and continuity corrected",
        reference="Mann & Whitney 1947, Ann. Math. Stat. 18:50–60",
        warnings=(WHY_NOT,),
    )
