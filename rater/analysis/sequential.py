"""Group-sequential analysis with Lan–DeMets alpha spending (interim analyses).

A spending function gives the cumulative alpha that may be spent at each information fraction, here the share
of the planned answers; number and timing of the interim analyses need not be fixed in advance. Each analysis
tests, and reports repeated confidence intervals, at its own level, and all of them together keep alpha.

Kept instead of a library: rpact and gsDesign are R packages, and no maintained Python package computes these
boundaries. They equal rpact 3.3 to 1e-3 (tests/data/stats/sequential.json).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from rater.analysis.plan import Planned, Spent
from rater.analysis.sentences import significant
from rater.study.analysis_plan import InterimLooks, Spending

Floats = NDArray[np.float64]

# Gauss–Legendre nodes per look. More nodes change no boundary in its sixth digit, unless a look has so little
# new information that the density between two looks is narrower than the distance of the nodes.
_MIN_NODES, _MAX_NODES = 300, 2_000
# Minimum increase of the information between two looks, as a share of it: smaller increases are raised to
# this, because nodes cannot be closer. That makes two looks less correlated than they are, and so the
# boundary, if anything, conservative.
_MIN_INCREASE = 1 / 30_000
# Beyond this number of standard deviations the tail of a normal distribution is below 1e-18.
_MAX_SD = 9.0
_legendre = cache(np.polynomial.legendre.leggauss)
"""Nodes and weights of Gauss–Legendre quadrature on [−1, 1]."""


def spend(how: Spending, share: float, alpha: float) -> float:
    """Return the one-sided alpha that may be spent at an information fraction t.

    Lan and DeMets 1983: 2 − 2 Φ(z_{α/2} / √t) approximates the boundaries of O'Brien and Fleming,
    α ln(1 + (e − 1) t) those of Pocock.
    """
    if how == "obrien-fleming":
        return float(2 * stats.norm.sf(stats.norm.isf(alpha / 2) / np.sqrt(share)))
    return float(alpha * np.log1p((np.e - 1) * share))


def boundaries(information: Sequence[float], spent: Sequence[float]) -> list[float]:
    """Return the one-sided critical z of each look, given the cumulative alpha to spend.

    Recursion of Armitage, McPherson and Rowe: with information I_k, the score S_k = z_k √I_k has independent
    increments S_k − S_{k−1} ~ N(0, I_k − I_{k−1}) under the null. The density of S_k on the paths that no
    earlier look stopped, f_k(s) = ∫ f_{k−1}(u) φ((s − u) / √ΔI) / √ΔI du over u below the boundary, is
    integrated numerically, and the boundary c_k solves P(S_k > c_k, no earlier stop) = alpha spent at look k.
    Prompts are shared by all looks, so increments are positively correlated and the boundaries slightly
    conservative (statistics.md section 9). In R: ``rpact::getDesignGroupSequential(typeOfDesign = "asOF")``.
    References: Lan & DeMets 1983, Biometrika 70:659–663; Armitage, McPherson & Rowe 1969, J. R. Stat. Soc. A
    132:235–244.

    Args:
        information: (looks,), the information at each look in any unit, above 0 and increasing.
        spent: (looks,), the cumulative one-sided alpha at each look, above 0 and increasing.

    Raises:
        ValueError: If one of the two is not above 0 and increasing, or their lengths differ.
    """
    steps, to_spend = np.diff([0.0, *information]), np.diff([0.0, *spent])
    if not steps.size or steps.size != to_spend.size or min(steps.min(), to_spend.min()) <= 0:
        msg = (
            f"information is {list(information)} and spent is {list(spent)}; "
            "both must have the same length, be above 0 and increase"
        )
        raise ValueError(msg)
    steps = np.diff([0.0, *_spaced(information)])
    # Before the first look the score is 0 with probability 1.
    at, density = np.zeros(1), np.ones(1)
    finest, critical = float(np.sqrt(steps.min())), []
    for sd, sd_of_step, alpha in zip(np.sqrt(np.cumsum(steps)), np.sqrt(steps), to_spend, strict=True):
        end = _boundary(at, density, float(sd_of_step), float(alpha))
        critical.append(end / float(sd))
        nodes = _nodes((-_MAX_SD * float(sd), end), finest)
        at, density = _propagate(at, density, float(sd_of_step), nodes)
    return critical


def cost_of_looks(sizes: Sequence[int], *, alpha: float = 0.05) -> float:
    """Return the probability of at least one false positive when testing at each of these numbers of answers.

    Each look tests two-sided at alpha without a correction. Repeated looks at the same answers count as one.
    This assumes independent increments. Prompts are shared by all looks, which makes the true rate lower (14
    % instead of the computed 19 % for ten looks, statistics.md section 9), so report it as "up to".
    Reference: Armitage, McPherson & Rowe 1969, J. R. Stat. Soc. A 132:235–244, table 2.

    Args:
        sizes: The number of answers at each look.
        alpha: The two-sided level of each look.

    Raises:
        ValueError: If the looks are empty, or a number is not above 0.
    """
    rising: list[float] = sorted(set(sizes))
    if not rising or rising[0] <= 0:
        msg = f"sizes are {list(sizes)}; give at least one number of answers, all above 0"
        raise ValueError(msg)
    rising = _spaced(rising)
    steps = np.diff([0.0, *rising])
    critical, finest = float(stats.norm.isf(alpha / 2)), float(np.sqrt(steps.min()))
    at, density = np.zeros(1), np.ones(1)
    for size, step in zip(rising, steps, strict=True):
        end = critical * float(np.sqrt(size))
        at, density = _propagate(at, density, float(np.sqrt(step)), _nodes((-end, end), finest))
    return float(1 - density.sum())


def _spaced(information: Sequence[float]) -> list[float]:
    """Raise increases of the information that are too small for the numerical integration."""
    spaced: list[float] = []
    for there in information:
        spaced.append(max(there, spaced[-1] * (1 + _MIN_INCREASE)) if spaced else there)
    return spaced


def _boundary(at: Floats, density: Floats, sd: float, to_spend: float) -> float:
    """Return the score that this look exceeds with the probability to spend on it."""

    def excess(end: float) -> float:
        return float(density @ stats.norm.sf((end - at) / sd) - to_spend)

    return float(optimize.brentq(excess, at.min() - _MAX_SD * sd, at.max() + _MAX_SD * sd, xtol=1e-12))


def _nodes(ends: tuple[float, float], finest: float) -> tuple[Floats, Floats]:
    """Return nodes and weights between the ends, dense enough for the narrowest density between two looks."""
    half = (ends[1] - ends[0]) / 2
    n_nodes = min(max(_MIN_NODES, int(4 * half / finest)), _MAX_NODES)
    nodes, weights = _legendre(n_nodes)
    return ends[0] + (nodes + 1) * half, weights * half


def _propagate(at: Floats, density: Floats, sd: float, nodes: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Return the density at the next look's scores that do not stop, multiplied by the quadrature weights."""
    scores, weights = nodes
    convolved = stats.norm.pdf((scores[:, None] - at) / sd) / sd @ density
    return scores, convolved * weights


