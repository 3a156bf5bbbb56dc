"""Say what was planned, as the analysis needs it: the study's analysis plan with every default filled in."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from rater.analysis.scales import Judged
from rater.errors import StudyError, nearest
from rater.study.analysis_plan import AnalysisPlan, Exclusions, Looks, Scope, Score, Spending

AGAINST_CONTROL = "against the control"
AGAINST_RANDOM = "against a random control"


@dataclass(frozen=True)
class PlannedContrast:
    """A comparison of two arms beside the primary one."""

    name: str
    first: str
    second: str
    family: str
    """Contrasts of one family are adjusted together by Holm's method."""


@dataclass(frozen=True, kw_only=True)
class ArmFacts:
    """What the study says of its arms, as far as the analysis asks."""

    control: str | None = None
    doses: Mapping[str, float] = field(default_factory=dict, hash=False)
    random_controls: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Spent:
    """What of the alpha of all looks together the last one may spend (`rater.analysis.sequential`)."""

    how: Spending
    alpha: float
    """The two-sided significance level that all looks keep together."""
    share: float
    """How much of the planned answers was there."""
    earlier: tuple[float, ...] = ()
    """How much was there at the looks before, those without new answers left out."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What is compared, on what, how, and for whom the answer shall hold.

    Raises:
        StudyError: If the contrast compares an arm with itself, the primary dimension is not among the
            dimensions, a SESOI is not above 0, or doses are given but do not differ.
    """

    contrast: tuple[str, str]
    """The two arms compared, first minus second."""
    dimensions: tuple[Judged, ...]
    """What was judged, in the study's order."""
    primary: str
    """The name of the primary dimension."""
    scope: Scope = "raters+prompts"
    """What the claim generalises to."""
    score: Score = "net_superiority"
    """What the primary test compares."""
    alpha: float = 0.05
    """The two-sided significance level of this analysis; intervals cover 1 − alpha."""
    sesoi: float | None = None
    """The smallest effect size of interest, in units of the score."""
    doses: Mapping[str, float] = field(default_factory=dict, hash=False)
    """The dose of each arm that has one, where the trend over doses is to be tested."""
    contrasts: tuple[PlannedContrast, ...] = ()
    """Further comparisons; where there are none, every other arm is compared with the control."""
    control: str | None = None
    """The arm that every other arm is compared with; by default the second arm of the contrast."""
    random_controls: tuple[str, ...] = ()
    """Arms with an addition of chance direction, which every other changed arm is compared with."""
    changed: tuple[str, ...] = ()
    """Arms whose texts a rater is right to call changed; empty where nothing is known of that."""
    exclusions: Exclusions = field(default_factory=Exclusions)
    """Which raters are left out."""
    looks: Looks | None = None
    """When answers were to be seen by arm before the end."""
    spent: Spent | None = None
    """Why alpha is what it is, where the plan spreads one over looks and there was one before the end."""
    n_raters: int | None = None
    """How many raters were planned, where that is known."""
    assumptions: tuple[str, ...] = ()
    """What was taken by a rule since nobody named it, in words."""
    seed: int = 0
    """Seeds what is random in an analysis (bootstraps, many sign-flips), so that it can be repeated."""

    def __post_init__(self) -> None:
        if self.contrast[0] == self.contrast[1]:
            msg = f"contrast compares the arm {self.contrast[0]!r} with itself; name two arms"
            raise StudyError(msg)
        names = [dimension.name for dimension in self.dimensions]
        if self.primary not in names:
            msg = f"primary is {self.primary!r}, which is no dimension." + nearest(self.primary, names)
            raise StudyError(msg)
        if self.sesoi is not None and not self.sesoi > 0:
            msg = f"sesoi is {self.sesoi:g}; the smallest effect size of interest is above 0"
            raise StudyError(msg)
        if self.doses and len(set(self.doses.values())) < 2:
            msg = (
                f"doses has only the dose {next(iter(self.doses.values())):g}; a trend needs two that differ"
            )
            raise StudyError(msg)
        for contrast in self.contrasts:
            if contrast.first == contrast.second:
                msg = f"contrasts compares the arm {contrast.first!r} with itself; name two arms"
                raise StudyError(msg)

    def contrasts_among(self, arms: Collection[str]) -> tuple[PlannedContrast, ...]:
        """List the contrasts to test where these arms have answers: the declared ones, or the default ones.

        By default every other arm is compared with the control, in the order of doses, and every other arm
        but the control with each random control; there are none with two arms.
        """
        if self.contrasts:
            return self.contrasts
        control = self.control_arm
        others = sorted(set(arms) - {control}, key=lambda arm: (self.doses.get(arm, math.inf), arm))
        if len(others) < 2 and set(others) <= set(self.contrast):
            return ()
        against_control = [(arm, control, AGAINST_CONTROL) for arm in others]
        against_random = [
            (arm, chance, AGAINST_RANDOM)
            for chance in self.random_controls
            if chance != control and chance in others
            for arm in others
            if arm not in self.random_controls
        ]
        return tuple(
            PlannedContrast(f"{first} − {second}", first, second, family)
            for arm, other, family in [*against_control, *against_random]
            for first, second in [self.contrast if {arm, other} == set(self.contrast) else (arm, other)]
        )

    def others_among(self, arms: Collection[str]) -> tuple[PlannedContrast, ...]:
        """List the same contrasts without the primary one, which is tested alone at alpha."""
        return tuple(each for each in self.contrasts_among(arms) if not self.is_primary(each))

    def is_primary(self, contrast: PlannedContrast) -> bool:
        """Return whether a contrast is the primary one, either way round."""
        return {contrast.first, contrast.second} == set(self.contrast)

    @property
    def control_arm(self) -> str:
        """The arm that every other arm is compared with by default."""
        return self.contrast[1] if self.control is None else self.control

    @property
    def in_order(self) -> tuple[Judged, ...]:
        """The dimensions, the primary one first."""
        return tuple(sorted(self.dimensions, key=lambda dimension: dimension.name != self.primary))


def plan_analysis(
    analysis: AnalysisPlan,
    dimensions: Sequence[Judged],
    *,
    contrast: tuple[str, str],
    arms: ArmFacts | None = None,
    n_raters: int | None = None,
    seed: int = 0,
) -> Planned:
    """Fill in what the analysis plan leaves to the study: contrast, primary dimension, arms, raters."""
    known = arms or ArmFacts()
    return Planned(
        contrast=contrast,
        dimensions=tuple(dimensions),
        primary=analysis.primary or dimensions[0].name,
        scope=analysis.scope,
        score=analysis.score,
        alpha=analysis.alpha,
        sesoi=analysis.sesoi,
        doses=known.doses,
        contrasts=tuple(
            PlannedContrast(
                each.name or f"{each.first} − {each.second}", each.first, each.second, each.family
            )
            for each in analysis.contrasts
        ),
        control=known.control,
        random_controls=known.random_controls,
        changed=known.changed,
        exclusions=analysis.exclusions,
        looks=analysis.looks,
        n_raters=n_raters,
        seed=seed,
    )
