"""The result: the design, arms, primary test, effect sizes, equivalence, and effects by unit."""

import math
from collections.abc import Sequence

from rater.analysis.answer_kinds.kind import kind_of
from rater.analysis.answer_scale import n_together
from rater.analysis.equivalence import Equivalence
from rater.analysis.headline import compare_with_sesoi
from rater.analysis.plan import Planned
from rater.analysis.primary import DimensionAnalysis
from rater.analysis.results import Interval, NotEstimable, Outcome, Result, Setting
from rater.analysis.secondary import WHY_NOT
from rater.analysis.sentences import SCOPES, counted, coverage, label_score, number, p_value, sentence
from rater.analysis.unit_effects import UnitEffect
from rater.report.document import Block, Bullets, Prose, Section, Table
from rater.report.figures.arms import arms_in_order
from rater.report.figures.forest import units_in_order
from rater.report.figures.style import wrap
from rater.report.numbers import (
    bare_p,
    ends,
    interval_text,
    level,
    optional,
    p_of,
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

_SMALL = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}


def describe_design(findings: Findings) -> str:
    """Describe the task, the scale and the planned contrast."""
    found, planned, study = findings.primary, findings.analysis.planned, findings.about.study
    first, second = planned.contrast
    n_texts = n_together(found.dimension)
    shown = "one text at a time" if n_texts == 1 else f"{_SMALL.get(n_texts, n_texts)} texts side by side"
    blind = "blind to its arm" if n_texts == 1 else "blind to their arms"
    if study is None:
        rated = f"Raters rated {shown}"
    else:
        arms = ", ".join(f"“{arm.name}”" for arm in study.arms)
        rated = (
            f"Texts of {counted(len(study.arms), 'arm')} ({arms}); each rater saw {shown}, {blind}, in "
            f"{counted(study.items_per_rater, 'trial')}"
        )
    return (
        f"{rated} ({found.dimension.name}: {found.dimension.scale.describe_values()}). Primary contrast: "
        f"“{first}” minus “{second}”, generalising to {SCOPES[planned.scope]}."
    )


def explain_score(findings: Findings) -> str:
    """Explain the score of the primary test in one or two sentences."""
    dimension = findings.primary.dimension
    return kind_of(dimension).explain_score(findings.analysis.planned, dimension)


SESOI_RULES = (
    "Larger: the 1 − alpha confidence interval lies entirely beyond the smallest effect size of interest. "
    "Smaller (equivalent): two one-sided tests (TOST) both have p < alpha, that is, the 1 − 2 alpha "
    "confidence interval lies entirely within it. Different but possibly trivial: p < alpha against 0, and "
    "neither of the above. Inconclusive: none of these."
)


def arms_table(findings: Findings, results: DimensionAnalysis) -> Table:
    """Tabulate the answers to each arm."""
    kind, title = kind_of(results.dimension), results.dimension.name
    # choices are in the order of the contrast
    doses = {} if kind.is_preference else findings.analysis.planned.doses
    rows = [(arm.arm, *kind.tabulate_arm(arm)) for arm in arms_in_order(results.arms, doses)]
    caption = f"Choices by arm: {title}" if kind.is_preference else f"Answers by {kind.arm_noun}: {title}"
    return Table(caption, ("arm", *kind.head_arms(is_short=False)), rows)


def points_tables(findings: Findings, results: DimensionAnalysis) -> list[Table]:
    """Count the answers at each point of a scale with points, by arm.

    Points are rows, as on the console, so that the table fits a phone.
    """
    points = results.dimension.scale.levels
    if not points:
        return []
    arms = arms_in_order(results.arms, findings.analysis.planned.doses)
    shares = []
    for place, point in enumerate(points):
        counts = [(arm.counts[place], arm.n) for arm in arms]
        cells = (f"{count:,} ({count / n:.0%})" if n else "0" for count, n in counts)
        shares.append((point.numbered_label, *cells))
    caption = f"Answers at each point: {results.dimension.name}"
    return [Table(caption, ("answer", *(arm.arm for arm in arms)), shares)]


def points_section(findings: Findings) -> Section | None:
    """Show the answers at each point of the primary dimension's scale."""
    tables = points_tables(findings, findings.primary)
    return Section("points", "Answers at each point of the scale", tables) if tables else None


