"""Say how far raters agreed, how each of them answered, and how answering went."""

from rater.analysis.agreement import Agreement
from rater.analysis.quality import RaterQuality
from rater.analysis.results import NotEstimable
from rater.analysis.wording import counted, sentence, significant
from rater.report.document import Block, Bullets, Prose, Section, Table
from rater.report.figures.agreement import coefficients
from rater.report.numbers import optional
from rater.report.sections.findings import Findings, cut_rows, quantities_table, warnings_of


def agreement_section(findings: Findings) -> Section:
    """Show every coefficient of agreement, and how raters repeated themselves."""
    found = findings.primary.details.agreement
    title = "Agreement between raters"
    if isinstance(found, NotEstimable):
        return Section("agreement", title, [Prose(found.sentence)])
    blocks: list[Block] = [*findings.picture("agreement")]
    blocks.append(quantities_table("Coefficients of agreement", coefficients(found), findings.alpha))
    blocks += _shares(found)
    retest = findings.primary.details.retest
    if retest is not None:
        kappa = "" if retest.kappa is None else f", quadratic kappa {optional(retest.kappa)}"
        blocks.append(
            Prose(
                f"Texts shown twice to the same rater: {counted(retest.n_pairs, 'pair')} by "
                f"{counted(retest.n_raters, 'rater')}; the very same answer in {retest.same:.0%}{kappa}."
            )
        )
    warned = warnings_of([each for each in coefficients(found) if not isinstance(each[1], NotEstimable)])
    if warned:
        blocks.append(Bullets([sentence(warning) for warning in warned]))
    return Section("agreement", title, blocks)


def _shares(found: Agreement) -> list[Block]:
    if len(found.shares) > 12:
        return []
    most = max(share for _, share in found.shares)
    used = ", ".join(f"{value:g}: {share:.0%}" for value, share in found.shares)
    paradox = (
        " Where nearly all answers are one point, alpha and kappa are low by construction; go by AC2."
        if most > 0.7
        else ""
    )
    return [Prose(f"Shares of all answers: {used}.{paradox}")]


def raters_quality_section(findings: Findings) -> Section | None:
    """Show how every rater answered, blind to the arms."""
    quality = findings.primary.details.quality
    if not quality:
        return None
    rows, rest = cut_rows([_row(rater, findings) for rater in quality])
    header = (
        "rater",
        "answers",
        "mean",
        "SD",
        "severity",
        "points used",
        "entropy (bits)",
        "longest run",
        "median s",
        "agreement",
    )
    note = (
        "Severity: how far above the other raters of the same texts, in scale points. Agreement: "
        "Spearman's correlation with the mean of the others. All of it is blind to the arms, and nobody "
        "is left out for it unless a rule declared beforehand says so. Median s: the time for a trial, in "
        "view before its first answer, or between answers at the server where the browser sent no time."
    )
    table = Table("How each rater answered", header, rows)
    return Section("raters-quality", "Rater quality", [table, *rest, Prose(note)])


def _row(rater: RaterQuality, findings: Findings) -> tuple[str, ...]:
    return (
        findings.rater(rater.rater),
        f"{rater.n:,}",
        optional(rater.mean),
        optional(rater.sd),
        optional(rater.severity),
        f"{rater.points_used}",
        optional(rater.entropy),
        "–" if rater.longest_run is None else f"{rater.longest_run}",
        optional(rater.median_s, 1),
        optional(rater.agreement),
    )


def course_section(findings: Findings) -> Section | None:
    """Show ratings over position and the time for each answer."""
    blocks = [*findings.picture("positions"), *findings.picture("times")]
    return Section("course", "Answers over time", blocks) if blocks else None


def power_section(findings: Findings) -> Section | None:
    """Show what a study of this design finds."""
    curve = findings.curve
    if curve is None:
        return None
    rows = [
        (
            optional(each.net_superiority),
            optional(each.points),
            f"{each.power.share:.0%}",
            f"{each.power.low:.0%} to {each.power.high:.0%}",
        )
        for each in curve.points
    ]
    table = Table(
        f"Power of this design, tested at p < {significant(curve.alpha)}",
        ("true net superiority", "in scale points", "found in", "simulation's 95 % interval"),
        rows,
    )
    return Section("power", "Power of this design", [*findings.picture("power"), table])
