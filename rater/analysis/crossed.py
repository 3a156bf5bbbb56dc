"""The crossed random-effects t test (quasi-F with Satterthwaite degrees of freedom) on cell scores.

Estimand: the mean cell score (first arm minus second) over the populations of raters, prompts and
completions, and of concepts where the prompts have concepts. Assumptions: raters, prompts and concepts are
samples from the populations of the claim, with independent random effects. Measured type I error at alpha =
.05: 4 to 6 % with 12 raters or more (and 8 concepts), less with fewer (statistics.md section 2). No Python
package has the quasi-F test with this floor (`rater.analysis.quasi_f`, `rater.analysis.three_way`); for the
weighted REML test of two factors see `rater.analysis.reml`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from rater.analysis.answer_kinds.kind import kind_of
from rater.analysis.answer_scale import Judged
from rater.analysis.cell_scores import CellScores, Spread
from rater.analysis.contrast_data import Cells, Ratings, score_cells, select_ratings
from rater.analysis.intervals import DIFFERENCE, Bounds, clip
from rater.analysis.preferences import (
    Preferred,
    score_preferences,
    select_preferences,
)
from rater.analysis.quasi_f import two_way
from rater.analysis.reml import NoFit, fit_reml
from rater.analysis.results import (
    DROPPED,
    MIN_DF,
    Interval,
    NotEstimable,
    Outcome,
    Result,
    Score,
    Setting,
)
from rater.analysis.sentences import CLAIM, SCOPES, SCORES, round_down, significant
from rater.analysis.three_way import estimate_three_way
from rater.study.analysis_plan import PlannedScore, Scope

FACTORS = "factors"
"""The setting of a result with its random factors, where concepts are one of them or are averaged over."""
CLAIM_WITH_CONCEPTS = f"The claim is about {SCOPES['raters+prompts+concepts']}."
TEST = "crossed t"
"""Short for the crossed random-effects t test (quasi-F or REML, Satterthwaite degrees of freedom)."""
QUASI_F = (
    "crossed random-effects t test on rater × {unit} cell scores (quasi-F with Satterthwaite degrees of "
    "freedom; variance floored at that of either one-way test)"
)
QUASI_F_REFERENCE = (
    "Clark 1973, J. Verbal Learn. Verbal Behav. 12:335–359; "
    "Cornfield & Tukey 1956, Ann. Math. Stat. 27:907–949; Satterthwaite 1946, Biometrics Bull. 2:110–114"
)
REML = (
    "crossed random-effects t test on rater × {unit} cell scores (weighted REML with crossed random effects "
    "of raters and {unit}s, Satterthwaite degrees of freedom)"
)
REML_REFERENCE = (
    "Bates et al. 2015, J. Stat. Softw. 67(1); "
    "Kuznetsova, Brockhoff & Christensen 2017, J. Stat. Softw. 82(13)"
)

# Below this alpha, as at an early interim look, a warning asks for at least 6 raters and prompts: with fewer
# the far tail of the test is too heavy (measured in `_few`).
_SMALL_ALPHA, _ENOUGH = 0.02, 6
# With fewer degrees of freedom the likelihood is hardly curved at its maximum, and an interval is unbounded.
MIN_INFORMATIVE_DF = 0.1


@dataclass(frozen=True)
class OutcomeLabels:
    """The labels of a crossed t test, for its result."""

    test: str
    estimand: str
    score: Score
    name: str
    """The name of a cell's number: ``net superiority``."""
    claim: str = CLAIM
    bounds: Bounds | None = None
    """The range of the mean, where it is known."""


