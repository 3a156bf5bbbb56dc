"""Make the planned analysis of a study: for each dimension, describe, test, and say the answer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rater.analysis.blinding import Blinding, check_blinding
from rater.analysis.contrasts import adjust
from rater.analysis.describe import ArmSummary, describe_arms
from rater.analysis.details import Details, Material, work_out_details
from rater.analysis.equivalence import Equivalence, two_one_sided_tests
from rater.analysis.headline import Verdict, judge, write_headline
from rater.analysis.naive import mann_whitney
from rater.analysis.planned import Planned
from rater.analysis.ratings import Ratings, check_frame, select_ratings
from rater.analysis.results import Counts, NotEstimable, Outcome
from rater.analysis.scales import Judged
from rater.analysis.scope import make_tests
from rater.analysis.wording import counted


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
    beside: tuple[Outcome, ...]
    """Tests of the same claim that assume less, where there are some."""
    naive: Outcome
    """What the test that ignores raters and prompts would have said; not to be reported."""
    details: Details


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """The planned analysis, the primary dimension first."""

    planned: Planned
    n: Counts
    """All answers in the frame; cells are those of the primary dimension."""
    dimensions: tuple[DimensionAnalysis, ...]
    blinding: Blinding | NotEstimable | None
    """What raters guessed, where the frame has a column ``guess``."""
    notes: tuple[str, ...]
    """What holds for the analysis as a whole: raters still missing, tests adjusted for."""


def analyze(frame: pd.DataFrame, planned: Planned) -> Analysis:
    """Analyse a tidy frame as planned. Costs a few sorts of the answers per dimension, and the bootstraps.

    Args:
        frame: One row for each answer: rater, item, prompt, arm, dimension, answer; and, where there are
            such, position (for runs and repeated texts), shown_ms (for times) and guess (for the blinding).
        planned: What was planned.

    Raises:
        RaterError: If a column is missing or an answer is not on its scale.
    """
    check_frame(frame, planned.dimensions)
    # Sums of rounded numbers depend on their order: the same rows give the same bytes in any order.
    order = [
        column for column in ("rater", "item", "dimension", "position", "answer") if column in frame.columns
    ]
    frame = frame.sort_values(order, kind="stable", ignore_index=True)
    ratings = [select_ratings(frame, planned.contrast, judged.name) for judged in planned.in_order]
    n = Counts(
        raters=frame["rater"].nunique(),
        prompts=frame["prompt"].nunique(),
        items=frame["item"].nunique(),
        answers=len(frame),
        cells=ratings[0].count().cells,
    )
    return Analysis(
        planned=planned,
        n=n,
        dimensions=_analyze_dimensions(frame, planned, ratings),
        blinding=check_blinding(
            frame,
            planned.contrast,
            planned.primary,
            alpha=planned.alpha,
            test=lambda rows: (
                make_tests(select_ratings(rows, planned.contrast, planned.primary), planned).primary
            ),
        ),
        notes=_notes(planned, n, frame),
    )


def _analyze_dimensions(
    frame: pd.DataFrame, planned: Planned, ratings: Sequence[Ratings]
) -> tuple[DimensionAnalysis, ...]:
    tested = [make_tests(each, planned) for each in ratings]
    adjusted = [None, *adjust([tests.primary for tests in tested[1:]])]
    streams = np.random.default_rng(planned.seed).spawn(len(tested))
    return tuple(
        _analyze_dimension(Material(frame, planned, judged, of, tests), p_adjusted=p, rng=rng)
        for judged, of, tests, p, rng in zip(
            planned.in_order, ratings, tested, adjusted, streams, strict=True
        )
    )


def _analyze_dimension(
    material: Material, *, p_adjusted: float | None, rng: np.random.Generator
) -> DimensionAnalysis:
    planned, judged, tested = material.planned, material.judged, material.tested
    is_primary = judged.name == planned.primary
    equivalence = None
    if is_primary and planned.sesoi is not None:
        equivalence = two_one_sided_tests(tested.primary, planned.sesoi, alpha=planned.alpha)
    return DimensionAnalysis(
        dimension=judged,
        is_primary=is_primary,
        headline=write_headline(
            judged,
            planned,
            tested.primary,
            tested.other_score,
            p_adjusted=p_adjusted,
            equivalence=equivalence,
        ),
        verdict=judge(tested.primary, planned.alpha, p_adjusted=p_adjusted, equivalence=equivalence),
        arms=describe_arms(material.frame, judged, planned.contrast),
        primary=tested.primary,
        p_adjusted=p_adjusted,
        equivalence=equivalence,
        other_score=tested.other_score,
        beside=tested.beside,
        naive=mann_whitney(material.ratings),
        details=work_out_details(material, rng=rng),
    )


def _notes(planned: Planned, n: Counts, frame: pd.DataFrame) -> tuple[str, ...]:
    notes = []
    if planned.n_raters is not None and n.raters < planned.n_raters:
        notes.append(
            f"{n.raters} of {counted(planned.n_raters, 'planned rater')} "
            f"{'has' if n.raters == 1 else 'have'} answered: this is not the planned sample"
        )
    others = len(planned.dimensions) - 1
    if others > 1:
        notes.append(f"p-values of the {others} secondary dimensions are adjusted by Holm's method")
    named = {*planned.contrast, *planned.doses}
    answered = set(frame["arm"])
    # With one arm, or none, the others are still to come; with two, a name without answers looks misspelt.
    unknown = sorted(named - answered) if len(answered) > 1 else []
    if unknown:
        notes.append(
            f'the plan names the arm "{unknown[0]}", which has no answers; '
            f"arms with answers: {', '.join(sorted(map(str, answered)))}"
        )
    return tuple(notes)