def _warnings_of_tests(tests: Sequence[Outcome], unit: str) -> list[str]:
    return warnings_of([(f"{each.test} on {label_score(each.score, unit)}", each) for each in tests])


def primary_section(findings: Findings) -> Section:
    """Show the primary test with its estimand and scope, the other score and the sensitivity analyses."""
    found, planned = findings.primary, findings.analysis.planned
    tests = found.tests
    blocks: list[Block] = [
        outcomes_table(caption_of_tests(planned, found), tests, planned.alpha, unit=findings.unit)
    ]
    if isinstance(found.primary, Result):
        primary = found.primary
        blocks.append(Prose(f"Estimand: {primary.estimand}. {sentence(primary.claim)}"))
        blocks.append(Prose(f"Method: {sentence(primary.method)} Reference: {primary.reference}."))
    if isinstance(found.length_adjusted, Result):
        adjusted = found.length_adjusted
        blocks.append(
            Prose(f"Sensitivity analysis for text length: {adjusted.method}. {sentence(adjusted.claim)}")
        )
    blocks.append(Prose(f"Planned scope of the claim: {SCOPES[planned.scope]}."))
    warned = remarks_on_bounds(scored(tests, findings.unit))
    warned += _warnings_of_tests(tests, findings.unit)
    if warned:
        blocks.append(Bullets([sentence(warning) for warning in warned]))
    return Section("primary", "Primary test", blocks)


def caption_of_tests(planned: Planned, results: DimensionAnalysis) -> str:
    """Return the caption of a table of tests: the contrast, and which of its scores is the planned one."""
    return f"{kind_of(results.dimension).head_difference(planned.contrast)}{which_counts(results)}"


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
            "Confidence intervals without a closed form are percentile intervals of a pigeonhole bootstrap, "
            "which resamples raters and prompts independently. Formulas that assume independent answers are "
            "not used, because their coverage is too low."
        )
    )
    return Section("effects", "Effect sizes", blocks)


def equivalence_section(findings: Findings) -> Section:
    """Compare the difference with the smallest effect size of interest."""
    found, title = findings.primary, "Smallest effect size of interest"
    if found.equivalence is None:
        text = (
            "The plan does not specify a smallest effect size of interest. A p-value above alpha is not "
            "evidence that the difference is negligible, and one below alpha is not evidence that it is "
            "relevant."
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


def _margins_table(equivalence: Equivalence) -> Table:
    rows = [
        (f"above −{equivalence.sesoi:g}", optional(equivalence.t_lower), bare_p(equivalence.p_lower)),
        (f"below +{equivalence.sesoi:g}", optional(equivalence.t_upper), bare_p(equivalence.p_upper)),
    ]
    caption = f"Two one-sided tests, TOST ({equivalence.reference})"
    if equivalence.interval is not None:
        caption += f"; {coverage(equivalence.interval.level)} CI {ends(equivalence.interval)}"
    return Table(caption, ("alternative: the difference is", "t", "p"), rows)


def ordinal_section(findings: Findings) -> Section:
    """Show the ordinal mixed model: odds ratio, variance components and settings."""
    ordinal = findings.primary.details.ordinal
    title = "Ordinal mixed model"
    if isinstance(ordinal, NotEstimable):
        return Section("ordinal", title, [Prose(ordinal.sentence)])
    interval = ordinal.interval and Interval(
        math.exp(ordinal.interval.low), math.exp(ordinal.interval.high), ordinal.interval.level
    )
    row = (
        "odds ratio",
        number(math.exp(ordinal.estimate)),
        ends(interval),
        statistic(ordinal),
        bare_p(ordinal.p),
    )
    blocks: list[Block] = [
        Table(
            f"Odds ratio of a higher answer, {findings.analysis.planned.contrast[0]} over "
            f"{findings.analysis.planned.contrast[1]}",
            ("quantity", "estimate", level(findings.alpha), "likelihood ratio", "p"),
            [row],
            marked=(0,),
        ),
        Table(
            "The fitted model",
            ("setting", "value"),
            [
                (name.replace("_", " ").replace(" sd", " SD"), _format_setting(name, value))
                for name, value in ordinal.settings.items()
                if not name.startswith(("odds_ratio", "alpha"))
            ],
            n_text=2,
        ),
        Prose(f"Method: {sentence(ordinal.method)} Reference: {ordinal.reference}. {ordinal.claim}"),
    ]
    if ordinal.warnings:
        blocks.append(Bullets([sentence(warning) for warning in ordinal.warnings]))
    return Section("ordinal", title, blocks)


def _format_setting(name: str, value: Setting) -> str:
    if isinstance(value, str):
        return value
    if name.endswith("_p"):
        return bare_p(value)
    return f"{value:,}" if isinstance(value, int) else number(value, 3)


_MAX_CHARACTERS = 160


def concepts_section(findings: Findings) -> Section | None:
    """Show the difference by concept, and the planned test without each concept, where there are concepts."""
    concepts = findings.primary.details.concepts
    if concepts is None:
        return None
    section = _section(findings, "concept", concepts.effects)
    blocks = [
        Prose(
            f"Prompts are {concepts.design}. The raw difference of a concept is tested on its own answers, "
            "over raters and prompts; its BLUP is from the model of all concepts."
        ),
        *section.blocks,
    ]
    if concepts.without:
        rows = [
            (
                each.concept,
                optional(each.outcome.estimate),
                interval_text(each.outcome),
                bare_p(p_of(each.outcome)),
            )
            for each in concepts.without
        ]
        interval = level(findings.alpha)
        title = "The primary test without one concept (sensitivity analysis)"
        shown, rest = cut_rows(rows)
        blocks += [Table(title, ("without", "estimate", interval, "p"), shown), *rest]
        blocks.append(Prose(concepts.sentence))
    return Section("by-concept", "By concept", blocks)


def prompts_section(findings: Findings) -> Section:
    """Show the difference by prompt."""
    return _section(findings, "prompt", findings.primary.details.prompts)


def raters_section(findings: Findings) -> Section:
    """Show the difference by rater."""
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
        f"Difference by {noun}, in {findings.score_label}",
        (noun, "cells", "raw", interval, "p, adjusted", "BLUP", interval),
        rows,
    )
    note = Prose(
        "Exploratory. The p-values are adjusted with the Benjamini–Hochberg procedure. A dash means that the "
        "value cannot be estimated, from one cell, two cells, or equal cells. BLUP: best linear unbiased "
        "prediction (shrunken difference). Intervals are truncated to the possible range."
    )
    blocks: list[Block] = [*findings.picture(f"by-{noun}"), table, *rest, note]
    return Section(f"by-{noun}", title, blocks)