def contrast_t(
    cells: Cells,
    score: PlannedScore,
    *,
    alpha: float = 0.05,
    bounds: Bounds | None = None,
    scope: Scope | None = None,
) -> Outcome:
    """Test whether the mean cell score differs from 0, over the factors of the scope.

    A complete table with equal counts uses the closed form (`rater.analysis.quasi_f`), any other one weighted
    REML. The two are equal on complete tables where all variance components are positive.

    ``bounds`` is the range of the difference in scale points; the interval is clipped to it. Without a scope,
    raters, prompts and concepts are random, if the prompts have concepts. In R, for a table of raters and
    prompts that is not complete: ``lmerTest::lmer(score ~ 1 + (1|rater) + (1|prompt), weights = w)``.
    """
    description = cells.estimand(score)
    possible = DIFFERENCE if score == "net_superiority" else bounds
    claim = CLAIM if scope is None else f"The claim is about {SCOPES[scope]}."
    about = OutcomeLabels(TEST, description, score, SCORES[score], claim=claim, bounds=possible)
    reason = cells.no_cells or _no_concepts(cells, scope)
    if reason:
        return NotEstimable(test=TEST, score=score, reason=reason, n=cells.n)
    scores = over_scope(cells.scores(score), scope)
    return crossed_t(scores, about, alpha=alpha, warnings=cells.warnings)


def over_scope(scores: CellScores, scope: Scope | None) -> CellScores:
    """Average over a factor that the scope leaves out: the prompts of a concept, or the concepts."""
    if scores.concepts is None or scope not in {"raters+concepts", "raters+prompts"}:
        return scores
    return scores.average("concept" if scope == "raters+concepts" else "prompt")


def _no_concepts(cells: Cells, scope: Scope | None) -> str:
    """Return why a claim over concepts is not possible; empty if it is, or is not made."""
    if scope is None or "concepts" not in scope or cells.concepts is not None:
        return ""
    return f"the scope is {scope!r}, but the answers to both arms are not about two or more concepts"


def crossed_t(
    scores: CellScores, about: OutcomeLabels, *, alpha: float, warnings: tuple[str, ...] = ()
) -> Outcome:
    """Test whether the mean of the scores of rater × prompt cells differs from 0; see `contrast_t`.

    Where the scores have concepts, these are a third random factor (`rater.analysis.three_way`).
    """
    mean = float(scores.values.mean()) if scores.values.size else None
    spread = _estimate_spread(scores, about)
    if isinstance(spread, NoFit):
        return NotEstimable(
            test=about.test, score=about.score, reason=spread.reason, estimate=mean, n=scores.n
        )
    t = spread.estimate / spread.standard_error
    half = float(stats.t.ppf(1 - alpha / 2, spread.df)) * spread.standard_error
    whole = Interval(spread.estimate - half, spread.estimate + half, 1 - alpha)
    return Result(
        test=about.test,
        estimand=about.estimand,
        score=about.score,
        estimate=spread.estimate,
        interval=clip(whole, about.bounds) if spread.df >= MIN_DF else None,
        unclipped_interval=whole,
        standard_error=spread.standard_error,
        symbol="t",
        statistic=t,
        df=spread.df,
        p=float(2 * stats.t.sf(abs(t), spread.df)),
        n=scores.n,
        claim=CLAIM_WITH_CONCEPTS if scores.concepts and about.claim == CLAIM else about.claim,
        method=spread.method,
        reference=spread.reference,
        warnings=(*too_few_df(spread.df), *_few(scores, alpha), *spread.warnings, *warnings),
        settings={"alpha": alpha, **_name_factors(scores), **spread.settings},
    )


def _name_factors(scores: CellScores) -> dict[str, Setting]:
    """Name the random factors where there are concepts."""
    return {FACTORS: " × ".join(_factors(scores))} if scores.n.concepts else {}


def too_few_df(df: float) -> tuple[str, ...]:
    """Return a warning if a t test has too few degrees of freedom to be used."""
    if df >= MIN_DF:
        return ()
    warning = (
        f"the test has fewer than {MIN_DF:g} degrees of freedom ({round_down(df)}), so there is no usable "
        "interval, and its p must not be used for a decision; the JSON has both"
    )
    return (warning,)


def _estimate_spread(scores: CellScores, about: OutcomeLabels) -> Spread | NoFit:
    """Estimate the mean and its standard error; return the reason if that is impossible."""
    reason = _why_not(scores, about)
    if reason:
        return NoFit(reason)
    is_complete = scores.values.size == scores.n_raters * scores.n_prompts
    is_balanced = is_complete and np.ptp(scores.weight) < 1e-12
    if scores.concepts is not None:
        spread = estimate_three_way(scores)
    else:
        spread = _balanced(scores) if is_balanced else _unbalanced(scores)
    if isinstance(spread, Spread) and spread.df < MIN_INFORMATIVE_DF:
        return NoFit(
            f"the likelihood of the variances of the {scores.values.size} rater × {scores.unit} cells is "
            "hardly curved at its maximum, so their precision is unknown"
        )
    return spread


