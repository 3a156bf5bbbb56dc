"""The headline: the answer to one question in one sentence, and the number of answers behind it.

Tests on rater × prompt cells use an answer only if its rater answered texts of both arms for the prompt. If
these are fewer than half of the answers, the headline states that first and leads with a model of all
answers: the linear mixed model, or the ordinal one where that cannot be fitted or has another claim.
"""

import math
from dataclasses import dataclass
from typing import Literal

from rater.analysis.answer_kinds.kind import Concluded, kind_of
from rater.analysis.answer_scale import Judged
from rater.analysis.contrast_data import are_few_paired
from rater.analysis.crossed import FACTORS
from rater.analysis.crossed import TEST as CROSSED
from rater.analysis.crossed_proportion import TEST as PROPORTION
from rater.analysis.equivalence import Conclusion, Equivalence
from rater.analysis.intervals import DIFFERENCE, Bounds, bounds_of, covers_all
from rater.analysis.missing_answers import TippingPoint
from rater.analysis.mixed_model import BETWEEN_RATERS, RANDOM_RATERS
from rater.analysis.mixed_model import TEST as MIXED_MODEL
from rater.analysis.plan import Planned
from rater.analysis.results import Interval, NotEstimable, Outcome, Result
from rater.analysis.scope import EXACT_TEST, describe_exact_p
from rater.analysis.sentences import counted, coverage, number, p_value, round_down, significant
from rater.analysis.sequential import SPENDING


@dataclass(frozen=True)
class AllAnswers:
    """The models of all answers to the two arms, and how many answers there are."""

    n_answers: int
    n_paired: int
    """Answers by raters who answered both arms for the prompt."""
    linear: Outcome | None
    """The linear mixed model; None where it was not fitted."""
    ordinal: Outcome
    """The ordinal mixed model."""


def lead_headline(headline: str, primary: Outcome, models: AllAnswers, *, linear: str = "") -> str:
    """Return the headline with the number of answers that enter the test, and a model of all answers.

    Args:
        headline: The sentence about the primary test.
        primary: The primary test.
        models: The models of all answers.
        linear: The sentence about the linear mixed model, if it is not the primary test.
    """
    if primary.test == MIXED_MODEL:
        return _lead_mixed_model(headline, primary, models)
    if not are_few_paired(primary.n.answers, models.n_answers):
        return headline
    ordinal = describe_ordinal(models.ordinal) if isinstance(models.ordinal, Result) else ""
    if not linear and not ordinal and not primary.n.answers:
        return headline
    only = (
        f"Only {primary.n.answers:,} of {models.n_answers:,} answers enter the test, because the raters of "
        "the others answered only one arm for the prompt."
    )
    few = only if isinstance(primary, Result) or primary.n.answers else ""
    if linear:
        of_all = f"By a linear mixed model of all {models.n_answers:,} answers: {linear}"
        sentences = [few, of_all, f"By the planned test: {headline}"]
    else:
        sentences = [few, headline, ordinal]
    return " ".join(each for each in sentences if each)


def _lead_mixed_model(headline: str, primary: Outcome, models: AllAnswers) -> str:
    """Return the headline of a linear mixed model: why it is the test, and what it assumes."""
    if isinstance(primary, NotEstimable):
        ordinal = models.ordinal
        return f"{headline} {describe_ordinal(ordinal)}" if isinstance(ordinal, Result) else headline
    if BETWEEN_RATERS in primary.warnings:
        why = f"Each rater answered one arm only, so this is a comparison between raters; {RANDOM_RATERS}."
    elif not models.n_paired:
        why = "No rater answered both arms for the same prompt, so no comparison is within rater and prompt."
    elif are_few_paired(models.n_paired, models.n_answers):
        why = (
            f"Only {models.n_paired:,} of {models.n_answers:,} answers are by raters who answered both arms "
            "for the prompt."
        )
    else:
        why = ""
    test = f"The test is a linear mixed model of all {models.n_answers:,} answers."
    return " ".join(each for each in ((why, test, headline) if why else (headline, test)) if each)


