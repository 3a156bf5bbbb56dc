"""Confidence in the answers by arm, and the primary difference among confident answers.

Raters give their confidence after they have read the text, so it can depend on the arm: the confident answers
are selected by an outcome, and the difference among them is secondary whatever it is. It does not correct the
primary test.

Confident means above the middle of the points: 3 and 4 of four points, 4 and 5 of five. The rule is fixed
before any data, and does not depend on them.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rater.analysis.answer_kinds.kind import kind_of
from rater.analysis.answer_scale import Judged
from rater.analysis.crossed import Compared, OutcomeLabels, compare, compare_scores, crossed_t
from rater.analysis.intervals import Bounds
from rater.analysis.plan import Planned
from rater.analysis.results import Counts, NotEstimable, Outcome
from rater.analysis.scope import make_primary
from rater.study.dimension import Dimension

TEST = "confidence, crossed t"


@dataclass(frozen=True)
class ConfidenceInArm:
    """The confidence in the answers to one arm; of choices, to both arms of the contrast."""

    arm: str
    n_answers: int
    n_given: int
    """Answers with a confidence."""
    mean: float | None
    """In points from 1; None where none was given."""


@dataclass(frozen=True, kw_only=True)
class ConfidenceEffects:
    """The confidence in the answers on a dimension."""

    n_points: int
    arms: tuple[ConfidenceInArm, ...]
    difference: Outcome
    """The mean confidence, first arm minus second, in points."""
    among_confident: Outcome
    """The primary test on the confident answers alone."""
    n_confident: int
    lowest_confident: int
    """The lowest confident point."""


def confidence_effects(
    frame: pd.DataFrame, judged: Judged, compared: Compared, planned: Planned
) -> ConfidenceEffects | None:
    """Compare the confidence in the answers between the arms; None where none was given.

    Costs two sorts of the answers.

    Args:
        frame: Judged first showings, with the column confidence where it was asked.
        judged: The dimension.
        compared: Its answers to the planned contrast.
        planned: The contrast, the primary test, and alpha.
    """
    if "confidence" not in frame.columns:
        return None
    rows = frame[(frame["dimension"] == judged.name) & frame["arm"].isin(planned.contrast)]
    if kind_of(judged).is_preference:
        rows = rows[rows["other_arm"].isin(planned.contrast)]
    given = rows["confidence"].notna().to_numpy()
    confidence = rows["confidence"].to_numpy(dtype=np.float64, na_value=np.nan)
    if not given.any():
        return None
    declared = judged.n_confidence if isinstance(judged, Dimension) else 0
    n_points = declared or int(np.nanmax(confidence))
    is_confident = confidence > (n_points + 1) / 2
    confident = compare(rows[is_confident], planned.contrast, judged)
    return ConfidenceEffects(
        n_points=n_points,
        arms=_by_arm(rows, confidence, planned, judged),
        difference=_difference(rows[given], compared, planned, judged, n_points=n_points),
        among_confident=make_primary(confident, planned, judged),
        n_confident=int(is_confident.sum()),
        lowest_confident=int((n_points + 1) // 2) + 1,
    )


def _by_arm(
    rows: pd.DataFrame, confidence: NDArray[np.float64], planned: Planned, judged: Judged
) -> tuple[ConfidenceInArm, ...]:
    first, second = planned.contrast
    if kind_of(judged).is_preference:
        parts = [(f"{first} or {second}", np.ones(len(rows), dtype=np.bool_))]
    else:
        parts = [(arm, (rows["arm"] == arm).to_numpy(dtype=np.bool_)) for arm in planned.contrast]
    found = []
    for arm, mine in parts:
        own = confidence[mine]
        known = own[~np.isnan(own)]
        mean = float(known.mean()) if known.size else None
        found.append(ConfidenceInArm(arm, own.size, known.size, mean))
    return tuple(found)


def _difference(
    given: pd.DataFrame, compared: Compared, planned: Planned, judged: Judged, *, n_points: int
) -> Outcome:
    if kind_of(judged).is_preference:
        reason = "a choice belongs to both of its arms, and so does the confidence in it"
        n: Counts = compared.answers.count()
        return NotEstimable(test=TEST, score="answers", reason=reason, n=n)
    points = given.assign(answer=given["confidence"].astype(np.float64))
    # of odd-one-out trials by the arm of the odd text
    cells = compare_scores(points, planned.contrast, judged.name).cells
    if cells.no_cells:
        return NotEstimable(test=TEST, score="answers", reason=cells.no_cells, n=cells.n)
    first, second = planned.contrast
    estimand = f"how much more confident raters are in their answers to “{first}” than to “{second}” texts"
    span = float(n_points - 1)
    about = OutcomeLabels(TEST, estimand, "answers", "difference of confidence", bounds=Bounds(-span, span))
    return crossed_t(cells.scores("scale_points"), about, alpha=planned.alpha)
