"""The result: the design, arms, primary test, effect sizes, equivalence, and effects by unit."""

import math
from collections.abc import Sequence

from rater.analysis.answer_scale import is_pairwise
from rater.analysis.describe import ArmSummary
from rater.analysis.equivalence import Equivalence
from rater.analysis.headline import compare_with_sesoi
from rater.analysis.primary import DimensionAnalysis
from rater.analysis.results import Interval, NotEstimable, Result, Setting
from rater.analysis.secondary import WHY_NOT
from rater.analysis.sentences import SCOPES, SCORE_LABELS, counted, coverage, number, p_value, sentence
from rater.analysis.unit_effects import UnitEffect
from rater.report.document import Block, Bullets, Prose, Section, Table
from rater.report.figures.arms import arms_in_order
from rater.report.figures.forest import units_in_order
from rater.report.figures.style import wrap
from rater.report.numbers import (
    bare_p,
    ends,
    level,
    optional,
    remarks_on_bounds,
    scored,
    statistic,
    which_counts,
)
from rater.report.sections.inputs import (
    Findings,
    cut_rows,
    effects_with_names,
    outcomes_table,
    quantities_table,
    warnings_of,
)


def describe_design(findings: Findings) -> str:
    """Describe who rated what, on which scale, and which comparison was planned."""
    found, planned, study = findings.primary, findings.analysis.planned, findings.about.study
    first, second = planned.contrast
    pairwise = is_pairwise(found.dimension)
    shown = "two texts side by side" if pairwise else "one text at a time"
    blind = " without knowing its arm" if not pairwise else " without knowing their arms"
    if study is None:
        rated = f"Raters answered on {shown}"
    else:
        arms = ", ".join(f"“{arm.name}”" for arm in study.arms)
        rated = (
            f"Texts of {counted(len(study.arms), 'arm')} ({arms}); each rater saw {shown}{blind}, "
            f"{counted(study.items_per_rater, 'trial')} in all"
        )
    return (
        f"{rated} ({found.dimension.name}: {found.dimension.scale.describe_values()}). Planned comparison: "
        f"“{first}” minus “{second}”, for {SCOPES[planned.scope]}."
    )


def explain_score(findings: Findings) -> str:
    """Explain the score of the primary test in one or two sentences."""
    first, second = (f"“{arm}”" for arm in findings.analysis.planned.contrast)
    pairwise = is_pairwise(findings.primary.dimension)
    if findings.analysis.planned.score != "net_superiority":
        unit = "degrees of preference" if pairwise else "scale points"
        return f"The difference is the mean over raters and prompts, in {unit}; 0 means no difference."
    if pairwise:
        return (
            f"Net superiority is the share of choices for {first} minus the share for {second}, in "
            "percentage points: 100 if it is always chosen, 0 if both are chosen equally often, −100 if it "
            "never is."
        )
    return (
        f"Net superiority is P({first} rated higher) − P({first} rated lower) for a text of {first} and one "
        f"of {second}, both from the same prompt and rater, in percentage points: 100 if always higher, "
        "0 if higher as often as lower, −100 if always lower. Equal ratings count for neither."
    )


SESOI_RULES = (
    "Larger: the interval at level 1 − alpha lies wholly beyond the smallest effect size of interest. "
    "Smaller (equivalent): both one-sided tests have p < alpha, that is, the interval at level 1 − 2 alpha "
    "lies wholly within it. Different but possibly trivial: p < alpha against 0, and neither of these. "
    "Inconclusive: none of these."
)


def arms_table(findings: Findings, found: DimensionAnalysis) -> Table:
    """Describe the answers to each arm."""
    if is_pairwise(found.dimension):
        return _choices_table(found)
    arms = arms_in_order(found.arms, findings.analysis.planned.doses)
    rows = [
        (arm.arm, f"{arm.n:,}", optional(arm.mean), optional(arm.median, 1), optional(arm.sd)) for arm in arms
    ]
    return Table(f"Answers by arm: {found.dimension.name}", ("arm", "n", "mean", "median", "SD"), rows)


def points_tables(findings: Findings, found: DimensionAnalysis) -> list[Table]:
    """Count the answers at each point of a scale with points, by arm.

    Points are rows, as on the screen, so that the table fits a phone.
    """
    points = found.dimension.scale.levels
    if not points:
        return []
    arms = arms_in_order(found.arms, findings.analysis.planned.doses)
    shares = [(point.numbered_label, *(_share(arm, point.value) for arm in arms)) for point in points]
    caption = f"Answers at each point: {found.dimension.name}"
    return [Table(caption, ("answer", *(arm.arm for arm in arms)), shares)]


