"""Measure agreement of pairs of raters by Cohen's kappa with quadratic weights, and average it."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def mean_pairwise_kappa(table: Floats, rater_weight: Floats, item_weight: Floats) -> Floats:
    """Average quadratic-weighted kappa over pairs of raters with common items, for each replicate.

    For one pair, over the items of both: 1 − mean (x − y)² / (var x + var y + (mean x − mean y)²), which is
    Cohen's kappa with weights 1 − (i − j)² / (K − 1)². A pair for which nothing varies has none. In R:
    ``psych::cohen.kappa(cbind(x, y))$weighted.kappa`` for each pair. Reference: Cohen 1968, Psychol. Bull.
    70:213–220.

    Args:
        table: Answers by rater × item, NaN where there is none.
        rater_weight: How often each rater counts, replicate × rater.
        item_weight: How often each item counts, replicate × item.
    """
    has = np.isfinite(table)
    answer = np.where(has, table - np.nanmean(table), 0.0)
    mask = has.astype(np.float64)
    items = item_weight[:, None, :]
    with np.errstate(invalid="ignore", divide="ignore"):  # pairs without a common item are left out
        n = (mask * items) @ mask.T  # replicate rater rater
        mean = (answer * items) @ mask.T / n
        square = (answer**2 * items) @ mask.T / n
        squares = square + np.swapaxes(square, -1, -2)
        apart = squares - 2 * ((answer * items) @ answer.T) / n
        by_chance = squares - 2 * mean * np.swapaxes(mean, -1, -2)
        kappa = 1 - apart / by_chance
    used = ~np.eye(table.shape[0], dtype=np.bool_) & (n > 0) & (by_chance > 1e-12)
    weight = rater_weight[:, :, None] * rater_weight[:, None, :] * used
    total = weight.sum(axis=(-1, -2))
    summed = (weight * np.where(used, kappa, 0.0)).sum(axis=(-1, -2))
    averaged: Floats = np.divide(summed, total, out=np.full(total.shape, np.nan), where=total > 0)
    return averaged
