"""Show how widely the answers to the two arms scatter."""

from rater.analysis.results import NotEstimable
from rater.analysis.wording import sentence
from rater.report.document import Block, Bullets, Prose, Section, Table
from rater.report.numbers import bare_p, ends, level, optional, p_of, statistic
from rater.report.sections.findings import Findings, warnings_of


def spread_section(findings: Findings) -> Section | None:
    """Show the standard deviations by arm, their ratio, and its meaning; None for choices between texts."""
    found = findings.primary.details.spread
    if found is None:
        return None
    title = "Spread of the answers by arm"
    test = found.log_ratio
    sds = Table(
        "Standard deviation of single answers", ("arm", "SD"), [(a, optional(s)) for a, s in found.sds]
    )
    if isinstance(test, NotEstimable):
        return Section("spread", title, [sds, Prose(test.sentence)])
    first, second = findings.analysis.planned.contrast
    row = (
        f"{first} over {second}",
        optional(found.ratio),
        ends(found.ratio_interval),
        statistic(test),
        bare_p(p_of(test)),
    )
    header = ("ratio of SDs", "estimate", level(findings.alpha), "statistic of its log", "p")
    blocks: list[Block] = [sds, Table("Ratio of the standard deviations", header, [row])]
    if found.reading:
        blocks.append(Prose(sentence(found.reading), is_warning=True))
    blocks.append(Prose(f"Method: {sentence(test.method)} Reference: {test.reference}."))
    if test.warnings:
        blocks.append(Bullets([sentence(text) for text in warnings_of([("ratio of SDs", test)])]))
    return Section("spread", title, blocks)
