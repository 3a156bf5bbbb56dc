"""Show what stands beside the primary result: other dimensions, and last the naive test."""

from rater.analysis.naive import WHY_NOT
from rater.analysis.primary import DimensionAnalysis
from rater.analysis.results import NotEstimable, Result
from rater.analysis.wording import p_value, sentence
from rater.report.document import Block, Bullets, Prose, Section
from rater.report.numbers import remarks_on_bounds, scored, statistic, which_counts
from rater.report.sections.difference import arms_table, points_tables
from rater.report.sections.findings import Findings, outcomes_table, warnings_of


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
