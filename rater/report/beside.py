"""Write the few lines that stand beside the tests: effect sizes, the trend, agreement, blinding, looks."""

import math

from rater.analysis.agreement import Agreement
from rater.analysis.blinding import Blinding
from rater.analysis.equivalence import Equivalence
from rater.analysis.headline import say_margin
from rater.analysis.primary import DimensionAnalysis
from rater.analysis.results import Estimate, NotEstimable, Outcome, Quantity, Result
from rater.analysis.wording import counted, number, p_value


def lines_beside(found: DimensionAnalysis) -> list[str]:
    """Choose the effect sizes that matter, the trend, and agreement in one line; the JSON has the rest."""
    details = found.details
    effects = {effect.name: effect for effect in details.effects if isinstance(effect, Estimate)}
    sizes = [
        f"{name} {_with_interval(effects[name])}"
        for name in ("probability of superiority", "Cohen's d")
        if name in effects
    ]
    lines = ["Effect sizes: " + ", ".join(sizes)] if sizes else []
    if isinstance(found.primary, Result):  # else its p would stand in for the planned one
        lines += _odds_lines(details.ordinal)
    if isinstance(found.equivalence, Equivalence) and say_margin(found.equivalence) not in found.headline:
        lines.append(say_margin(found.equivalence))
    if isinstance(details.trend, Result) and details.trend.interval:
        trend, ends = details.trend, details.trend.interval
        lines.append(
            f"Trend: {number(trend.estimate)} scale points for each unit of dose "
            f"({number(ends.low)} to {number(ends.high)}, {p_value(trend.p)})"
        )
    elif isinstance(details.trend, NotEstimable):
        lines.append(f"Trend over doses: {details.trend.sentence}")
    return [*lines, *_agreement_lines(details.agreement)]


def blinding_lines(blinding: Blinding | NotEstimable | None) -> list[str]:
    """Say how often arms were guessed, and the difference where they were not guessed."""
    if blinding is None:
        return []
    if isinstance(blinding, NotEstimable):
        return [f"Blinding: {blinding.sentence}"]
    _, rights, wrongs, unknowns = zip(*blinding.counts, strict=True)
    right, wrong, unknown = sum(rights), sum(wrongs), sum(unknowns)
    index = "no index"
    if isinstance(blinding.together, Result) and blinding.together.interval:
        ends = blinding.together.interval
        index = (
            f"Bang's index {number(blinding.together.estimate)} ({number(ends.low)} to {number(ends.high)})"
        )
    lines = [f"Blinding: {right} guesses of the arm right, {wrong} wrong, {unknown} don't know; {index}"]
    for kind, effect in blinding.effects:
        if kind != "right" and isinstance(effect, Result) and effect.interval:
            ends = effect.interval
            lines.append(
                f"Among texts guessed {kind if kind == 'wrong' else 'not at all'} the difference is "
                f"{number(effect.estimate)} ({number(ends.low)} to {number(ends.high)})"
            )
    return lines


def looks_line(looks: int) -> str:
    """Say how often was looked, and what looking at every turn would cost (STATISTICS.md section 9)."""
    return (
        f"Answers were seen by arm {looks} times. Looking while answers still come in, with no plan for it, "
        "is another chance each time to find what is not there: ten such looks find it in 14 % of studies "
        "instead of 5 %"
    )


def _odds_lines(ordinal: Outcome) -> list[str]:
    """Say the odds ratio of the ordinal mixed model, or why there is none where that is not plain."""
    if isinstance(ordinal, NotEstimable):
        return []
    ratio, low, high = (math.exp(x) for x in (ordinal.estimate, *_ends(ordinal)))
    line = f"Ordinal mixed model: odds ratio {number(ratio)}"
    if ordinal.interval:
        line += f" ({number(low)} to {number(high)})"
    notes = counted(len(ordinal.warnings), "note")
    return [
        f"{line}, {p_value(ordinal.p)}" + (f" ({notes} on its fit in the JSON)" if ordinal.warnings else "")
    ]


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
    made = [f"{name} {_with_interval(each)}" for name, each in named if isinstance(each, Estimate)]
    if made:
        return ["Agreement about single texts: " + ", ".join(made)]
    ordinal = agreement.krippendorff_ordinal
    return [f"Agreement: {ordinal.sentence}"] if isinstance(ordinal, NotEstimable) else []


def _with_interval(quantity: Quantity) -> str:
    if quantity.estimate is None:
        return "–"
    ends = quantity.interval if isinstance(quantity, Estimate) else None
    return number(quantity.estimate) + (f" ({number(ends.low)} to {number(ends.high)})" if ends else "")
