"""Secondary results on the console: effect sizes, trends, agreement, blinding, exclusions, looks."""

import math
from collections.abc import Sequence

from rater.analysis.agreement import Agreement
from rater.analysis.answer_scale import n_together
from rater.analysis.arm_strengths import ArmRanking
from rater.analysis.confidence import ConfidenceEffects
from rater.analysis.odd_one_out import describe_d_prime
from rater.analysis.plan import Planned
from rater.analysis.primary import Analysis, DimensionAnalysis
from rater.analysis.results import Estimate, NotEstimable, Result
from rater.analysis.scope import EXACT_TEST
from rater.analysis.sentences import counted, coverage, number, p_value
from rater.analysis.sequential import Seen, cost_of_looks
from rater.analysis.trend import DoseResponse
from rater.analysis.variability import NewUnit
from rater.report.numbers import ends, interval_text, p_of, with_interval

EFFECTS = ("probability of superiority", "Cohen's d")
"""The effect sizes that the console shows."""


def further_lines(results: DimensionAnalysis, *, show_all: bool) -> list[str]:
    """Return the lines that the console shows below the tests."""
    lines = prediction_line(results.details.reliability.texts) if results.is_primary else []
    concepts = results.details.concepts
    if results.is_primary and concepts is not None and concepts.sentence:
        lines.append(concepts.sentence)
    if results.details.spread is not None and results.details.spread.reading:
        lines.append(results.details.spread.reading)
    lines += choice_lines(results) + odd_one_out_lines(results)
    if show_all:
        return lines + secondary_lines(results)
    # If nothing varies, the ordinal model has no estimate either, and readers ask for the reason.
    return lines + (odds_lines(results) if results.primary.test == EXACT_TEST else [])


def choice_lines(results: DimensionAnalysis) -> list[str]:
    """Return how often the target was chosen for each arm, against chance; empty on another scale."""
    choices = results.details.choices
    if choices is None:
        return []
    if isinstance(choices, NotEstimable):
        return [f"Choices among labels: {choices.sentence}"]
    lines = []
    for each in choices.arms:
        name = f"Target chosen for texts of “{each.arm}”: {each.n_correct:,} of {each.n:,}"
        found, d_prime = each.proportion, each.d_prime.estimate
        if isinstance(found, NotEstimable):
            lines.append(f"{name}; no interval: {found.reason}")
            continue
        p = p_value(float(found.settings["p"]))
        distance = "" if d_prime is None else f", d' {number(d_prime)}"
        lines.append(f"{name}, {with_interval(found)}, {p} against chance {number(choices.chance)}{distance}")
    return lines


def odd_one_out_lines(results: DimensionAnalysis) -> list[str]:
    """Return how often the odd text was found for each contrast, against chance; empty on another scale."""
    odd = results.details.odd_one_out
    lines = []
    for each in () if odd is None else odd.contrasts:
        name = f"Odd text found, “{each.arm}” and “{each.other}”: {each.n_correct:,} of {each.n:,}"
        found = each.proportion
        if isinstance(found, NotEstimable):
            lines.append(f"{name}; no interval: {found.reason}")
            continue
        p = "" if each.p_adjusted is None else f", {p_value(each.p_adjusted)} against guessing (1/3)"
        lines.append(f"{name}, {with_interval(found)}{p}; {describe_d_prime(each.d_prime)}")
        if isinstance(each.asymmetry, Result):
            shares = ", ".join(f"{by.arm} {by.n_correct:,} of {by.n:,}" for by in each.by_odd_arm)
            lines.append(f"By the arm of the odd text: {shares}{_and_p(each.asymmetry)}")
    return lines


def secondary_lines(results: DimensionAnalysis) -> list[str]:
    """Return the main effect sizes, the trends and the agreement; the JSON has all results."""
    details = results.details
    effects = {effect.name: effect for effect in details.effects if isinstance(effect, Estimate)}
    sizes = [f"{name} {with_interval(effects[name])}" for name in EFFECTS if name in effects]
    lines = ["Effect sizes: " + ", ".join(sizes)] if sizes else []
    if isinstance(results.primary, Result):  # otherwise its p-value would replace the planned one
        lines += odds_lines(results)
    if details.dose_response is not None:
        lines += _trend_lines(details.dose_response, results.dimension.scale.answer_unit)
    lines += confidence_lines(details.confidence)
    lines += _strength_lines(details.ranking)
    lines += prediction_line(details.reliability.raters)
    if details.spread is not None and details.spread.ratio is not None:
        sds = ", ".join(f"{arm} {number(sd)}" for arm, sd in details.spread.sds)
        interval = ends(details.spread.ratio_interval)
        lines.append(f"Spread (SD): {sds}; ratio {number(details.spread.ratio)} ({interval})")
    return [*lines, *_agreement_lines(details.agreement)]


