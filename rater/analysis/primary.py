"""The planned analysis of a study: describe, test and summarise each dimension."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from rater.analysis.answer_kinds.kind import kind_of
from rater.analysis.answer_scale import Judged, Rated
from rater.analysis.blinding import Blinding, attach_guesses, check_blinding
from rater.analysis.cell_scores import read_concepts
from rater.analysis.characteristics import Characteristic, describe_raters
from rater.analysis.composites import (
    CompositeCount,
    count_composites,
    without_composites,
)
from rater.analysis.contrast_data import first_showings, judged_only
from rater.analysis.crossed import compare
from rater.analysis.describe import ArmSummary, describe_arms
from rater.analysis.diagnosis import Diagnosis, complete_diagnosis, require_usable
from rater.analysis.equivalence import Equivalence, two_one_sided_tests
from rater.analysis.exclusions import Exclusion, as_given, exclude, excluded_raters
from rater.analysis.findings import diagnose_answers
from rater.analysis.group_trials import has_groups, trial_numbers
from rater.analysis.headline import (
    AllAnswers,
    Verdict,
    judge,
    lead_headline,
    write_headline,
)
from rater.analysis.intervals import ProgressCallback, bounds_of
from rater.analysis.joint_verdict import JointVerdict, judge_jointly
from rater.analysis.length_adjusted import adjust_for_length
from rater.analysis.measures import MetricComparison, compare_metrics
from rater.analysis.metric_values import MetricValues
from rater.analysis.missing_answers import MissingAnswers, find_missing_answers
from rater.analysis.moderators import Moderation, moderate
from rater.analysis.multiple_comparisons import adjust
from rater.analysis.notes import Note, take_notes
from rater.analysis.plan import Planned
from rater.analysis.preferences import ITEMS
from rater.analysis.prepare import prepare
from rater.analysis.quality import paces_of
from rater.analysis.results import Counts, NotEstimable, Outcome, Result
from rater.analysis.scope import make_primary, make_tests
from rater.analysis.secondary import Details, DimensionInput, work_out_details


@dataclass(frozen=True, kw_only=True)
class DimensionAnalysis:
    """Everything that was found on one dimension."""

    dimension: Judged
    is_primary: bool
    headline: str
    verdict: Verdict
    arms: tuple[ArmSummary, ...]
    primary: Outcome
    """The planned test on the planned score: the headline, its interval and its p come from it."""
    p_adjusted: float | None
    """For a secondary dimension, p after Holm among the secondary dimensions; the verdict is by it."""
    equivalence: Equivalence | NotEstimable | None
    """On the primary dimension, where the plan names a SESOI."""
    other_score: Outcome
    """The same test on the other score."""
    sensitivity_tests: tuple[Outcome, ...]
    """Tests of the same claim that assume less, where there are some."""
    without_exclusions: Outcome | None
    """The planned test where nobody is left out; None where nobody was."""
    naive: Outcome
    """The naive test, which ignores clustering; for comparison only."""
    missing_answers: MissingAnswers | None
    """Missing ratings by arm, and the tipping points; None if there are none."""
    details: Details
    length_adjusted: Outcome | None = None
    """On the primary dimension, the planned test with the length of the texts as a covariate, where that is
    known: a sensitivity analysis."""

    @property
    def tests(self) -> tuple[Outcome, ...]:
        """The planned test, the one on the other score, those that assume less, and sensitivity analyses."""
        length = () if self.length_adjusted is None else (self.length_adjusted,)
        other = (self.other_score,) if kind_of(self.dimension).has_other_score else ()
        return (self.primary, *other, *self.sensitivity_tests, *length)


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """The planned analysis, the primary dimension first."""

    diagnosis: Diagnosis
    """The data checks, to be read before any result."""
    planned: Planned
    """The plan that was followed."""
    n: Counts
    """The answers analysed, in all arms and dimensions; cells are those of the primary dimension."""
    dimensions: tuple[DimensionAnalysis, ...]
    """The results of each dimension, the primary one first."""
    exclusion: Exclusion | None
    """The excluded raters; None if no criterion is declared."""
    blinding: Blinding | NotEstimable | None
    """The assessment of blinding; None if raters were not asked."""
    notes: tuple[Note, ...]
    """Remarks that readers of the results need."""
    composites: tuple[CompositeCount, ...] = ()
    """The numbers of composite scores, and of those that are missing, by arm."""
    characteristics: tuple[Characteristic, ...] = ()
    """The answers of the analysed raters to the questionnaire, over all arms."""
    moderations: tuple[Moderation, ...] = ()
    """The primary difference by each declared moderator, with tests of the interactions."""
    metrics: tuple[MetricComparison, ...] = ()
    """Metrics and judges of the texts next to the raters' answers: exploratory."""
    joint: JointVerdict | None = None
    """The verdict of the primary and the coprimary test; None where the plan has only one."""

    @property
    def is_external(self) -> bool:
        """True if the ratings come without a study that declares their scales."""
        return any(isinstance(found.dimension, Rated) for found in self.dimensions)


