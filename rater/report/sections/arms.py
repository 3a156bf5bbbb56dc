"""Show what was found on more arms than the two compared: contrasts, doses, the ranking by choices."""

from collections.abc import Sequence

from rater.analysis.bradley_terry import Ranking
from rater.analysis.multiple_comparisons import ArmContrast
from rater.analysis.results import NotEstimable, Result
from rater.analysis.sentences import SCORE_LABELS, sentence
from rater.analysis.trend import DoseResponse
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

TESTED_ALONE = "primary, tested alone"


def contrasts_section(findings: Findings) -> Section | None:
    """Show every further comparison of arms, each family adjusted by Holm's method."""
    contrasts = findings.primary.details.contrasts
    if not contrasts:
        return None
    blocks: list[Block] = [*findings.picture("contrasts")]
    for family in dict.fromkeys(contrast.family for contrast in contrasts):
        members = [contrast for contrast in contrasts if contrast.family == family]
        blocks.append(_family_table(family, members, findings))
    outcomes = [contrast.outcome for contrast in contrasts]
    warned = remarks_on_bounds(scored(outcomes))
    warned += warnings_of([(f"comparison {contrast.name}", contrast.outcome) for contrast in contrasts])
    if warned:
        blocks.append(Bullets([sentence(warning) for warning in warned]))
    return Section("contrasts", "Further comparisons of arms", blocks)


def _family_table(family: str, contrasts: Sequence[ArmContrast], findings: Findings) -> Table:
    rows = []
    for contrast in contrasts:
        found = contrast.outcome
        rows.append(
            (
                contrast.name,
                optional(found.estimate),
                interval_text(found),
                statistic(found) if isinstance(found, Result) else "–",
                bare_p(contrast.p_adjusted if contrast.is_primary else p_of(found)),
                TESTED_ALONE if contrast.is_primary else bare_p(contrast.p_adjusted),
            )
        )
    score = SCORE_LABELS[findings.analysis.planned.score]
    return Table(
        f"{sentence(family).removesuffix('.')}: difference in {score}",
        ("contrast", "estimate", level(findings.alpha), "statistic", "p", "p, Holm"),
        rows,
    )


def doses_section(findings: Findings) -> Section | None:
    """Show the trend over doses and its curve."""
    found = findings.primary.details.dose_response
    if found is None:
        return None
    trends = [found.linear] if found.is_one_test else [found.linear, found.monotone]
    blocks: list[Block] = [
        *findings.picture("doses"),
        outcomes_table("Trends over doses", trends, findings.alpha, main_first=False),
        _curve_table(found, findings),
        Prose(f"{_explain_trends(found)} Curve: {found.method}. Reference: {found.reference}."),
    ]
    rises = [("a rise", point.rise) for point in found.curve if point.rise]
    warned = remarks_on_bounds([*[("a trend", each) for each in trends], *rises])
    warned += warnings_of([(each.test, each) for each in trends])
    if warned:
        blocks.append(Bullets([sentence(warning) for warning in warned]))
    return Section("doses", "Dose and response", blocks)


def _explain_trends(found: DoseResponse) -> str:
    doses = f"from dose {found.curve[0].dose:g} to {found.curve[-1].dose:g}"
    linear = f"The linear trend is how far answers rise {doses} along a straight line"
    if found.slope is not None:
        linear += f" ({found.slope:.3g} scale points for each unit of dose)"
    if found.is_one_test:
        return f"{linear}. With these doses the monotone trend has nearly the same contrast: it is one test."
    moves = "fall" if found.direction == "falling" else "rise"
    return f"{linear}; the monotone trend is how far they {moves}, however they do."


def _curve_table(found: DoseResponse, findings: Findings) -> Table:
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
        for point in found.curve
    ]
    interval = level(findings.alpha)
    header = ("dose", "arms", "answers", "mean", f"rise ({interval})", "fitted", interval)
    return Table("Rises over the lowest dose, in scale points", header, rows, n_text=2)


def ranking_section(findings: Findings) -> Section | None:
    """Show how strong each arm is, where texts of several were chosen between."""
    found = findings.primary.details.ranking
    if found is None:
        return None
    title = "Ranking of the arms"
    if isinstance(found, NotEstimable):
        return Section("ranking", title, [Prose(found.sentence)])
    blocks: list[Block] = [_strengths_table(found)]
    blocks += [
        Prose(sentence(f"{name_of(each)} {with_interval(each)}"))
        for each in (found.tie, found.side)
        if each is not None
    ]
    blocks.append(Prose(f"Method: {sentence(found.method)} Reference: {found.reference}."))
    warned = warnings_of([(arm.arm, arm.log_strength) for arm in found.arms])
    if warned:
        blocks.append(Bullets([sentence(warning) for warning in warned]))
    return Section("ranking", title, blocks)


def _strengths_table(found: Ranking) -> Table:
    rows = [
        (arm.arm, with_interval(arm.log_strength), with_interval(arm.beats_control)) for arm in found.arms
    ]
    header = ("arm", "log strength", f"share won against {found.control}")
    return Table("Strength of each arm, from the strongest", header, rows)