def _strength_lines(ranking: ArmRanking | NotEstimable | None) -> list[str]:
    """Return the strengths of all arms in one line."""
    if ranking is None:
        return []
    if isinstance(ranking, NotEstimable):
        return [f"Strengths of the arms: {ranking.sentence}"]
    strengths = ", ".join(f"{each.arm} {with_interval(each.log_strength)}" for each in ranking.arms)
    return [f"Log strengths against {ranking.control} ({ranking.model}): {strengths}"]


def moderator_lines(analysis: Analysis) -> list[str]:
    """Return a line for each interaction with a characteristic of the raters."""
    lines = []
    for moderation in analysis.moderations:
        for each in moderation.interactions:
            name = f"Moderator {moderation.name}, {each.name}"
            if isinstance(each.outcome, NotEstimable):
                lines.append(f"{name}: {each.outcome.sentence}")
            elif each.p_adjusted is not None:
                found = f"{with_interval(each.outcome)}, Holm-adjusted {p_value(each.p_adjusted)}"
                lines.append(f"{name}: change of the difference {found}")
    return lines


def prediction_line(prediction: NewUnit | NotEstimable) -> list[str]:
    """Return the prediction interval for a new prompt or rater, if it can be estimated."""
    if isinstance(prediction, NotEstimable):
        return []
    low, high = prediction.opposite_interval.low, prediction.opposite_interval.high
    where = "For a new rater" if prediction.unit == "rater" else f"On a new {prediction.unit}"
    line = (
        f"{where}: {ends(prediction.interval)} ({coverage(prediction.interval.level)} prediction interval); "
        f"opposite sign for {prediction.opposite:.0%} of {prediction.unit}s ({low:.0%} to {high:.0%})"
    )
    return [line]


def exclusion_lines(analysis: Analysis) -> list[str]:
    """Return the exclusions, the planned test without them, and the missing answers."""
    lines = []
    primary, exclusion = analysis.dimensions[0], analysis.exclusion
    if exclusion is not None and exclusion.raters:
        line = f"Excluded by the declared criteria: {counted(len(exclusion.raters), 'rater')}"
        everybody = primary.without_exclusions
        if isinstance(everybody, Result):
            line += f"; without exclusions the estimate is {with_interval(everybody)}{_and_p(everybody)}"
        lines.append(line)
    if exclusion is not None:
        lines += exclusion.notes
    return [*lines, *missing_lines(primary)]


def confidence_lines(confidence: ConfidenceEffects | None) -> list[str]:
    """Return the mean confidence by arm, and the primary difference among confident answers."""
    if confidence is None:
        return []
    means = ", ".join(f"{each.arm} {number(each.mean)}" for each in confidence.arms if each.mean is not None)
    found = confidence.among_confident
    confident = found.sentence if isinstance(found, NotEstimable) else with_interval(found)
    p_difference, p_confident = (
        _and_p(each) if isinstance(each, Result) else "" for each in (confidence.difference, found)
    )
    rule = f"{confidence.lowest_confident} or more, secondary"
    return [
        f"Mean confidence (1 to {confidence.n_points}): {means}{p_difference}",
        f"Difference among confident answers ({rule}): {confident}{p_confident}",
    ]


def missing_lines(results: DimensionAnalysis) -> list[str]:
    """Return the missing answers by arm, the test of their difference, and the tipping points."""
    missing = results.missing_answers
    if missing is None:
        return []
    lines = []
    not_answered = "Not answered" if missing.source == "booklets" else "Missing in a cell with the other arm"
    for name, field, test in (
        ("Missing ratings (“cannot judge”)", "n_cannot_judge", missing.cannot_judge),
        ("“Not applicable”", "n_not_applicable", missing.not_applicable),
        (not_answered, "n_not_answered", missing.not_answered),
    ):
        if test is not None:
            counts = ", ".join(
                f"{each.arm} {getattr(each, field):,} of {each.n:,}" for each in missing.counts
            )
            lines.append(f"{name}: {counts}{_and_p(test) if isinstance(test, Result) else ''}")
    return lines + [
        "Tipping-point analysis: the result would no longer be significant if the difference on the missing "
        f"answers to {tip.arm} were {number(tip.value)} or less favourable"
        for tip in missing.tipping
        if tip.value is not None and tip.is_possible
    ]