def points_section(findings: Findings) -> Section | None:
    """Show the answers at each point of the primary dimension's scale."""
    tables = points_tables(findings, findings.primary)
    return Section("points", "Answers at each point of the scale", tables) if tables else None


def _share(arm: ArmSummary, point: int) -> str:
    count = arm.counts[point - 1]
    return f"{count:,} ({count / arm.n:.0%})" if arm.n else "0"


def _choices_table(found: DimensionAnalysis) -> Table:
    rows = [
        (
            arm.arm,
            f"{arm.n:,}",
            *(f"{count or 0:,}" for count in (arm.wins, arm.ties, arm.losses)),
            optional(arm.mean),
        )
        for arm in found.arms
    ]
    header = ("arm", "choices", "preferred", "neither", "other preferred", "mean preference")
    return Table(f"Choices by arm: {found.dimension.name}", header, rows)


def primary_section(findings: Findings) -> Section:
    """Say the primary result with its scope, and the other score and tests beside it."""
    found, planned = findings.primary, findings.analysis.planned
    tests = found.tests
    first, second = planned.contrast
    blocks: list[Block] = [
        outcomes_table(f"Difference, {first} minus {second}{which_counts(found)}", tests, planned.alpha)
    ]
    if isinstance(found.primary, Result):
        primary = found.primary
        blocks.append(Prose(f"Estimated is {primary.estimand}. {sentence(primary.claim)}"))
        blocks.append(Prose(f"Method: {sentence(primary.method)} Reference: {primary.reference}."))
    if isinstance(found.length_adjusted, Result):
        adjusted = found.length_adjusted
        blocks.append(
            Prose(f"Sensitivity to the length of the texts: {adjusted.method}. {sentence(adjusted.claim)}")
        )
    blocks.append(Prose(f"The plan's scope, what the claim was to be about: {SCOPES[planned.scope]}."))
    warned = remarks_on_bounds(scored(tests))
    warned += warnings_of([(f"{each.test} on {each.score.replace('_', ' ')}", each) for each in tests])
    if warned:
        blocks.append(Bullets([sentence(warning) for warning in warned]))
    return Section("primary", "Primary test", blocks)


def effects_section(findings: Findings) -> Section:
    """List every effect size with its interval."""
    quantities = effects_with_names(findings.primary.details.effects)
    blocks: list[Block] = [quantities_table("Effect sizes", quantities, findings.alpha)]
    warned = remarks_on_bounds(quantities)
    warned += warnings_of([each for each in quantities if not isinstance(each[1], NotEstimable)])
    if warned:
        blocks.append(Bullets([sentence(warning) for warning in warned]))
    blocks.append(
        Prose(
            "Intervals without a formula come from a bootstrap that resamples raters and prompts "
            "independently; formulas that take answers as independent are not used, since they cover "
            "too seldom."
        )
    )
    return Section("effects", "Effect sizes", blocks)


def equivalence_section(findings: Findings) -> Section:
    """Compare the difference with the smallest effect size of interest."""
    found, title = findings.primary, "Smallest effect size of interest"
    if found.equivalence is None:
        text = (
            "The plan names no smallest effect size of interest. A p above alpha alone never shows that "
            "there is no difference that matters, and a p below alpha alone never shows that there is one."
        )
        return Section("equivalence", title, [Prose(text)])
    if isinstance(found.equivalence, NotEstimable):
        return Section("equivalence", title, [Prose(found.equivalence.sentence)])
    blocks: list[Block] = [
        Prose(compare_with_sesoi(found.equivalence)),
        _margins_table(found.equivalence),
        Prose(SESOI_RULES),
    ]
    return Section("equivalence", title, blocks)


def _margins_table(found: Equivalence) -> Table:
    rows = [
        (f"above −{found.sesoi:g}", optional(found.t_lower), bare_p(found.p_lower)),
        (f"below +{found.sesoi:g}", optional(found.t_upper), bare_p(found.p_upper)),
    ]
    caption = f"Two one-sided tests ({found.reference})"
    if found.interval is not None:
        caption += f"; {coverage(found.interval.level)} CI {ends(found.interval)}"
    return Table(caption, ("the difference is", "t", "p"), rows)


