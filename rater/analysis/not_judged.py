"""Count the texts that raters could not judge, by arm.

They have no answer and enter no test; but more of them in one arm than in the other would bias the rest.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rater.analysis.bounds import DIFFERENCE
from rater.analysis.crossed import About, CellScores, crossed_t
from rater.analysis.ratings import cell_codes, first_showings
from rater.analysis.results import Counts, NotEstimable, Outcome
from rater.analysis.validation import flags

CANNOT_JUDGE = "cannot judge, two-way t"


@dataclass(frozen=True, kw_only=True)
class NotJudged:
    """How often raters could not judge the texts of each arm, on one dimension."""

    counts: tuple[tuple[str, int, int], ...]
    """By arm: how many texts could not be judged, and how many there were, repeats aside."""
    difference: Outcome
    """The share in the first arm of the contrast minus that in the second, over raters and prompts."""

    @property
    def n(self) -> int:
        """How many in all arms."""
        return sum(count for _, count, _ in self.counts)


def count_not_judged(
    frame: pd.DataFrame, dimension: str, contrast: tuple[str, str], *, alpha: float
) -> NotJudged | None:
    """Count the texts that could not be judged, by arm; None where every one was. Costs one sort.

    Args:
        frame: The tidy frame with its rows of "cannot judge"; repeats are left out.
        dimension: The dimension's name.
        contrast: The two arms compared.
        alpha: The interval covers 1 − alpha.
    """
    rows = first_showings(frame)
    rows = rows[rows["dimension"] == dimension]
    missing = flags(rows, "cannot_judge")
    if not missing.any():
        return None
    if "other_arm" in rows.columns and rows["other_arm"].notna().any():
        return _of_pairs(rows, missing)
    arms = [*contrast, *sorted(set(rows["arm"]) - set(contrast))]
    counts = tuple(
        (arm, int(missing[(rows["arm"] == arm).to_numpy()].sum()), int((rows["arm"] == arm).sum()))
        for arm in arms
    )
    return NotJudged(counts=counts, difference=_difference(rows, missing, contrast, alpha=alpha))


def _of_pairs(rows: pd.DataFrame, missing: np.ndarray) -> NotJudged:
    """Count pairs: one that cannot be judged belongs to both its arms, so there is nothing to compare."""
    pairs = rows["arm"].astype(str) + " or " + rows["other_arm"].astype(str)
    counts = tuple(
        (pair, int(missing[(pairs == pair).to_numpy()].sum()), int((pairs == pair).sum()))
        for pair in sorted(pairs.unique())
    )
    n = Counts(
        raters=rows["rater"].nunique(), prompts=rows["prompt"].nunique(), items=0, answers=len(rows), cells=0
    )
    reason = "a pair that cannot be judged belongs to both of its arms"
    return NotJudged(
        counts=counts, difference=NotEstimable(test=CANNOT_JUDGE, score="answers", reason=reason, n=n)
    )


def _difference(
    rows: pd.DataFrame, missing: np.ndarray, contrast: tuple[str, str], *, alpha: float
) -> Outcome:
    """Test the difference of the shares, cell by cell, over raters and prompts."""
    of_contrast = rows["arm"].isin(contrast).to_numpy()
    rows, value = rows[of_contrast], missing[of_contrast].astype(np.float64)
    first = (rows["arm"] == contrast[0]).to_numpy()
    rater, prompt = (pd.factorize(rows[column], sort=True)[0] for column in ("rater", "prompt"))
    codes, at, cell = np.unique(cell_codes(rater, prompt), return_index=True, return_inverse=True)
    n_1, n_2 = (np.bincount(cell[arm], minlength=codes.size) for arm in (first, ~first))
    used = (n_1 > 0) & (n_2 > 0)
    sums = [np.bincount(cell[arm], weights=value[arm], minlength=codes.size)[used] for arm in (first, ~first)]
    n_1, n_2 = n_1[used], n_2[used]
    raters, rater_code = np.unique(rater[at][used], return_inverse=True)
    prompts, prompt_code = np.unique(prompt[at][used], return_inverse=True)
    n = Counts(
        raters=raters.size,
        prompts=prompts.size,
        items=rows["item"].nunique(),
        answers=int(used[cell].sum()),
        cells=int(used.sum()),
    )
    if not used.any():
        reason = f'no rater was shown both "{contrast[0]}" and "{contrast[1]}" texts of the same prompt'
        return NotEstimable(test=CANNOT_JUDGE, score="answers", reason=reason, n=n)
    scores = CellScores(rater_code, prompt_code, sums[0] / n_1 - sums[1] / n_2, n_1 * n_2 / (n_1 + n_2), n)
    estimand = f'how much larger a share of "{contrast[0]}" than of "{contrast[1]}" texts could not be judged'
    about = About(CANNOT_JUDGE, estimand, "answers", "difference of shares", bounds=DIFFERENCE)
    return crossed_t(scores, about, alpha=alpha)
