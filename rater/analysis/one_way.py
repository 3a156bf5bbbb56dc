"""Test a difference between two arms over raters alone or over prompts alone, for claims that stop there.

By rater: the prompts and texts are taken as they are, and the claim is about other raters. By prompt: the
raters are taken as they are (one rater, often), and the claim is about other prompts. Neither may be read
more widely: with random texts the by-rater t finds something in 11 % of null studies of 12 × 12
(STATISTICS.md section 1).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from rater.analysis.bounds import DIFFERENCE, Bounds, clip
from rater.analysis.cells import Cells, mean_differences
from rater.analysis.crossed import too_few_df
from rater.analysis.preferences import Preferred
from rater.analysis.ratings import Ratings
from rater.analysis.results import MIN_DF, Counts, Interval, NotEstimable, Outcome, Result
from rater.analysis.signs import SignTest, sign_flip, signed_rank
from rater.analysis.wording import claim_by_unit, counted, estimand
from rater.study.analysis_plan import Score

Unit = Literal["rater", "prompt"]
STUDENT = "Student 1908, Biometrika 6:1–25"


@dataclass(frozen=True)
class Differences:
    """One difference for each rater, or each prompt, that has answers to both arms."""

    unit: Unit
    score: Score
    values: NDArray[np.float64]
    n: Counts
    """What the differences were made of."""
    cells: Cells

    @property
    def contrast(self) -> tuple[str, str]:
        """The two arms."""
        return self.cells.contrast

    @property
    def warnings(self) -> tuple[str, ...]:
        """How many answers have no counterpart in the other arm, and whether they are used."""
        if self.n.answers <= self.cells.n.answers:
            return self.cells.warnings
        n, total = self.cells.n_unpaired, self.cells.n.answers + self.cells.n_unpaired
        unpaired = (
            f"{n:,} of {total:,} answers have no counterpart: their rater answered only one arm of their"
        )
        return (f"{unpaired} prompt; they count in the mean differences by {self.unit}",)


def unit_differences(ratings: Ratings | Preferred, cells: Cells, score: Score, unit: Unit) -> Differences:
    """Take the difference of each rater or prompt.

    Net superiority: the mean of the unit's cells, so that raters' and prompts' own levels never enter. Scale
    points: the mean of all answers to the first arm minus the mean of all to the second, as R's reference
    does; but where most answers have no counterpart (their rater answered only one arm of their prompt), the
    mean of the unit's cells, since the other one would be a difference between prompts as well. Choices
    between two texts have no levels: the mean of the unit's choices.
    """
    if isinstance(ratings, Preferred):
        codes = cells.rater if unit == "rater" else cells.prompt
        sums = np.bincount(codes, weights=cells.score(score) * cells.n_first)
        return Differences(unit, score, sums / np.bincount(codes, weights=cells.n_first), cells.n, cells)
    if score == "net_superiority" or 2 * cells.n_unpaired > ratings.answer.size:
        codes = cells.rater if unit == "rater" else cells.prompt
        sums = np.bincount(codes, weights=cells.score(score))
        return Differences(unit, score, sums / np.bincount(codes), cells.n, cells)
    codes = ratings.rater if unit == "rater" else ratings.prompt
    both = np.intersect1d(codes[ratings.is_first], codes[~ratings.is_first])
    used = ratings.take(np.isin(codes, both))
    dense = np.searchsorted(both, used.rater if unit == "rater" else used.prompt)
    return Differences(unit, score, mean_differences(dense, used.is_first, used.answer), used.count(), cells)


def by_rater_t(
    ratings: Ratings | Preferred,
    cells: Cells,
    score: Score,
    *,
    alpha: float = 0.05,
    bounds: Bounds | None = None,
) -> Outcome:
    """Test the mean of the raters' differences. In R: ``t.test(differences)``."""
    return one_sample_t(unit_differences(ratings, cells, score, "rater"), alpha=alpha, bounds=bounds)


def by_prompt_t(
    ratings: Ratings | Preferred,
    cells: Cells,
    score: Score,
    *,
    alpha: float = 0.05,
    bounds: Bounds | None = None,
) -> Outcome:
    """Test the mean of the prompts' differences. In R: ``t.test(differences)``."""
    return one_sample_t(unit_differences(ratings, cells, score, "prompt"), alpha=alpha, bounds=bounds)


