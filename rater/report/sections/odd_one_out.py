"""Odd-one-out trials: how often the odd text was found, by contrast, by the odd text's arm and by place."""

from rater.analysis.odd_one_out import Distinguished, OddOneOutResults, describe_d_prime
from rater.analysis.results import Estimate, NotEstimable, Result
from rater.analysis.sentences import coverage, number
from rater.analysis.triangle_test import REFERENCE
from rater.report.document import Block, Prose, Section, Table
from rater.report.numbers import bare_p, ends, optional
from rater.report.sections.inputs import Findings

TITLE = "Odd texts found"


def odd_one_out_section(findings: Findings) -> Section | None:
    """Show the odd-one-out trials of the primary dimension; None on another scale."""
    results = findings.primary.details.odd_one_out
    if results is None:
        return None
    blocks: list[Block] = [
        contrasts_table(results, findings.alpha),
        Prose(_explain(results)),
        _asymmetry_table(results, findings.alpha),
        Prose(
            "If texts of one arm vary more than those of the other, two texts of that arm can look as "
            "different as texts of two arms. The proportions by the arm of the odd text then differ."
        ),
        _places_table(results),
        Prose(
            "The odd text is in each place as often, to within one for each trial, so that a preference for "
            "a place makes nobody find it more often than by guessing."
        ),
    ]
    return Section("odd-one-out", TITLE, blocks)


def contrasts_table(results: OddOneOutResults, alpha: float) -> Table:
    """Tabulate the proportion correct of each contrast, with d' and p against chance."""
    level = coverage(1 - alpha)
    header = ("arms", "trials", "odd text found", f"proportion ({level} CI)", "p", f"d' ({level} CI)")
    rows = [
        (f"{each.arm} – {each.other}", f"{each.n:,}", f"{each.n_correct:,}", *_estimates(each))
        for each in results.contrasts
    ]
    holm = ", Holm-adjusted for all but the first" if len(rows) > 1 else ""
    return Table(f"Odd texts found; by guessing 1/3; p against guessing{holm}", header, rows)


def _estimates(each: Distinguished) -> tuple[str, str, str]:
    found = each.proportion
    if isinstance(found, NotEstimable):
        return optional(found.estimate), "–", optional(each.d_prime.estimate)
    p = "–" if each.p_adjusted is None else bare_p(each.p_adjusted)
    return f"{number(found.estimate)} ({ends(found.interval)})", p, describe_d_prime(each.d_prime)[3:]


def _explain(results: OddOneOutResults) -> str:
    found = next(
        (each.proportion for each in results.contrasts if isinstance(each.proportion, Estimate)), None
    )
    method = f" Intervals: {found.method} ({found.reference})." if found else ""
    return (
        "Raters who cannot tell the arms apart find the odd one of three texts in 1/3 of trials. d' is the "
        "distance between the arms in standard deviations of single texts, if raters take the two most "
        f"similar texts for those of one arm (triangle test; {REFERENCE}); it is 0 at or below chance. The "
        f"ends of its interval are those of the proportion, transformed.{method}"
    )


def _asymmetry_table(results: OddOneOutResults, alpha: float) -> Table:
    header = (
        "arm of the odd text",
        "trials",
        "found",
        "proportion",
        f"difference ({coverage(1 - alpha)} CI)",
        "p",
    )
    rows: list[tuple[str, ...]] = []
    for each in results.contrasts:
        test = each.asymmetry
        tested = ("–", "–")
        if isinstance(test, Result):
            tested = f"{number(test.estimate)} ({ends(test.interval)})", bare_p(test.p)
        for number_of_arm, by_arm in enumerate(each.by_odd_arm):
            other = each.by_odd_arm[1 - number_of_arm].arm
            share = number(by_arm.n_correct / by_arm.n) if by_arm.n else "–"
            name = f"{by_arm.arm} (two of {other})"
            difference = ("", "") if number_of_arm else tested
            rows.append((name, f"{by_arm.n:,}", f"{by_arm.n_correct:,}", share, *difference))
    return Table("Odd texts found, by the arm of the odd text", header, rows)


def _places_table(results: OddOneOutResults) -> Table:
    rows = [
        (
            "ABC"[each.place - 1],
            f"{each.n_chosen:,} ({each.n_chosen / max(results.n, 1):.0%})",
            f"{each.n_odd:,}",
            f"{each.n_correct:,}",
        )
        for each in results.places
    ]
    header = ("place", "chosen", "odd text was there", "and was found")
    return Table("Places chosen on the page; each 33% without a preference for a place", header, rows)
