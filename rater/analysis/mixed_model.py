"""The test of a contrast by a linear mixed model of all answers.

The crossed t test (`rater.analysis.crossed`) compares the arms within rater and prompt. It uses an answer
only if its rater answered both arms for the prompt. This test uses all answers. So it is the planned test
where a rater sees each prompt in one arm (Latin square, arms drawn at random, raters divided between the
arms), and it has more power where many answers have lost their counterpart.

The model of the answer of rater r to text i of prompt p in an arm with x = ±1/2 is

    y = μ + βx + (a_r + a'_r x) + (b_p + b'_p x) + c_i + e,

with independent normal random effects. β is the mean answer to the first arm minus that to the second, over
the populations of raters, prompts and texts. In R: ``answer ~ x + (1 + x || rater) + (1 + x || prompt) +
(1 | item)``, fitted by REML (`rater.analysis.mixed_model_fit`). The test is Wald's t with Satterthwaite's
degrees of freedom, as in lmerTest. Where prompts have concepts, these have an intercept and a slope as well,
and so have a rater's answers about a concept and, where prompts are crossed with concepts, the prompts of a
concept. The terms depend on the design and never on their estimates: a variance
that is estimated as 0 stays in the model.

Texts have a random intercept wherever the design allows one (`rater.analysis.random_effects`), because a
claim about generations needs the variance between texts of one prompt and arm in its standard error. In
studies without an effect whose texts are random and seen by several raters, p < .05 in 3.0 % (6 × 12), 4.5 %
(12 × 12) and 4.3 % (30 × 12, texts and effects that differ by 1 logit) with it, and in 3.1, 4.8 and 3.7 %
without it (statistics.md section 18). The test is not liberal without it, because the slopes of prompts
contain the mean of each prompt's texts. With it, answers are weighted by the texts that they share.
"""

import numpy as np
from scipy import stats

from rater.analysis.contrast_data import Ratings, measure_overlap
from rater.analysis.crossed import (
    CLAIM_WITH_CONCEPTS,
    FACTORS,
    MIN_INFORMATIVE_DF,
    too_few_df,
    warn_small_alpha,
)
from rater.analysis.intervals import Bounds, clip
from rater.analysis.mixed_model_fit import MixedFit, NoMixedFit, fit_mixed_model
from rater.analysis.ordinal.design import has_both_arms
from rater.analysis.ordinal.links import Floats
from rater.analysis.random_effects import RandomTerms, choose_random_terms
from rater.analysis.results import DROPPED, MIN_DF, Counts, Interval, NotEstimable, Outcome, Result, Setting
from rater.analysis.sentences import CLAIM, counted, estimand
from rater.analysis.three_way import name_term

TEST = "linear mixed model"
METHOD = (
    "linear mixed model of all answers with crossed random effects (REML); Wald t test of the contrast with "
    "Satterthwaite degrees of freedom"
)
REFERENCE = (
    "Bates et al. 2015, J. Stat. Softw. 67(1); "
    "Kuznetsova, Brockhoff & Christensen 2017, J. Stat. Softw. 82(13); "
    "Barr et al. 2013, J. Mem. Lang. 68:255–278"
)
RANDOM_RATERS = "the test assumes that chance decided which raters got which arm"
BETWEEN_RATERS = f"each rater answered one arm only, so {RANDOM_RATERS}"
# The matrix of the random effects of all factors but the largest: above this, a fit takes minutes.
MAX_EFFECTS = 4_000


def mixed_model_test(
    ratings: Ratings,
    *,
    alpha: float = 0.05,
    bounds: Bounds | None = None,
    covariate: Floats | None = None,
) -> Outcome:
    """Test whether the mean answers to the two arms differ, over raters, prompts and texts.

    Costs one fit (see `fit_mixed_model`).

    Args:
        ratings: The answers to the two arms.
        alpha: The two-sided significance level.
        bounds: The range of the difference in scale points; the interval is clipped to it.
        covariate: (answers,), a fixed effect; the difference is then that at equal values of it. Its slope is
            in the settings of the result.
    """
    n = ratings.count()
    reason = _why_not(ratings, n)
    if reason:
        return _not_estimable(reason, ratings, n)
    terms = choose_random_terms(ratings, n)
    fit = fit_mixed_model(
        ratings.answer,
        np.where(ratings.is_first, 0.5, -0.5),
        {name: ratings.level(name) for name in terms.factors},
        slopes=terms.slopes,
        covariates=() if covariate is None else (covariate,),
    )
    if isinstance(fit, NoMixedFit):
        return _not_estimable(fit.reason, ratings, n)
    if fit.df < MIN_INFORMATIVE_DF:
        return _not_estimable(
            "the likelihood of the variances is hardly curved at its maximum, so their precision is unknown",
            ratings,
            n,
        )
    return _report(ratings, fit, terms, n, alpha=alpha, bounds=bounds)


def _not_estimable(reason: str, ratings: Ratings, n: Counts) -> NotEstimable:
    first, second = ratings.answer[ratings.is_first], ratings.answer[~ratings.is_first]
    estimate = float(first.mean() - second.mean()) if first.size and second.size else None
    return NotEstimable(test=TEST, score="scale_points", reason=reason, estimate=estimate, n=n)


