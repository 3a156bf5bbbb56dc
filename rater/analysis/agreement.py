"""Agreement between raters about single texts: Krippendorff's alpha, Gwet's AC2 and weighted kappa.

Written for the two-way bootstrap over raters and items, which the package krippendorff (a test oracle) does
not offer: weights are the number of times each was drawn, and all replicates are computed at once. A rater
drawn twice is never paired with their own copy, which would always agree.

Agreement does not measure the effect: a difference between arms increases it, so alpha is given within each
arm too. Where nearly all answers are one point, alpha and kappa are low by construction and AC2 is not (the
kappa paradox): the shares of each point are reported next to them (statistics.md section 5).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from rater.analysis.icc import intraclass_correlations
from rater.analysis.intervals import (
    DIFFERENCE,
    REFERENCE,
    BootstrapDraws,
    ProgressCallback,
    clip,
    draw,
    n_replicates,
    percentile_interval,
    too_few_replicates,
)
from rater.analysis.quality import Judgements, first_judgements
from rater.analysis.results import Estimate, NotEstimable, Quantity
from rater.errors import RaterError

Floats = NDArray[np.float64]
Distance = Callable[[Floats, Floats], Floats]
"""Map values and their marginal counts (replicate value) to squared distances between values."""


@dataclass(frozen=True)
class Pairs:
    """The counts of pairs of answers, for each replicate."""

    values: Floats
    coincidences: Floats
    """The coincidence matrix, with each item weighted by its number of answers: replicate value value."""
    agreement: Floats
    """The mean over items of the shares of pairs of values: replicate value value."""
    prevalence: Floats
    """The mean over items of the shares of values: replicate value."""


class Pairing:
    """Counts pairs for any weights of raters and items; built once for many replicates."""

    def __init__(self, judged: Judgements) -> None:
        self.values = judged.values
        self.shape = (judged.n_items, judged.values.size)
        rows = judged.item * judged.values.size + judged.value
        once = np.ones(rows.size)
        size = (judged.n_items * judged.values.size, judged.n_raters)
        self.answers = csr_array((once, (rows, judged.rater)), shape=size)

    def count(self, draws: BootstrapDraws) -> Pairs:
        """Count the pairs of distinct raters, each pair as often as both and the item were drawn.

        With g_c = Σ_r w_r [r answered c], the ordered pairs (c, k) of an item are g_c g_k, minus those of a
        rater with themselves, Σ_r w_r² where c = k. Krippendorff's coincidences divide the pairs of an item
        by its number of answers minus 1, here n_pairs / total. Costs replicates × items × values².
        """
        counts, own = self._spread(draws.rater), self._spread(draws.rater**2)  # replicate item value
        total = counts.sum(axis=-1)  # replicate item
        n_pairs = total**2 - own.sum(axis=-1)
        # An item with one rater has no pairs and no information about agreement.
        share = np.divide(draws.other, n_pairs, out=np.zeros_like(n_pairs), where=n_pairs > 0)
        answered = np.divide(draws.other, total, out=np.zeros_like(total), where=total > 0)
        used = (draws.other * (n_pairs > 0)).sum(axis=-1)[:, None]
        n_answered = (draws.other * (total > 0)).sum(axis=-1)[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):  # NaN without an item of two raters
            return Pairs(
                self.values,
                coincidences=_pair_up(counts, own, share * total),
                agreement=_pair_up(counts, own, share) / used[..., None],
                prevalence=(answered[..., None] * counts).sum(axis=1) / n_answered,
            )

    def _spread(self, weight: Floats) -> Floats:
        counted = np.asarray(self.answers @ weight.T, dtype=np.float64).reshape(*self.shape, -1)
        return np.moveaxis(counted, -1, 0)


def krippendorff_alpha(pairs: Pairs, distance: Distance) -> Floats:
    """Return alpha = 1 − (n − 1) Σ o_ck d²_ck / Σ n_c n_k d²_ck for each replicate; (replicates,).

    o are the coincidences, n_c their margins, n the sum of the margins and d² the squared distances. NaN
    where all answers are one value, because alpha is undefined then. Reference: Krippendorff 2011, Computing
    Krippendorff's Alpha-Reliability, C–D.
    """
    margins = pairs.coincidences.sum(axis=-1)  # replicate value
    squared = distance(pairs.values, margins)
    observed = (pairs.coincidences * squared).sum(axis=(-1, -2))
    expected = (margins[:, :, None] * margins[:, None, :] * squared).sum(axis=(-1, -2))
    ratio = np.divide(observed, expected, out=np.full(observed.shape, np.nan), where=expected > 0)
    alpha: Floats = 1 - (margins.sum(axis=-1) - 1) * ratio
    return alpha


def nominal(values: Floats, _margins: Floats) -> Floats:
    """Return squared distances of 1 between any two different values."""
    return 1.0 - np.eye(values.size)


def interval(values: Floats, _margins: Floats) -> Floats:
    """Return the squared differences of the values."""
    return np.asarray((values[:, None] - values) ** 2, dtype=np.float64)


def ordinal(_values: Floats, margins: Floats) -> Floats:
    """Return squared distances in ranks: the answers between two values, the two values counting half."""
    # The difference of two middles is Krippendorff's Σ_{g=c…k} n_g − (n_c + n_k) / 2.
    middle = np.cumsum(margins, axis=-1) - margins / 2
    return np.asarray((middle[:, :, None] - middle[:, None, :]) ** 2, dtype=np.float64)


def gwet_ac2(pairs: Pairs) -> Floats:
    """Return AC2 with quadratic weights for each replicate; it stays high where nearly all answers are equal.

    (pa − pe) / (1 − pe), with pa the weighted agreement of pairs, pe = Σ w / (q (q − 1)) × Σ π (1 − π), and π
    the prevalence of the q values. The Python package irrCAC pins old versions of numpy and scipy. In R:
    ``irrCAC::gwet.ac1.raw(…, weights = "quadratic")``. Reference: Gwet 2014, Handbook of Inter-Rater
    Reliability (4th ed.), ch. 4–5.
    """
    q = pairs.values.size
    far = pairs.values[-1] - pairs.values[0]
    weight = 1 - interval(pairs.values, pairs.prevalence) / far**2 if far > 0 else np.ones((q, q))
    agreed = (pairs.agreement * weight).sum(axis=(-1, -2))
    by_chance = weight.sum() * (pairs.prevalence * (1 - pairs.prevalence)).sum(axis=-1) / max(q * (q - 1), 1)
    return np.asarray((agreed - by_chance) / (1 - by_chance), dtype=np.float64)


def _pair_up(counts: Floats, own: Floats, weight: Floats) -> Floats:
    """Return the weighted sum of the pairs of distinct raters over items: replicate value value."""
    crossed = np.swapaxes(counts * weight[..., None], -1, -2) @ counts
    at = np.arange(counts.shape[-1])
    crossed[:, at, at] -= (own * weight[..., None]).sum(axis=1)
    return np.asarray(crossed, dtype=np.float64)


def mean_pairwise_kappa(table: Floats, rater_weight: Floats, item_weight: Floats) -> Floats:
    """Return the mean quadratic-weighted kappa over pairs of raters with common items; (replicates,).

    For one pair, over their common items: 1 − mean (x − y)² / (var x + var y + (mean x − mean y)²), which is
    Cohen's kappa with weights 1 − (i − j)² / (K − 1)²: the denominator is the expected (x − y)² of
    independent x and y. A pair without any variance is left out. All pairs of all replicates are computed at
    once by matrix products; statsmodels' cohens_kappa takes one table at a time. In R:
    ``psych::cohen.kappa(cbind(x, y))$weighted.kappa`` for each pair. Reference: Cohen 1968, Psychol. Bull.
    70:213–220.

    Args:
        table: (raters, items), the answers; NaN where there is none.
        rater_weight: (replicates, raters), the weight of each rater.
        item_weight: (replicates, items), the weight of each item.
    """
    has = np.isfinite(table)
    # Centred, because variances are computed as differences of squares.
    answer = np.where(has, table - np.nanmean(table), 0.0)
    mask = has.astype(np.float64)
    items = item_weight[:, None, :]
    with np.errstate(invalid="ignore", divide="ignore"):  # pairs without a common item are left out
        n = (mask * items) @ mask.T  # replicate rater rater
        mean = (answer * items) @ mask.T / n
        square = (answer**2 * items) @ mask.T / n
        squares = square + np.swapaxes(square, -1, -2)
        apart = squares - 2 * ((answer * items) @ answer.T) / n
        # E (x − y)² = E x² + E y² − 2 E x E y for independent x and y.
        by_chance = squares - 2 * mean * np.swapaxes(mean, -1, -2)
        kappa = 1 - apart / by_chance
    used = ~np.eye(table.shape[0], dtype=np.bool_) & (n > 0) & (by_chance > 1e-12)
    weight = rater_weight[:, :, None] * rater_weight[:, None, :] * used
    total = weight.sum(axis=(-1, -2))
    summed = (weight * np.where(used, kappa, 0.0)).sum(axis=(-1, -2))
    averaged: Floats = np.divide(summed, total, out=np.full(total.shape, np.nan), where=total > 0)
    return averaged


# Beyond, kappa is averaged over the pairs among this many raters, drawn at random.
MAX_PAIRED_RATERS = 100
ALPHA_REFERENCE = "Krippendorff 2011, Computing Krippendorff's Alpha-Reliability"


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """The agreement between raters on one dimension."""

    krippendorff_ordinal: Quantity
    krippendorff_interval: Quantity
    krippendorff_nominal: Quantity
    krippendorff_by_arm: tuple[tuple[str, Quantity], ...]
    """The alpha to quote among the texts of each arm alone."""
    icc_single: Quantity
    icc_mean: Quantity
    kappa: Quantity
    ac2: Quantity
    shares: tuple[tuple[float, float], ...]
    """Every point of the scale, or every answer, and the share of answers that it got."""
    is_nominal: bool = False
    """True for labels, which have no order: only the nominal alpha is estimable."""

    @property
    def krippendorff(self) -> Quantity:
        """The alpha to quote: ordinal, or nominal for labels."""
        return self.krippendorff_nominal if self.is_nominal else self.krippendorff_ordinal


@dataclass(frozen=True)
class _Coefficient:
    name: str
    estimand: str
    reference: str


@dataclass(frozen=True)
class _FromPairs(_Coefficient):
    compute: Callable[[Pairs], Floats]


ORDINAL = _FromPairs(
    "Krippendorff's alpha (ordinal)",
    "agreement of two raters about a text beyond chance, by how many answers lie between theirs",
    ALPHA_REFERENCE,
    lambda pairs: krippendorff_alpha(pairs, ordinal),
)
INTERVAL = _FromPairs(
    "Krippendorff's alpha (interval)",
    "agreement of two raters about a text beyond chance, by the squared difference of their answers",
    ALPHA_REFERENCE,
    lambda pairs: krippendorff_alpha(pairs, interval),
)
NOMINAL = _FromPairs(
    "Krippendorff's alpha (nominal)",
    "how often two raters give a text the very same answer, beyond chance",
    ALPHA_REFERENCE,
    lambda pairs: krippendorff_alpha(pairs, nominal),
)
AC2 = _FromPairs(
    "Gwet's AC2 (quadratic)",
    "agreement of two raters about a text beyond a chance that is small where most answers are one point",
    "Gwet 2014, Handbook of Inter-Rater Reliability (4th ed.)",
    gwet_ac2,
)


def measure_agreement(
    frame: pd.DataFrame,
    dimension: str,
    points: Sequence[float],
    *,
    alpha: float,
    rng: np.random.Generator,
    is_nominal: bool = False,
    progress: ProgressCallback | None = None,
) -> Agreement | NotEstimable:
    """Measure every coefficient of agreement on a dimension; costs up to 2,000 passes over its counts.

    ``is_nominal`` is for answers that are labels without an order: only the nominal alpha is estimated.
    """
    try:
        judged = first_judgements(frame, dimension, points)
    except RaterError as error:
        n = first_judgements(frame.head(0), dimension, points).n
        return NotEstimable(test="agreement", score="answers", reason=str(error), n=n)
    overall, pairwise, drawn, *of_arms = rng.spawn(3 + frame["arm"].nunique())
    ordinal, interval, nominal, ac2 = _from_pairs(
        judged, (ORDINAL, INTERVAL, NOMINAL, AC2), alpha=alpha, rng=overall, progress=progress
    )
    single, mean = intraclass_correlations(judged, alpha=alpha, rng=drawn)
    kappa = _kappa(judged, alpha=alpha, rng=pairwise, progress=progress)
    if is_nominal:
        ordinal, interval, ac2, single, mean, kappa = (
            _none(each.name if isinstance(each, Estimate) else each.test, judged, "labels have no order")
            for each in (ordinal, interval, ac2, single, mean, kappa)
        )
    quoted = NOMINAL if is_nominal else ORDINAL
    by_arm: list[tuple[str, Quantity]] = []
    for arm, stream in zip(sorted(frame["arm"].unique()), of_arms, strict=True):
        within = first_judgements(frame[frame["arm"] == arm], dimension, points)
        by_arm.append(
            (str(arm), _from_pairs(within, (quoted,), alpha=alpha, rng=stream, progress=progress)[0])
        )
    answered = np.bincount(judged.value, minlength=judged.values.size) / max(judged.n.answers, 1)
    return Agreement(
        krippendorff_ordinal=ordinal,
        krippendorff_interval=interval,
        krippendorff_nominal=nominal,
        krippendorff_by_arm=tuple(by_arm),
        icc_single=single,
        icc_mean=mean,
        kappa=kappa,
        ac2=ac2,
        shares=tuple((float(v), float(s)) for v, s in zip(judged.values, answered, strict=True)),
        is_nominal=is_nominal,
    )


def _from_pairs(
    judged: Judgements,
    coefficients: tuple[_FromPairs, ...],
    *,
    alpha: float,
    rng: np.random.Generator,
    progress: ProgressCallback | None,
) -> list[Quantity]:
    reason = _no_pairs(judged)
    if reason:
        return [_none(each.name, judged, reason) for each in coefficients]
    pairing = Pairing(judged)
    once = pairing.count(BootstrapDraws(np.ones((1, judged.n_raters)), np.ones((1, judged.n_items))))
    numbers = judged.n_items * judged.values.size
    resampled = [
        pairing.count(draws)
        for draws in draw(
            rng,
            n_raters=judged.n_raters,
            n_others=judged.n_items,
            replicates=n_replicates(2.0 * judged.n.answers + numbers * judged.values.size),
            numbers=2 * numbers,
            progress=progress,
        )
    ]
    quantities: list[Quantity] = []
    for each in coefficients:
        observed = float(each.compute(once)[0])
        replicates = np.concatenate([each.compute(pairs) for pairs in resampled] or [np.empty(0)])
        quantities.append(_quantity(each, judged, observed, replicates, alpha=alpha))
    return quantities


def _kappa(
    judged: Judgements, *, alpha: float, rng: np.random.Generator, progress: ProgressCallback | None
) -> Quantity:
    among = (
        f" among {MAX_PAIRED_RATERS} raters drawn at random" if judged.n_raters > MAX_PAIRED_RATERS else ""
    )
    named = _Coefficient(
        "weighted kappa (quadratic)",
        f"mean over pairs of raters{among} of their agreement beyond that of their own shares of answers",
        "Cohen 1968, Psychol. Bull. 70:213–220",
    )
    reason = _no_pairs(judged)
    if reason:
        return _none(named.name, judged, reason)
    table = judged.among(MAX_PAIRED_RATERS, rng).table()
    n_raters, n_items = table.shape
    observed = mean_pairwise_kappa(table, np.ones((1, n_raters)), np.ones((1, n_items)))
    replicates = [
        mean_pairwise_kappa(table, draws.rater, draws.other)
        for draws in draw(
            rng,
            n_raters=n_raters,
            n_others=n_items,
            replicates=n_replicates(4.0 * n_raters**2 * n_items + 2e4),
            numbers=10 * n_raters**2 + 3 * table.size,
            progress=progress,
        )
    ]
    resampled = np.concatenate(replicates or [np.empty(0)])
    return _quantity(named, judged, float(observed[0]), resampled, alpha=alpha)


def _quantity(
    coefficient: _Coefficient, judged: Judgements, observed: float, replicates: Floats, *, alpha: float
) -> Quantity:
    if not np.isfinite(observed):
        return _none(coefficient.name, judged, "no two raters' answers can be compared")
    interval = percentile_interval(replicates, alpha) if replicates.size else None
    few = "no interval: too few raters or texts to resample"
    far = too_few_replicates(replicates.size, alpha) if replicates.size else ""
    why = () if interval else (far or few,)
    return Estimate(
        name=coefficient.name,
        estimand=coefficient.estimand,
        estimate=observed,
        interval=interval and clip(interval, DIFFERENCE),
        unclipped_interval=interval,
        n=judged.n,
        method="pairs of raters; bootstrap over texts and raters, nobody paired with their own copy",
        reference=f"{coefficient.reference}; {REFERENCE}",
        warnings=why,
        settings={"replicates": replicates.size},
    )


def _no_pairs(judged: Judgements) -> str:
    if not judged.n.answers:
        return "there are no answers"
    if judged.n_raters < 2:
        return "there is only 1 rater"
    if np.bincount(judged.item).max() < 2:
        return "no text was answered by two raters"
    if np.ptp(judged.answer) == 0:
        return f"all {judged.n.answers} answers are the same ({judged.answer[0]:g})"
    return ""


def _none(name: str, judged: Judgements, reason: str) -> NotEstimable:
    return NotEstimable(test=name, score="answers", reason=reason, n=judged.n)
