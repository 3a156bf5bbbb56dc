"""Say what was planned, as the analysis needs it: the study's analysis plan with every default filled in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rater.analysis.scales import Judged
from rater.errors import StudyError, nearest
from rater.study.analysis_plan import AnalysisPlan, Scope, Score


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
    """The two-sided significance level; intervals cover 1 − alpha."""
    sesoi: float | None = None
    """The smallest effect size of interest, in units of the score."""
    doses: Mapping[str, float] = field(default_factory=dict, hash=False)
    """The dose of each arm that has one, where the trend over doses is to be tested."""
    n_raters: int | None = None
    """How many raters were planned, where that is known."""
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

    @property
    def in_order(self) -> tuple[Judged, ...]:
        """The dimensions, the primary one first."""
        return tuple(sorted(self.dimensions, key=lambda dimension: dimension.name != self.primary))


def plan_analysis(
    analysis: AnalysisPlan,
    dimensions: Sequence[Judged],
    *,
    contrast: tuple[str, str],
    primary: str | None = None,
    doses: Mapping[str, float] | None = None,
    n_raters: int | None = None,
    seed: int = 0,
) -> Planned:
    """Fill in what the analysis plan leaves to the study: its contrast, primary dimension and raters."""
    return Planned(
        contrast=contrast,
        dimensions=tuple(dimensions),
        primary=primary or analysis.primary or dimensions[0].name,
        scope=analysis.scope,
        score=analysis.score,
        alpha=analysis.alpha,
        sesoi=analysis.sesoi,
        doses=doses or {},
        n_raters=n_raters,
        seed=seed,
    )