def analyze(  # noqa: PLR0913 (each argument is a table)
    frame: pd.DataFrame,
    planned: Planned,
    *,
    raters: pd.DataFrame | None = None,
    guesses: pd.DataFrame | None = None,
    texts: pd.DataFrame | None = None,
    metrics: Sequence[MetricValues] = (),
    assigned: pd.DataFrame | None = None,
    questionnaire: pd.DataFrame | None = None,
    progress: ProgressCallback | None = None,
) -> Analysis:
    """Analyse a tidy frame as planned. Costs a few sorts of the answers per dimension, and the bootstraps.

    Args:
        frame: One row for each answer: rater, item, prompt, arm, dimension, answer; where there are such,
            position (for runs and repeats), shown_ms (for times), is_repeat, cannot_judge, not_applicable,
            confidence, guess (for the blinding), and for pairs other_arm and arm_is_left.
        planned: What was planned.
        raters: One row for each rater: rater, n_checks, n_passed, finished, left_why; for the exclusions.
        guesses: One row for each answer to the blinding question: rater, item, arm, guess.
        texts: One row for each text: item, n_characters; the primary test is repeated with it as a covariate.
        metrics: Metrics and judges of the texts, which are compared with the answers; needs the texts.
        assigned: One row for each text that a rater was assigned: rater, item, prompt, arm, dimension (and
            other_arm), repeats and attention checks left out; for the answers that are missing.
        questionnaire: One row for each answer of a rater about themselves: rater, question, answer.
        progress: Told how many of how many bootstrap replicates are done, interval by interval.

    Raises:
        RaterError: If the frame or an answer is not valid, or answers look like codes; see `diagnosis`.
    """
    prepared = prepare(frame, planned)
    require_usable(suspicious := diagnose_answers(prepared, planned))
    frame, rated = _in_order(prepared.frame), _in_order(prepared.rated)
    exclusion = _exclude(rated, raters, planned)
    left_out = excluded_raters(exclusion)
    included = frame[~frame["rater"].astype(str).isin(left_out)] if left_out else frame
    tested = judged_only(first_showings(included))
    n, counts = _count(tested, planned), count_composites(included, planned.dimensions)
    everyone = judged_only(first_showings(frame))
    n_excluded = _count(everyone, planned).answers - n.answers
    assigned = _assigned_to(included, assigned)
    analyses = _analyze_dimensions(included, tested, planned, progress, assigned=assigned)
    dimensions, joint = _judge_both(_with_lengths(analyses, tested, planned, texts), planned)
    analysis = Analysis(
        diagnosis=complete_diagnosis(
            prepared, planned, findings=suspicious, tested=tested, n_excluded=n_excluded
        ),
        planned=planned,
        n=n,
        dimensions=dimensions,
        exclusion=exclusion,
        blinding=_blinding(tested, planned, guesses),
        notes=take_notes(planned, tested, n_raters=n.raters, n_left_out=len(left_out), composites=counts),
        composites=counts,
        metrics=_compare_metrics(metrics, tested, texts=texts, planned=planned, dimensions=dimensions),
        joint=joint,
    )
    analysis = _add_analysis_without_exclusions(analysis, everyone) if left_out else analysis
    return _with_raters(analysis, tested, questionnaire)


