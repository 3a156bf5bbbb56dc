"""The test of a contrast by an ordinal mixed model, with its odds ratio.

Estimand: the log odds ratio of an answer above any given point of the scale, first arm over second, for one
rater and prompt (conditional on their random effects; an odds ratio over all raters pooled is nearer to 1).
The random effects are maximal: raters and prompts each have an intercept and a slope, uncorrelated under the
±1/2 coding, and items an intercept. A variance that is estimated as 0 is kept in the model (statistics.md
section 4).
"""

import math
from dataclasses import dataclass

import numpy as np

from rater.analysis.contrast_data import Ratings, why_confounded
from rater.analysis.crossed import CLAIM_WITH_CONCEPTS
from rater.analysis.ordinal.clmm import ClmmFit, fit_clmm
from rater.analysis.ordinal.design import CannotFitError
from rater.analysis.ordinal.inference import (
    LikelihoodRatio,
    ProportionalOdds,
    check_proportional_odds,
    likelihood_ratio_test,
    profile_interval,
)
from rater.analysis.random_effects import RandomTerms, choose_random_terms
from rater.analysis.results import Counts, NotEstimable, Outcome, Result, Score, Setting
from rater.analysis.sentences import CLAIM, counted

TEST = "ordinal mixed model"
SCORE: Score = "log_odds"
METHOD = (
    "cumulative link mixed model (logit, Laplace approximation) with crossed random effects; "
    "likelihood-ratio test of the contrast and profile-likelihood interval"
)
REFERENCE = (
    "McCullagh 1980, J. R. Stat. Soc. B 42:109–142; "
    "Christensen 2019, Cumulative Link Models for Ordinal Regression with the R Package ordinal"
)
# Answers × parameters: above this, a fit with its interval takes minutes (200,000 answers: 70 s).
MAX_WORK = 3_000_000
# Random effects of all factors but the longest: above this, their matrix takes minutes to factor.
MAX_EFFECTS = 3_000


@dataclass(frozen=True, kw_only=True)
class OrdinalAnalysis:
    """The test by the ordinal model, the fitted model, and the check of its main assumption."""

    outcome: Outcome
    fit: ClmmFit | None
    """None if not estimable. Its components hold the shrunken effect of each rater and prompt."""
    ratio: LikelihoodRatio | None
    proportional_odds: ProportionalOdds | None


def ordinal_test(ratings: Ratings, *, alpha: float = 0.05) -> Outcome:
    """Test whether the odds of a higher answer differ between the arms, over raters and prompts.

    In R: ``anova(clmm(answer ~ x + …), clmm(answer ~ 1 + …))`` with the random effects of the result's
    settings. Costs 3 to 5 fits (see `fit_clmm`).
    """
    return analyze_ordinal(ratings, alpha=alpha).outcome


def analyze_ordinal(ratings: Ratings, *, alpha: float = 0.05) -> OrdinalAnalysis:
    """Fit, test and check the ordinal mixed model. Costs 3 to 5 fits (see `fit_clmm`)."""
    n = ratings.count()
    try:
        _refuse(ratings, n)
        terms = choose_random_terms(ratings, n)
        fit = fit_clmm(
            ratings.answer,
            np.where(ratings.is_first, 0.5, -0.5),
            {name: ratings.level(name) for name in terms.factors},
            slopes=terms.slopes,
        )
    except CannotFitError as error:
        outcome = NotEstimable(test=TEST, score=SCORE, reason=str(error), n=n)
        return OrdinalAnalysis(outcome=outcome, fit=None, ratio=None, proportional_odds=None)
    ratio = likelihood_ratio_test(fit)
    check = check_proportional_odds(fit)
    result = _report(ratings, fit, ratio, check, terms=terms, n=n, alpha=alpha)
    return OrdinalAnalysis(outcome=result, fit=fit, ratio=ratio, proportional_odds=check)


def _refuse(ratings: Ratings, n: Counts) -> None:
    """Refuse data for which the model could be fitted but the result would be meaningless or too slow."""
    if not n.answers:
        msg = "there are no answers"
        raise CannotFitError(msg)
    for arm, answered in zip(ratings.contrast, (ratings.is_first, ~ratings.is_first), strict=True):
        if not answered.any():
            msg = f"“{arm}” has no answers"
            raise CannotFitError(msg)
    if reason := why_confounded(ratings):
        raise CannotFitError(reason)
    for count, noun in ((n.raters, "rater"), (n.prompts, "prompt")):
        if count < 2:
            msg = f"there is only 1 {noun}, and the variance between {noun}s needs at least 2"
            raise CannotFitError(msg)
    n_prompts = np.unique(ratings.prompt).size
    effects = sorted((2 * n.raters, 2 * n_prompts, n.items, 2 * n.raters * n.concepts))
    n_points = np.unique(ratings.answer).size
    max_answers = MAX_WORK // (n_points + 5)
    if n.answers > max_answers or sum(effects[:-1]) > MAX_EFFECTS:
        msg = (
            f"{counted(n.answers, 'answer')} by {counted(n.raters, 'rater')} to {counted(n.items, 'text')} "
            f"exceed the limits of the ordinal model (on {n_points} points {max_answers:,} answers, and "
            f"{MAX_EFFECTS:,} random effects not counting the largest factor); the two-way test has no limit"
        )
        raise CannotFitError(msg)


