"""The headline: the answer to one question in one sentence, and the number of answers behind it.

The cell-based tests take only answers whose rater answered both arms of their prompt. Where these are fewer
than half, the headline states this first, and ends with the fitted model that takes all answers.
"""

import math
from typing import Literal

from rater.analysis.answer_scale import Judged, is_pairwise
from rater.analysis.equivalence import Conclusion, Equivalence
from rater.analysis.intervals import DIFFERENCE, Bounds, bounds_of, covers_all
from rater.analysis.missing_answers import TippingPoint
from rater.analysis.plan import Planned
from rater.analysis.results import Interval, NotEstimable, Outcome, Result
from rater.analysis.sentences import counted, coverage, number, p_value, round_down, significant
from rater.analysis.sequential import SPENDING
from rater.analysis.unanimous import TEST as EXACT
from rater.analysis.unanimous import describe_p


def lead_headline(headline: str, primary: Outcome, ordinal: Outcome, n_answers: int) -> str:
    """Put the number of answers that enter the test first, where it is fewer than half.

    Args:
        headline: The sentence about the primary test.
        primary: The primary test.
        ordinal: The ordinal mixed model of all answers.
        n_answers: How many answers there are to the two arms.
    """
    if not n_answers or 2 * primary.n.answers >= n_answers:
        return headline
    if isinstance(primary, NotEstimable) and primary.n.answers == 0 and isinstance(ordinal, NotEstimable):
        return headline
    sentences = [headline]
    if isinstance(primary, Result) or primary.n.answers:
        sentences.insert(
            0,
            f"Only {primary.n.answers:,} of {n_answers:,} answers enter the test: only their raters answered "
            "both arms of their prompt.",
        )
    if isinstance(ordinal, Result):
        sentences.append(describe_ordinal(ordinal))
    return " ".join(sentences)


def describe_ordinal(ordinal: Result) -> str:
    """Return the ordinal mixed model's result as a sentence."""
    ratio = f"odds ratio {number(math.exp(ordinal.estimate))}"
    if ordinal.interval is not None:
        low, high = (number(math.exp(end)) for end in (ordinal.interval.low, ordinal.interval.high))
        ratio += f", {100 * ordinal.interval.level:g} % CI {low} to {high}"
    return (
        f"What can be read is the ordinal mixed model, which takes all {ordinal.n.answers:,} answers: "
        f"{ratio}, {p_value(ordinal.p)}."
    )


Verdict = Literal["higher", "lower", "equivalent", "inconclusive", "not estimable"]
"""What was found of the first arm against the second."""


def judge(
    outcome: Outcome,
    alpha: float,
    *,
    p_adjusted: float | None = None,
    equivalence: Equivalence | NotEstimable | None = None,
) -> Verdict:
    """Judge a result at a significance level; not significant is inconclusive, never "no effect".

    A difference that is shown and yet smaller than the SESOI is higher or lower; the headline says both.
    """
    if isinstance(outcome, NotEstimable):
        return "not estimable"
    if outcome.rejects(alpha) if p_adjusted is None else p_adjusted < alpha:
        return "higher" if outcome.estimate > 0 else "lower"
    return "equivalent" if _is_equivalent(equivalence) else "inconclusive"