def by_rater_sign_flip(
    ratings: Ratings | Preferred, cells: Cells, score: Score, *, rng: np.random.Generator
) -> Outcome:
    """Test the raters' differences without assuming a normal distribution, by flipping their signs."""
    differences = unit_differences(ratings, cells, score, "rater")
    test = "by-rater sign-flip"
    reason = _too_few(differences) or _all_zero(differences)
    if reason:
        return NotEstimable(test=test, score=score, reason=reason, n=differences.n)
    flipped = sign_flip(differences.values, rng)
    return _sign_result(
        test, differences, flipped, symbol="T", reference="Fisher 1935, The Design of Experiments §21"
    )


def by_prompt_signed_rank(ratings: Ratings | Preferred, cells: Cells, score: Score) -> Outcome:
    """Test the prompts' differences by their signed ranks, zeros dropped."""
    differences = unit_differences(ratings, cells, score, "prompt")
    test = "by-prompt signed-rank"
    reason = _too_few(differences) or _all_zero(differences)
    if reason:
        return NotEstimable(test=test, score=score, reason=reason, n=differences.n)
    ranked = signed_rank(differences.values)
    return _sign_result(
        test, differences, ranked, symbol="V", reference="Wilcoxon 1945, Biometrics Bull. 1:80–83"
    )


def one_sample_t(differences: Differences, *, alpha: float, bounds: Bounds | None = None) -> Outcome:
    """Test the mean of raters' or prompts' differences; ``bounds`` are those of scale points."""
    values, unit = differences.values, differences.unit
    test = f"by-{unit} t"
    mean = float(values.mean()) if values.size else None
    reason = _too_few(differences) or _all_equal(differences)
    if mean is None or reason:
        return NotEstimable(test=test, score=differences.score, reason=reason, estimate=mean, n=differences.n)
    df = values.size - 1
    error = float(values.std(ddof=1)) / np.sqrt(values.size)
    half = float(stats.t.ppf(1 - alpha / 2, df)) * error
    whole = Interval(mean - half, mean + half, 1 - alpha)
    possible = DIFFERENCE if differences.score == "net_superiority" else bounds
    return Result(
        test=test,
        estimand=estimand(differences.score, differences.contrast, pairwise=differences.cells.is_pairwise),
        score=differences.score,
        estimate=mean,
        interval=clip(whole, possible) if df >= MIN_DF else None,
        unclipped_interval=whole,
        standard_error=error,
        symbol="t",
        statistic=mean / error,
        df=df,
        p=float(2 * stats.t.sf(abs(mean) / error, df)),
        n=differences.n,
        claim=claim_by_unit(differences.unit, differences.n.raters),
        method=f"one-sample t on the {unit}s' differences",
        reference=STUDENT,
        warnings=(*too_few_df(df), *differences.warnings),
        settings={"alpha": alpha},
    )


def _sign_result(
    test: str, differences: Differences, signs: SignTest, *, symbol: str, reference: str
) -> Result:
    smallest = 2.0 ** (1 - signs.n)
    coarse = (
        f"{counted(signs.n, differences.unit)} with a difference allow no p below {smallest:.3g} in this test"
    )
    return Result(
        test=test,
        estimand=estimand(differences.score, differences.contrast, pairwise=differences.cells.is_pairwise),
        score=differences.score,
        estimate=float(differences.values.mean()),
        interval=None,
        standard_error=None,
        symbol=symbol,
        statistic=signs.statistic,
        df=None,
        p=signs.p,
        n=differences.n,
        claim=claim_by_unit(differences.unit, differences.n.raters),
        method=f"{test} on the {differences.unit}s' differences ({signs.how})",
        reference=reference,
        warnings=(*((coarse,) if smallest > 0.05 else ()), *differences.warnings),
        settings={"n_with_a_difference": signs.n},
    )


def _too_few(differences: Differences) -> str:
    size, unit = differences.values.size, differences.unit
    if size == 0:
        return differences.cells.no_cells
    if size == 1:
        return f"only 1 {unit} has answers to both arms, and the by-{unit} test needs at least 2 {unit}s"
    return ""


def _all_equal(differences: Differences) -> str:
    values = differences.values
    if np.ptp(values) < 1e-9:
        return (
            f"all {values.size} {differences.unit}s have the same difference ({values[0]:.4g}), "
            "so nothing says how much it varies"
        )
    return ""


def _all_zero(differences: Differences) -> str:
    if np.abs(differences.values).max() < 1e-9:
        return f"all {differences.values.size} {differences.unit}s have a difference of 0"
    return ""
