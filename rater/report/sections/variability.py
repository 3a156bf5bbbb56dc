"""Spread of the answers, and what to expect for a new prompt or rater."""

from rater.analysis.results import NotEstimable
from rater.analysis.sentences import SCORE_LABELS, coverage, sentence
from rater.analysis.variability import NewUnit
from rater.report.document import Block, Bullets, Prose, Section, Table
from rater.report.numbers import bare_p, ends, level, optional, p_of, statistic
from rater.report.sections.inputs import Findings, warnings_of


def spread_section(findings: Findings) -> Section | None:
    """Show the standard deviations by arm and their ratio; None for pairwise choices."""
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
    header = ("ratio of SDs", "estimate", level(findings.alpha), "statistic (log ratio)", "p")
    blocks: list[Block] = [sds, Table("Ratio of the standard deviations", header, [row])]
    if found.reading:
        blocks.append(Prose(sentence(found.reading), is_warning=True))
    blocks.append(Prose(f"Method: {sentence(test.method)} Reference: {test.reference}."))
    if test.warnings:
        blocks.append(Bullets([sentence(text) for text in warnings_of([("ratio of SDs", test)])]))
    return Section("spread", title, blocks)


_EXPLAINED = (
    "Opposite sign: the share of prompts (raters) on which the difference has the opposite sign of the mean. "
    "In this study: the number of prompts (raters) of this study with the opposite sign, by their BLUPs. "
    "Effects of prompts and raters are assumed to be normally distributed."
)


def reliability_section(findings: Findings) -> Section:
    """Show prediction intervals and shares of the opposite sign."""
    found = findings.primary.details.reliability
    both = (("prompt", found.prompts), ("rater", found.raters))
    rows = [_row(each) for _, each in both if isinstance(each, NewUnit)]
    blocks: list[Block] = []
    if rows:
        interval = level(findings.alpha)
        score = SCORE_LABELS[findings.analysis.planned.score]
        header = (
            "of",
            "mean",
            "SD between units",
            interval,
            "prediction interval",
            "opposite sign",
            interval,
            "in this study",
        )
        blocks.append(Table(f"Difference on new prompts and for new raters, in {score}", header, rows))
    blocks += [
        Prose(sentence(f"a new {unit}: {each.sentence}"))
        for unit, each in both
        if isinstance(each, NotEstimable)
    ]
    made = next((each for _, each in both if isinstance(each, NewUnit)), None)
    if made is not None:
        blocks.append(Prose(f"{_coverage_of(made)} {_EXPLAINED}"))
        blocks.append(Prose(f"Method: {sentence(made.method)} Reference: {made.reference}."))
    return Section("reliability", "On new prompts and for new raters", blocks)


def _row(found: NewUnit) -> tuple[str, ...]:
    studied = "–" if found.n_opposite is None else f"{found.n_opposite:,} of {found.n_units:,}"
    return (
        f"{found.unit}s",
        optional(found.mean),
        optional(found.sd),
        ends(found.sd_interval),
        ends(found.interval),
        f"{found.opposite:.0%}",
        share_interval(found),
        studied,
    )


def share_interval(found: NewUnit) -> str:
    """Format the interval of the share of the opposite sign."""
    low, high = found.opposite_interval.low, found.opposite_interval.high
    return f"{low:.0%} to {high:.0%}"


def _coverage_of(found: NewUnit) -> str:
    return (
        f"In {coverage(found.interval.level)} of such studies, the prediction interval contains the "
        "difference on a new prompt, averaged over all raters, and for a new rater, averaged over all "
        "prompts."
    )
