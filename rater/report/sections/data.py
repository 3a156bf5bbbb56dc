"""Show the diagnosis of the ratings in the report, before any result."""

from rater.analysis.diagnosis import Diagnosis
from rater.report.data_check import describe_rows
from rater.report.document import Block, Bullets, Prose, Section


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
