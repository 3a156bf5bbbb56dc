"""Show who was left out by the rules declared beforehand, and the result with nobody left out."""

from rater.analysis.results import Outcome
from rater.analysis.wording import counted, sentence
from rater.report.document import Block, Bullets, Prose, Section, Table
from rater.report.sections.findings import Findings, cut_rows, outcomes_table
from rater.report.sections.missing import missing_blocks


def exclusions_section(findings: Findings) -> Section:
    """Show rules, raters left out, and the primary test with and without them."""
    found = findings.analysis.exclusion
    title = "Exclusions and missing answers"
    rest = missing_blocks(findings)
    if found is None:
        none = "No rule to leave raters out was declared, and none was: every answer given is analysed."
        return Section("exclusions", title, [Prose(none), *rest])
    blocks: list[Block] = [
        Prose("Declared beforehand, and applied without reading an arm:"),
        Bullets(found.rules),
    ]
    if found.notes:
        blocks.append(Bullets([sentence(note) for note in found.notes]))
    if found.raters:
        left = f"Left out: {counted(len(found.raters), 'rater')} with {counted(found.n_answers, 'answer')}."
        rows, more = cut_rows(
            [(findings.rater(rater.rater), "; ".join(rater.reasons)) for rater in found.raters]
        )
        blocks += [Prose(left), Table("Raters left out", ("rater", "why"), rows, n_text=2), *more]
    else:
        blocks.append(Prose("No rater broke a rule, so nobody is left out."))
    return Section("exclusions", title, [*blocks, *_both(findings), *rest])


def _both(findings: Findings) -> list[Block]:
    found = findings.primary
    if found.without_exclusions is None:
        return []
    outcomes: list[Outcome] = [found.primary, found.without_exclusions]
    table = outcomes_table("The primary test with the exclusions and without them", outcomes, findings.alpha)
    named = ("as planned, without those left out", "with everybody")
    rows = [(name, *row[1:]) for name, row in zip(named, table.rows, strict=True)]
    return [Table(table.caption, ("raters", *table.header[1:]), rows, marked=(0,), text_at=(4,))]