def write_headline(
    dimension: Judged,
    planned: Planned,
    primary: Outcome,
    other: Outcome,
    *,
    p_adjusted: float | None = None,
    equivalence: Equivalence | NotEstimable | None = None,
) -> str:
    """Write the sentence for a dimension: the primary result, and the other score's estimate in brackets."""
    if isinstance(primary, NotEstimable):
        return f"Not estimable on {dimension.name}, because {primary.reason}."
    verdict = judge(primary, planned.alpha, p_adjusted=p_adjusted, equivalence=equivalence)
    first, second = planned.contrast
    direction: Verdict = verdict if verdict in {"higher", "lower"} else "higher"
    pairwise = is_pairwise(dimension)
    found = _found(planned.contrast, primary, direction, pairwise=pairwise)
    beside = (
        "" if pairwise and dimension.scale.strongest == 1 else _beside(other, dimension.scale.answer_unit)
    )
    bounds = bounds_of(primary.score, dimension)
    evidence = f"({_evidence(primary, direction, p_adjusted, bounds)}{beside})"
    if verdict == "inconclusive":
        sentence = (
            f'No difference between "{first}" and "{second}" could be shown on {dimension.name}: '
            f"by the estimate, {found} {evidence}. This does not show that there is none."
        )
    elif verdict == "equivalent":
        sentence = (
            f'"{first}" and "{second}" were {"chosen" if pairwise else "rated"} alike on {dimension.name}: '
            f"by the estimate, {found} {evidence}."
        )
    elif pairwise:
        preferred, other_arm = (first, second) if verdict == "higher" else (second, first)
        sentence = f'"{preferred}" was preferred to "{other_arm}" on {dimension.name}: {found} {evidence}.'
    else:
        sentence = f'"{first}" was rated {verdict} than "{second}" on {dimension.name}: {found} {evidence}.'
    if isinstance(equivalence, Equivalence):
        sentence += " " + compare_with_sesoi(equivalence)
    return sentence if primary.test == "two-way t" else f"{sentence} {primary.claim}"


_EXACTLY: dict[Conclusion, str] = {
    "larger": "The difference is larger than",
    "smaller": "The difference is smaller than",
    "different": "The difference is shown to differ from 0, but neither to be larger nor smaller than",
    "inconclusive": "It is not shown whether the difference is larger or smaller than",
}
"""How a conclusion without an interval begins."""


def _is_equivalent(equivalence: Equivalence | NotEstimable | None) -> bool:
    return isinstance(equivalence, Equivalence) and equivalence.is_equivalent


def compare_with_sesoi(found: Equivalence) -> str:
    """Return the conclusion about the SESOI as a sentence, with the interval that it rests on.

    Where the difference is shown to be lower, the interval is second minus first, as in the headline.
    """
    in_points = found.score == "net_superiority"
    factor, unit, digits = (100, "percentage", 1) if in_points else (1, "scale", 2)
    sesoi = f"the smallest effect size of interest, {factor * found.sesoi:g} {unit} points either way"
    interval = found.interval if found.conclusion == "smaller" else found.difference_interval
    if interval is None:
        return f"{_EXACTLY[found.conclusion]} {sesoi} (exact sign-flip, {p_value(found.p_conclusion)})."
    ends = [factor * interval.low, factor * interval.high]
    if found.direction == "lower":
        ends = [-ends[1], -ends[0]]
    low, high = (number(end, digits) for end in ends)
    wide = _all_possible(interval, DIFFERENCE if in_points else None)
    ci = f"{coverage(interval.level)} CI {low} to {high}{wide}"
    if found.conclusion == "larger":
        return f"The difference is larger than {sesoi} ({ci}, wholly beyond it)."
    if found.conclusion == "smaller":
        return (
            f"The difference is smaller than {sesoi} ({ci}, wholly within; equivalence {p_value(found.p)})."
        )
    if found.conclusion == "different":
        return (
            "The difference may still be trivial: it is shown to differ from 0, but neither to be larger "
            f"nor to be smaller than {sesoi} ({ci})."
        )
    return f"It is not shown whether the difference is larger or smaller than {sesoi} ({ci})."


def describe_tipping_point(found: TippingPoint) -> str:
    """Return the tipping point of an arm in a sentence."""
    share = f'{found.share:.1%} of the answers to "{found.arm}" are missing'
    if found.delta is None or found.value is None:
        return f"{share}; no value of theirs would change the conclusion."
    if not found.is_possible:
        return (
            f"{share}; the difference on them would have to be {number(found.value)}, which is not possible: "
            "no missing answers could change the conclusion."
        )
    return (
        f"{share}; the difference on them would have to be {number(found.value)}, that is, "
        f"{number(found.delta)} less favourable than on the others, for the result to lose its significance."
    )


