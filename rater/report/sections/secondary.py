"""Secondary analyses: more than two arms, spread of the answers, and new prompts and raters."""

from collections.abc import Sequence

from rater.analysis.arm_strengths import ArmRanking
from rater.analysis.multiple_comparisons import ArmContrast
from rater.analysis.results import NotEstimable, Result
from rater.analysis.sentences import coverage, sentence
from rater.analysis.trend import DoseResponse
from rater.analysis.variability import NewUnit
from rater.report.document import Block, Bullets, Prose, Section, Table
from rater.report.numbers import (
    bare_p,
    ends,
    interval_text,
    level,
    name_of,
    optional,
    p_of,
    remarks_on_bounds,
    scored,
    statistic,
    with_interval,
)
from rater.report.sections.inputs import Findings, outcomes_table, warnings_of

TESTED_ALONE = "primary, not in the family"
_EXPLAINED = (
    "Opposite sign: the share of units on which the difference has the opposite sign of the mean. In this "
    "study: the number of units of this study with the opposite sign, by their BLUPs. Effects of units are "
    "assumed to be normally distributed."
)


def contrasts_section(findings: Findings) -> Section | None:
    """Show all secondary contrasts; p-values of each family are adjusted with the Holm correction."""
    contrasts = findings.primary.details.contrasts
    if not contrasts:
        return None
    blocks: list[Block] = [*findings.picture("contrasts")]
    for family in dict.fromkeys(contrast.family for contrast in contrasts):
        members = [contrast for contrast in contrasts if contrast.family == family]
        blocks.append(_family_table(family, members, findings))
    outcomes = [contrast.outcome for contrast in contrasts]
    warned = remarks_on_bounds(scored(outcomes, findings.unit))
    warned += warnings_of([(f"contrast {contrast.name}", contrast.outcome) for contrast in contrasts])
    if warned:
        blocks.append(Bullets([sentence(warning) for warning in warned]))
    return Section("contrasts", "Secondary contrasts", blocks)


def _family_table(family: str, contrasts: Sequence[ArmContrast], findings: Findings) -> Table:
    rows = []
    for contrast in contrasts:
        outcome = contrast.outcome
        rows.append(
            (
                contrast.name,
                optional(outcome.estimate),
                interval_text(outcome),
                statistic(outcome) if isinstance(outcome, Result) else "–",
                bare_p(contrast.p_adjusted if contrast.is_primary else p_of(outcome)),
                TESTED_ALONE if contrast.is_primary else bare_p(contrast.p_adjusted),
            )
        )
    score = findings.score_label
    return Table(
        f"{sentence(family).removesuffix('.')}: difference in {score}",
        ("contrast", "estimate", level(findings.alpha), "statistic", "p", "p, Holm correction"),
        rows,
    )


def doses_section(findings: Findings) -> Section | None:
    """Show the trends over doses and the dose–response curve."""
    response = findings.primary.details.dose_response
    if response is None:
        return None
    trends = [response.linear] if response.is_one_test else [response.linear, response.monotone]
    blocks: list[Block] = [
        *findings.picture("doses"),
        outcomes_table("Trends over doses", trends, findings.alpha, unit=findings.unit, main_first=False),
        _curve_table(response, findings),
        Prose(
            f"{_explain_trends(response, findings.unit)} Curve: {response.method}. "
            f"Reference: {response.reference}."
        ),
    ]
    differences = [("a difference", point.rise) for point in response.curve if point.rise]
    warned = remarks_on_bounds([*[("a trend", each) for each in trends], *differences])
    warned += warnings_of([(each.test, each) for each in trends])
    if warned:
        blocks.append(Bullets([sentence(warning) for warning in warned]))
    return Section("doses", "Dose–response analysis", blocks)


def _explain_trends(response: DoseResponse, unit: str) -> str:
    doses = f"from dose {response.curve[0].dose:g} to {response.curve[-1].dose:g}"
    linear = f"The linear trend is the increase of the answers {doses} along a straight line"
    if response.slope is not None:
        linear += f" ({response.slope:.3g} {unit} per unit of dose)"
    if response.is_one_test:
        return (
            f"{linear}. With these doses, the contrast of the monotone trend is nearly the same: it is one "
            "test."
        )
    change = "decrease" if response.direction == "falling" else "increase"
    return (
        f"{linear}. The monotone trend (Abelson–Tukey contrast) is sensitive to any monotone {change}, such "
        "as one that saturates."
    )


def _curve_table(response: DoseResponse, findings: Findings) -> Table:
    rows = [
        (
            f"{point.dose:g}",
            ", ".join(point.arms),
            f"{point.n:,}",
            optional(point.mean),
            "–" if point.rise is None else with_interval(point.rise),
            optional(point.fitted),
            ends(point.fitted_interval),
        )
        for point in response.curve
    ]
    interval = level(findings.alpha)
    header = ("dose", "arms", "answers", "mean", f"difference ({interval})", "isotonic fit", interval)
    return Table(f"Differences from the lowest dose, in {findings.unit}", header, rows, n_text=2)


