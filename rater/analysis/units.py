"""Say what the difference was on every prompt and for every rater: raw, tested, and shrunken.

These are exploratory: there are as many of them as prompts and raters, so their p-values are adjusted by
Benjamini and Hochberg's method, and the shrunken effects are the ones to look at.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from rater.analysis.bounds import Bounds, clip
from rater.analysis.multiple import benjamini_hochberg
from rater.analysis.results import MIN_DF, Interval
from rater.analysis.shrunken import Predictions
from rater.analysis.wording import p_value

Floats = NDArray[np.float64]
MIN_EXACT = 6
"""Fewer equal cells cannot have p below .05 in a sign-flip test."""


@dataclass(frozen=True, kw_only=True)
class UnitEffect:
    """One prompt's effect over raters, or one rater's over prompts, in the planned score."""

    unit: str
    n_cells: int
    raw: float
    """The mean of its cells."""
    interval: Interval | None
    """Of the raw effect, from a t over its cells, within what is possible; None below `MIN_DF`."""
    p: float | None
    p_adjusted: float | None
    """p after Benjamini and Hochberg, among the units that have one."""
    reason: str
    """Why there is no p; empty where there is one."""
    shrunken: float | None
    shrunken_interval: Interval | None


def unit_effects(
    names: list[str],
    code: NDArray[np.intp],
    values: Floats,
    shrunken: Predictions | None,
    *,
    alpha: float,
    bounds: Bounds | None = None,
) -> tuple[UnitEffect, ...]:
    """List the effects of the units that cells belong to.

    Args:
        names: What the units are called, by code.
        code: Each cell's unit.
        values: The cells' scores.
        shrunken: The units' predictions, where the model could be fitted.
        alpha: Intervals cover 1 − alpha.
        bounds: Between what an effect must be.
    """
    n = np.bincount(code)
    mean = np.bincount(code, weights=values) / n
    squares = np.bincount(code, weights=(values - mean[code]) ** 2)
    varies = (n > MIN_DF) & (squares > 1e-18)
    error = np.sqrt(squares / np.maximum(n - 1, 1) / n)
    p = np.ones(n.size)
    p[varies] = 2 * stats.t.sf(np.abs(mean[varies]) / error[varies], n[varies] - 1)
    half = stats.t.ppf(1 - alpha / 2, np.maximum(n - 1, 1)) * error
    adjusted = np.ones(n.size)
    adjusted[varies] = benjamini_hochberg(list(p[varies]))
    z = float(stats.norm.ppf(1 - alpha / 2))
    return tuple(
        UnitEffect(
            unit=name,
            n_cells=int(n[index]),
            raw=float(mean[index]),
            interval=clip(_around(mean[index], half[index], alpha), bounds) if varies[index] else None,
            p=float(p[index]) if varies[index] else None,
            p_adjusted=float(adjusted[index]) if varies[index] else None,
            reason=_why_not(int(n[index]), float(mean[index]), varies=bool(varies[index])),
            shrunken=float(shrunken.values[index]) if shrunken else None,
            shrunken_interval=(
                clip(_around(shrunken.values[index], z * shrunken.errors[index], alpha), bounds)
                if shrunken
                else None
            ),
        )
        for index, name in enumerate(names)
    )


def _around(middle: float, half: float, alpha: float) -> Interval:
    return Interval(float(middle - half), float(middle + half), 1 - alpha)


def _why_not(n: int, mean: float, *, varies: bool) -> str:
    if varies:
        return ""
    if n == 1:
        return "it has one cell"
    if n <= MIN_DF:
        return "it has two cells, which leave 1 degree of freedom"
    # Equal differences have no t, but all n of one sign have p = 2 / 2^n, which says something from 6 on.
    p = 2.0 ** (1 - n)
    exact = f": exact sign-flip {p_value(p)}" if n >= MIN_EXACT and abs(mean) > 1e-9 else ""
    return f"its {n} cells are equal{exact}"
