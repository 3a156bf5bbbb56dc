"""Test a study that is looked at before its end, so that all looks together keep its alpha.

Lan and DeMets' way: a spending function says how much of alpha may be spent once so much of the answers is
in, whenever and however often is looked. Each look then tests, and has intervals, at the level that is left
for it (repeated confidence intervals).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from scipy import stats

from rater.analysis.planned import Planned, Spent
from rater.analysis.spending import boundaries, spend
from rater.analysis.wording import significant
from rater.study.analysis_plan import Looks, Spending

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