def ranking_section(findings: Findings) -> Section | None:
    """Show the strength of each arm in choices among more than two arms, or in orders of several texts."""
    ranking = findings.primary.details.ranking
    if ranking is None:
        return None
    title = "Ranking of the arms"
    if isinstance(ranking, NotEstimable):
        return Section("ranking", title, [Prose(ranking.sentence)])
    blocks: list[Block] = [*findings.picture("strengths"), _strengths_table(ranking)]
    blocks += [
        Prose(sentence(f"{name_of(each)} {with_interval(each)}"))
        for each in (ranking.tie, ranking.side)
        if each is not None
    ]
    blocks.append(
        Prose(f"Method: {ranking.model} model. {sentence(ranking.method)} Reference: {ranking.reference}.")
    )
    warned = warnings_of([(arm.arm, arm.log_strength) for arm in ranking.arms])
    if warned:
        blocks.append(Bullets([sentence(warning) for warning in warned]))
    return Section("ranking", title, blocks)


def _strengths_table(ranking: ArmRanking) -> Table:
    rows = [
        (arm.arm, with_interval(arm.log_strength), with_interval(arm.beats_control)) for arm in ranking.arms
    ]
    header = ("arm", "log strength", f"win rate against {ranking.control}")
    return Table("Strength of each arm, in decreasing order", header, rows)


def spread_section(findings: Findings) -> Section | None:
    """Show the standard deviations by arm and their ratio; None for pairwise choices."""
    spread = findings.primary.details.spread
    if spread is None:
        return None
    title = "Spread of the answers by arm"
    test = spread.log_ratio
    sds = Table(
        "Standard deviation of single answers", ("arm", "SD"), [(a, optional(s)) for a, s in spread.sds]
    )
    if isinstance(test, NotEstimable):
        return Section("spread", title, [sds, Prose(test.sentence)])
    first, second = findings.analysis.planned.contrast
    row = (
        f"{first} over {second}",
        optional(spread.ratio),
        ends(spread.ratio_interval),
        statistic(test),
        bare_p(p_of(test)),
    )
    header = ("ratio of SDs", "estimate", level(findings.alpha), "statistic (log ratio)", "p")
    blocks: list[Block] = [sds, Table("Ratio of the standard deviations", header, [row])]
    if spread.reading:
        blocks.append(Prose(sentence(spread.reading), is_warning=True))
    blocks.append(Prose(f"Method: {sentence(test.method)} Reference: {test.reference}."))
    if test.warnings:
        blocks.append(Bullets([sentence(text) for text in warnings_of([("ratio of SDs", test)])]))
    return Section("spread", title, blocks)


def reliability_section(findings: Findings) -> Section:
    """Show prediction intervals and shares of the opposite sign."""
    reliability = findings.primary.details.reliability
    both = ((reliability.text_unit, reliability.texts), ("rater", reliability.raters))
    rows = [_row(each) for _, each in both if isinstance(each, NewUnit)]
    blocks: list[Block] = []
    if rows:
        interval = level(findings.alpha)
        score = findings.score_label
        header = (
            "of",
            "mean",
            "SD between units",
            interval,
            "prediction interval",
            "opposite sign",
            interval,
            "in this study",
        )
        blocks.append(
            Table(f"Difference on new {reliability.text_unit}s and for new raters, in {score}", header, rows)
        )
    blocks += [
        Prose(sentence(f"a new {unit}: {each.sentence}"))
        for unit, each in both
        if isinstance(each, NotEstimable)
    ]
    first_unit = next((each for _, each in both if isinstance(each, NewUnit)), None)
    if first_unit is not None:
        blocks.append(Prose(f"{_coverage_of(first_unit)} {_EXPLAINED}"))
        blocks.append(Prose(f"Method: {sentence(first_unit.method)} Reference: {first_unit.reference}."))
    return Section("reliability", f"On new {reliability.text_unit}s and for new raters", blocks)


def _row(unit: NewUnit) -> tuple[str, ...]:
    low, high = unit.opposite_interval.low, unit.opposite_interval.high
    studied = "–" if unit.n_opposite is None else f"{unit.n_opposite:,} of {unit.n_units:,}"
    return (
        f"{unit.unit}s",
        optional(unit.mean),
        optional(unit.sd),
        ends(unit.sd_interval),
        ends(unit.interval),
        f"{unit.opposite:.0%}",
        f"{low:.0%} to {high:.0%}",
        studied,
    )


def _coverage_of(unit: NewUnit) -> str:
    return (
        f"In {coverage(unit.interval.level)} of such studies, the prediction interval contains the "
        "difference on a new prompt, averaged over all raters, and for a new rater, averaged over all "
        "prompts."
    )
