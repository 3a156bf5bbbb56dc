"""Secondary and descriptive analyses of one dimension.

Answers of one rater, and answers to one prompt, are correlated. Treating them as independent inflates the
type I error: 20% with 12 raters × 12 prompts and 36% with 30 × 30 in null simulations (statistics.md
section 2).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from rater.analysis.agreement import Agreement, measure_agreement
from rater.analysis.answer_kinds.kind import kind_of
from rater.analysis.answer_scale import Judged
from rater.analysis.arm_strengths import ArmRanking
from rater.analysis.choices import LabelChoices
from rater.analysis.concept_effects import ConceptEffects, concept_effects
from rater.analysis.confidence import ConfidenceEffects, confidence_effects
from rater.analysis.contrast_data import Ratings
from rater.analysis.crossed import Compared, compare
from rater.analysis.group_trials import TRIAL, GroupCounts
from rater.analysis.intervals import ProgressCallback, bounds_of
from rater.analysis.multiple_comparisons import ArmContrast, make_contrasts
from rater.analysis.odd_one_out import OddOneOutResults
from rater.analysis.ordinal.odds import ordinal_test
from rater.analysis.plan import Planned
from rater.analysis.quality import RaterQuality, Retest, rate_raters, retest
from rater.analysis.results import NotEstimable, Outcome, Quantity, Result
from rater.analysis.scope import Tested, make_primary
from rater.analysis.sentences import estimand
from rater.analysis.trend import DoseResponse, dose_response
from rater.analysis.unit_effects import Shrunken, UnitEffect, shrink, unit_effects
from rater.analysis.variability import Reliability, Spread, compare_spread, predict_new_units
from rater.study.trial_times import Pace

TEST = "naive Mann–Whitney"
WHY_NOT = (
    "The naive test ignores clustering: it treats all answers as independent, as if each came from another "
    "rater and prompt. Its type I error was 9 to 36% in simulated studies, and it increases with their size. "
    "Do not report it."
)


def mann_whitney(ratings: Ratings) -> Outcome:
    """Compare the ranks of all answers of both arms (normal approximation, continuity correction).

    The estimate is pooled Cliff's delta, 2U / (n_first n_second) − 1. It has no interval here, since the
    usual ones cover only 73 to 85% on crossed data. In R: ``wilcox.test(first, second, exact = FALSE)``.
    References: Mann & Whitney 1947, Ann. Math. Stat. 18:50–60.
    """
    first, second = ratings.answer[ratings.is_first], ratings.answer[~ratings.is_first]
    n = ratings.count()
    reason = ""
    if not (first.size and second.size):
        reason = f"“{ratings.contrast[int(first.size > 0)]}” has no answers"
    elif np.ptp(ratings.answer) == 0:
        reason = f"all {ratings.answer.size} answers are the same ({ratings.answer[0]:g})"
    if reason:
        return NotEstimable(test=TEST, score="answers", reason=reason, n=n)
    test = stats.mannwhitneyu(first, second, method="asymptotic", use_continuity=True)
    return Result(
        test=TEST,
        estimand=estimand("answers", ratings.contrast),
        score="answers",
        estimate=float(2 * test.statistic / (first.size * second.size) - 1),
        interval=None,
        standard_error=None,
        symbol="U",
        statistic=float(test.statistic),
        df=None,
        p=float(test.pvalue),
        n=n,
        claim="No claim can be based on this test.",
        method="Mann–Whitney test on single answers, normal approximation, tie and continuity corrected",
        reference="Mann & Whitney 1947, Ann. Math. Stat. 18:50–60",
        warnings=(WHY_NOT,),
    )


@dataclass(frozen=True)
class DimensionInput:
    """The input of the analysis of one dimension."""

    frame: pd.DataFrame
    """Judged first showings of the raters who are kept."""
    with_repeats: pd.DataFrame
    """The same with repeated trials."""
    planned: Planned
    judged: Judged
    compared: Compared
    """The answers to the planned contrast."""
    tested: Tested
    paces: Mapping[str, Pace]
    """Each rater's times for a trial."""
    progress: ProgressCallback | None = None
    p_adjusted: float | None = None
    """For a secondary dimension, the p of the planned contrast after Holm among the secondary dimensions."""

    @property
    def p_counted(self) -> float | None:
        """The p of the planned contrast on this dimension."""
        primary = self.tested.primary
        if not isinstance(primary, Result) or not primary.has_enough_df:
            return None
        return primary.p if self.p_adjusted is None else self.p_adjusted


