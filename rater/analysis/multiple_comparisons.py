"""Contrasts between more than two arms, adjusted for multiple comparisons.

The primary contrast is tested alone at alpha: where a family lists it, it keeps its own p and does not count
among those that Holm's method adjusts.

The comparisons are the study's, or by default every other arm with the control (the unsteered arm where there
is one) and every changed arm with each random control; Holm's method keeps the chance of any false positive
in a family below alpha (statistics.md section 10).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from rater.analysis.plan import Planned, PlannedContrast
from rater.analysis.results import Outcome, Result


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted by Holm's method, which controls the family-wise error rate.

    With p in ascending order, the i-th of m becomes the largest of (m − j + 1) p_j over j ≤ i, at most 1.
    scipy does not have this method. In R: ``p.adjust(p, "holm")``. Reference: Holm 1979, Scand. J. Stat.
    6:65–70.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    # The running maximum keeps adjusted p-values in the order of the raw ones (a step-down procedure).
    stepped = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    adjusted = np.empty(p.size)
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in adjusted]


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted by Benjamini and Hochberg's method, which controls the false discovery rate.

    In R: ``p.adjust(p, "BH")``. Reference: Benjamini & Hochberg 1995, J. R. Stat. Soc. B 57:289–300.
    """
    # scipy works in place and fails for integers, such as a list of p-values that are all 1.
    p = np.asarray(p_values, dtype=np.float64)
    return [float(value) for value in stats.false_discovery_control(p, method="bh")]


@dataclass(frozen=True)
class ArmContrast:
    """One arm against another."""

    arm: str
    control: str
    dose: float | None
    """The first arm's."""
    outcome: Outcome
    p_adjusted: float | None
    """p after Holm, among the other contrasts of the family that have one; the primary contrast's own p."""
    is_primary: bool
    """True if it is the primary contrast, which is tested alone."""
    name: str
    family: str


def make_contrasts(
    contrasts: Sequence[PlannedContrast],
    *,
    planned: Planned,
    p_primary: float | None,
    test: Callable[[tuple[str, str]], Outcome],
) -> tuple[ArmContrast, ...]:
    """Test each contrast, and adjust the p-values of each family by Holm's method.

    ``p_primary`` is the p of the primary contrast that counts on this dimension.
    """
    outcomes = [test((contrast.first, contrast.second)) for contrast in contrasts]
    alone = [planned.is_primary(contrast) for contrast in contrasts]
    adjusted = [p_primary if is_alone else None for is_alone in alone]
    for family in dict.fromkeys(contrast.family for contrast in contrasts):
        members = [
            index
            for index, contrast in enumerate(contrasts)
            if contrast.family == family and not alone[index]
        ]
        for index, p in zip(members, adjust([outcomes[index] for index in members]), strict=True):
            adjusted[index] = p
    return tuple(
        ArmContrast(
            arm=contrast.first,
            control=contrast.second,
            dose=planned.doses.get(contrast.first),
            outcome=outcome,
            p_adjusted=p,
            is_primary=is_alone,
            name=contrast.name,
            family=contrast.family,
        )
        for contrast, outcome, p, is_alone in zip(contrasts, outcomes, adjusted, alone, strict=True)
    )


def adjust(outcomes: list[Outcome]) -> list[float | None]:
    """Adjust the p-values of a family by Holm's method.

    Comparisons that could not be tested, or with too few degrees of freedom, have none and do not count.
    """
    used = [isinstance(outcome, Result) and outcome.has_enough_df for outcome in outcomes]
    tested = [outcome.p for outcome in outcomes if isinstance(outcome, Result) and outcome.has_enough_df]
    adjusted = iter(holm(tested))
    return [next(adjusted) if is_used else None for is_used in used]
