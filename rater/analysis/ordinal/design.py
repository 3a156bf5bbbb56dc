"""Lay the answers, the contrast and the random effects out as the arrays that a fit works on.

Every answer i has T random-effect columns: for each factor an intercept, and a slope on the contrast where
the factor has one. With z_i = (1, x_i, 1, …) and Λ the T × T block-diagonal Cholesky factor, the answer's
level is η_i = β x_i + Σ_k b_ik u[position_ik] with b = z Λ: one row of b holds all that is not zero in the
row of ZΛ.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rater.analysis.ordinal.links import Floats

Codes = NDArray[np.intp]


@dataclass(frozen=True)
class Factor:
    """A grouping of the answers whose levels get random effects."""

    name: str
    levels: NDArray[np.generic]
    """What the levels are called, ascending; (levels,)."""
    level: Codes
    """Of each answer: 0, 1, …, n_levels − 1."""
    has_slope: bool = False
    is_correlated: bool = False
    """Whether a level's intercept and slope may go together."""

    @property
    def n_levels(self) -> int:
        """How many levels there are."""
        return self.levels.size

    @property
    def width(self) -> int:
        """How many random effects a level has."""
        return 1 + self.has_slope


@dataclass(frozen=True)
class Design:
    """The answers as categories 0, 1, …, with the fixed and random effects that may have moved them."""

    category: Codes
    """(answers,)"""
    n_categories: int
    x: Floats
    """(answers,): the contrast, +1/2 for the first arm and −1/2 for the second."""
    factors: tuple[Factor, ...]
    """The factor with the most random effects first: it is the one eliminated."""
    z: Floats
    """(answers, columns)"""
    positions: Codes
    """(answers, columns): which entry of u a column takes."""
    scales: tuple[tuple[int, int], ...]
    """The free entries (row, column) of Λ."""

    @property
    def n_thresholds(self) -> int:
        """How many cuts there are between categories."""
        return self.n_categories - 1

    @property
    def n_effects(self) -> int:
        """The length of u."""
        return sum(factor.n_levels * factor.width for factor in self.factors)

    def spread(self, entries: Floats) -> Floats:
        """Fill the free entries of Λ; (scales,) → (columns, columns)."""
        factor = np.zeros((self.z.shape[1],) * 2)
        for (row, column), entry in zip(self.scales, entries, strict=True):
            factor[row, column] = entry
        return factor

    def sum_up(self, by_column: Floats) -> Floats:
        """Add what answers say about each random effect; (answers, columns) → (effects,)."""
        total = np.bincount(self.positions.ravel(), by_column.ravel(), minlength=self.n_effects)
        return total.astype(np.float64, copy=False)


def lay_out(category: Codes, x: Floats, factors: list[Factor]) -> Design:
    """Lay a model out. Costs some passes over the answers."""
    # Without factors one random effect of variance 0 stands in: the model is then the fixed-effects one.
    held = not factors
    chosen = factors or [Factor("none", np.zeros(1), np.zeros(category.size, np.intp))]
    ordered = sorted(chosen, key=lambda factor: -factor.n_levels * factor.width)
    z: list[Floats] = []
    positions: list[Codes] = []
    scales: list[tuple[int, int]] = []
    start = 0
    for factor in ordered:
        first = len(z)
        for term in range(factor.width):
            z.append(x if term else np.ones_like(x))
            positions.append(start + factor.level * factor.width + term)
            if not held:
                scales.append((first + term, first + term))
        if factor.has_slope and factor.is_correlated:
            scales.append((first + 1, first))
        start += factor.n_levels * factor.width
    return Design(
        category=category,
        n_categories=int(category.max()) + 1,
        x=x,
        factors=tuple(ordered),
        z=np.column_stack(z),
        positions=np.column_stack(positions),
        scales=tuple(scales),
    )