@dataclass(frozen=True, kw_only=True)
class Details:
    """Effect sizes, single prompts and raters, further arms, agreement and quality on one dimension."""

    effects: tuple[Quantity, ...]
    spread: Spread | None
    """The spread of the answers by arm; None for pairwise choices and for choices among labels."""
    concepts: ConceptEffects | None
    """Exploratory: the difference for each concept, where concepts are a factor."""
    confidence: ConfidenceEffects | None
    """The confidence in the answers by arm; None where raters gave none."""
    prompts: tuple[UnitEffect, ...]
    """Exploratory: the difference on each prompt, in the planned score."""
    raters: tuple[UnitEffect, ...]
    """Exploratory: the difference for each rater, in the planned score."""
    reliability: Reliability
    """Prediction for a new prompt and a new rater, in the planned score."""
    contrasts: tuple[ArmContrast, ...]
    """The study's further contrasts, or every other arm against the control where there are more than two."""
    ordinal: Outcome
    """The ordinal mixed model's test of the planned contrast, with its odds ratio in the settings."""
    dose_response: DoseResponse | None
    """The trend over doses and its curve, where the plan gives arms a dose."""
    ranking: ArmRanking | NotEstimable | None
    """The ranking of arms from choices among more than two arms, or from orders of several texts."""
    groups: GroupCounts | None = None
    """Counts of first and last texts by arm and by place, where trials show several texts."""
    agreement: Agreement | NotEstimable
    quality: tuple[RaterQuality, ...]
    """Blind to the arms; empty where the order of two answers is unknown."""
    retest: Retest | None
    choices: LabelChoices | NotEstimable | None = None
    """Identification, confusion and bias, for a choice among labels."""
    odd_one_out: OddOneOutResults | None = None
    """The trials in which raters told the arms apart, where they looked for the odd text."""


def work_out_details(data: DimensionInput, *, rng: np.random.Generator) -> Details:
    """Work out the details of a dimension; up to 2,000 bootstrap replicates for each interval."""
    planned, judged, name = data.planned, data.judged, data.judged.name
    of_effects, of_agreement, of_doses, of_ranking, of_prediction = rng.spawn(5)
    kind, points = kind_of(judged), [level.value for level in judged.scale.levels]
    single = kind.name_units(data.frame, judged)
    if TRIAL in single.columns:  # one text can be in several trials of a rater: its first answer counts
        single = single.drop_duplicates(["rater", "item", "dimension"])
    agreement = measure_agreement(
        kind.as_agreed(single, judged),
        name,
        () if kind.is_nominal else points,
        alpha=planned.alpha,
        rng=of_agreement,
        is_nominal=kind.is_nominal,
        progress=data.progress,
    )
    compared = data.compared
    shrunken = shrink(compared.scores(planned.score)) if compared.cells.n.cells else None
    prompts, raters = _units(data, shrunken)
    details = Details(
        effects=kind.estimate_effects(data, of_effects),
        spread=_spread(data),
        concepts=_concepts(data),
        confidence=confidence_effects(data.frame, judged, compared, planned),
        prompts=prompts,
        raters=raters,
        reliability=_predict(data, shrunken, of_prediction),
        contrasts=_further_contrasts(data),
        ordinal=_ordinal(data),
        dose_response=_doses(data, of_doses),
        ranking=kind.rank_arms(data, of_ranking),
        agreement=agreement,
        quality=() if isinstance(agreement, NotEstimable) else _quality(data, single, points),
        retest=_retest(data),
    )
    return kind.complete(details, data)


def _quality(data: DimensionInput, single: pd.DataFrame, points: list[int]) -> tuple[RaterQuality, ...]:
    """Describe the raters by their scores, but runs and entropy by what they chose: a label, or a place."""
    judged, kind = data.judged, kind_of(data.judged)
    scored = rate_raters(single, judged.name, points, data.paces)
    if not kind.is_nominal:
        return scored
    given = rate_raters(kind.as_given(single, judged), judged.name, (), data.paces)
    return tuple(
        replace(each, points_used=labels.points_used, entropy=labels.entropy, longest_run=labels.longest_run)
        for each, labels in zip(scored, given, strict=True)
    )


