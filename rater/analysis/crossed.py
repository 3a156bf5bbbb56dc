"""Test a difference between two arms when every rater rates every prompt: the two-way t on cell scores.

Estimand: the mean cell score (first arm minus second) over the populations of raters, prompts and
completions. Assumptions: raters and prompts are samples of what is claimed about, and their effects are
independent of one another. What it holds: false positives of 5 % ± 1 with 12 raters or more, fewer below
(STATISTICS.md section 2).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from rater.analysis.cells import Cells
from rater.analysis.reml import fit_reml
from rater.analysis.results import Interval, NotEstimable, Outcome, Result, Setting
from rater.analysis.wording import SCORES, estimand
from rater.study.plan import Score

TEST = "two-way t"
CLAIM = "The claim is about raters and prompts like these."
QUASI_F = (
    "two-way t on rater × prompt cell scores: quasi-F with Satterthwaite degrees of freedom, its variance "
    "floored at that of either one-way test"
)
QUASI_F_REFERENCE = (
    "Clark 1973, J. Verbal Learn. Verbal Behav. 12:335–359; "
    "Cornfield & Tukey 1956, Ann. Math. Stat. 27:907–949; Satterthwaite 1946, Biometrics Bull. 2:110–114"
)
REML = (
    "two-way t on rater × prompt cell scores: weighted REML with crossed random raters and prompts, "
    "Satterthwaite degrees of freedom"
)
REML_REFERENCE = (
    "Bates et al. 2015, J. Stat. Softw. 67(1); "
    "Kuznetsova, Brockhoff & Christensen 2017, J. Stat. Softw. 82(13)"
)


@dataclass(frozen=True)
class _Spread:
    """How sure the mean is, and by which method."""

    estimate: float
    standard_error: float
    df: float
    method: str
    reference: str
    settings: dict[str, Setting]
    warnings: tuple[str, ...] = ()


def two_way_t(cells: Cells, score: Score, *, alpha: float = 0.05) -> Outcome:
    """Test whether the mean cell score differs from 0, over raters and prompts.

    A complete table with equal counts takes the closed form (`quasi_f`); any other the weighted REML
    (`rater.analysis.reml`), which equals it on complete tables where both variance components are positive.

    In R, for a table that is not complete: ``lmerTest::lmer(score ~ 1 + (1|rater) + (1|prompt), weights =
    w)``.
    """
    values = cells.score(score)
    reason = _why_not(cells, values, score)
    if reason:
        return NotEstimable(
            test=TEST,
            score=score,
            reason=reason,
            estimate=float(values.mean()) if values.size else None,
            n=cells.n,
        )
    spread = _balanced(cells, values) if _is_balanced(cells) else _unbalanced(cells, values)
    if spread is None:
        reason = (
            f"the {cells.n.cells} rater × prompt cells vary in too regular a way "
            "to say how much raters and prompts differ"
        )
        return NotEstimable(test=TEST, score=score, reason=reason, estimate=float(values.mean()), n=cells.n)
    t = spread.estimate / spread.standard_error
    half = float(stats.t.ppf(1 - alpha / 2, spread.df)) * spread.standard_error
    return Result(
        test=TEST,
        estimand=estimand(score, cells.contrast),
        score=score,
        estimate=spread.estimate,
        interval=Interval(spread.estimate - half, spread.estimate + half, 1 - alpha),
        standard_error=spread.standard_error,
        symbol="t",
        statistic=t,
        df=spread.df,
        p=float(2 * stats.t.sf(abs(t), spread.df)),
        n=cells.n,
        claim=CLAIM,
        method=spread.method,
        reference=spread.reference,
        warnings=(*_few(cells), *spread.warnings, *_unpaired(cells)),
        settings={"alpha": alpha, **spread.settings},
    )


def quasi_f(table: NDArray[np.float64]) -> tuple[float, float]:
    """Compute the standard error of a complete table's mean and its degrees of freedom.

    With mean squares of raters (rows), prompts (columns) and the rest, q = MS_R + MS_P − MS_E and
    V = max(q, MS_R, MS_P): SE = sqrt(V / RP), and Satterthwaite's df of q, or of the mean square that is V.
    The floor keeps the test from claiming less variance than a one-way test would see.
    """
    n_raters, n_prompts = table.shape
    mean = table.mean()
    rows, columns = table.mean(axis=1, keepdims=True), table.mean(axis=0, keepdims=True)
    ms_r = n_prompts * float(((rows - mean) ** 2).sum()) / (n_raters - 1)
    ms_p = n_raters * float(((columns - mean) ** 2).sum()) / (n_prompts - 1)
    df_e = (n_raters - 1) * (n_prompts - 1)
    ms_e = float(((table - rows - columns + mean) ** 2).sum()) / df_e
    q = ms_r + ms_p - ms_e
    variance = max(q, ms_r, ms_p)
    if variance == q:
        df = q**2 / (ms_r**2 / (n_raters - 1) + ms_p**2 / (n_prompts - 1) + ms_e**2 / df_e)
    else:
        df = n_raters - 1 if ms_r >= ms_p else n_prompts - 1
    return math.sqrt(variance / table.size), df


def _why_not(cells: Cells, values: NDArray[np.float64], score: Score) -> str:
    if cells.n.cells == 0:
        first, second = cells.contrast
        return f'no rater has answered both "{first}" and "{second}" texts of the same prompt'
    for n, noun in ((cells.n.raters, "rater"), (cells.n.prompts, "prompt")):
        if n < 2:
            return f"only 1 {noun} has answers to both arms, and the two-way test needs at least 2 {noun}s"
    # Mean differences carry rounding noise of about 1e-16; equal means equal to 1e-9 (STATISTICS.md 13).
    if np.ptp(values) < 1e-9:
        return (
            f"all {cells.n.cells} rater × prompt cells have the same {SCORES[score]} ({values[0]:.4g}), "
            "so nothing says how much it varies"
        )
    return ""


def _is_balanced(cells: Cells) -> bool:
    weight = cells.weight
    return cells.n.cells == cells.n.raters * cells.n.prompts and bool(np.ptp(weight) < 1e-12)


def _balanced(cells: Cells, values: NDArray[np.float64]) -> _Spread | None:
    table = np.empty((cells.n.raters, cells.n.prompts))
    table[cells.rater, cells.prompt] = values
    standard_error, df = quasi_f(table)
    # All raters have one mean and all prompts too: what is left of a variance is rounding noise.
    if standard_error < 1e-9:
        return None
    return _Spread(
        float(values.mean()), standard_error, df, QUASI_F, QUASI_F_REFERENCE, {"table": "complete"}
    )


def _unbalanced(cells: Cells, values: NDArray[np.float64]) -> _Spread | None:
    n = cells.n
    # A rater with one cell cannot be told from that cell's residual; if all have one, the residual is left.
    free = (n.raters < n.cells, n.prompts < n.cells)
    fit = fit_reml(cells.rater, cells.prompt, values, cells.weight, free=free)
    if fit is None:
        return None
    variances = {"raters": fit.rater_variance, "prompts": fit.prompt_variance}
    warnings = [
        f"each of the {noun} has one cell: differences between {noun} are counted as residual"
        for noun, allowed in zip(variances, free, strict=True)
        if not allowed
    ]
    warnings += [
        f"the variance between {noun} was estimated as 0 and dropped"
        for (noun, variance), allowed in zip(variances.items(), free, strict=True)
        if allowed and variance == 0
    ]
    settings: dict[str, Setting] = {
        "table": "incomplete or unequal",
        "rater_variance": fit.rater_variance,
        "prompt_variance": fit.prompt_variance,
        "residual_variance": fit.residual_variance,
    }
    return _Spread(
        fit.estimate, fit.standard_error, fit.df, REML, REML_REFERENCE, settings, warnings=tuple(warnings)
    )


def _few(cells: Cells) -> list[str]:
    """Warn below three raters or prompts, where the floor of the variance is itself a guess.

    Measured with tests/benchmarks/validity.py, 2 raters × 20 prompts, rater × arm SD 1: p < .05 in 11.1 %
    of 800 studies without an effect; with 3 raters 6.2 %.
    """
    return [
        f"with only 2 {noun}s p can be too small: where the effect differs much from {noun} to {noun}, "
        "it fell below .05 in 11 % of simulated studies without one"
        for n, noun in ((cells.n.raters, "rater"), (cells.n.prompts, "prompt"))
        if n == 2
    ]


def _unpaired(cells: Cells) -> list[str]:
    """Say how many answers no cell could use."""
    if not cells.n_unpaired:
        return []
    total = cells.n.answers + cells.n_unpaired
    return [
        (
            f"{cells.n_unpaired} of {total} answers are not used: "
            "their rater answered only one arm of their prompt"
        )
    ]