def _row(unit: UnitEffect, findings: Findings) -> tuple[str, ...]:
    return (
        wrap(findings.rater(unit.unit), _MAX_CHARACTERS, 1),
        f"{unit.n_cells:,}",
        optional(unit.raw),
        ends(unit.interval),
        bare_p(unit.p_adjusted),
        optional(unit.shrunken),
        ends(unit.shrunken_interval),
    )


def dimension_section(findings: Findings, results: DimensionAnalysis, place: int) -> Section:
    """Show the results on a secondary dimension."""
    dimension, unit = results.dimension, results.dimension.scale.answer_unit
    tests = [
        results.primary,
        results.other_score,
        *results.sensitivity_tests,
    ]
    blocks: list[Block] = [
        Prose(results.dimension.question),
        Prose(sentence(results.headline)),
        *findings.picture(f"arms-{place}"),
        arms_table(findings, results),
        *points_tables(findings, results),
        outcomes_table(
            f"{kind_of(dimension).difference_noun} on {dimension.name}{which_counts(results)}",
            tests,
            findings.alpha,
            unit=unit,
        ),
    ]
    warned = remarks_on_bounds(scored(tests, unit)) + _warnings_of_tests(tests, unit)
    if warned:
        blocks.append(Bullets([sentence(warning) for warning in warned]))
    return Section(f"dimension-{place}", f"Secondary dimension: {results.dimension.name}", blocks)


def naive_section(findings: Findings) -> Section | None:
    """Show the naive test, marked as such; None if its p-value would be the only one."""
    found = findings.primary
    if not isinstance(found.primary, Result):
        return None
    naive = found.naive
    if isinstance(naive, NotEstimable):
        result = naive.sentence
    else:
        result = f"{naive.method[:1].upper()}{naive.method[1:]}: {statistic(naive)}, {p_value(naive.p)}."
    return Section(
        "naive", "Naive test (ignores clustering; for comparison only)", [Prose(f"{result} {WHY_NOT}")]
    )
