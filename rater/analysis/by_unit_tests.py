"""Tests over raters alone or over prompts alone, and sign-flip and signed-rank tests.

Both are two-sided and hold without a normal distribution, if a difference is as likely to be its negative.

By rater: the prompts and texts are taken as they are, and the claim is about other raters. By prompt: the
raters are taken as they are (one rater, often), and the claim is about other prompts. Neither may be read
more widely: with random texts the by-rater t finds something in 11% of null studies of 12 × 12
(statistics.md section 1).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from rater.analysis.contrast_data import Cells, Ratings, mean_differences
from rater.analysis.crossed import too_few_df
from rater.analysis.intervals import DIFFERENCE, Bounds, clip
from rater.analysis.preferences import Preferred
from rater.analysis.results import MIN_DF, Counts, Interval, NotEstimable, Outcome, Result
from rater.analysis.sentences import claim_by_unit, counted
from rater.study.analysis_plan import PlannedScore

# Two halves of 2^20 sign patterns are sorted and matched: about 0.3 s and 50 MB.
MAX_EXACT_FLIP = 40
# The distribution of V is built by adding one rank at a time: n² (n + 1) / 2 additions.
MAX_EXACT_RANK = 200
N_DRAWS = 9_999
# Differences that are equal on paper differ by rounding noise, and must tie (statistics.md section 13).
DECIMALS = 9


@dataclass(frozen=True)
class SignTest:
    """A statistic, its two-sided p-value, and how that was computed."""

    statistic: float
    p: float
    how: str
    n: int
    """The number of non-zero differences."""


def sign_flip(differences: NDArray[np.float64], rng: np.random.Generator) -> SignTest:
    """Compare the sum of differences with its sums under all 2^n signs.

    Exact up to 40 differences; beyond, ``rng`` draws 9,999 sign patterns (and p = (1 + found) / 10,000).
    Reference: Fisher 1935, The Design of Experiments §21.
    """
    rounded = differences.round(DECIMALS)
    observed = float(rounded.sum())
    bar = abs(observed) - 10.0**-DECIMALS
    nonzero = int(np.count_nonzero(rounded))
    if rounded.size > MAX_EXACT_FLIP:
        n_reached = 0
        for chunk in np.array_split(np.arange(N_DRAWS), 100):
            signs = rng.choice([-1.0, 1.0], size=(chunk.size, rounded.size))
            n_reached += int((np.abs(signs @ rounded) >= bar).sum())
        p = (1 + n_reached) / (1 + N_DRAWS)
        return SignTest(observed, p, f"{N_DRAWS:,} random sign patterns", nonzero)
    left, right = (_signed_sums(half) for half in np.array_split(rounded, 2))
    right.sort()
    reached = right.size - np.searchsorted(right, bar - left, side="left")
    # Signs are symmetric, so as many patterns reach −bar from below; at 0 both counts overlap.
    p = min(1.0, 2 * float(reached.sum()) / (left.size * right.size))
    return SignTest(observed, p, "exact, all sign patterns", nonzero)


def signed_rank(differences: NDArray[np.float64]) -> SignTest:
    """Compare V, the ranks of positive differences, with its distribution.

    Zeros are dropped and ties share their mean rank; exact for these ranks up to 200 differences, beyond
    normal with continuity and tie corrections. In R: ``exactRankTests::wilcox.exact(differences)``.
    Reference: Wilcoxon 1945, Biometrics Bull. 1:80–83.
    """
    rounded = differences.round(DECIMALS)
    nonzero = rounded[rounded != 0]
    ranks = stats.rankdata(np.abs(nonzero))
    v = float(ranks[nonzero > 0].sum())
    if nonzero.size > MAX_EXACT_RANK:
        # the sum of squared ranks carries the correction for ties
        z = (abs(v - ranks.sum() / 2) - 0.5) / np.sqrt((ranks**2).sum() / 4)
        p = min(1.0, float(2 * stats.norm.sf(z)))
        return SignTest(v, p, "normal approximation, zeros dropped", nonzero.size)
    doubled = np.rint(2 * ranks).astype(int)  # mean ranks are halves at most
    mass = np.zeros(doubled.sum() + 1)
    mass[0] = 1.0
    for rank in doubled:
        shifted = np.zeros_like(mass)
        shifted[rank:] = mass[: mass.size - rank]
        mass = (mass + shifted) / 2
    at = round(2 * v)
    p = min(1.0, 2 * min(float(mass[at:].sum()), float(mass[: at + 1].sum())))
    return SignTest(v, p, "exact, zeros dropped", nonzero.size)


def _signed_sums(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum the values under each of the 2^n sign patterns."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


Unit = Literal["rater", "prompt"]
STUDENT = "Student 1908, Biometrika 6:1–25"


@dataclass(frozen=True)
class Differences:
    """One difference for each rater, or each prompt, that has answers to both arms."""

    unit: Unit
    score: PlannedScore
    values: NDArray[np.float64]
    n: Counts
    """The numbers of raters, prompts, items and answers behind the differences."""
    cells: Cells

    @property
    def contrast(self) -> tuple[str, str]:
        """The two arms."""
        return self.cells.contrast

    @property
    def warnings(self) -> tuple[str, ...]:
        """A warning about answers without a counterpart in the other arm."""
        if self.n.answers <= self.cells.n.answers:
            return self.cells.warnings
        n, total = self.cells.n_unpaired, self.cells.n.answers + self.cells.n_unpaired
        unpaired = (
            f"{n:,} of {total:,} answers have no counterpart in the other arm, because the rater answered "
            "only one arm for the prompt"
        )
        return (f"{unpaired}; they enter the mean differences by {self.unit}",)


def unit_differences(
    ratings: Ratings | Preferred, cells: Cells, score: PlannedScore, unit: Unit
) -> Differences:
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
    score: PlannedScore,
    *,
    alpha: float = 0.05,
    bounds: Bounds | None = None,
) -> Outcome:
    """Test the mean of the raters' differences. In R: ``t.test(differences)``."""
    return one_sample_t(unit_differences(ratings, cells, score, "rater"), alpha=alpha, bounds=bounds)


def by_prompt_t(
    ratings: Ratings | Preferred,
    cells: Cells,
    score: PlannedScore,
    *,
    alpha: float = 0.05,
    bounds: Bounds | None = None,
) -> Outcome:
    """Test the mean of the prompts' differences. In R: ``t.test(differences)``."""
    return one_sample_t(unit_differences(ratings, cells, score, "prompt"), alpha=alpha, bounds=bounds)


def by_rater_sign_flip(
    ratings: Ratings | Preferred, cells: Cells, score: PlannedScore, *, rng: np.random.Generator
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


def by_prompt_signed_rank(ratings: Ratings | Preferred, cells: Cells, score: PlannedScore) -> Outcome:
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
        estimand=differences.cells.estimand(differences.score),
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
        f"{counted(signs.n, differences.unit)} with a difference: this test has no p-value below "
        f"{smallest:.3g}"
    )
    return Result(
        test=test,
        estimand=differences.cells.estimand(differences.score),
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
            "so its variance cannot be estimated"
        )
    return ""


def _all_zero(differences: Differences) -> str:
    if np.abs(differences.values).max() < 1e-9:
        return f"all {differences.values.size} {differences.unit}s have a difference of 0"
    return ""