SPENDING: dict[Spending, str] = {"obrien-fleming": "O'Brien–Fleming type", "pocock": "Pocock type"}
"""Names of the spending functions."""
SPENDING_REFERENCE = "Lan & DeMets 1983, Biometrika 70:659–663"
INTERVALS_REFERENCE = "Jennison & Turnbull 1989, J. R. Stat. Soc. B 51:305–361"

# The least one-sided alpha of an analysis. Spending functions leave almost nothing early, and an interval at
# that level would cover the whole range. Later analyses have that much less, so that all together keep alpha.
_MIN_SPENT = 5e-7


@dataclass(frozen=True)
class Seen:
    """The numbers of answers, collected and planned, at an analysis by arm."""

    n_answers: int
    n_planned: int
    is_interim: bool
    """True if data collection continued afterwards."""

    @property
    def share(self) -> float:
        """The information fraction: the share of the planned answers, at most 1."""
        return min(1.0, self.n_answers / self.n_planned)


def at_look(planned: Planned, looks: Sequence[Seen]) -> Planned:
    """Return the plan with the level of the last of these looks, where the plan uses alpha spending.

    Without an interim look the final analysis has all of alpha, however many answers there are. After one, it
    has only the alpha that its information fraction allows: an analyst who could end the study early and
    spend all the remaining alpha could choose the end for its result.

    Args:
        planned: The analysis as planned, with the overall alpha.
        looks: All looks so far in order, this one last.
    """
    plan = planned.looks
    if plan is None or plan.spending == "none" or not any(look.is_interim for look in looks):
        return planned
    distinct = _distinct(looks)
    earlier = tuple(look.share for look in distinct[:-1])
    spent = Spent(plan.spending, planned.alpha, looks[-1].share, earlier)
    return replace(planned, alpha=_levels(plan.spending, distinct, planned.alpha)[-1], spent=spent)


def level_at_the_end(looks: InterimLooks | None, alpha: float) -> float:
    """Return the two-sided level of the final analysis if all planned looks are taken."""
    return planned_levels(looks, alpha)[-1] if looks else alpha


def planned_levels(looks: InterimLooks, alpha: float) -> list[float]:
    """Return the two-sided level of each planned look."""
    if looks.spending == "none":
        return [alpha] * len(looks.at)
    scale = 1_000_000
    seen = [Seen(max(1, round(scale * share)), scale, is_interim=share < 1) for share in looks.at]
    return _levels(looks.spending, seen, alpha)


def describe_looks(looks: InterimLooks, alpha: float) -> str:
    """Describe the planned analyses: information fractions, their levels, and the spending function."""
    levels = [f"p < {significant(level)}" for level in planned_levels(looks, alpha)]
    shares = ", ".join(f"{share:.0%}" for share in looks.at)
    if looks.spending == "none":
        return (
            f"analyses at {shares} of the planned answers, each at {levels[0]}, without adjustment for "
            "repeated testing"
        )
    return (
        f"group-sequential design with Lan–DeMets alpha spending ({SPENDING[looks.spending]}); analyses at "
        f"{shares} of the planned answers, tested at {', '.join(levels)}"
    )


def _distinct(looks: Sequence[Seen]) -> list[Seen]:
    """Merge looks without new answers, e.g. after a rater's data were deleted, with the look before."""
    distinct: list[Seen] = []
    for look in looks:
        if not distinct or look.n_answers > distinct[-1].n_answers:
            distinct.append(look)
        else:  # alpha that was spent when fewer were planned stays spent
            distinct[-1] = replace(distinct[-1], n_planned=min(distinct[-1].n_planned, look.n_planned))
    return distinct


def _levels(how: Spending, looks: Sequence[Seen], alpha: float) -> list[float]:
    """Compute the two-sided level of each look; every look must have new answers."""
    spent: list[float] = []
    for look in looks:
        before = spent[-1] if spent else 0.0
        spent.append(max(spend(how, look.share, alpha / 2), before + _MIN_SPENT))
    bounds = boundaries([look.n_answers for look in looks], spent)
    return [float(2 * stats.norm.sf(z)) for z in bounds]
