"""Orders of several texts: how often each arm and each place was put first and last."""

from rater.analysis.answer_kinds.orders import scores_of
from rater.analysis.group_trials import GroupCounts
from rater.analysis.sentences import counted, number
from rater.report.document import Block, Prose, Section, Table
from rater.report.sections.inputs import Findings

_BIAS = (
    "Each text is in each place equally often, so that a preference for a place favours no arm. Without one, "
    "each place would be put first in {share:.0%} of trials."
)


def groups_section(findings: Findings) -> Section | None:
    """Show the counts of the primary dimension; None where raters did not put texts in order."""
    counts = findings.primary.details.groups
    if counts is None:
        return None
    scores = scores_of(findings.primary.dimension)
    top, bottom = scores.top, scores.bottom
    blocks: list[Block] = [_arms_table(counts, top, bottom)]
    blocks.append(
        Prose(
            f"Counts of {counted(counts.n_trials, 'trial')} of {counts.n_together} texts. The difference of "
            "shares is that of the trials that showed the arm: 1 if its text was always put first, −1 if it "
            "was always put last, 0 if it was put first as often as last."
        )
    )
    if counts.places:
        blocks.append(_places_table(counts, top, bottom))
        blocks.append(Prose(_BIAS.format(share=1 / counts.n_together)))
    return Section("groups", "Texts put first and last", blocks)


def _arms_table(counts: GroupCounts, top: str, bottom: str) -> Table:
    rows = [
        (
            each.arm,
            f"{each.n:,}",
            f"{each.first:,} ({each.first / each.n:.0%})",
            f"{each.last:,} ({each.last / each.n:.0%})",
            number(each.best_minus_worst),
        )
        for each in counts.arms
    ]
    header = ("arm", "shown", f"“{top}”", f"“{bottom}”", "difference of shares")
    return Table("Texts put first and last, by arm", header, rows)


def _places_table(counts: GroupCounts, top: str, bottom: str) -> Table:
    rows = [
        (
            str(each.place),
            f"{each.first:,} ({each.first / each.n:.0%})",
            f"{each.last:,} ({each.last / each.n:.0%})",
        )
        for each in counts.places
    ]
    return Table("Texts put first and last, by place on the page", ("place", f"“{top}”", f"“{bottom}”"), rows)
