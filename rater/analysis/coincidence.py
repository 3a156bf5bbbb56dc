"""Measure agreement by how often pairs of raters give one item the same or nearby answers.

Krippendorff's alpha and Gwet's AC2 come from the same pairs. In a bootstrap a rater who was drawn twice is
never paired with their own copy, which would agree by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from rater.analysis.bootstrap import Draws
from rater.analysis.judgements import Judgements

Floats = NDArray[np.float64]
Distance = Callable[[Floats, Floats], Floats]
"""From the values and their marginal counts (replicate × value) to squared distances between values."""


@dataclass(frozen=True)
class Pairs:
    """What pairs of raters answered, for each replicate."""

    values: Floats
    coincidences: Floats
    """Pairs of answers to one item, each item weighing as much as it has answers: replicate value value."""
    agreement: Floats
    """The mean over items of the share of its pairs: replicate value value."""
    prevalence: Floats
    """The mean over items of the share of its answers: replicate value."""


class Pairing:
    """Counts pairs for any weights of raters and items; made once for many replicates."""

    def __init__(self, judged: Judgements) -> None:
        self.values = judged.values
        self.shape = (judged.n_items, judged.values.size)
        rows = judged.item * judged.values.size + judged.value
        once = np.ones(rows.size)
        size = (judged.n_items * judged.values.size, judged.n_raters)
        self.answers = csr_array((once, (rows, judged.rater)), shape=size)

    def count(self, draws: Draws) -> Pairs:
        """Count the pairs of distinct raters, each pair as often as both and the item were drawn."""
        given, own = self._spread(draws.rater), self._spread(draws.rater**2)  # replicate item value
        total = given.sum(axis=-1)  # replicate item
        n_pairs = total**2 - own.sum(axis=-1)
        # An item with one rater has no pairs, and says nothing of agreement.
        share = np.divide(draws.other, n_pairs, out=np.zeros_like(n_pairs), where=n_pairs > 0)
        answered = np.divide(draws.other, total, out=np.zeros_like(total), where=total > 0)
        used = (draws.other * (n_pairs > 0)).sum(axis=-1)[:, None]
        seen = (draws.other * (total > 0)).sum(axis=-1)[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):  # no item with two raters: NaN, said further on
            return Pairs(
                self.values,
                coincidences=_pair_up(given, own, share * total),
                agreement=_pair_up(given, own, share) / used[..., None],
                prevalence=(answered[..., None] * given).sum(axis=1) / seen,
            )

    def _spread(self, weight: Floats) -> Floats:
        counted = np.asarray(self.answers @ weight.T, dtype=np.float64).reshape(*self.shape, -1)
        return np.moveaxis(counted, -1, 0)


def krippendorff_alpha(pairs: Pairs, distance: Distance) -> Floats:
    """Compute alpha = 1 − (n − 1) sum o_ck d²_ck / sum n_c n_k d²_ck, one for each replicate.

    o are the coincidences, n_c their margins. NaN where all pairs agree on one value, which leaves nothing
    to be right or wrong about. Reference: Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, C–D.
    """
    margins = pairs.coincidences.sum(axis=-1)  # replicate value
    squared = distance(pairs.values, margins)
    observed = (pairs.coincidences * squared).sum(axis=(-1, -2))
    expected = (margins[:, :, None] * margins[:, None, :] * squared).sum(axis=(-1, -2))
    ratio = np.divide(observed, expected, out=np.full(observed.shape, np.nan), where=expected > 0)
    alpha: Floats = 1 - (margins.sum(axis=-1) - 1) * ratio
    return alpha


def nominal(values: Floats, _margins: Floats) -> Floats:
    """Any two different values are equally far apart."""
    return 1.0 - np.eye(values.size)


def interval(values: Floats, _margins: Floats) -> Floats:
    """Values are as far apart as the numbers are."""
    return np.asarray((values[:, None] - values) ** 2, dtype=np.float64)


def ordinal(_values: Floats, margins: Floats) -> Floats:
    """Values are as far apart as there are answers between them, the two ends counting half."""
    middle = np.cumsum(margins, axis=-1) - margins / 2
    return np.asarray((middle[:, :, None] - middle[:, None, :]) ** 2, dtype=np.float64)


def gwet_ac2(pairs: Pairs) -> Floats:
    """Compute AC2 with quadratic weights, one for each replicate; it stays high where most answers are one.

    (pa − pe) / (1 − pe), with pa the weighted agreement of pairs and pe = sum w / (q (q − 1)) × sum π(1 − π),
    π the prevalence of the q values. In R: ``irrCAC::gwet.ac1.raw(…, weights = "quadratic")``. Reference:
    Gwet 2014, Handbook of Inter-Rater Reliability (4th ed.), ch. 4–5.
    """
    q = pairs.values.size
    far = pairs.values[-1] - pairs.values[0]
    weight = 1 - interval(pairs.values, pairs.prevalence) / far**2 if far > 0 else np.ones((q, q))
    agreed = (pairs.agreement * weight).sum(axis=(-1, -2))
    by_chance = weight.sum() * (pairs.prevalence * (1 - pairs.prevalence)).sum(axis=-1) / max(q * (q - 1), 1)
    return np.asarray((agreed - by_chance) / (1 - by_chance), dtype=np.float64)


def _pair_up(given: Floats, own: Floats, weight: Floats) -> Floats:
    """Sum weight × (pairs of distinct raters) over items: replicate value value."""
    crossed = np.swapaxes(given * weight[..., None], -1, -2) @ given
    at = np.arange(given.shape[-1])
    crossed[:, at, at] -= (own * weight[..., None]).sum(axis=1)
    return np.asarray(crossed, dtype=np.float64)
