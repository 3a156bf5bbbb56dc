"""Group-sequential analysis with Lan–DeMets alpha spending (interim analyses).

Lan and DeMets' way: a spending function says how much of alpha may be spent once so much of the answers is
in, whenever and however often is looked. Each look then tests, and has intervals, at the level that is left
for it (repeated confidence intervals).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from rater.analysis.plan import Planned, Spent
from rater.analysis.sentences import significant
from rater.study.analysis_plan import Looks, Spending

Floats = NDArray[np.float64]

_NODES, _MOST_NODES = 300, 2_000
"""Gauss–Legendre nodes of each look; more change no boundary in its sixth digit, unless so little is new to a
look that it spreads scores by less than the nodes are apart."""
_LEAST_STEP = 1 / 30_000
"""Less that is new to a look, as a share of what was there, counts as so much: nodes are no closer. A look
that is taken to be less like the one before has, if anything, a boundary too far out."""
_FARTHEST = 9.0
"""Beyond so many standard deviations a normal density is 0 to double precision."""


def spend(how: Spending, share: float, alpha: float) -> float:
    """Say how much of a one-sided alpha may be spent once this share of the information is in.

    Lan and DeMets' functions: 2 − 2 Φ(z_{α/2} / √t) after O'Brien and Fleming, α ln(1 + (e − 1) t) after
    Pocock.
    """
    if how == "obrien-fleming":
        return float(2 * stats.norm.sf(stats.norm.isf(alpha / 2) / np.sqrt(share)))
    return float(alpha * np.log1p((np.e - 1) * share))


def boundaries(information: Sequence[float], spent: Sequence[float]) -> list[float]:
    """Find the z that each look must exceed, one-sided, for the looks so far to spend so much of alpha.

    Armitage, McPherson and Rowe's recursion: the density of the score on the paths that no earlier look
    stopped is carried from look to look by numerical integration. Prompts are shared by all looks, so that
    increments are positively correlated and the boundaries a little conservative (STATISTICS.md section 9).
    In R: ``rpact::getDesignGroupSequential(typeOfDesign = "asOF")``. References: Lan & DeMets 1983,
    Biometrika 70:659–663; Armitage, McPherson & Rowe 1969, J. R. Stat. Soc. A 132:235–244.

    Args:
        information: How much was there at each look, rising from above 0, in any unit.
        spent: The one-sided alpha that this look and those before it may spend together, rising from above 0.

    Raises:
        ValueError: If one of the two does not rise from above 0, or they are not of one length.
    """
    steps, to_spend = np.diff([0.0, *information]), np.diff([0.0, *spent])
    if not steps.size or steps.size != to_spend.size or min(steps.min(), to_spend.min()) <= 0:
        msg = (
            f"information is {list(information)} and spent is {list(spent)}; "
            "valid: as many of one as of the other, rising from above 0"
        )
        raise ValueError(msg)
    steps = np.diff([0.0, *_spaced(information)])
    at, density = np.zeros(1), np.ones(1)  # before the first look the score is 0
    finest, found = float(np.sqrt(steps.min())), []
    for sd, sd_of_step, alpha in zip(np.sqrt(np.cumsum(steps)), np.sqrt(steps), to_spend, strict=True):
        end = _boundary(at, density, float(sd_of_step), float(alpha))
        found.append(end / float(sd))
        nodes = _nodes((-_FARTHEST * float(sd), end), finest)
        at, density = _carry_on(at, density, float(sd_of_step), nodes)
    return found


def cost_of_looks(sizes: Sequence[int], *, alpha: float = 0.05) -> float:
    """Say how often looks at these numbers of answers would find, at least once, what is not there.

    Each look tests two-sided at alpha, with no plan for the others. Looks at the same answers again are one
    look. This is the canonical case, in which the answers between two looks are independent of those before:
    prompts are shared by all looks, which makes it less (14 % rather than the 19 % computed for ten looks,
    STATISTICS.md section 9), so read it as "up to". Reference: Armitage, McPherson & Rowe 1969, J. R. Stat.
    Soc. A 132:235–244, table 2.

    Args:
        sizes: How many answers there were at each look.
        alpha: The two-sided level of each look.

    Raises:
        ValueError: If there is no look, or one at no answers.
    """
    rising: list[float] = sorted(set(sizes))
    if not rising or rising[0] <= 0:
        msg = f"sizes are {list(sizes)}; valid: numbers of answers above 0, one for each look"
        raise ValueError(msg)
    rising = _spaced(rising)
    steps = np.diff([0.0, *rising])
    critical, finest = float(stats.norm.isf(alpha / 2)), float(np.sqrt(steps.min()))
    at, density = np.zeros(1), np.ones(1)
    for size, step in zip(rising, steps, strict=True):
        end = critical * float(np.sqrt(size))
        at, density = _carry_on(at, density, float(np.sqrt(step)), _nodes((-end, end), finest))
    return float(1 - density.sum())


def _spaced(information: Sequence[float]) -> list[float]:
    """Move looks apart that are closer than can be integrated over."""
    spaced: list[float] = []
    for there in information:
        spaced.append(max(there, spaced[-1] * (1 + _LEAST_STEP)) if spaced else there)
    return spaced


def _boundary(at: Floats, density: Floats, sd: float, to_spend: float) -> float:
    """Find the score that this look exceeds with the probability that may be spent on it."""

    def excess(end: float) -> float:
        return float(density @ stats.norm.sf((end - at) / sd) - to_spend)

    return float(optimize.brentq(excess, at.min() - _FARTHEST * sd, at.max() + _FARTHEST * sd, xtol=1e-12))


@cache
def _unit_nodes(n_nodes: int) -> tuple[Floats, Floats]:
    return np.polynomial.legendre.leggauss(n_nodes)


def _nodes(ends: tuple[float, float], finest: float) -> tuple[Floats, Floats]:
    """Lay nodes between the ends, close enough for the smallest spread between two looks."""
    half = (ends[1] - ends[0]) / 2
    n_nodes = min(max(_NODES, int(4 * half / finest)), _MOST_NODES)
    nodes, weights = _unit_nodes(n_nodes)
    return ends[0] + (nodes + 1) * half, weights * half


def _carry_on(at: Floats, density: Floats, sd: float, nodes: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Spread the density to the next look's scores that stop nothing; densities include their weights."""
    scores, weights = nodes
    spread_out = stats.norm.pdf((scores[:, None] - at) / sd) / sd @ density
    return scores, spread_out * weights


