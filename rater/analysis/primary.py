"""Make the planned analysis of a study: for each dimension, describe, test, and say the answer.

Which test is made follows from the declared scope (STATISTICS.md section 1): raters and prompts → the
two-way t; raters → by-rater t with the sign-flip beside it; prompts, or a single rater → by-prompt t with
the signed-rank. A test that cannot be stood behind is NotEstimable with its reason, never a number.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from rater.analysis.cells import Cells, score_cells
from rater.analysis.crossed import two_way_t
from rater.analysis.describe import ArmSummary, describe_arms
from rater.analysis.headline import Verdict, judge, write_headline
from rater.analysis.naive import mann_whitney
from rater.analysis.one_way import by_prompt_signed_rank, by_prompt_t, by_rater_sign_flip, by_rater_t
from rater.analysis.planned import Planned
from rater.analysis.ratings import Ratings, check_frame, select_ratings
from rater.analysis.results import Counts, NotEstimable, Outcome
from rater.analysis.wording import counted
from rater.study.plan import Score
from rater.study.protocol import Dimension


@dataclass(frozen=True, kw_only=True)
class DimensionAnalysis:
    """Everything that was found on one dimension."""

    dimension: Dimension
    is_primary: bool
    headline: str
    verdict: Verdict
    arms: tuple[ArmSummary, ...]
    primary: Outcome
    """The planned test on the planned score: the headline, its interval and its p come from it."""
    other_score: Outcome
    """The same test on the other score."""
    beside: tuple[Outcome, ...]
    """Tests of the same claim that assume less, where there are some."""
    naive: Outcome
    """What the test that ignores raters and prompts would have said; not to be reported."""


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """The planned analysis, the primary dimension first."""

    planned: Planned
    n: Counts
    """All answers in the frame; cells are those of the primary dimension."""
    dimensions: tuple[DimensionAnalysis, ...]
    notes: tuple[str, ...]
    """What holds for the analysis as a whole: raters still missing, tests not adjusted for."""


@dataclass(frozen=True)
class _Found:
    primary: Outcome
    other_score: Outcome
    beside: tuple[Outcome, ...] = ()


@dataclass(frozen=True)
class _Tests:
    test: Callable[[Score], Outcome]
    beside: Callable[[Score], Outcome] | None = None


def analyze(frame: pd.DataFrame, planned: Planned) -> Analysis:
    """Analyse a tidy frame as planned. Costs a few sorts of the answers per dimension, and small matrices.

    Args:
        frame: One row for each answer: rater, item, prompt, arm, dimension, answer; others are not read.
        planned: What was planned.

    Raises:
        RaterError: If a column is missing or an answer is not on its scale.
    """
    check_frame(frame, planned.dimensions)
    dimensions = tuple(_analyze_dimension(frame, planned, dimension) for dimension in planned.in_order)
    n = Counts(
        raters=frame["rater"].nunique(),
        prompts=frame["prompt"].nunique(),
        items=frame["item"].nunique(),
        answers=len(frame),
        cells=select_ratings(frame, planned.contrast, planned.primary).count().cells,
    )
    return Analysis(planned=planned, n=n, dimensions=dimensions, notes=_notes(planned, n))


def _analyze_dimension(frame: pd.DataFrame, planned: Planned, dimension: Dimension) -> DimensionAnalysis:
    ratings = select_ratings(frame, planned.contrast, dimension.name)
    reason = _nothing_to_compare(ratings, planned)
    if reason:
        n = ratings.count()
        primary, other = (
            NotEstimable(test="primary test", score=score, reason=reason, n=n) for score in _scores(planned)
        )
        found = _Found(primary, other)
    else:
        found = _test(ratings, planned)
    return DimensionAnalysis(
        dimension=dimension,
        is_primary=dimension.name == planned.primary,
        headline=write_headline(dimension, planned, found.primary, found.other_score),
        verdict=judge(found.primary, planned.alpha),
        arms=describe_arms(frame, dimension, planned.contrast),
        primary=found.primary,
        other_score=found.other_score,
        beside=found.beside,
        naive=mann_whitney(ratings),
    )


def _scores(planned: Planned) -> tuple[Score, Score]:
    """The planned score, then the other one."""
    if planned.score == "net_superiority":
        return "net_superiority", "scale_points"
    return "scale_points", "net_superiority"


def _test(ratings: Ratings, planned: Planned) -> _Found:
    score, other = _scores(planned)
    cells = score_cells(ratings)
    tests = _tests_for_scope(ratings, cells, planned)
    primary = tests.test(score)
    if planned.scope == "raters+prompts" and tests.beside:
        asked = "the planned two-way test needs at least 2 raters, so this is the test by prompt"
        primary = replace(primary, warnings=(asked, *primary.warnings))
    return _Found(primary, tests.test(other), (tests.beside(score),) if tests.beside else ())


def _tests_for_scope(ratings: Ratings, cells: Cells, planned: Planned) -> _Tests:
    alpha = planned.alpha
    if planned.scope == "raters":
        return _Tests(
            lambda score: by_rater_t(ratings, cells, score, alpha=alpha),
            lambda score: by_rater_sign_flip(ratings, cells, score, rng=np.random.default_rng(planned.seed)),
        )
    if planned.scope == "prompts" or np.unique(ratings.rater).size == 1:
        return _Tests(
            lambda score: by_prompt_t(ratings, cells, score, alpha=alpha),
            lambda score: by_prompt_signed_rank(ratings, cells, score),
        )
    return _Tests(lambda score: two_way_t(cells, score, alpha=alpha))


def _nothing_to_compare(ratings: Ratings, planned: Planned) -> str:
    """Say what is missing where no test could say anything; empty where tests can be tried."""
    if ratings.answer.size == 0:
        of = f" of {planned.n_raters} planned" if planned.n_raters else ""
        return f"no rater{of} has answered it yet"
    for arm, answered in zip(planned.contrast, (ratings.is_first, ~ratings.is_first), strict=True):
        if not answered.any():
            return f'"{arm}" has no answers yet'
    if np.ptp(ratings.answer) == 0:
        return f"all {ratings.answer.size} answers are the same ({ratings.answer[0]:g})"
    return ""


def _notes(planned: Planned, n: Counts) -> tuple[str, ...]:
    notes = []
    if planned.n_raters is not None and n.raters < planned.n_raters:
        notes.append(
            f"{n.raters} of {counted(planned.n_raters, 'planned rater')} "
            f"{'has' if n.raters == 1 else 'have'} answered: this is not the planned sample"
        )
    if len(planned.dimensions) > 1:
        notes.append("p-values of dimensions other than the primary one are not adjusted for their number")
    return tuple(notes)