def describe_ordinal(ordinal: Result) -> str:
    """Return the ordinal mixed model's result as a sentence."""
    ratio = f"odds ratio {number(math.exp(ordinal.estimate))}"
    if ordinal.interval is not None:
        low, high = (number(math.exp(end)) for end in (ordinal.interval.low, ordinal.interval.high))
        ratio += f", {coverage(ordinal.interval.level)} CI {low} to {high}"
    return f"The ordinal mixed model uses all {ordinal.n.answers:,} answers: {ratio}, {p_value(ordinal.p)}."


Verdict = Literal["higher", "lower", "equivalent", "inconclusive", "not estimable"]
"""The conclusion about the first arm relative to the second."""


def judge(
    outcome: Outcome,
    alpha: float,
    *,
    p_adjusted: float | None = None,
    equivalence: Equivalence | NotEstimable | None = None,
) -> Verdict:
    """Return the verdict on a result; one that is not significant is inconclusive, never "no effect".

    A significant difference that is smaller than the SESOI is higher or lower; the headline states both.
    """
    if isinstance(outcome, NotEstimable):
        return "not estimable"
    if outcome.rejects(alpha) if p_adjusted is None else p_adjusted < alpha:
        return "higher" if outcome.estimate > 0 else "lower"
    is_equivalent = isinstance(equivalence, Equivalence) and equivalence.is_equivalent
    return "equivalent" if is_equivalent else "inconclusive"


def write_headline(
    dimension: Judged,
    planned: Planned,
    primary: Outcome,
    other: Outcome | None = None,
    *,
    p_adjusted: float | None = None,
    equivalence: Equivalence | NotEstimable | None = None,
) -> str:
    """Write the sentence for a dimension: the primary result, with the other score's estimate in brackets."""
    if isinstance(primary, NotEstimable):
        return f"Not estimable on {dimension.name}, because {primary.reason}."
    verdict = judge(primary, planned.alpha, p_adjusted=p_adjusted, equivalence=equivalence)
    concluded = Concluded(dimension, planned.contrast, primary, verdict, other, p_adjusted)
    return _with_claim(kind_of(dimension).write_sentence(concluded), primary, equivalence)


def _with_claim(sentence: str, primary: Result, equivalence: Equivalence | NotEstimable | None) -> str:
    """Add the conclusion about the SESOI, and the claim where it is not the usual one."""
    if isinstance(equivalence, Equivalence):
        sentence += " " + compare_with_sesoi(equivalence)
    is_usual = primary.test in {CROSSED, MIXED_MODEL, PROPORTION} and not primary.n.concepts
    return sentence if is_usual else f"{sentence} {primary.claim}"


_CONCLUSIONS: dict[Conclusion, str] = {
    "larger": "The difference is larger than",
    "smaller": "The difference is smaller than",
    "different": (
        "The difference may be trivial: it differs significantly from 0, but is not shown to be larger or "
        "smaller than"
    ),
    "inconclusive": "The data do not show whether the difference is larger or smaller than",
}


def compare_with_sesoi(equivalence: Equivalence) -> str:
    """Return the conclusion about the SESOI as a sentence, with the confidence interval it is based on.

    For a significantly lower difference the interval is second minus first, as in the headline.
    """
    in_points = equivalence.score == "net_superiority"
    factor, unit, digits = (100, "percentage", 1) if in_points else (1, "scale", 2)
    sesoi = f"the smallest effect size of interest of ±{factor * equivalence.sesoi:g} {unit} points"
    conclusion = f"{_CONCLUSIONS[equivalence.conclusion]} {sesoi}"
    interval = (
        equivalence.interval if equivalence.conclusion == "smaller" else equivalence.difference_interval
    )
    if interval is None:
        return f"{conclusion} (exact sign-flip test, {p_value(equivalence.p_conclusion)})."
    ends = [factor * interval.low, factor * interval.high]
    if equivalence.direction == "lower":
        ends = [-ends[1], -ends[0]]
    low, high = (number(end, digits) for end in ends)
    whole_range = _whole_range(interval, DIFFERENCE if in_points else None)
    ci = f"{coverage(interval.level)} CI {low} to {high}{whole_range}"
    evidence = {
        "larger": f"{ci}, entirely beyond it",
        "smaller": f"{ci}, entirely within it; TOST {p_value(equivalence.p)}",
    }
    return f"{conclusion} ({evidence.get(equivalence.conclusion, ci)})."


