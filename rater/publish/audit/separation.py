r"""Measure how well a number tells two arms apart within strata: prompts, or booklets.

In each stratum the AUC is :math:`U / (n_1 n_2)`, the share of pairs in which the first arm's text has more
(ties count half). They are averaged over strata. The interval is a t interval over strata, which are the
clusters (:math:`\bar a \pm t_{.975, S-1}\, s_a / \sqrt S`); with a single stratum it is DeLong's (DeLong,
DeLong & Clarke-Pearson 1988, Biometrics 44, 837, equation 4). The test is the stratified rank test of van
Elteren (1960): under no difference texts of a stratum are exchangeable between arms, so that
:math:`z = \sum (a_s - 1/2) / \sqrt{\sum v_s}` with the tie-corrected permutation variance
:math:`v_s = \frac{1}{12 n_1 n_2} (N + 1 - \sum (t^3 - t) / (N (N - 1)))`.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Values = NDArray[np.float64]
_LEVEL = 0.95


class Separation(NamedTuple):
    """How well two arms are told apart."""

    auc: float
    low: float | None
    high: float | None
    p: float


def separate(values: Values, is_first: NDArray[np.bool_], stratum: NDArray[np.intp]) -> Separation | None:
    """Compare two arms within strata; None where no stratum has both."""
    aucs, variances, pairs = [], [], []
    for first, second in _strata(values, is_first, stratum):
        aucs.append(_auc(first, second))
        variances.append(_null_variance(first, second))
        pairs.append((first, second))
    if not aucs:
        return None
    mean = float(np.mean(aucs))
    half = _half_width(np.array(aucs)) if len(aucs) > 1 else _delong_half_width(*pairs[0])
    total = math.fsum(variances)
    z = math.fsum(auc - 0.5 for auc in aucs) / math.sqrt(total) if total > 0 else 0.0
    return Separation(
        auc=mean,
        low=None if half is None else max(0.0, mean - half),
        high=None if half is None else min(1.0, mean + half),
        p=float(2 * stats.norm.sf(abs(z))),
    )


def holm(p_values: list[float]) -> list[float]:
    """Adjust p values for their number (Holm 1979, Scandinavian Journal of Statistics 6, 65)."""
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(np.argsort(p_values)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def _strata(
    values: Values, is_first: NDArray[np.bool_], stratum: NDArray[np.intp]
) -> Iterator[tuple[Values, Values]]:
    order = np.argsort(stratum, kind="stable")
    borders = np.flatnonzero(np.diff(stratum[order])) + 1
    for rows in np.split(order, borders):
        first, second = values[rows[is_first[rows]]], values[rows[~is_first[rows]]]
        if first.size and second.size:
            yield first, second


def _auc(first: Values, second: Values) -> float:
    ranks = stats.rankdata(np.concatenate([first, second]))
    above = float(ranks[: first.size].sum()) - first.size * (first.size + 1) / 2
    return above / (first.size * second.size)


def _null_variance(first: Values, second: Values) -> float:
    n = first.size + second.size
    _, counts = np.unique(np.concatenate([first, second]), return_counts=True)
    ties = float((counts**3 - counts).sum()) / (n * (n - 1))
    return (n + 1 - ties) / (12 * first.size * second.size)


def _half_width(aucs: Values) -> float:
    quantile = float(stats.t.ppf((1 + _LEVEL) / 2, aucs.size - 1))
    return quantile * float(aucs.std(ddof=1)) / math.sqrt(aucs.size)


def _delong_half_width(first: Values, second: Values) -> float | None:
    if min(first.size, second.size) < 2:
        return None
    above = (first[:, None] > second[None, :]) + 0.5 * (first[:, None] == second[None, :])
    variance = above.mean(axis=1).var(ddof=1) / first.size + above.mean(axis=0).var(ddof=1) / second.size
    return float(stats.norm.ppf((1 + _LEVEL) / 2)) * math.sqrt(variance)
