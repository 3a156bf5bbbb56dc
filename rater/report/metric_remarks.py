"""Sentences about a metric or a judge next to the raters: failures first, and no praise without evidence."""

from rater.analysis.measures import MetricComparison
from rater.analysis.metric_values import Consistency
from rater.analysis.results import Estimate, Quantity, Result
from rater.analysis.sentences import counted, number, p_value
from rater.report.numbers import with_interval

EXPLORATORY = (
    "Exploratory: no metric is part of the planned analysis, none is the primary result, and p-values are "
    "not adjusted. A metric or a judge replaces raters only as far as its agreement with them and its error "
    "by arm allow."
)


def remarks(found: MetricComparison, alpha: float) -> list[str]:
    """Return what a reader needs to know of a metric, in sentences; the first ones are faults."""
    sentences = [*_coverage(found), *([found.caution] if found.caution else [])]
    if found.is_constant:
        sentences.append(
            "It gave every text the same value, so it cannot show a difference between the arms."
        )
    sentences += [_consistency(each) for each in found.consistency]
    sentences += _agreement(found)
    return [*sentences, *_error(found, alpha)]


def _coverage(found: MetricComparison) -> list[str]:
    coverage = found.coverage
    noun = "pair in one of the orders" if found.is_pairwise else "text"
    plural = "pairs in one of the orders" if found.is_pairwise else "texts"
    sentences = []
    if coverage.n_failed:
        reasons = ", ".join(f"{reason} ({n:,})" for reason, n in coverage.failures)
        by_arm = ", ".join(
            f"{each.arm} {each.n_failed:,} of {each.n:,}" for each in coverage.by_arm if each.n
        )
        n_measured = counted(coverage.n_values + coverage.n_failed, noun, plural)
        sentences.append(
            f"It has no value for {coverage.n_failed:,} of {n_measured}: {reasons}. By arm: {by_arm}. They "
            "are left out and not replaced by any value."
        )
    if coverage.n_not_measured:
        sentences.append(f"{counted(coverage.n_not_measured, noun, plural)} not measured yet.")
    return sentences


def _consistency(each: Consistency) -> str:
    if each.over == "repetitions":
        return (
            f"Repeated on {counted(each.n, 'text')}, it gave equal values for {each.share_equal:.0%} of "
            f"them; the mean range of repeated values is {number(each.mean_range)}."
        )
    first = ""
    if each.share_first is not None:
        first = f" It preferred the text shown first in {each.share_first:.0%} of its choices."
    return (
        f"With the texts swapped, it made the same choice for {each.share_equal:.0%} of "
        f"{counted(each.n, 'pair')}.{first}"
    )


def _agreement(found: MetricComparison) -> list[str]:
    if found.agreement is None:
        return []
    own, between = found.agreement.kappa, found.kappa_between_raters
    if not isinstance(own, Estimate):
        return [f"Agreement with single raters: {own.sentence}"]
    sentences = []
    low = own.interval.low if own.interval else None
    if own.estimate <= 0 or (low is not None and low <= 0):
        sentences.append(
            f"Its agreement with single raters (weighted kappa {with_interval(own)}) is not distinguishable "
            "from chance: it cannot replace raters here."
        )
    if isinstance(between, Estimate):
        sentences.append(
            f"Its weighted kappa with a single rater is {with_interval(own)}; that between raters is "
            f"{with_interval(between)}, so its agreement is {_relation(own, between)}."
        )
    sentences.append(
        f"It gave the same answer as a rater in {found.agreement.share_equal:.0%} of comparisons; "
        f"{found.agreement.share_equal_by_chance:.0%} would be equal by chance, given the shares of each "
        "answer."
    )
    return sentences


def _relation(own: Estimate, between: Quantity) -> str:
    """Compare two coefficients by their intervals."""
    if own.interval and isinstance(between, Estimate):
        if own.interval.high < between.estimate:
            return "lower"
        if between.interval and own.interval.low > between.interval.high:
            return "higher"
    return "not clearly different"


def _error(found: MetricComparison, alpha: float) -> list[str]:
    outcome = found.error_difference
    if not isinstance(outcome, Result):
        return [f"Error by arm: {outcome.sentence}"]
    first = found.arms[0].arm if found.arms else "the first arm"
    if outcome.rejects(alpha):
        direction = "higher" if outcome.estimate > 0 else "lower"
        remark = (
            f"Its error differs between the arms ({p_value(outcome.p)}): relative to the other arm, it puts "
            f"“{first}” {direction} than the raters do, by {with_interval(outcome)} points."
        )
    else:
        remark = (
            f"No difference of its error between the arms was found ({with_interval(outcome)} points, "
            f"{p_value(outcome.p)}); this is not evidence that there is none."
        )
    return [remark]