def _exclude(rated: pd.DataFrame, raters: pd.DataFrame | None, planned: Planned) -> Exclusion | None:
    """Apply the exclusion criteria to the answers as raters gave them, labels included."""
    return exclude(as_given(rated, planned.rated), raters, planned.exclusions, primary=planned.primary_parts)


def _judge_both(
    dimensions: tuple[DimensionAnalysis, ...], planned: Planned
) -> tuple[tuple[DimensionAnalysis, ...], JointVerdict | None]:
    """Let the verdict of two primary tests lead the headline, if the plan has two."""
    joint = judge_jointly(planned, dimensions)
    if joint is None:
        return dimensions, None
    primary, *others = dimensions
    return (replace(primary, headline=f"{joint.sentence} {primary.headline}"), *others), joint


def _with_raters(analysis: Analysis, tested: pd.DataFrame, questionnaire: pd.DataFrame | None) -> Analysis:
    """Add the characteristics of the raters, and the primary difference by the declared moderators."""
    planned = analysis.planned
    primary, raters = planned.in_order[0], sorted(map(str, tested["rater"].unique()))
    return replace(
        analysis,
        characteristics=describe_raters(questionnaire, planned.questionnaire, raters),
        moderations=moderate(compare(tested, planned.contrast, primary), planned, primary, questionnaire),
    )


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Sort the rows: sums of rounded numbers depend on their order, and the same rows give the same bytes."""
    order = ("rater", "item", "dimension", "position", "other_arm", "answer")
    present = [column for column in order if column in frame.columns]
    return frame.sort_values(present, kind="stable", ignore_index=True)


def _assigned_to(included: pd.DataFrame, assigned: pd.DataFrame | None) -> pd.DataFrame | None:
    """Keep the texts that were assigned to raters with any answer that is analysed."""
    if assigned is None:
        return None
    return assigned[assigned["rater"].astype(str).isin(set(included["rater"].astype(str)))]


def _with_lengths(
    dimensions: tuple[DimensionAnalysis, ...],
    tested: pd.DataFrame,
    planned: Planned,
    texts: pd.DataFrame | None,
) -> tuple[DimensionAnalysis, ...]:
    """Repeat the primary test with the length of the texts as a covariate, where it could be made."""
    primary, *others = dimensions
    if texts is None or texts.empty or isinstance(primary.primary, NotEstimable):
        return dimensions
    if not kind_of(primary.dimension).is_about_single_texts:
        return dimensions
    lengths = dict(zip(texts["item"].astype(str), texts["n_characters"], strict=True))
    adjusted = adjust_for_length(tested, planned, primary.dimension, lengths)
    return (replace(primary, length_adjusted=adjusted), *others)


def _compare_metrics(
    metrics: Sequence[MetricValues],
    tested: pd.DataFrame,
    *,
    texts: pd.DataFrame | None,
    planned: Planned,
    dimensions: Sequence[DimensionAnalysis],
) -> tuple[MetricComparison, ...]:
    if texts is None or not metrics:
        return ()
    judged = [
        (each.dimension, (each.primary, each.other_score), each.details)
        for each in dimensions
        if kind_of(each.dimension).is_about_single_texts
    ]
    rng = np.random.default_rng([planned.seed, len(metrics)])
    return compare_metrics(metrics, tested, texts, planned, judged=judged, rng=rng)


def _count(tested: pd.DataFrame, planned: Planned) -> Counts:
    """Count what is analysed, in all arms and dimensions; cells are those of the primary dimension."""
    texts = {text for name in ITEMS if name in tested for text in tested[name].dropna().unique()}
    concepts = read_concepts(tested)
    return Counts(
        raters=tested["rater"].nunique(),
        prompts=concepts.n_prompts if concepts else tested["prompt"].nunique(),
        items=len(texts),
        answers=_count_answers(without_composites(tested, planned.dimensions)),
        cells=compare(tested, planned.contrast, planned.in_order[0]).answers.count().cells,
        concepts=len(concepts.names) if concepts else 0,
    )


def _count_answers(rows: pd.DataFrame) -> int:
    """Count answers: a row each, or one for all texts of a trial."""
    return np.unique(trial_numbers(rows)).size if has_groups(rows) else len(rows)


def _add_analysis_without_exclusions(analysis: Analysis, everyone: pd.DataFrame) -> Analysis:
    """Add the planned tests without exclusions."""
    planned = analysis.planned
    return replace(
        analysis,
        dimensions=tuple(
            replace(
                found,
                without_exclusions=make_primary(
                    compare(everyone, planned.contrast, found.dimension), planned, found.dimension
                ),
            )
            for found in analysis.dimensions
        ),
    )


def _analyze_dimensions(
    included: pd.DataFrame,
    tested_rows: pd.DataFrame,
    planned: Planned,
    progress: ProgressCallback | None,
    *,
    assigned: pd.DataFrame | None,
) -> tuple[DimensionAnalysis, ...]:
    compared = [compare(tested_rows, planned.contrast, judged) for judged in planned.in_order]
    tested = [
        make_tests(each, planned, judged) for each, judged in zip(compared, planned.in_order, strict=True)
    ]
    adjusted = [None, *adjust([tests.primary for tests in tested[1:]])]
    streams = np.random.default_rng(planned.seed).spawn(len(tested))
    with_repeats, paces = judged_only(included), paces_of(included)
    return tuple(
        _analyze_dimension(
            DimensionInput(
                tested_rows, with_repeats, planned, judged, of, tests, paces, progress, p_adjusted=p
            ),
            included,
            assigned,
            rng=rng,
        )
        for judged, of, tests, p, rng in zip(
            planned.in_order, compared, tested, adjusted, streams, strict=True
        )
    )


def _analyze_dimension(
    data: DimensionInput, included: pd.DataFrame, assigned: pd.DataFrame | None, *, rng: np.random.Generator
) -> DimensionAnalysis:
    planned, judged, tested = data.planned, data.judged, data.tested
    p_adjusted = data.p_adjusted
    is_primary = judged.name == planned.primary
    equivalence = None
    if is_primary and planned.sesoi is not None:
        equivalence = two_one_sided_tests(
            tested.primary,
            planned.sesoi,
            alpha=planned.alpha,
            bounds=bounds_of(tested.primary.score, judged),
        )
    answers, details = data.compared.answers, work_out_details(data, rng=rng)
    headline = write_headline(
        judged, planned, tested.primary, tested.other_score, p_adjusted=p_adjusted, equivalence=equivalence
    )
    models = AllAnswers(
        answers.answer.size, data.compared.cells.n.answers, tested.mixed_model, details.ordinal
    )
    of_all = tested.mixed_model
    linear = write_headline(judged, planned, of_all) if isinstance(of_all, Result) else ""
    return DimensionAnalysis(
        dimension=judged,
        is_primary=is_primary,
        headline=lead_headline(headline, tested.primary, models, linear=linear),
        verdict=judge(tested.primary, planned.alpha, p_adjusted=p_adjusted, equivalence=equivalence),
        arms=describe_arms(data.frame, judged, planned.contrast, planned.doses),
        primary=tested.primary,
        p_adjusted=p_adjusted,
        equivalence=equivalence,
        other_score=tested.other_score,
        sensitivity_tests=tested.sensitivity_tests,
        without_exclusions=None,
        naive=kind_of(judged).naive_test(data.compared),
        missing_answers=find_missing_answers(included, judged, planned, tested.primary, assigned=assigned),
        details=details,
    )


def _blinding(
    tested: pd.DataFrame, planned: Planned, guesses: pd.DataFrame | None
) -> Blinding | NotEstimable | None:
    primary, kind = planned.in_order[0], kind_of(planned.in_order[0])
    rows = kind.list_texts(tested)
    if guesses is not None:
        attached = attach_guesses(rows, guesses, planned.contrast, planned.changed)
        if isinstance(attached, NotEstimable):
            return attached
        rows = attached

    def test(some: pd.DataFrame) -> Outcome:
        if kind.has_both_arms:
            n = Counts(raters=0, prompts=0, items=0, answers=len(some), cells=0)
            reason = "a choice is between several texts, and a guess about one of them"
            return NotEstimable(test="primary test", score=planned.score, reason=reason, n=n)
        return make_primary(compare(some, planned.contrast, primary), planned, primary)

    return check_blinding(rows, planned.contrast, planned.primary, alpha=planned.alpha, test=test)
