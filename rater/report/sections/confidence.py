"""Confidence: how sure raters were by arm, and the primary difference among confident answers."""

from rater.analysis.results import NotEstimable
from rater.analysis.sentences import counted, number, sentence
from rater.report.document import Block, Bullets, Prose, Section, Table
from rater.report.numbers import bare_p, interval_text, optional, p_of
from rater.report.sections.inputs import Findings, outcomes_table, warnings_of

_NOTE = (
    "Secondary. Raters give their confidence after they have read the text, so it can depend on the arm. The "
    "confident answers are therefore selected by an outcome, and the difference among them does not replace "
    "the primary test."
)


def confidence_section(findings: Findings) -> Section | None:
    """Show the confidence in the answers on the primary dimension; None where raters gave none."""
    found = findings.primary.details.confidence
    if found is None:
        return None
    rows = [
        (each.arm, optional(each.mean), f"{each.n_given:,}", f"{each.n_answers:,}") for each in found.arms
    ]
    caption = f"Confidence by arm, in points from 1 to {found.n_points}"
    difference = found.difference
    if isinstance(difference, NotEstimable):
        between = f"Difference between the arms: {difference.sentence}"
    else:
        between = (
            f"Difference between the arms: {number(difference.estimate)} points "
            f"({interval_text(difference)}, p {bare_p(p_of(difference))})."
        )
    confident = (
        f"The planned test on the {counted(found.n_confident, 'answer')} with a confidence of "
        f"{found.lowest_confident} or more (above the middle of the points)"
    )
    blocks: list[Block] = [
        Table(caption, ("arm", "mean", "answers with confidence", "answers"), rows),
        Prose(between),
        outcomes_table(
            confident, [found.among_confident], findings.alpha, unit=findings.unit, main_first=False
        ),
    ]
    warned = warnings_of([("confident answers", found.among_confident), ("confidence", difference)])
    if warned:
        blocks.append(Bullets([sentence(warning) for warning in warned]))
    return Section("confidence", "Confidence", [*blocks, Prose(_NOTE)])