def _report(
    ratings: Ratings,
    fit: ClmmFit,
    ratio: LikelihoodRatio,
    check: ProportionalOdds | None,
    *,
    terms: RandomTerms,
    n: Counts,
    alpha: float,
) -> Result:
    first, second = ratings.contrast
    interval = profile_interval(fit, 1 - alpha)
    settings: dict[str, Setting] = {
        "alpha": alpha,
        "link": fit.link,
        "random_effects": terms.formula,
        "odds_ratio": math.exp(fit.beta),
        **({"odds_ratio_low": math.exp(interval.low)} if interval else {}),
        **({"odds_ratio_high": math.exp(interval.high)} if interval else {}),
        "log_likelihood": fit.log_likelihood,
        "null_log_likelihood": ratio.null_log_likelihood,
        **_describe_spread(fit),
        **_describe_checks(fit, check),
    }
    return Result(
        test=TEST,
        estimand=(
            f"log odds ratio of a higher answer, “{first}” over “{second}”, for one rater and one prompt"
        ),
        score=SCORE,
        estimate=fit.beta,
        interval=interval,
        standard_error=fit.beta_error,
        symbol="χ²",
        statistic=ratio.statistic,
        df=1,
        p=ratio.p,
        n=n,
        claim=CLAIM_WITH_CONCEPTS if ratings.concepts else CLAIM,
        method=METHOD,
        reference=REFERENCE,
        warnings=(
            *fit.warnings,
            *terms.notes,
            *_warn_unused_points(fit),
            *_warn_few(n),
            *_warn_doubtful(ratio, check, alpha, has_interval=interval is not None),
        ),
        settings=settings,
    )


def _describe_spread(fit: ClmmFit) -> dict[str, Setting]:
    settings: dict[str, Setting] = {}
    for component in fit.components:
        settings[f"{component.factor}_sd"] = component.intercept_sd
        if component.slope_sd is not None:
            settings[f"{component.factor}_effect_sd"] = component.slope_sd
    return settings


def _describe_checks(fit: ClmmFit, check: ProportionalOdds | None) -> dict[str, Setting]:
    settings: dict[str, Setting] = {}
    if fit.beta_error is not None:
        z = fit.beta / fit.beta_error
        settings |= {"wald_z": z, "wald_p": math.erfc(abs(z) / math.sqrt(2))}
    if check is not None:
        settings |= {
            "proportional_odds_chi2": check.statistic,
            "proportional_odds_df": check.df,
            "proportional_odds_p": check.p,
        }
    return settings


def _warn_unused_points(fit: ClmmFit) -> list[str]:
    """Name the points of the scale between others that nobody used: they have no threshold."""
    used = fit.categories
    if any(point != round(point) for point in used):
        return []
    unused = [f"{point}" for point in range(int(used[0]), int(used[-1])) if float(point) not in used]
    if not unused:
        return []
    which = " or ".join(unused) if len(unused) <= 3 else f"one of {len(unused)} points between those used"
    return [f"no answer was {which}, so the model has no threshold for it"]


def _warn_few(n: Counts) -> list[str]:
    """Warn about two raters or prompts, whose variance can hardly be estimated.

    Measured with tests/benchmarks/ordinal.py in 300 studies without an effect: p < .05 in 10.7 % with 2
    raters × 20 prompts, and in 3.7 to 5.7 % with 3 × 6 to 12 × 12.
    """
    return [
        f"with only 2 {noun}s p can be too small and the interval too short: "
        "p fell below .05 in 11 % of simulated studies without an effect"
        for count, noun in ((n.raters, "rater"), (n.prompts, "prompt"))
        if count == 2
    ]


def _warn_doubtful(
    ratio: LikelihoodRatio, check: ProportionalOdds | None, alpha: float, *, has_interval: bool
) -> list[str]:
    warnings = []
    if not ratio.has_converged:
        warnings.append("the fit without an effect did not converge, so p may be inaccurate")
    if not has_interval:
        warnings.append("the profile likelihood has no finite interval")
    if check is not None and check.p < alpha:
        warnings.append(
            f"the odds ratio differs along the scale (proportional odds: χ²({check.df}) = "
            f"{check.statistic:.1f}, p = {check.p:.3f}, ignoring raters and prompts): "
            "a single odds ratio does not describe it well"
        )
    return warnings
