"""Adjust p-values for how many there are."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust so that the chance of any false positive in the family stays below alpha.

    With p sorted upwards, the i-th of m becomes the largest of (m − j + 1) p_j over j ≤ i, at most 1. In R:
    ``p.adjust(p, "holm")``. Reference: Holm 1979, Scand. J. Stat. 6:65–70.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    grown = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    adjusted = np.empty(p.size)
    adjusted[order] = np.minimum(grown, 1.0)
    return [float(value) for value in adjusted]


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjust so that the expected share of false ones among the findings stays below alpha.

    With p sorted upwards, the i-th of m becomes the smallest of m p_j / j over j ≥ i. In R: ``p.adjust(p,
    "BH")``. Reference: Benjamini & Hochberg 1995, J. R. Stat. Soc. B 57:289–300.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * p.size / np.arange(1, p.size + 1)
    adjusted = np.empty(p.size)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return [float(value) for value in adjusted]
