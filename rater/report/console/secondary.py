"""Write the few lines that stand beside the tests: effect sizes, the trend, agreement, blinding, looks."""

import math
from collections.abc import Sequence

from rater.analysis.agreement import Agreement
from rater.analysis.answer_scale import is_pairwise
from rater.analysis.plan import Planned
from rater.analysis.primary import Analysis, DimensionAnalysis
from rater.analysis.results import Estimate, NotEstimable, Result
from rater.analysis.sentences import counted, coverage, number, p_value
from rater.analysis.sequential import Seen, cost_of_looks
from rater.analysis.trend import DoseResponse
from rater.analysis.unanimous import TEST as EXACT
from rater.analysis.variability import NewUnit
from rater.report.numbers import ends, interval_text, p_of, with_interval

EFFECTS = ("probability of superiority", "Cohen's d")
"""The effect sizes that the screen shows."""


def further_lines(found: DimensionAnalysis, *, show_all: bool) -> list[str]:
    """List what the screen shows below the tests."""
    lines = prediction_line(found.details.reliability.prompts) if found.is_primary else []
    if found.details.spread is not None and found.details.spread.reading:
        lines.append(found.details.spread.reading)
    if show_all:
        return lines + lines_beside(found)
    # Where nothing varies the ordinal model has no estimate either, and its reason is asked for.
    return lines + (odds_lines(found) if found.primary.test == EXACT else [])


def lines_beside(found: DimensionAnalysis) -> list[str]:
    """Choose the effect sizes that matter, the trend, and agreement in one line; the JSON has the rest."""
    details = found.details
    effects = {effect.name: effect for effect in details.effects if isinstance(effect, Estimate)}
    sizes = [f"{name} {with_interval(effects[name])}" for name in EFFECTS if name in effects]
    lines = ["Effect sizes: " + ", ".join(sizes)] if sizes else []
    if isinstance(found.primary, Result):  # else its p would stand in for the planned one
        lines += odds_lines(found)
    if details.dose_response is not None:
        lines += _trend_lines(details.dose_response)
    lines += prediction_line(details.reliability.raters)
    if details.spread is not None and details.spread.ratio is not None:
        sds = ", ".join(f"{arm} {number(sd)}" for arm, sd in details.spread.sds)
        interval = ends(details.spread.ratio_interval)
        lines.append(f"Spread (SD): {sds}; ratio {number(details.spread.ratio)} ({interval})")
    return [*lines, *_agreement_lines(details.agreement)]


def prediction_line(found: NewUnit | NotEstimable) -> list[str]:
    """Write what is to be expected on a new prompt or for a new rater, where that can be said."""
    if isinstance(found, NotEstimable):
        return []
    low, high = found.opposite_interval.low, found.opposite_interval.high
    where = "On a new prompt" if found.unit == "prompt" else "For a new rater"
    line = (
        f"{where}: {ends(found.interval)} ({coverage(found.interval.level)} prediction interval); "
        f"opposite sign for {found.opposite:.0%} of {found.unit}s ({low:.0%} to {high:.0%})"
    )
    return [line]


def exclusion_lines(analysis: Analysis) -> list[str]:
    """Say who was left out, what the planned test says with everybody, and how much could not be judged."""
    lines = []
    found, left_out = analysis.dimensions[0], analysis.exclusion
    if left_out is not None and left_out.raters:
        line = f"Left out by the declared rules: {counted(len(left_out.raters), 'rater')}"
        everybody = found.without_exclusions
        if isinstance(everybody, Result):
            line += f"; with everybody the estimate is {with_interval(everybody)}{_and_p(everybody)}"
        lines.append(line)
    if left_out is not None:
        lines += left_out.notes
    return [*lines, *missing_lines(found)]


def missing_lines(found: DimensionAnalysis) -> list[str]:
    """Write how many answers are missing, by arm, whether the arms differ in it, and the tipping point."""
    missing = found.missing_answers
    if missing is None:
        return []
    lines = []
    lacking = "Not answered" if missing.source == "booklets" else "Lacking in a cell with the other arm"
    for name, field, test in (
        ("Could not be judged", "n_cannot_judge", missing.cannot_judge),
        (lacking, "n_not_answered", missing.not_answered),
    ):
        if test is not None:
            counts = ", ".join(
                f"{each.arm} {getattr(each, field):,} of {each.n:,}" for each in missing.counts
            )
            lines.append(f"{name}: {counts}{_and_p(test) if isinstance(test, Result) else ''}")
    return lines + [
        f"The result holds unless the difference on the missing answers to {tip.arm} is {number(tip.value)} "
        "or less favourable"
        for tip in missing.tipping
        if tip.value is not None and tip.is_possible
    ]