def ordinal_section(findings: Findings) -> Section:
    """Show the ordinal mixed model: the odds ratio, the spread between raters, prompts and texts."""
    found = findings.primary.details.ordinal
    title = "Ordinal mixed model"
    if isinstance(found, NotEstimable):
        return Section("ordinal", title, [Prose(found.sentence)])
    interval = found.interval and Interval(
        math.exp(found.interval.low), math.exp(found.interval.high), found.interval.level
    )
    row = (
        "odds ratio",
        number(math.exp(found.estimate)),
        ends(interval),
        statistic(found),
        bare_p(found.p),
    )
    blocks: list[Block] = [
        Table(
            f"Odds of a higher answer, {findings.analysis.planned.contrast[0]} over "
            f"{findings.analysis.planned.contrast[1]}",
            ("quantity", "estimate", level(findings.alpha), "likelihood ratio", "p"),
            [row],
            marked=(0,),
        ),
        Table(
            "The fitted model",
            ("setting", "value"),
            [
                (name.replace("_", " ").replace(" sd", " SD"), _plain(name, value))
                for name, value in found.settings.items()
                if not name.startswith(("odds_ratio", "alpha"))
            ],
            n_text=2,
        ),
        Prose(f"Method: {sentence(found.method)} Reference: {found.reference}. {found.claim}"),
    ]
    if found.warnings:
        blocks.append(Bullets([sentence(warning) for warning in found.warnings]))
    return Section("ordinal", title, blocks)


def _plain(name: str, value: Setting) -> str:
    if isinstance(value, str):
        return value
    if name.endswith("_p"):
        return bare_p(value)
    return f"{value:,}" if isinstance(value, int) else number(value, 3)


_MOST_CHARACTERS = 160


def prompts_section(findings: Findings) -> Section:
    """Show the difference on every prompt."""
    return _section(findings, "prompt", findings.primary.details.prompts)


def raters_section(findings: Findings) -> Section:
    """Show the difference for every rater."""
    return _section(findings, "rater", findings.primary.details.raters)


def _section(findings: Findings, noun: str, units: Sequence[UnitEffect]) -> Section:
    title = f"By {noun}"
    if not units:
        return Section(
            f"by-{noun}", title, [Prose(f"No rater answered both arms, so no {noun} has a difference.")]
        )
    rows, rest = cut_rows([_row(unit, findings) for unit in units_in_order(units)])
    interval = level(findings.alpha)
    table = Table(
        f"Difference by {noun}, in {SCORE_LABELS[findings.analysis.planned.score]}",
        (noun, "cells", "raw", interval, "p, adjusted", "shrunken", interval),
        rows,
    )
    note = Prose(
        "Exploratory. p is adjusted for how many there are (Benjamini and Hochberg); a dash is what a "
        "single cell, two cells, or equal ones, cannot say. Intervals end where the possible values do."
    )
    blocks: list[Block] = [*findings.picture(f"by-{noun}"), table, *rest, note]
    return Section(f"by-{noun}", title, blocks)


def _row(unit: UnitEffect, findings: Findings) -> tuple[str, ...]:
    return (
        wrap(findings.rater(unit.unit), _MOST_CHARACTERS, 1),
        f"{unit.n_cells:,}",
        optional(unit.raw),
        ends(unit.interval),
        bare_p(unit.p_adjusted),
        optional(unit.shrunken),
        ends(unit.shrunken_interval),
    )


def dimension_section(findings: Findings, found: DimensionAnalysis, place: int) -> Section:
    """Show what was found on a secondary dimension."""
    tests = [found.primary, found.other_score, *found.beside]
    blocks: list[Block] = [
        Prose(found.dimension.question),
        Prose(sentence(found.headline)),
        *findings.picture(f"arms-{place}"),
        arms_table(findings, found),
        *points_tables(findings, found),
        outcomes_table(f"Difference on {found.dimension.name}{which_counts(found)}", tests, findings.alpha),
    ]
    warned = remarks_on_bounds(scored(tests))
    warned += warnings_of([(f"{each.test} on {each.score.replace('_', ' ')}", each) for each in tests])
    if warned:
        blocks.append(Bullets([sentence(warning) for warning in warned]))
    return Section(f"dimension-{place}", f"Secondary dimension: {found.dimension.name}", blocks)


def naive_section(findings: Findings) -> Section | None:
    """Show last what the naive test would have said, marked; None where it would be the only p."""
    found = findings.primary
    if not isinstance(found.primary, Result):
        return None
    naive = found.naive
    if isinstance(naive, NotEstimable):
        result = naive.sentence
    else:
        result = f"{naive.method[:1].upper()}{naive.method[1:]}: {statistic(naive)}, {p_value(naive.p)}."
    return Section("naive", "Naive test (for comparison only)", [Prose(f"{result} {WHY_NOT}")])
