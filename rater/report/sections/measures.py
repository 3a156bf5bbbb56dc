"""Metrics and judges of the texts next to the raters' answers: exploratory."""

from collections.abc import Sequence

from rater.analysis.measures import MetricComparison
from rater.analysis.results import Quantity, Result
from rater.analysis.sentences import sentence
from rater.report.document import Block, Bullets, Prose, Section, Table
from rater.report.metric_remarks import EXPLORATORY, remarks
from rater.report.numbers import bare_p, interval_text, level, optional, p_of, with_interval
from rater.report.sections.inputs import Findings, warnings_of


def metrics_section(findings: Findings) -> Section | None:
    """Show each metric next to the raters, its failures first; None if nothing was measured."""
    found = findings.analysis.metrics
    if not found:
        return None
    blocks: list[Block] = [Prose(EXPLORATORY), *findings.picture("metrics"), _coverage_table(found)]
    for each in found:
        about = f"{each.name} ({each.kind}): {sentence(each.description)}"
        blocks += [Prose(about), Bullets([sentence(remark) for remark in remarks(each, findings.alpha)])]
    blocks += [_difference_table(found, findings), _agreement_table(found, findings)]
    blocks += _judge_tables(found)
    blocks += [_error_table(found, findings)]
    warned = warnings_of(
        [(each.name, outcome) for each in found for outcome in (each.net_superiority, each.error_difference)]
    )
    if warned:
        blocks.append(Bullets([sentence(warning) for warning in warned]))
    method = next(
        (each.error_difference.method for each in found if isinstance(each.error_difference, Result)), ""
    )
    text = (
        "A metric's difference between the arms is tested over prompts, with the metric fixed. Its error "
        "is its value minus a rater's answer; a metric in other units is turned into the raters' points by "
        "one line for both arms, which understates differences if the metric is noisy. Spearman's "
        "correlation within arms is not increased by a difference between the arms."
    )
    blocks.append(Prose(f"{text} Test of the error: {sentence(method)}" if method else text))
    return Section("metrics", "Metrics and judges", blocks)


def _coverage_table(found: Sequence[MetricComparison]) -> Table:
    rows = [
        (
            each.name,
            f"{each.coverage.n_failed:,}",
            f"{each.coverage.n_values:,}",
            f"{each.coverage.n_not_measured:,}",
            each.dimension,
            each.kind,
        )
        for each in found
    ]
    header = ("metric", "without a value", "values", "not measured", "compared with", "kind")
    marked = [place for place, each in enumerate(found) if each.coverage.n_failed]
    return Table("Values, and texts without one", header, rows, marked=marked, text_at=(4, 5))


def _difference_table(found: Sequence[MetricComparison], findings: Findings) -> Table:
    rows = []
    for dimension in dict.fromkeys(each.dimension for each in found):
        own = [each for each in found if each.dimension == dimension]
        raters = own[0].raters_net_superiority
        rows.append(
            (
                f"raters, {dimension}",
                optional(raters.estimate),
                interval_text(raters),
                bare_p(p_of(raters)),
                "–",
            )
        )
        rows += [
            (
                each.name,
                optional(each.net_superiority.estimate),
                interval_text(each.net_superiority),
                bare_p(p_of(each.net_superiority)),
                with_interval(each.difference),
            )
            for each in own
        ]
    first, second = findings.analysis.planned.contrast
    header = ("", "net superiority", level(findings.alpha), "p", "difference in its own units")
    return Table(f"Difference between the arms: {first} minus {second}", header, rows)


def _agreement_table(found: Sequence[MetricComparison], findings: Findings) -> Table:
    rows = [
        (
            each.name,
            optional(each.correlation.estimate),
            interval_text(each.correlation),
            optional(each.correlation_within_arms.estimate),
            interval_text(each.correlation_within_arms),
            f"{len(each.points):,}",
        )
        for each in found
    ]
    header = ("metric", "Spearman’s ρ", level(findings.alpha), "ρ within arms", level(findings.alpha), "n")
    return Table("Correlation with the mean rating of a text", header, rows)


def _judge_tables(found: Sequence[MetricComparison]) -> list[Block]:
    judges = [each for each in found if each.agreement is not None]
    if not judges:
        return []
    rows: list[tuple[str, str, str, str, str]] = []
    for each in judges:
        own = each.agreement
        assert own is not None  # noqa: S101 (chosen above)
        rows.append(
            (
                each.name,
                _shown(own.kappa),
                _shown(each.kappa_between_raters),
                _shown(own.alpha),
                _shown(own.concordance),
            )
        )
    header = (
        "judge",
        "κ with a rater",
        "κ between raters",
        "Krippendorff’s α with a rater",
        "κ with the mean rating",
    )
    tables: list[Block] = [Table("Agreement of a judge with the raters", header, rows)]
    for each in judges:
        rates = each.agreement.base_rates if each.agreement else ()
        if rates:
            shares = [(f"{rate.answer:g}", f"{rate.judge:.0%}", f"{rate.raters:.0%}") for rate in rates]
            tables.append(Table(f"{each.name}: shares of each answer", ("answer", "judge", "raters"), shares))
    return tables


def _shown(quantity: Quantity | None) -> str:
    return "–" if quantity is None else with_interval(quantity)


def _error_table(found: Sequence[MetricComparison], findings: Findings) -> Table:
    rows = []
    for each in found:
        rows += [
            (
                f"{each.name}, {arm.arm}",
                optional(arm.mean_error),
                optional(arm.mean_absolute_error),
                optional(arm.mean),
                optional(arm.mean_rating),
                f"{arm.n:,}",
                "",
                "",
            )
            for arm in each.arms
        ]
        outcome = each.error_difference
        rows.append(
            (
                f"{each.name}, difference",
                optional(outcome.estimate),
                "",
                "",
                "",
                "",
                interval_text(outcome),
                bare_p(p_of(outcome)),
            )
        )
    header = (
        "metric and arm",
        "mean error",
        "mean absolute error",
        "mean value",
        "mean rating",
        "n",
        level(findings.alpha),
        "p",
    )
    return Table("Error by arm, in the raters’ points", header, rows)