def _and_p(result: Result) -> str:
    """Format a p-value after a comma; empty if the test has too few degrees of freedom."""
    p = p_of(result)
    return "" if p is None else f", {p_value(p)}"


def _trend_lines(response: DoseResponse, unit: str) -> list[str]:
    trends = [(response.linear, "Trend" if response.is_one_test else "Linear trend")]
    trends += [] if response.is_one_test else [(response.monotone, "Monotone trend")]
    lines = []
    for trend, name in trends:
        if isinstance(trend, NotEstimable):
            lines.append(f"{name} over doses: {trend.sentence}")
            continue
        evidence = f"{interval_text(trend)}{_and_p(trend)}"
        change = f"{number(trend.estimate)} {unit} from dose {response.curve[0].dose:g} to"
        lines.append(f"{name}: {change} {response.curve[-1].dose:g} ({evidence})")
    return lines


def blinding_lines(analysis: Analysis) -> list[str]:
    """Return the guesses of the arm, and the difference in trials without a correct guess."""
    blinding = analysis.blinding
    if blinding is None:
        return []
    if isinstance(blinding, NotEstimable):
        return [f"Blinding: {blinding.sentence}"]
    _, rights, wrongs, unknowns = zip(*blinding.counts, strict=True)
    right, wrong, unknown = sum(rights), sum(wrongs), sum(unknowns)
    index = "no index"
    if isinstance(blinding.together, Result) and blinding.together.interval:
        index = f"Bang's index {with_interval(blinding.together)}"
    guesses = counted(right + wrong + unknown, "guess", "guesses")
    lines = [f"Blinding: {guesses}, {right} correct, {wrong} wrong, {unknown} don't know; {index}"]
    for kind, effect in blinding.effects:
        if kind != "right" and isinstance(effect, Result) and effect.interval:
            guess = "a wrong guess" if kind == "wrong" else "the guess “don't know”"
            lines.append(f"In trials with {guess}, the difference is {with_interval(effect)}")
    return lines


def looks_line(looks: Sequence[Seen], planned: Planned) -> str:
    """Return the looks with their numbers of answers, and the possible inflation of the type I error."""
    sizes, alpha = [look.n_answers for look in looks], planned.alpha
    line = f"Answers were analysed by arm {counted(len(sizes), 'time')}"
    if len(set(sizes)) == 1:
        return f"{line}, always the same answers: no inflation of the type I error if the plan is kept"
    line += f", at {', '.join(f'{size:,}' for size in sizes)} answers"
    if planned.spent is not None:
        return line
    rate = cost_of_looks(sizes, alpha=alpha)
    return (
        f"{line}. If data collection would have stopped at the first p < {alpha:g}, the type I error is up "
        f"to {rate:.1%} instead of {alpha:.0%}"
    )


def odds_lines(results: DimensionAnalysis) -> list[str]:
    """Return the odds ratio of the ordinal mixed model, or why there is none; empty for choices."""
    ordinal = results.details.ordinal
    if n_together(results.dimension) > 1:
        return []
    if isinstance(ordinal, NotEstimable):
        return [f"Ordinal mixed model (secondary): {ordinal.sentence}"]
    line = f"Ordinal mixed model (secondary): odds ratio {number(math.exp(ordinal.estimate))}"
    if ordinal.interval:
        low, high = math.exp(ordinal.interval.low), math.exp(ordinal.interval.high)
        line += f" ({number(low)} to {number(high)})"
    return [f"{line}, {p_value(ordinal.p)}", *(f"Ordinal mixed model: {note}" for note in ordinal.warnings)]


def _agreement_lines(agreement: Agreement | NotEstimable) -> list[str]:
    if isinstance(agreement, NotEstimable):
        return [f"Agreement: {agreement.sentence}"]
    named = (
        ("Krippendorff's alpha", agreement.krippendorff),
        ("ICC(2,1)", agreement.icc_single),
        ("AC2", agreement.ac2),
    )
    estimated = [f"{name} {with_interval(each)}" for name, each in named if isinstance(each, Estimate)]
    if estimated:
        return ["Agreement on single texts: " + ", ".join(estimated)]
    alpha = agreement.krippendorff
    return [f"Agreement: {alpha.sentence}"] if isinstance(alpha, NotEstimable) else []