def _why_not(scores: CellScores, about: OutcomeLabels) -> str:
    for n, noun in ((scores.n_raters, "rater"), (scores.n_prompts, scores.unit)):
        if n < 2:
            return (
                f"only {n} {noun} has answers to both arms, and the crossed random-effects t test needs at "
                f"least 2 {noun}s"
            )
    # Mean differences carry rounding noise of about 1e-16; 1e-9 counts as equal (statistics.md section 13).
    if np.ptp(scores.values) < 1e-9:
        return (
            f"all {scores.values.size} rater × {scores.unit} cells have the same {about.name} "
            f"({scores.values[0]:.4g}), so its variance cannot be estimated"
        )
    return ""


def _balanced(scores: CellScores) -> Spread | NoFit:
    table = np.empty((scores.n_raters, scores.n_prompts))
    table[scores.rater, scores.prompt] = scores.values
    found = two_way(table)
    standard_error, df = math.sqrt(found.variance), float(found.df)
    # If all raters have the same mean and all prompts too, the variance consists of rounding noise.
    if standard_error < 1e-9:
        return NoFit(
            f"all raters have the same mean of their {scores.values.size} cells and all {scores.unit}s too, "
            "so their variance cannot be estimated"
        )
    mean = float(scores.values.mean())
    return Spread(
        mean, standard_error, df, QUASI_F.format(unit=scores.unit), QUASI_F_REFERENCE, {"table": "complete"}
    )


def free_components(scores: CellScores) -> tuple[bool, bool]:
    """Return which variances (raters, prompts) can be estimated.

    If every rater has one cell, the variance of raters is confounded with the residual, and only the residual
    is estimated; the same for prompts.
    """
    return scores.n_raters < scores.values.size, scores.n_prompts < scores.values.size


def _unbalanced(scores: CellScores) -> Spread | NoFit:
    free = free_components(scores)
    fit = fit_reml(scores.rater, scores.prompt, scores.values, scores.weight, free=free)
    if isinstance(fit, NoFit):
        return fit
    variances = {"raters": fit.rater_variance, f"{scores.unit}s": fit.prompt_variance}
    warnings = [
        f"each of the {noun} has one cell: differences between {noun} are part of the residual"
        for noun, allowed in zip(variances, free, strict=True)
        if not allowed
    ]
    warnings += [
        f"the variance between {noun} {DROPPED}"
        for (noun, variance), allowed in zip(variances.items(), free, strict=True)
        if allowed and variance == 0
    ]
    settings: dict[str, Setting] = {
        "table": "incomplete or unequal",
        "rater_variance": fit.rater_variance,
        f"{scores.unit}_variance": fit.prompt_variance,
        "residual_variance": fit.residual_variance,
    }
    return Spread(
        fit.estimate,
        fit.standard_error,
        fit.df,
        REML.format(unit=scores.unit),
        REML_REFERENCE,
        settings,
        warnings=tuple(warnings),
    )


def _factors(scores: CellScores) -> dict[str, int]:
    """Return the numbers of levels of the factors; nested prompts are part of their concepts."""
    concepts = scores.concepts
    if concepts is None:
        return {"rater": scores.n_raters, scores.unit: scores.n_prompts}
    prompts = {"prompt": concepts.n_prompts} if concepts.is_crossed else {}
    return {"rater": scores.n_raters, "concept": len(concepts.names), **prompts}


