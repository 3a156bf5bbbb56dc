"""The design of an ordinal mixed model: the arrays of answers, contrast and random effects, validated.

Every answer i has T random-effect columns: for each factor an intercept, and a slope on the contrast where
the factor has one. With z_i = (1, x_i, 1, …) and Λ the T × T block-diagonal Cholesky factor of the covariance
of the random effects, the linear predictor is η_i = β x_i + Σ_k b_ik u[position_ik], where b = zΛ and
u ~ N(0, I). A row of b holds the T entries of that row of ZΛ that are not 0; the sparse matrix Z itself is
never built.
"""

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rater.analysis.ordinal.links import Floats
from rater.analysis.sentences import counted
from rater.errors import RaterError

Codes = NDArray[np.intp]


class CannotFitError(RaterError):
    """The model has no estimate for these answers; the message completes "Not estimable, because …"."""


@dataclass(frozen=True)
class Factor:
    """A grouping of the answers whose levels have random effects, such as raters."""

    name: str
    levels: NDArray[np.generic]
    """The names of the levels, ascending; (levels,)."""
    level: Codes
    """The level of each answer: 0, 1, …, n_levels − 1; (answers,)."""
    has_slope: bool = False
    is_correlated: bool = False
    """True if the intercept and the slope of a level may be correlated."""

    @property
    def n_levels(self) -> int:
        """The number of levels."""
        return self.levels.size

    @property
    def width(self) -> int:
        """The number of random effects of each level."""
        return 1 + self.has_slope


@dataclass(frozen=True)
class RandomEffects:
    """The random effects of the answers: the matrix Z, of which only the entries that are not 0 are kept."""

    x: Floats
    """(answers,): the contrast, +1/2 for the first arm and −1/2 for the second."""
    factors: tuple[Factor, ...]
    """The factor with the most random effects comes first: `laplace.Hessian` eliminates it."""
    z: Floats
    """(answers, columns)"""
    positions: Codes
    """(answers, columns): the entry of u that each column multiplies."""

    @property
    def n_effects(self) -> int:
        """The length of u."""
        return sum(factor.n_levels * factor.width for factor in self.factors)

    def sum_by_effect(self, by_column: Floats) -> Floats:
        """Sum a number of each answer and column over the answers of each random effect.

        This is a product with Z'; (answers, columns) → (effects,).
        """
        total = np.bincount(self.positions.ravel(), by_column.ravel(), minlength=self.n_effects)
        return total.astype(np.float64, copy=False)


def lay_out_effects(x: Floats, factors: list[Factor]) -> RandomEffects:
    """Return the random effects of at least one factor. Costs a few passes over the answers."""
    ordered = sorted(factors, key=lambda factor: -factor.n_levels * factor.width)
    z: list[Floats] = []
    positions: list[Codes] = []
    start = 0
    for factor in ordered:
        for term in range(factor.width):
            z.append(x if term else np.ones_like(x))
            positions.append(start + factor.level * factor.width + term)
        start += factor.n_levels * factor.width
    return RandomEffects(x, tuple(ordered), np.column_stack(z), np.column_stack(positions))


@dataclass(frozen=True)
class OrdinalDesign(RandomEffects):
    """The answers as categories 0, 1, …, with their fixed and random effects."""

    category: Codes
    """(answers,)"""
    n_categories: int
    scales: tuple[tuple[int, int], ...]
    """The free entries (row, column) of Λ."""

    @property
    def n_thresholds(self) -> int:
        """The number of thresholds, one between each two neighbouring categories."""
        return self.n_categories - 1

    def cholesky(self, entries: Floats) -> Floats:
        """Return Λ with these free entries; (scales,) → (columns, columns)."""
        factor = np.zeros((self.z.shape[1],) * 2)
        for (row, column), entry in zip(self.scales, entries, strict=True):
            factor[row, column] = entry
        return factor


def lay_out(category: Codes, x: Floats, factors: list[Factor]) -> OrdinalDesign:
    """Return the arrays of a design. Costs a few passes over the answers."""
    # A model without factors gets one random effect whose variance is held at 0: the fixed-effects model.
    effects = lay_out_effects(x, factors or [Factor("none", np.zeros(1), np.zeros(category.size, np.intp))])
    scales: list[tuple[int, int]] = []
    first = 0
    for factor in effects.factors if factors else ():
        scales += [(first + term, first + term) for term in range(factor.width)]
        if factor.has_slope and factor.is_correlated:
            scales.append((first + 1, first))
        first += factor.width
    return OrdinalDesign(
        x=x,
        factors=effects.factors,
        z=effects.z,
        positions=effects.positions,
        category=category,
        n_categories=int(category.max()) + 1,
        scales=tuple(scales),
    )