def _why_not(ratings: Ratings, n: Counts) -> str:
    """Return the reason why the model cannot be fitted, or would not mean anything; else an empty text."""
    if not n.answers:
        return "there are no answers"
    for arm, answered in zip(ratings.contrast, (ratings.is_first, ~ratings.is_first), strict=True):
        n_raters = np.unique(ratings.rater[answered]).size
        if n_raters < 2:
            raters = f"only 1 rater answered “{arm}”" if n_raters else f"“{arm}” has no answers"
            return f"{raters}, and the linear mixed model needs at least 2 raters of each arm"
    if n.prompts < 2:
        return "there is only 1 prompt, and the variance between prompts needs at least 2"
    return measure_overlap(ratings).reason_in_mixed_models or _too_large(ratings, n)


def _too_large(ratings: Ratings, n: Counts) -> str:
    """Return the reason why there are too many random effects; empty if there are not."""
    n_prompts = np.unique(ratings.prompt).size
    sizes = sorted((2 * n.raters, 2 * n_prompts, n.items, 2 * n.raters * n.concepts))
    if sum(sizes[:-1]) <= MAX_EFFECTS:
        return ""
    pairs = f", {n.raters * n.concepts:,} pairs of a rater and a concept" if n.concepts else ""
    return (
        f"{counted(n.raters, 'rater')}, {counted(n.prompts, 'prompt')} and {counted(n.items, 'text')}{pairs} "
        f"exceed the limit of the linear mixed model: {MAX_EFFECTS:,} random effects (1 of each text, 2 of "
        "the others), not counting those with the most"
    )


def name_factor(factor: str) -> str:
    """Return the levels of a factor in words."""
    return "texts" if factor == "item" else name_term(factor)


def _report(
    ratings: Ratings, fit: MixedFit, terms: RandomTerms, n: Counts, *, alpha: float, bounds: Bounds | None
) -> Result:
    t = fit.estimate / fit.standard_error
    is_within_raters = has_both_arms(ratings.rater, ratings.is_first.astype(np.float64)).any()
    half = float(stats.t.ppf(1 - alpha / 2, fit.df)) * fit.standard_error
    whole = Interval(fit.estimate - half, fit.estimate + half, 1 - alpha)
    return Result(
        test=TEST,
        estimand=estimand("scale_points", ratings.contrast),
        score="scale_points",
        estimate=fit.estimate,
        interval=clip(whole, bounds) if fit.df >= MIN_DF else None,
        unclipped_interval=whole,
        standard_error=fit.standard_error,
        symbol="t",
        statistic=t,
        df=fit.df,
        p=float(2 * stats.t.sf(abs(t), fit.df)),
        n=n,
        claim=CLAIM_WITH_CONCEPTS if ratings.concepts else CLAIM,
        method=METHOD,
        reference=REFERENCE,
        warnings=(
            *too_few_df(fit.df),
            *_warn_few(n),
            *warn_small_alpha({"rater": n.raters, "prompt": n.prompts, "concept": n.concepts}, alpha),
            *([] if is_within_raters else [BETWEEN_RATERS]),
            *terms.notes,
            *_warn_zero(fit),
        ),
        settings={"alpha": alpha, **_name_factors(ratings), "random_effects": terms.formula, **_spreads(fit)},
    )


def _name_factors(ratings: Ratings) -> dict[str, Setting]:
    if ratings.concepts is None:
        return {}
    return {FACTORS: "rater × concept × prompt" if ratings.concepts.is_crossed else "rater × concept"}


def _warn_few(n: Counts) -> list[str]:
    """Warn about two raters or prompts, whose variances can hardly be estimated.

    Measured with tests/benchmarks/mixed_model.py in 600 studies each without an effect, 2 raters × 12
    prompts and effects that differ by 1 logit: p < .05 in 6.8 % (complete) and 6.0 % (Latin square), and 95%
    intervals covered in 88 and 90 %. With 3 raters it was 4.8 and 5.2 %, and 95 and 94 %.
    """
    return [
        f"with only 2 {noun}s the interval can be too short: where the effect differs much from {noun} to "
        f"{noun}, 95% intervals covered the difference in 88 % of simulated studies"
        for size, noun in ((n.raters, "rater"), (n.prompts, "prompt"), (n.concepts, "concept"))
        if size == 2
    ]


def _warn_zero(fit: MixedFit) -> list[str]:
    """Name the variances that are estimated as 0, in which case lme4 calls the fit singular."""
    zero = []
    for factor, spread in fit.spreads.items():
        noun = name_factor(factor)
        zero += [f"between {noun}"] if spread.intercept == 0 else []
        zero += [f"of the effect between {noun}"] if spread.slope == 0 else []
    if len(zero) < 2:
        return [f"the variance {each} {DROPPED}" for each in zero]
    return [f"each of the variances {', '.join(zero[:-1])} and {zero[-1]} {DROPPED}"]


def _spreads(fit: MixedFit) -> dict[str, Setting]:
    settings: dict[str, Setting] = {}
    for factor, spread in fit.spreads.items():
        settings[f"{factor}_sd"] = spread.intercept
        if spread.slope is not None:
            settings[f"{factor}_effect_sd"] = spread.slope
    if fit.slopes:
        settings["covariate_slope"] = fit.slopes[0]
    return settings | {"residual_sd": fit.residual_sd, "reml_deviance": fit.deviance}