def describe_spent_alpha(planned: Planned) -> str:
    """Explain the level that this look tests at; empty where alpha was not spread over looks."""
    spent = planned.spent
    if spent is None:
        return ""
    after = f", after {', '.join(f'{share:.1%}' for share in spent.earlier)}" if spent.earlier else ""
    return (
        f"alpha {spent.alpha:g} is spread over all looks after {SPENDING[spent.how]} (Lan & DeMets 1983): "
        f"this one, at {spent.share:.1%} of the planned answers{after}, tests at "
        f"p < {significant(planned.alpha)}, and its intervals are of {coverage(1 - planned.alpha)}"
    )


def _found(contrast: tuple[str, str], result: Result, direction: Verdict, *, pairwise: bool) -> str:
    """Say what was found in words that fit how texts were judged, and the score."""
    if pairwise:
        return _preference(contrast, result, direction)
    words = _net_superiority if result.score == "net_superiority" else _scale_points
    return words(contrast[0], result, direction)


def _preference(contrast: tuple[str, str], result: Result, direction: Verdict) -> str:
    """Say it of the arm that is preferred; for "lower" that is the second one."""
    first, second = contrast if direction != "lower" else contrast[::-1]
    estimate = -result.estimate if direction == "lower" else result.estimate
    who = "this rater, shown both, chooses" if result.n.raters == 1 else "a rater shown both chooses"
    if result.score == "net_superiority":
        more = "more" if estimate >= 0 else "less"
        points = number(abs(100 * estimate), _digits(result))
        return f'{who} "{first}" {points} percentage points {more} often than "{second}"'
    preferred = first if estimate >= 0 else second
    return f'{who} "{preferred}" by {number(abs(estimate))} degrees of preference on average'


def _net_superiority(first: str, result: Result, direction: str) -> str:
    estimate = -result.estimate if direction == "lower" else result.estimate
    opposite = "lower" if direction == "higher" else "higher"
    more = "more" if estimate >= 0 else "less"
    who = (
        "this rater, shown one of each, rates" if result.n.raters == 1 else "a rater shown one of each rates"
    )
    points = number(abs(100 * estimate), _digits(result))
    return f'{who} "{first}" {direction} {points} percentage points {more} often than {opposite}'


def _scale_points(first: str, result: Result, _direction: str) -> str:
    direction = "higher" if result.estimate >= 0 else "lower"
    return f'answers to "{first}" are {number(abs(result.estimate))} scale points {direction}'


def _evidence(result: Result, direction: str, p_adjusted: float | None, bounds: Bounds | None) -> str:
    """Write interval, p and n; for "lower" the interval is second minus first."""
    sizes = f"{counted(result.n.raters, 'rater')} × {counted(result.n.prompts, 'prompt')}"
    if not result.has_enough_df:
        return f"no usable interval: {round_down(result.df or 0.0)} degrees of freedom, {sizes}"
    parts = [_p(result, p_adjusted), sizes]
    if result.interval is not None:
        factor = 100 if result.score == "net_superiority" else 1
        ends = [factor * result.interval.low, factor * result.interval.high]
        if direction == "lower":
            ends = [-ends[1], -ends[0]]
        low, high = (number(end, _digits(result)) for end in ends)
        said = _all_possible(result.interval, bounds)
        parts.insert(0, f"{coverage(result.interval.level)} CI {low} to {high}{said}")
    return ", ".join(parts)


def _p(result: Result, p_adjusted: float | None) -> str:
    if p_adjusted is not None:
        return f"Holm-adjusted {p_value(p_adjusted)}"
    return describe_p(result) if result.test == EXACT else p_value(result.p)


def _all_possible(interval: Interval, bounds: Bounds | None) -> str:
    """Return the words for an interval that excludes nothing."""
    return ", all that is possible" if covers_all(interval, bounds) else ""


def _digits(result: Result) -> int:
    """Whole percentage points, unless one of the numbers would then read 0; scale points have two digits."""
    if result.score != "net_superiority":
        return 2
    numbers = [result.estimate]
    if result.interval is not None:
        numbers += [result.interval.low, result.interval.high]
    return 0 if min(map(abs, numbers)) >= 0.005 else 1


def _beside(other: Outcome, unit: str) -> str:
    if other.estimate is None:
        return ""
    if other.score == "scale_points":
        return f"; {number(other.estimate)} {unit}"
    return f"; net superiority {number(100 * other.estimate, 0)} percentage points"