def validate_and_lay_out(
    answers: Floats,
    x: Floats,
    factors: Mapping[str, NDArray[np.generic]],
    *,
    slopes: Collection[str],
    correlated: bool,
) -> tuple[OrdinalDesign, tuple[float, ...]]:
    """Return the design of these answers, and the values of its categories, ascending.

    Costs one sort of the answers per factor.

    Raises:
        CannotFitError: If all answers are equal, x does not vary, the answers of the two arms do not overlap,
            or a factor has one level, as many levels as answers, or no level with a slope.
        RaterError: If the columns have different lengths, or ``slopes`` names an unknown factor.
    """
    _check_columns(answers, x, factors, slopes)
    categories, category = np.unique(answers, return_inverse=True)
    if categories.size < 2:
        msg = f"all {answers.size} answers are the same ({categories[0]:g})"
        raise CannotFitError(msg)
    if np.ptp(x) == 0:
        msg = f"the contrast is {x[0]:g} for all {x.size} answers, so there is nothing to compare"
        raise CannotFitError(msg)
    if _is_separated(category, x):
        msg = (
            "every answer to one arm is at least as high as every answer to the other, "
            "so the odds ratio is infinite"
        )
        raise CannotFitError(msg)
    built = [
        _build_factor(name, level, x, has_slope=name in slopes, is_correlated=correlated and name in slopes)
        for name, level in factors.items()
    ]
    return lay_out(category, x, built), tuple(categories.tolist())


def has_both_arms(level: Codes, x: Floats) -> NDArray[np.bool_]:
    """Return for each level whether it has answers to more than one arm; (answers,) → (levels,)."""
    n = int(level.max()) + 1
    lowest, highest = np.full(n, np.inf), np.full(n, -np.inf)
    np.minimum.at(lowest, level, x)
    np.maximum.at(highest, level, x)
    return highest > lowest


def _check_columns(
    answers: Floats, x: Floats, factors: Mapping[str, NDArray[np.generic]], slopes: Collection[str]
) -> None:
    if not answers.size:
        msg = "there are no answers"
        raise CannotFitError(msg)
    for name, column in {"x": x, **factors}.items():
        if column.shape != answers.shape:
            msg = (
                f"{name} has shape {column.shape}, but there are {answers.size} answers; "
                "give one value for each answer"
            )
            raise RaterError(msg)
    unknown = set(slopes) - set(factors)
    if unknown:
        msg = f"slopes: unknown factor {min(unknown)!r}; the factors are {', '.join(factors) or '(none)'}"
        raise RaterError(msg)


def _build_factor(
    name: str, level: NDArray[np.generic], x: Floats, *, has_slope: bool, is_correlated: bool
) -> Factor:
    levels, codes = np.unique(level, return_inverse=True)
    if not 1 < levels.size < level.size:
        msg = (
            f"{name} has {counted(levels.size, 'level')} in {counted(level.size, 'answer')}; the variance "
            "between levels can be estimated with at least 2 levels and more answers than levels"
        )
        raise CannotFitError(msg)
    if has_slope and not has_both_arms(codes, x).any():
        msg = f"no {name} has answers to both arms, so the effect of each {name} cannot be estimated"
        raise CannotFitError(msg)
    return Factor(name, levels, codes, has_slope, is_correlated)


def _is_separated(category: Codes, x: Floats) -> bool:
    """Return whether β is infinite without random effects: ordered by x, the answers never fall (or rise).

    One arm then lies on one side of every threshold, so the likelihood rises with |β| without a maximum (for
    logistic models Albert & Anderson 1984, Biometrika 71:1–10).
    """
    values = np.unique(x)
    ranges = [(category[x == value].min(), category[x == value].max()) for value in values]
    rises = all(before[1] <= after[0] for before, after in itertools.pairwise(ranges))
    falls = all(before[0] >= after[1] for before, after in itertools.pairwise(ranges))
    return rises or falls
