"""One verdict from two primary tests: an effect on one dimension, and no relevant loss on another.

The null hypothesis is the union of two: there is no difference on the primary dimension, or the first arm is
worse on the other one by the margin or more. It is rejected if both tests reject, each at level alpha. If the
union is true, at least one of its null hypotheses is, so the type I error is at most alpha without any
correction (intersection–union test; Berger 1982). The price is power: both tests must succeed.

Non-inferiority is one of the two one-sided tests of equivalence (Schuirmann 1987), at one-sided level alpha:
the limit of the 1 − 2 alpha interval decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rater.analysis.answer_scale import Judged
from rater.analysis.equivalence import Equivalence, two_one_sided_tests
from rater.analysis.intervals import bounds_of
from rater.analysis.plan import Planned
from rater.analysis.results import Interval, NotEstimable, Outcome, Result
from rater.analysis.sentences import coverage, number, p_value
from rater.study.analysis_plan import CoprimaryTest

REFERENCE = "Berger 1982, Technometrics 24:295–300"
METHOD = (
    "intersection–union test: the difference on the primary dimension (two-sided) and the coprimary test "
    "(one-sided) must both have p < alpha"
)


class Tested(Protocol):
    """A dimension with its planned test and the same test on the other score."""

    @property
    def dimension(self) -> Judged:
        """The dimension or composite score."""

    @property
    def primary(self) -> Outcome:
        """The planned test."""

    @property
    def other_score(self) -> Outcome:
        """The same test on the other score."""


@dataclass(frozen=True, kw_only=True)
class JointVerdict:
    """The verdict of two primary tests, and the coprimary test that it rests on."""

    coprimary: CoprimaryTest
    """The declared test."""
    outcome: Outcome
    """The difference between the arms on the coprimary dimension."""
    interval: Interval | None
    """Its interval at level 1 − 2 alpha; None where nothing varies, or where it is not estimable."""
    p_coprimary: float | None
    """The one-sided p of the coprimary test; of equivalence, the larger one of two."""
    p: float | None
    """The p of both tests together: the larger one."""
    has_effect: bool
    """True if the primary test rejects, in either direction."""
    is_within_margin: bool
    """True if the coprimary test rejects."""
    sentence: str
    """The verdict in words."""
    method: str = METHOD
    reference: str = REFERENCE

    @property
    def is_met(self) -> bool:
        """True if both tests reject."""
        return self.has_effect and self.is_within_margin


def judge_jointly(planned: Planned, tested: Sequence[Tested]) -> JointVerdict | None:
    """Combine the primary and the coprimary test; None where the plan has only one.

    Args:
        planned: The plan.
        tested: The tested dimensions, the primary one first.
    """
    coprimary = planned.coprimary
    if coprimary is None:
        return None
    primary = tested[0].primary
    other = next(each for each in tested if each.dimension.name == coprimary.dimension)
    outcome = next(each for each in (other.primary, other.other_score) if each.score == coprimary.score)
    bounds = bounds_of(outcome.score, other.dimension)
    margins = two_one_sided_tests(outcome, coprimary.margin, alpha=planned.alpha, bounds=bounds)
    has_effect = isinstance(primary, Result) and primary.rejects(planned.alpha)
    p_coprimary = _p_of(margins, coprimary)
    p_primary = primary.p if isinstance(primary, Result) and primary.has_enough_df else None
    return JointVerdict(
        coprimary=coprimary,
        outcome=outcome,
        interval=margins.interval if isinstance(margins, Equivalence) else None,
        p_coprimary=p_coprimary,
        p=None if p_primary is None or p_coprimary is None else max(p_primary, p_coprimary),
        has_effect=has_effect,
        is_within_margin=p_coprimary is not None and p_coprimary < planned.alpha,
        sentence=_describe(planned, primary, margins, outcome),
    )


def is_within_margin(outcome: Outcome, coprimary: CoprimaryTest, *, alpha: float) -> bool:
    """Return whether a difference on the coprimary dimension is shown to be within the margin."""
    p = _p_of(two_one_sided_tests(outcome, coprimary.margin, alpha=alpha), coprimary)
    return p is not None and p < alpha


def describe_criterion(coprimary: CoprimaryTest, contrast: tuple[str, str]) -> str:
    """Return what the coprimary test is to show, in words."""
    first, second = contrast
    margin = _describe_margin(coprimary)
    if coprimary.test == "equivalence":
        return f"on {coprimary.dimension} “{first}” differs from “{second}” by less than {margin}"
    return f"on {coprimary.dimension} “{first}” is worse than “{second}” by less than {margin}"


def _describe_margin(coprimary: CoprimaryTest) -> str:
    if coprimary.score == "net_superiority":
        return f"{100 * coprimary.margin:g} percentage points"
    return f"{coprimary.margin:g} scale points"


def _p_of(margins: Equivalence | NotEstimable, coprimary: CoprimaryTest) -> float | None:
    if isinstance(margins, NotEstimable):
        return None
    if coprimary.test == "equivalence":
        return margins.p
    return margins.p_lower if coprimary.better == "higher" else margins.p_upper


def _describe(
    planned: Planned, primary: Outcome, margins: Equivalence | NotEstimable, outcome: Outcome
) -> str:
    coprimary = planned.coprimary
    assert coprimary is not None  # noqa: S101 (the caller checked)
    if isinstance(margins, NotEstimable):
        return (
            f"The joint criterion is not met: the test on {coprimary.dimension} is not estimable, because "
            f"{margins.reason}."
        )
    has_effect = isinstance(primary, Result) and primary.rejects(planned.alpha)
    p = _p_of(margins, coprimary)
    is_shown = p is not None and p < planned.alpha
    evidence = _evidence(coprimary, margins, outcome)
    criterion = f"{describe_criterion(coprimary, planned.contrast)} ({evidence})"
    differ = f"the arms differ on {planned.primary}"
    if has_effect and is_shown:
        return f"The joint criterion is met: {differ}, and {criterion}."
    if has_effect:
        return f"The joint criterion is not met: {differ}, but it is not shown that {criterion}."
    why = "is not estimable" if isinstance(primary, NotEstimable) else "is not shown"
    reason = f"a difference on {planned.primary} {why}"
    if is_shown:
        return f"The joint criterion is not met: {criterion}, but {reason}."
    return f"The joint criterion is not met: {reason}, and it is not shown that {criterion}."


def _evidence(coprimary: CoprimaryTest, margins: Equivalence, outcome: Outcome) -> str:
    factor, digits = (100, 1) if coprimary.score == "net_superiority" else (1, 2)
    p = _p_of(margins, coprimary)
    parts = [] if outcome.estimate is None else [f"difference {number(factor * outcome.estimate, digits)}"]
    if margins.interval is not None:
        low, high = (number(factor * end, digits) for end in (margins.interval.low, margins.interval.high))
        parts.append(f"{coverage(margins.interval.level)} CI {low} to {high}")
    if p is not None:
        parts.append(f"{'TOST' if coprimary.test == 'equivalence' else 'one-sided'} {p_value(p)}")
    return ", ".join(parts)