def describe_tipping_point(tipping_point: TippingPoint) -> str:
    """Describe the tipping point of an arm in a sentence."""
    share = f"{tipping_point.share:.1%} of the answers to “{tipping_point.arm}” are missing"
    if tipping_point.delta is None or tipping_point.value is None:
        return f"{share}; no value of these would change the conclusion."
    if not tipping_point.is_possible:
        return (
            f"{share}; the conclusion would change only if the difference on these were "
            f"{number(tipping_point.value)}, which is outside the possible range."
        )
    return (
        f"{share}; the result would no longer be significant if the difference on these were "
        f"{number(tipping_point.value)}, that is, {number(tipping_point.delta)} less favourable than on the "
        "others."
    )


def describe_spent_alpha(planned: Planned) -> str:
    """Describe the level of this analysis under alpha spending; empty where alpha is not spent over looks."""
    spent = planned.spent
    if spent is None:
        return ""
    earlier = ", ".join(f"{share:.1%}" for share in spent.earlier)
    after = f" (earlier analyses at {earlier})" if earlier else ""
    return (
        f"group-sequential design with Lan–DeMets alpha spending ({SPENDING[spent.how]}), overall alpha "
        f"{spent.alpha:g}: this analysis, at {spent.share:.1%} of the planned answers{after}, tests at "
        f"p < {significant(planned.alpha)} and has {coverage(1 - planned.alpha)} confidence intervals"
    )


def write_evidence(concluded: Concluded, *, has_other_score: bool) -> str:
    """Format the interval, p, the sizes and the estimate of the other score, in brackets."""
    result, unit = concluded.result, concluded.judged.scale.answer_unit
    other = _other_score(concluded.other, unit) if has_other_score and concluded.other is not None else ""
    bounds = bounds_of(result.score, concluded.judged)
    return f"({_evidence(result, concluded.direction, concluded.p_adjusted, bounds)}{other})"


def _evidence(result: Result, direction: str, p_adjusted: float | None, bounds: Bounds | None) -> str:
    """Format interval, p and sample sizes; for "lower" the interval is second minus first."""
    sizes = describe_sizes(result)
    if not result.has_enough_df:
        return f"no usable interval: {round_down(result.df or 0.0)} degrees of freedom, {sizes}"
    p = describe_exact_p(result) if result.test == EXACT_TEST else p_value(result.p)
    parts = [p if p_adjusted is None else f"Holm-adjusted {p_value(p_adjusted)}", sizes]
    if result.interval is not None:
        factor = 100 if result.score == "net_superiority" else 1
        ends = [factor * result.interval.low, factor * result.interval.high]
        if direction == "lower":
            ends = [-ends[1], -ends[0]]
        low, high = (number(end, digits_of(result)) for end in ends)
        whole_range = _whole_range(result.interval, bounds)
        parts.insert(0, f"{coverage(result.interval.level)} CI {low} to {high}{whole_range}")
    return ", ".join(parts)


def describe_sizes(result: Result) -> str:
    """Return the sizes of the factors, and those of others: ``12 raters × 8 concepts, 24 prompts``."""
    sizes = {
        "rater": counted(result.n.raters, "rater"),
        "concept": counted(result.n.concepts, "concept"),
        "prompt": counted(result.n.prompts, "prompt"),
    }
    if not result.n.concepts:
        return f"{sizes['rater']} × {sizes['prompt']}"
    factors = str(result.settings.get(FACTORS, "rater × prompt")).split(" × ")
    others = [size for noun, size in sizes.items() if noun not in factors]
    return ", ".join([" × ".join(sizes[noun] for noun in factors), *others])


def _whole_range(interval: Interval, bounds: Bounds | None) -> str:
    """Return the remark on an interval that excludes nothing."""
    return ", the whole possible range" if covers_all(interval, bounds) else ""


def digits_of(result: Result) -> int:
    """Return 0 decimals for percentage points unless a number would be rounded to 0; 2 for scale points."""
    if result.score != "net_superiority":
        return 2
    numbers = [result.estimate]
    if result.interval is not None:
        numbers += [result.interval.low, result.interval.high]
    return 0 if min(map(abs, numbers)) >= 0.005 else 1


def _other_score(other: Outcome, unit: str) -> str:
    if other.estimate is None:
        return ""
    if other.score == "scale_points":
        return f"; {number(other.estimate)} {unit}"
    return f"; net superiority {number(100 * other.estimate, 0)} percentage points"