def _and_p(result: Result) -> str:
    """Return a comma and p, where p may be printed."""
    p = p_of(result)
    return "" if p is None else f", {p_value(p)}"


def _trend_lines(found: DoseResponse) -> list[str]:
    trends = [(found.linear, "Trend" if found.is_one_test else "Linear trend")]
    trends += [] if found.is_one_test else [(found.monotone, "Monotone trend")]
    lines = []
    for trend, name in trends:
        if isinstance(trend, NotEstimable):
            lines.append(f"{name} over doses: {trend.sentence}")
            continue
        evidence = f"{interval_text(trend)}{_and_p(trend)}"
        rise = f"{number(trend.estimate)} scale points from dose {found.curve[0].dose:g} to"
        lines.append(f"{name}: {rise} {found.curve[-1].dose:g} ({evidence})")
    return lines


def blinding_lines(analysis: Analysis) -> list[str]:
    """Say how often arms were guessed, and the difference where they were not guessed."""
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
    given = counted(right + wrong + unknown, "guess", "guesses")
    lines = [f"Blinding: of {given} {right} right, {wrong} wrong, {unknown} don't know; {index}"]
    for kind, effect in blinding.effects:
        if kind != "right" and isinstance(effect, Result) and effect.interval:
            guessed = kind if kind == "wrong" else "not at all"
            lines.append(f"Among texts guessed {guessed} the difference is {with_interval(effect)}")
    return lines


def looks_line(looks: Sequence[Seen], planned: Planned) -> str:
    """Say how often was looked, at how many answers each time, and what unplanned looks may have cost."""
    sizes, alpha = [look.n_answers for look in looks], planned.alpha
    said = f"Answers were seen by arm {counted(len(sizes), 'time')}"
    if len(set(sizes)) == 1:
        return f"{said}, always the same ones, which costs nothing as long as the plan stays"
    said += f", at {', '.join(f'{size:,}' for size in sizes)} answers"
    if planned.spent is not None:
        return said
    rate = cost_of_looks(sizes, alpha=alpha)
    return (
        f"{said}. Had the study been stopped at the first p below {alpha:g}, up to {rate:.1%} of studies "
        f"without an effect would have found one, not {alpha:.0%}"
    )


def odds_lines(found: DimensionAnalysis) -> list[str]:
    """Write the odds ratio of the ordinal mixed model, or why there is none; nothing of choices."""
    ordinal = found.details.ordinal
    if is_pairwise(found.dimension):
        return []
    if isinstance(ordinal, NotEstimable):
        return [f"Ordinal mixed model (secondary): {ordinal.sentence}"]
    ratio, low, high = (math.exp(x) for x in (ordinal.estimate, *_ends(ordinal)))
    line = f"Ordinal mixed model (secondary): odds ratio {number(ratio)}"
    if ordinal.interval:
        line += f" ({number(low)} to {number(high)})"
    return [f"{line}, {p_value(ordinal.p)}", *(f"Ordinal mixed model: {note}" for note in ordinal.warnings)]


def _ends(result: Result) -> tuple[float, float]:
    ends = result.interval
    return (ends.low, ends.high) if ends else (result.estimate, result.estimate)


def _agreement_lines(agreement: Agreement | NotEstimable) -> list[str]:
    if isinstance(agreement, NotEstimable):
        return [f"Agreement: {agreement.sentence}"]
    named = (
        ("Krippendorff's alpha", agreement.krippendorff_ordinal),
        ("ICC(2,1)", agreement.icc_single),
        ("AC2", agreement.ac2),
    )
    made = [f"{name} {with_interval(each)}" for name, each in named if isinstance(each, Estimate)]
    if made:
        return ["Agreement about single texts: " + ", ".join(made)]
    ordinal = agreement.krippendorff_ordinal
    return [f"Agreement: {ordinal.sentence}"] if isinstance(ordinal, NotEstimable) else []
