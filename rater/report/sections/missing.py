"""Show which answers are missing, by arm, and how far off they would have to be to change the result."""

from rater.analysis.headline import describe_tipping_point
from rater.analysis.missing_answers import MissingAnswers
from rater.analysis.results import NotEstimable, Outcome
from rater.analysis.wording import SCORE_LABELS, number, sentence
from rater.report.document import Block, Bullets, Prose, Table
from rater.report.numbers import bare_p, interval_text, p_of
from rater.report.sections.findings import Findings


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
