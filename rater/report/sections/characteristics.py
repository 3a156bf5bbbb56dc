"""Characteristics of the raters, from the questionnaire."""

from collections.abc import Iterator

from rater.analysis.characteristics import Characteristic
from rater.analysis.sentences import counted, number
from rater.report.document import Prose, Section, Table
from rater.report.numbers import optional
from rater.report.sections.inputs import Findings


def characteristics_section(findings: Findings) -> Section | None:
    """Show the answers to the questionnaire over all arms; None if there was none."""
    described = findings.analysis.characteristics
    if not described:
        return None
    rows = [row for each in described for row in _rows(each)]
    raters = counted(findings.analysis.n.raters, "rater")
    note = (
        f"Answers of the {raters} analysed, over all arms. Shares are of the raters who answered the "
        "question; if several answers are possible, they need not add up to 100%. Short texts are only "
        "counted, since they may identify their authors."
    )
    table = Table(
        "Characteristics of the raters", ("question", "answer", "n", "share or mean"), rows, n_text=2
    )
    return Section("characteristics", "Characteristics of the raters", [table, Prose(note)])


def _rows(each: Characteristic) -> Iterator[tuple[str, str, str, str]]:
    rows: list[tuple[str, str, str]] = [
        (option, f"{n:,}", f"{n / each.n_answered:.0%}" if each.n_answered else "–")
        for option, n in each.counts
    ]
    if each.kind == "number":
        ends = "" if each.lowest is None else f", from {each.lowest:g} to {each.highest:g}"
        spread = "" if each.sd is None else f" (SD {number(each.sd)}, median {optional(each.median)}{ends})"
        rows.append(("a number", f"{each.n_answered:,}", f"{optional(each.mean)}{spread}"))
    if each.kind == "text":
        rows.append(("a text", f"{each.n_answered:,}", "–"))
    rows += [
        (label, f"{n:,}", "–")
        for label, n in (("declined", each.n_declined), ("not known", each.n_missing))
        if n
    ]
    for place, row in enumerate(rows):
        yield ("" if place else each.question, *row)
