"""Say how far raters agree about single texts, on one dimension.

Agreement is no measure of the effect: a difference between arms raises it, so alpha is given within each arm
too. Where nearly all answers are one point, alpha and kappa are low by construction and AC2 is not (the
kappa paradox): the shares of each point are given beside them (STATISTICS.md section 5).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rater.analysis import coincidence
from rater.analysis.bootstrap import (
    REFERENCE,
    Draws,
    Progress,
    draw,
    n_replicates,
    percentile_interval,
    too_few_replicates,
)
from rater.analysis.bounds import DIFFERENCE, clip
from rater.analysis.coincidence import Pairing, Pairs, gwet_ac2, krippendorff_alpha
from rater.analysis.icc import intraclass_correlations
from rater.analysis.judgements import Judgements, first_judgements
from rater.analysis.kappa import mean_pairwise_kappa
from rater.analysis.results import Estimate, NotEstimable, Quantity
from rater.errors import RaterError

Floats = NDArray[np.float64]

MOST_PAIRED_RATERS = 100
"""Beyond, kappa is averaged over the pairs among this many raters, drawn at random."""
ALPHA_REFERENCE = "Krippendorff 2011, Computing Krippendorff's Alpha-Reliability"


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far raters agree on one dimension."""

    krippendorff_ordinal: Quantity
    """The one to quote, for answers that are points of a scale."""
    krippendorff_interval: Quantity
    krippendorff_nominal: Quantity
    krippendorff_by_arm: tuple[tuple[str, Quantity], ...]
    """Ordinal alpha among the texts of each arm alone."""
    icc_single: Quantity
    icc_mean: Quantity
    kappa: Quantity
    ac2: Quantity
    shares: tuple[tuple[float, float], ...]
    """Every point of the scale, or every answer, and the share of answers that it got."""


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
    lambda pairs: krippendorff_alpha(pairs, coincidence.ordinal),
)
INTERVAL = _FromPairs(
    "Krippendorff's alpha (interval)",
    "agreement of two raters about a text beyond chance, by the squared difference of their answers",
    ALPHA_REFERENCE,
    lambda pairs: krippendorff_alpha(pairs, coincidence.interval),
)
NOMINAL = _FromPairs(
    "Krippendorff's alpha (nominal)",
    "how often two raters give a text the very same answer, beyond chance",
    ALPHA_REFERENCE,
    lambda pairs: krippendorff_alpha(pairs, coincidence.nominal),
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
    points: int | None,
    *,
    alpha: float,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> Agreement | NotEstimable:
    """Measure every coefficient of agreement on a dimension; costs up to 2,000 passes over its counts."""
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
    by_arm: list[tuple[str, Quantity]] = []
    for arm, stream in zip(sorted(frame["arm"].unique()), of_arms, strict=True):
        within = first_judgements(frame[frame["arm"] == arm], dimension, points)
        by_arm.append(
            (str(arm), _from_pairs(within, (ORDINAL,), alpha=alpha, rng=stream, progress=progress)[0])
        )
    answered = np.bincount(judged.value, minlength=judged.values.size) / max(judged.n.answers, 1)
    return Agreement(
        krippendorff_ordinal=ordinal,
        krippendorff_interval=interval,
        krippendorff_nominal=nominal,
        krippendorff_by_arm=tuple(by_arm),
        icc_single=single,
        icc_mean=mean,
        kappa=_kappa(judged, alpha=alpha, rng=pairwise, progress=progress),
        ac2=ac2,
        shares=tuple((float(v), float(s)) for v, s in zip(judged.values, answered, strict=True)),
    )


def _from_pairs(
    judged: Judgements,
    coefficients: tuple[_FromPairs, ...],
    *,
    alpha: float,
    rng: np.random.Generator,
    progress: Progress | None,
) -> list[Quantity]:
    reason = _no_pairs(judged)
    if reason:
        return [_none(each.name, judged, reason) for each in coefficients]
    pairing = Pairing(judged)
    once = pairing.count(Draws(np.ones((1, judged.n_raters)), np.ones((1, judged.n_items))))
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
    found: list[Quantity] = []
    for each in coefficients:
        observed = float(each.compute(once)[0])
        replicates = np.concatenate([each.compute(pairs) for pairs in resampled] or [np.empty(0)])
        found.append(_quantity(each, judged, observed, replicates, alpha=alpha))
    return found


def _kappa(
    judged: Judgements, *, alpha: float, rng: np.random.Generator, progress: Progress | None
) -> Quantity:
    among = (
        f" among {MOST_PAIRED_RATERS} raters drawn at random" if judged.n_raters > MOST_PAIRED_RATERS else ""
    )
    named = _Coefficient(
        "weighted kappa (quadratic)",
        f"mean over pairs of raters{among} of their agreement beyond that of their own shares of answers",
        "Cohen 1968, Psychol. Bull. 70:213–220",
    )
    reason = _no_pairs(judged)
    if reason:
        return _none(named.name, judged, reason)
    table = judged.among(MOST_PAIRED_RATERS, rng).table()
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
