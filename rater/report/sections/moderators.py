"""Moderators: the primary difference by a characteristic of the raters, with tests of the interactions."""

from rater.analysis.moderators import Moderation
from rater.analysis.results import NotEstimable, Result
from rater.analysis.sentences import counted, sentence
from rater.report.document import Block, Bullets, Prose, Section, Table
from rater.report.numbers import bare_p, interval_text, level, optional, p_of, statistic
from rater.report.sections.inputs import Findings, warnings_of

_NOTE = (
    "Secondary. An interaction is a difference between groups of raters in the difference between the arms "
    "(or its change per standard deviation of a number), and generalises to raters and prompts. Its p-values "
    "are adjusted with the Holm correction over all declared moderators. It is not evidence of an "
    "interaction if one group reaches significance and another does not."
)


def moderators_section(findings: Findings) -> Section | None:
    """Show each declared moderator; None if there are none."""
    moderations = findings.analysis.moderations
    if not moderations:
        return None
    blocks: list[Block] = []
    for moderation in moderations:
        blocks += _tables(moderation, findings)
    outcomes = [
        (f"{moderation.name}, {each.name}", each.outcome)
        for moderation in moderations
        for each in moderation.interactions
    ]
    warned = warnings_of(outcomes)
    if warned:
        blocks.append(Bullets([sentence(warning) for warning in warned]))
    method = next((each.method for _, each in outcomes if isinstance(each, Result)), "")
    text = f"{_NOTE} Method: {sentence(method)}" if method else _NOTE
    return Section("moderators", "Moderators", [*blocks, Prose(text)])


def _tables(moderation: Moderation, findings: Findings) -> list[Block]:
    score = findings.score_label
    unknown = ""
    if moderation.n_unknown:
        unknown = f"; {counted(moderation.n_unknown, 'rater')} without an answer"
    blocks: list[Block] = []
    if moderation.groups:
        rows = [
            (
                each.group,
                optional(each.outcome.estimate),
                interval_text(each.outcome),
                bare_p(p_of(each.outcome)),
                f"{each.n_raters:,}",
            )
            for each in moderation.groups
        ]
        caption = f"{moderation.question} Difference in {score} within each group{unknown}"
        blocks.append(Table(caption, ("group", "estimate", level(findings.alpha), "p", "raters"), rows))
        unknown = ""
    interactions = [
        (
            each.name,
            optional(each.outcome.estimate),
            interval_text(each.outcome),
            "–" if isinstance(each.outcome, NotEstimable) else statistic(each.outcome),
            bare_p(p_of(each.outcome)),
            bare_p(each.p_adjusted),
        )
        for each in moderation.interactions
    ]
    header = ("interaction", "estimate", level(findings.alpha), "statistic", "p", "p, Holm correction")
    caption = f"{moderation.question} Change of the difference in {score}{unknown}"
    return [*blocks, Table(caption, header, interactions)]
