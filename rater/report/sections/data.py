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
    """Show the rows and findings; None if there is nothing to report about a study's data."""
    lines = describe_rows(diagnosis, is_external=is_external)
    blocks: list[Block] = [Prose(line) for line in lines]
    for level, heading in (("refuse", "Refused:"), ("warn", "Warnings:"), ("note", "Notes:")):
        findings = [finding.message for finding in diagnosis.findings if finding.level == level]
        if findings:
            blocks += [Prose(heading, is_warning=level != "note"), Bullets(findings)]
    return Section("data", "The data", blocks) if blocks else None


def first_warnings(diagnosis: Diagnosis) -> list[Block]:
    """Return the refusals and warnings that precede the first result."""
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
    tests = (("“cannot judge”", found.cannot_judge), ("“not answered”", found.not_answered))
    blocks += [Prose(_difference(kind, each)) for kind, each in tests if each is not None]
    if found.tipping:
        score = SCORE_LABELS[findings.analysis.planned.score]
        blocks.append(
            Prose(
                "Tipping-point analysis (delta adjustment): the difference on the missing answers at which "
                f"the primary test is no longer significant, in {score}."
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
    expected = "assigned" if found.source == "booklets" else "answered or missing"
    header = ("arm", expected, "“cannot judge”", "not answered")
    return Table("Missing ratings by arm", header, rows)


def _share(n: int, of: int) -> str:
    return f"{n:,} ({n / of:.1%})" if of else "–"


def _difference(kind: str, found: Outcome) -> str:
    if isinstance(found, NotEstimable):
        return sentence(f"{kind}: {found.sentence}")
    return (
        f"Difference between the arms in the share of {kind}: {number(found.estimate)} "
        f"({interval_text(found)}, p {bare_p(p_of(found))}). A difference may bias the result."
    )


def exclusions_section(findings: Findings) -> Section:
    """Show the criteria, the excluded raters, and the primary test with and without exclusions."""
    exclusion = findings.analysis.exclusion
    title = "Exclusions and missing answers"
    rest = missing_blocks(findings)
    if exclusion is None:
        none = "No exclusion criteria were declared, and no rater was excluded: all answers are analysed."
        return Section("exclusions", title, [Prose(none), *rest])
    blocks: list[Block] = [
        Prose("Criteria, declared in advance and applied blind to the arms:"),
        Bullets(exclusion.rules),
    ]
    if exclusion.notes:
        blocks.append(Bullets([sentence(note) for note in exclusion.notes]))
    if exclusion.raters:
        excluded = (
            f"Excluded: {counted(len(exclusion.raters), 'rater')} with "
            f"{counted(exclusion.n_answers, 'answer')}."
        )
        rows, more = cut_rows(
            [(findings.rater(rater.rater), "; ".join(rater.reasons)) for rater in exclusion.raters]
        )
        blocks += [Prose(excluded), Table("Excluded raters", ("rater", "reason"), rows, n_text=2), *more]
    else:
        blocks.append(Prose("No rater met a criterion, so none is excluded."))
    return Section("exclusions", title, [*blocks, *_with_and_without(findings), *rest])


def _with_and_without(findings: Findings) -> list[Block]:
    found = findings.primary
    if found.without_exclusions is None:
        return []
    outcomes: list[Outcome] = [found.primary, found.without_exclusions]
    table = outcomes_table("The primary test with and without exclusions", outcomes, findings.alpha)
    labels = ("with exclusions (as planned)", "without exclusions")
    rows = [(name, *row[1:]) for name, row in zip(labels, table.rows, strict=True)]
    return [Table(table.caption, ("analysis", *table.header[1:]), rows, marked=(0,), text_at=(4,))]
