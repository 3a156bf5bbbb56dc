"""Say the answer to one question in one sentence, and never more than was found."""

from typing import Literal

from rater.analysis.planned import Planned
from rater.analysis.results import NotEstimable, Outcome, Result
from rater.analysis.wording import counted, number, p_value
from rater.study.protocol import Dimension

Verdict = Literal["higher", "lower", "inconclusive", "not estimable"]
"""What was found of the first arm against the second."""


def judge(outcome: Outcome, alpha: float) -> Verdict:
    """Judge a result at a significance level; not significant is inconclusive, never "no effect"."""
    if isinstance(outcome, NotEstimable):
        return "not estimable"
    if outcome.p >= alpha:
        return "inconclusive"
    return "higher" if outcome.estimate > 0 else "lower"


def write_headline(dimension: Dimension, planned: Planned, primary: Outcome, other: Outcome) -> str:
    """Write the sentence for a dimension: the primary result, and the other score's estimate in brackets."""
    if isinstance(primary, NotEstimable):
        return f"Not estimable on {dimension.name}, because {primary.reason}."
    verdict = judge(primary, planned.alpha)
    first, second = planned.contrast
    words = _net_superiority if primary.score == "net_superiority" else _scale_points
    if verdict == "inconclusive":
        found = words(first, primary, "higher")
        sentence = (
            f'No difference between "{first}" and "{second}" could be shown on {dimension.name}: '
            f"by the estimate, {found} ({_evidence(primary, 'higher')}{_beside(other)}). "
            "This does not show that there is none."
        )
    else:
        found = words(first, primary, verdict)
        sentence = (
            f'"{first}" was rated {verdict} than "{second}" on {dimension.name}: '
            f"{found} ({_evidence(primary, verdict)}{_beside(other)})."
        )
    return sentence if primary.test == "two-way t" else f"{sentence} {primary.claim}"


def _net_superiority(first: str, result: Result, direction: str) -> str:
    estimate = -result.estimate if direction == "lower" else result.estimate
    opposite = "lower" if direction == "higher" else "higher"
    more = "more" if estimate >= 0 else "less"
    who = (
        "this rater, shown one of each, answers"
        if result.n.raters == 1
        else "a rater shown one of each answers"
    )
    points = number(abs(100 * estimate), _digits(result))
    return f'{who} {direction} for "{first}" {points} percentage points {more} often than {opposite}'


def _scale_points(first: str, result: Result, _direction: str) -> str:
    direction = "higher" if result.estimate >= 0 else "lower"
    return f'answers to "{first}" are {number(abs(result.estimate))} scale points {direction}'


def _evidence(result: Result, direction: str) -> str:
    """Write interval, p and n; for "lower" the interval is second minus first."""
    parts = [
        p_value(result.p),
        f"{counted(result.n.raters, 'rater')} × {counted(result.n.prompts, 'prompt')}",
    ]
    if result.interval is not None:
        factor = 100 if result.score == "net_superiority" else 1
        ends = [factor * result.interval.low, factor * result.interval.high]
        if direction == "lower":
            ends = [-ends[1], -ends[0]]
        low, high = (number(end, _digits(result)) for end in ends)
        parts.insert(0, f"{100 * result.interval.level:g} % CI {low} to {high}")
    return ", ".join(parts)


def _digits(result: Result) -> int:
    """Whole percentage points, unless one of the numbers would then read 0; scale points have two digits."""
    if result.score != "net_superiority":
        return 2
    numbers = [result.estimate]
    if result.interval is not None:
        numbers += [result.interval.low, result.interval.high]
    return 0 if min(map(abs, numbers)) >= 0.005 else 1


def _beside(other: Outcome) -> str:
    if other.estimate is None:
        return ""
    if other.score == "scale_points":
        return f"; {number(other.estimate)} scale points"
    return f"; net superiority {number(100 * other.estimate, 0)} percentage points"
