"""Results of analyses: estimates with their warnings, and what could not be estimated and why."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

UNUSED = "not enter the test, because the rater answered only one arm for the prompt"
"""Some raters leave early. `rater.analysis.findings` warns if too few answers enter a test."""
DROPPED = "was estimated as 0 and dropped"
"""A variance component at its lower bound, as REML often estimates in small studies."""


def is_routine(warning: str) -> bool:
    """Return whether a warning of a test is for information only."""
    return warning.endswith((UNUSED, DROPPED))


Score: TypeAlias = Literal["net_superiority", "scale_points", "answers", "log_odds", "log_sd_ratio"]
"""The score of a result: one of the two scores of the plan, or single answers (naive tests)."""
Setting: TypeAlias = str | int | float

MIN_DF = 2.0
"""A t with fewer degrees of freedom gives no usable interval: the variance rests on fewer than two
independent deviations, and the quantile is above 4.3 (at 1 degree of freedom 12.7, at 0.5 over 600)."""


@dataclass(frozen=True)
class Interval:
    """A confidence interval for an estimate, in the estimate's unit."""

    low: float
    high: float
    level: float
    """The share of such intervals that cover the truth, 1 − alpha."""


@dataclass(frozen=True)
class Counts:
    """The sample sizes of a result; a cell is a rater × prompt combination with answers to both arms."""

    raters: int
    prompts: int
    items: int
    answers: int
    cells: int
    concepts: int = 0
    """0 where concepts are not a factor."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """One test of one contrast on one dimension; every number in it is finite.

    The sign is always the first arm of the contrast minus the second.
    """

    test: str
    """The test's short name, as in a table: ``two-way t``."""
    estimand: str
    """The estimand, in words, with the names of the arms."""
    score: Score
    estimate: float
    interval: Interval | None
    """Within what is possible; None where the method has no interval that holds, or df is below `MIN_DF`."""
    standard_error: float | None
    symbol: str
    """The symbol of the statistic: t, V, U, T."""
    statistic: float
    df: float | None
    p: float
    """Two-sided."""
    n: Counts
    claim: str
    """The population that the result generalises to: a sentence."""
    method: str
    reference: str
    warnings: tuple[str, ...] = ()
    settings: Mapping[str, Setting] = field(default_factory=dict)
    unclipped_interval: Interval | None = None
    """The t interval as computed: it can reach beyond what is possible, and is here at any df."""

    def __post_init__(self) -> None:
        numbers = [self.estimate, self.statistic, self.p, self.df, self.standard_error]
        for interval in (self.interval, self.unclipped_interval):
            if interval is not None:
                numbers += [interval.low, interval.high]
        # What cannot be computed is NotEstimable; a NaN here is our bug, whatever the data were.
        assert all(number is None or math.isfinite(number) for number in numbers), self  # noqa: S101

    @property
    def has_enough_df(self) -> bool:
        """False for a t with fewer than `MIN_DF` degrees of freedom, whose p decides nothing."""
        return self.symbol != "t" or self.df is None or self.df >= MIN_DF

    def rejects(self, alpha: float) -> bool:
        """Return whether the null hypothesis is rejected at a level."""
        return self.has_enough_df and self.p < alpha


@dataclass(frozen=True, kw_only=True)
class NotEstimable:
    """A test that cannot be made, and why: a result of its own, never 0, NaN or an omitted row."""

    test: str
    score: Score
    reason: str
    """Completes "Not estimable, because …", without the full stop."""
    estimate: float | None = None
    """The estimate, where there is one without a standard error."""
    n: Counts
    warnings: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The reason as a sentence."""
        return f"Not estimable, because {self.reason}."


Outcome: TypeAlias = Result | NotEstimable


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A quantity with its interval and no test of its own: an effect size, an agreement; all finite."""

    name: str
    """The name: ``Cohen's d``."""
    estimand: str
    """The estimand, in words."""
    estimate: float
    interval: Interval | None
    """None where no interval that holds is known."""
    n: Counts
    method: str
    reference: str
    warnings: tuple[str, ...] = ()
    settings: Mapping[str, Setting] = field(default_factory=dict)
    unclipped_interval: Interval | None = None
    """As computed, where the method knows no bounds."""

    def __post_init__(self) -> None:
        numbers = [self.estimate]
        for interval in (self.interval, self.unclipped_interval):
            if interval is not None:
                numbers += [interval.low, interval.high]
        # As for a Result: what cannot be computed is NotEstimable.
        assert all(math.isfinite(number) for number in numbers), self  # noqa: S101


Quantity: TypeAlias = Estimate | NotEstimable