def _few(scores: CellScores, alpha: float) -> list[str]:
    """Warn about two or three levels of a factor, with which even the floor of the variance is imprecise.

    Measured with tests/benchmarks/validity.py, 2 raters × 20 prompts, rater × arm SD 1: p < .05 in 11.1 %
    of 800 studies without an effect; with 3 raters 6.2 %. In 4,000 studies of 3 raters with strong rater
    slopes it was 6.0 % in complete tables and 6.9 % ± 0.6 with one cell missing.

    In the far tail Satterthwaite's approximation fails with so few: in 60,000 normal tables with 12 prompts,
    a rater SD equal to the residual's and a prompt SD of .2 of it, p was below .01, .003 and .001 in 2.4, 5.5
    and 12 times the nominal number with 3 raters, 1.4, 2.4 and 5 times with 4, and 1.0, 1.2 and 1.4 times
    with 6.
    """
    factors = _factors(scores)
    warnings = [
        f"with only 2 {noun}s p can be too small: where the effect differs much from {noun} to {noun}, "
        "it fell below .05 in 11 % of simulated studies without one"
        for noun, size in factors.items()
        if size == 2
    ]
    warnings += [
        f"with only 3 {noun}s p can be a little too small: where the effect differs much from {noun} to "
        f"{noun}, it fell below .05 in up to 7 % of simulated studies without one"
        for noun, size in factors.items()
        if size == 3
    ]
    return warnings + warn_small_alpha(factors, alpha)


def warn_small_alpha(factors: Mapping[str, int], alpha: float) -> list[str]:
    """Warn that a small alpha, as at an early interim look, asks for more levels of a factor."""
    if alpha >= _SMALL_ALPHA:
        return []
    return [
        f"with only {size} {noun}s p below {significant(alpha)} can be several times too frequent "
        f"without an effect: where it differs much from {noun} to {noun}, it asks for 6 or more"
        for noun, size in factors.items()
        if 2 < size < _ENOUGH
    ]


@dataclass(frozen=True)
class Compared:
    """The cells of one contrast on one dimension, with the names behind their codes."""

    answers: Ratings | Preferred
    cells: Cells
    raters: tuple[str, ...]
    prompts: tuple[str, ...]

    @property
    def ratings(self) -> Ratings:
        """The answers, where they are scores of texts."""
        assert isinstance(self.answers, Ratings)  # noqa: S101 (the kind of answer knows its own)
        return self.answers

    @property
    def preferred(self) -> Preferred:
        """The answers, where they are choices between texts."""
        assert isinstance(self.answers, Preferred)  # noqa: S101 (the kind of answer knows its own)
        return self.answers

    def scores(self, score: PlannedScore) -> CellScores:
        """One of the two scores of every cell."""
        return self.cells.scores(score)


def compare(frame: pd.DataFrame, contrast: tuple[str, str], judged: Judged) -> Compared:
    """Select and score the answers to a contrast, as the kind of answer asks. Costs one sort of its rows."""
    return kind_of(judged).select(frame, contrast, judged.name)


def compare_scores(frame: pd.DataFrame, contrast: tuple[str, str], dimension: str) -> Compared:
    """Select the scores of texts of two arms, and score their differences. Costs one sort."""
    rows = frame[(frame["dimension"] == dimension) & frame["arm"].isin(contrast)]
    ratings = select_ratings(rows, contrast, dimension)
    return name_cells(rows, ratings, score_cells(ratings))


def compare_choices(frame: pd.DataFrame, contrast: tuple[str, str], dimension: str) -> Compared:
    """Select the choices between texts of two arms, and score them. Costs one sort."""
    rows = frame[(frame["dimension"] == dimension) & frame["arm"].isin(contrast)]
    rows = rows[rows["other_arm"].isin(contrast)]
    preferred = select_preferences(rows, contrast, dimension)
    return name_cells(rows, preferred, score_preferences(preferred))


def name_cells(rows: pd.DataFrame, answers: Ratings | Preferred, cells: Cells) -> Compared:
    """Add the names of raters and prompts to the cells of some rows.

    Args:
        rows: The rows that the answers were selected from.
        answers: The answers.
        cells: Their cells.
    """
    # The codes come from the same call (`select_ratings`); categories are not in the order of their names.
    raters, prompts = (pd.factorize(rows[column], sort=True)[1] for column in ("rater", "prompt"))
    return Compared(
        answers,
        cells,
        tuple(str(raters[code]) for code in cells.raters),
        tuple(str(prompts[code]) for code in cells.prompts),
    )
