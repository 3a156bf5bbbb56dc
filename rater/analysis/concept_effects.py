"""The difference for each concept: raw, tested, as a BLUP, and the planned test without it.

The raw difference of a concept is tested on its own answers, over raters and its prompts. Its best linear
unbiased prediction (BLUP) is that of the model of all cells (`rater.analysis.three_way`), which shrinks each
concept towards the mean, the more the less information there is about it. Both are exploratory, as for single
prompts (`rater.analysis.unit_effects`).

Leaving out one concept at a time shows whether the result depends on a single one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from rater.analysis.cell_scores import CONCEPT
from rater.analysis.crossed import Compared
from rater.analysis.intervals import Bounds, clip
from rater.analysis.multiple_comparisons import benjamini_hochberg
from rater.analysis.multiway_reml import Predictions
from rater.analysis.plan import Planned
from rater.analysis.reml import NoFit
from rater.analysis.results import Interval, Outcome, Result
from rater.analysis.sentences import number, p_value
from rater.analysis.three_way import describe_design, fit_cells
from rater.analysis.unit_effects import UnitEffect

# Without one of two concepts only one remains, which allows no test over concepts.
MIN_LEFT_OUT = 3
PlannedTest = Callable[[pd.DataFrame, Planned], Outcome]
"""Make the primary test of a plan on some rows."""


@dataclass(frozen=True, kw_only=True)
class LeftOutConcept:
    """The planned test without one concept."""

    concept: str
    outcome: Outcome


@dataclass(frozen=True, kw_only=True)
class ConceptEffects:
    """The differences by concept on one dimension."""

    design: str
    """The relation of prompts and concepts: crossed or nested."""
    effects: tuple[UnitEffect, ...]
    without: tuple[LeftOutConcept, ...]
    """Empty with two concepts."""

    @property
    def sentence(self) -> str:
        """The range of the estimates and p-values without any one concept; empty where there are none."""
        found = [each for each in self.without if isinstance(each.outcome, Result)]
        if not found:
            return ""
        estimates = {each.concept: each.outcome.estimate or 0.0 for each in found}
        lowest, highest = (choose(estimates, key=estimates.__getitem__) for choose in (min, max))
        largest = max(each.outcome.p for each in found if isinstance(each.outcome, Result))
        return (
            "Leaving out one concept at a time, the estimate is between "
            f"{number(estimates[lowest])} (without “{lowest}”) and {number(estimates[highest])} (without "
            f"“{highest}”); the largest p-value has {p_value(largest)}."
        )


def concept_effects(
    rows: pd.DataFrame,
    compared: Compared,
    planned: Planned,
    *,
    test: PlannedTest,
    bounds: Bounds | None = None,
) -> ConceptEffects | None:
    """Estimate the difference of each concept; None without two concepts.

    Costs one REML fit, and two tests for each concept.

    Args:
        rows: The answers on the dimension, as the planned test takes them.
        compared: Those to the two arms of the contrast, scored.
        planned: The plan.
        test: Makes its primary test on some rows.
        bounds: Between what a difference must be.
    """
    concepts = compared.cells.concepts
    if concepts is None:
        return None
    scores = compared.cells.scores(planned.score)
    fit = fit_cells(scores) if np.ptp(scores.values) > 1e-9 else NoFit("all cells are equal")
    shrunken = None if isinstance(fit, NoFit) else fit.predictions.get("concept")
    concept = rows[CONCEPT].astype(str)
    alone = replace(planned, scope="raters+prompts")
    own = [test(rows[concept == name], alone) for name in concepts.names]
    n_cells = np.bincount(scores.concept, minlength=len(concepts.names))
    means = np.bincount(scores.concept, weights=scores.values) / n_cells
    tested = [each for each in own if isinstance(each, Result) and each.has_enough_df]
    adjusted = dict(zip(map(id, tested), benjamini_hochberg([each.p for each in tested]), strict=True))
    without = [
        LeftOutConcept(concept=name, outcome=test(rows[concept != name], planned))
        for name in (concepts.names if len(concepts.names) >= MIN_LEFT_OUT else ())
    ]
    return ConceptEffects(
        design=describe_design(scores),
        effects=tuple(
            UnitEffect(
                unit=name,
                n_cells=int(n_cells[code]),
                raw=float(means[code]) if outcome.estimate is None else outcome.estimate,
                interval=outcome.interval if isinstance(outcome, Result) else None,
                p=outcome.p if id(outcome) in adjusted and isinstance(outcome, Result) else None,
                p_adjusted=adjusted.get(id(outcome)),
                reason="" if id(outcome) in adjusted else _why_not(outcome),
                shrunken=float(shrunken.values[code]) if shrunken else None,
                shrunken_interval=_interval(shrunken, code, planned.alpha, bounds) if shrunken else None,
            )
            for code, (name, outcome) in enumerate(zip(concepts.names, own, strict=True))
        ),
        without=tuple(without),
    )


def _why_not(outcome: Outcome) -> str:
    return "its test has too few degrees of freedom" if isinstance(outcome, Result) else outcome.reason


def _interval(shrunken: Predictions, code: int, alpha: float, bounds: Bounds | None) -> Interval:
    half = float(stats.norm.ppf(1 - alpha / 2) * shrunken.errors[code])
    value = float(shrunken.values[code])
    return clip(Interval(value - half, value + half, 1 - alpha), bounds)
