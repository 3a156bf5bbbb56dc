"""The data: diagnosis, exclusions and missing answers."""

from rater.analysis.diagnosis import Diagnosis
from rater.analysis.headline import describe_tipping_point
from rater.analysis.missing_answers import MissingAnswers
from rater.analysis.results import NotEstimable, Outcome
from rater.analysis.sentences import SCORE_LABELS, counted, number, sentence
from rater.report.console.analysis import describe_rows
from rater.report.document import Block, Bullets, Prose, Section, Table
from rater.report.numbers import bare_p, interval_text, p_of
from rater.report.sections.inputs import Findings, cut_rows, outcomes_table


def data_section(diagnosis: Diagnosis, *, is_external: bool) -> Section | None:
    """Make the report's first section; None where a study's data have nothing to be said of."""
    lines = describe_rows(diagnosis, is_external=is_external)
    blocks: list[Block] = [Prose(line) for line in lines]
    for level, heading in (("refuse", "Refused:"), ("warn", "Warnings:"), ("note", "Worth knowing:")):
        findings = [finding.message for finding in diagnosis.findings if finding.level == level]
        if findings:
            blocks += [Prose(heading, is_warning=level != "note"), Bullets(findings)]
    return Section("data", "The data", blocks) if blocks else None


def first_warnings(diagnosis: Diagnosis) -> list[Block]:
    """Return what must be known before the report's first number."""
    findings = [*diagnosis.at("refuse"), *diagnosis.at("warn")]
    if not findings:
        return []
    return [Prose("About the data:", is_warning=True), Bullets([finding.message for finding in findings])]


def missing_blocks(findings: Findings) -> list[Block]:
    """Show the missing answers of the primary dimension."""
    found = findings.primary.missing_answers
    if found is None:
        return []
    blocks: list[Block] = [_counts_table(found)]
    tests = (("could not be judged", found.cannot_judge), ("were not answered", found.not_answered))
    blocks += [Prose(_difference(what, each)) for what, each in tests if each is not None]
    if found.tipping:
        score = SCORE_LABELS[findings.analysis.planned.score]
        blocks.append(
            Prose(
                "Tipping point (delta adjustment): how far off the missing answers would have to be for the "
                f"primary test to lose its significance, in {score}."
            )
        )
        blocks.append(Bullets([describe_tipping_point(each) for each in found.tipping]))
        blocks.append(Prose(f"Reference: {found.reference}."))
    return [*blocks, Prose(found.unknown)]


def _counts_table(found: MissingAnswers) -> Table:
    rows = [
        (each.arm, f"{each.n:,}", *(_share(n, each.n) for n in (each.n_cannot_judge, each.n_not_answered)))
        for each in found.counts
    ]
    expected = "assigned" if found.source == "booklets" else "answered or lacking"
    header = ("arm", expected, "could not be judged", "not answered")
    return Table("Missing answers by arm", header, rows)


def _share(n: int, of: int) -> str:
    return f"{n:,} ({n / of:.1%})" if of else "–"


def _difference(what: str, found: Outcome) -> str:
    if isinstance(found, NotEstimable):
        return sentence(f"texts that {what}: {found.sentence}")
    return (
        f"Difference between the arms in the share of texts that {what}: {number(found.estimate)} "
        f"({interval_text(found)}, p {bare_p(p_of(found))}). More of them in one arm than in the other could "
        "bias the rest."
    )


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
