"""Show the difference on every prompt and for every rater."""

from collections.abc import Sequence

from rater.analysis.units import UnitEffect
from rater.analysis.wording import SCORE_LABELS
from rater.report.document import Block, Prose, Section, Table
from rater.report.figures.forest import in_order
from rater.report.figures.style import wrap
from rater.report.numbers import bare_p, ends, level, optional
from rater.report.sections.findings import Findings, cut_rows

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
    rows, rest = cut_rows([_row(unit, findings) for unit in in_order(units)])
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