def _retest(data: DimensionInput) -> Retest | None:
    judged, kind = data.judged, kind_of(data.judged)
    rows = kind.name_units(data.with_repeats, judged)
    found = retest(kind.as_given(rows, judged), judged.name)
    # labels have no order, and so no quadratic weights
    return replace(found, kappa=None) if found is not None and kind.is_nominal else found


def _spread(data: DimensionInput) -> Spread | None:
    # the spread of 0/1 scores is a function of their mean, and that of ranks is fixed in a trial
    if not kind_of(data.judged).has_spread:
        return None
    return compare_spread(data.compared.ratings, data.judged, data.tested.primary, alpha=data.planned.alpha)


def _predict(data: DimensionInput, shrunken: Shrunken | None, rng: np.random.Generator) -> Reliability:
    planned, scores = data.planned, data.compared.scores(data.planned.score)
    if scores.concepts is not None:
        scores = scores.average("concept")
        shrunken = shrink(scores)
    return predict_new_units(
        scores,
        shrunken,
        alpha=planned.alpha,
        rng=rng,
        bounds=bounds_of(planned.score, data.judged),
    )


def _units(
    data: DimensionInput, shrunken: Shrunken | None
) -> tuple[tuple[UnitEffect, ...], tuple[UnitEffect, ...]]:
    planned, compared = data.planned, data.compared
    if not compared.cells.n.cells:
        return (), ()
    scores = compared.scores(planned.score)
    bounds = bounds_of(planned.score, data.judged)
    return (
        unit_effects(
            list(compared.prompts),
            scores.prompt,
            scores.values,
            shrunken.prompts if shrunken else None,
            alpha=planned.alpha,
            bounds=bounds,
        ),
        unit_effects(
            list(compared.raters),
            scores.rater,
            scores.values,
            shrunken.raters if shrunken else None,
            alpha=planned.alpha,
            bounds=bounds,
        ),
    )


def _concepts(data: DimensionInput) -> ConceptEffects | None:
    planned, judged = data.planned, data.judged

    def test(rows: pd.DataFrame, of: Planned) -> Outcome:
        compared = compare(rows, planned.contrast, judged)
        return make_primary(compared, of, judged)

    rows = data.frame[data.frame["dimension"] == judged.name]
    bounds = bounds_of(planned.score, judged)
    return concept_effects(rows, data.compared, planned, test=test, bounds=bounds)


def _further_contrasts(data: DimensionInput) -> tuple[ArmContrast, ...]:
    frame, planned, judged = data.frame, data.planned, data.judged

    def test(contrast: tuple[str, str]) -> Outcome:
        if contrast == planned.contrast:
            return data.tested.primary
        return make_primary(compare(frame, contrast, judged), planned, judged)

    contrasts = planned.contrasts_among(list_arms(frame, judged))
    return make_contrasts(contrasts, planned=planned, p_primary=data.p_counted, test=test)


def list_arms(frame: pd.DataFrame, judged: Judged) -> list[str]:
    """List the arms with answers on a dimension."""
    rows = frame[frame["dimension"] == judged.name]
    others = set(rows["other_arm"]) if kind_of(judged).is_preference else set()
    return sorted(set(rows["arm"]) | others)


def _ordinal(data: DimensionInput) -> Outcome:
    reason = kind_of(data.judged).why_no_ordinal
    if reason:
        n = data.compared.answers.count()
        return NotEstimable(test="ordinal mixed model", score="log_odds", reason=reason, n=n)
    return ordinal_test(data.compared.ratings, alpha=data.planned.alpha)


def _doses(data: DimensionInput, rng: np.random.Generator) -> DoseResponse | None:
    planned = data.planned
    if not planned.doses or not kind_of(data.judged).has_doses:
        return None
    return dose_response(
        data.frame,
        data.judged,
        planned.doses,
        alpha=planned.alpha,
        rng=rng,
        scope=planned.scope,
        progress=data.progress,
    )