SPENDING: dict[Spending, str] = {"obrien-fleming": "O'Brien and Fleming", "pocock": "Pocock"}
"""Whom a spending function is after."""
SPENDING_REFERENCE = "Lan & DeMets 1983, Biometrika 70:659–663"
INTERVALS_REFERENCE = "Jennison & Turnbull 1989, J. R. Stat. Soc. B 51:305–361"

_LEAST = 5e-7
"""What a look may spend at least, one-sided: early a function leaves next to nothing, and an interval for
that would hold everything. Later looks have so much less, so that all together keep alpha."""


@dataclass(frozen=True)
class Seen:
    """What had come in when answers were looked at by arm, and what was planned then."""

    n_answers: int
    n_planned: int
    is_interim: bool
    """Whether the study went on taking answers."""

    @property
    def share(self) -> float:
        """How much of what was planned was there, 1 at most."""
        return min(1.0, self.n_answers / self.n_planned)


def at_look(planned: Planned, looks: Sequence[Seen]) -> Planned:
    """Set the level of the last of these looks, where the plan spreads alpha over looks.

    Without a look before the end nothing was there to choose by, and the end has all of alpha, however many
    answers came. After one, what did not come is not spent either: who could stop early and spend all that
    was left would stop where it is enough.

    Args:
        planned: The analysis as planned, with the alpha of all looks together.
        looks: Every look so far, in order, this one last.
    """
    plan = planned.looks
    if plan is None or plan.spending == "none" or not any(look.is_interim for look in looks):
        return planned
    distinct = _distinct(looks)
    earlier = tuple(look.share for look in distinct[:-1])
    spent = Spent(plan.spending, planned.alpha, looks[-1].share, earlier)
    return replace(planned, alpha=_levels(plan.spending, distinct, planned.alpha)[-1], spent=spent)


def level_at_the_end(looks: Looks | None, alpha: float) -> float:
    """Say at which two-sided level a study tests at its end if every planned look is taken."""
    return planned_levels(looks, alpha)[-1] if looks else alpha


def planned_levels(looks: Looks, alpha: float) -> list[float]:
    """Say at which two-sided level each planned look tests."""
    if looks.spending == "none":
        return [alpha] * len(looks.at)
    scale = 1_000_000
    seen = [Seen(max(1, round(scale * share)), scale, is_interim=share < 1) for share in looks.at]
    return _levels(looks.spending, seen, alpha)


def describe_looks(looks: Looks, alpha: float) -> str:
    """Say when answers will be looked at by arm, and at which level each look tests."""
    levels = [f"p < {significant(level)}" for level in planned_levels(looks, alpha)]
    shares = ", ".join(f"{share:.0%}" for share in looks.at)
    if looks.spending == "none":
        return f"at {shares} of the planned answers, each at {levels[0]}: alpha is not spread over them"
    return (
        f"at {shares} of the planned answers, at {', '.join(levels)}: alpha is spread over them after "
        f"{SPENDING[looks.spending]}"
    )


def _distinct(looks: Sequence[Seen]) -> list[Seen]:
    """Take looks without new answers, such as after a rater was forgotten, for one with the look before."""
    distinct: list[Seen] = []
    for look in looks:
        if not distinct or look.n_answers > distinct[-1].n_answers:
            distinct.append(look)
        else:  # what was spent when fewer were planned stays spent
            distinct[-1] = replace(distinct[-1], n_planned=min(distinct[-1].n_planned, look.n_planned))
    return distinct


def _levels(how: Spending, looks: Sequence[Seen], alpha: float) -> list[float]:
    """Find the two-sided level of each of some looks, each of which has new answers."""
    spent: list[float] = []
    for look in looks:
        before = spent[-1] if spent else 0.0
        spent.append(max(spend(how, look.share, alpha / 2), before + _LEAST))
    found = boundaries([look.n_answers for look in looks], spent)
    return [float(2 * stats.norm.sf(z)) for z in found]
