from dataclasses import replace

from rater.analysis.moderators import GroupEffect, Interaction, Moderation
from rater.analysis.primary import Analysis
from rater.analysis.results import Counts, NotEstimable, Result
from rater.report.console.secondary import moderator_lines
from rater.report.context import ReportContext
from rater.report.document import Table
from tests.report.conftest import STUDY, compose_report, section, words


def moderation(analysis: Analysis) -> Moderation:
    outcome = analysis.dimensions[0].primary
    assert isinstance(outcome, Result)
    n = Counts(raters=0, prompts=0, items=0, answers=0, cells=0)
    missing = NotEstimable(test="interaction", score=outcome.score, reason="nobody answered", n=n)
    return Moderation(
        name="field",
        question="What do you study?",
        n_unknown=1,
        groups=(GroupEffect(group="Physics", n_raters=3, outcome=outcome),),
        interactions=(
            Interaction(name="Law − Physics", outcome=outcome, p_adjusted=0.04),
            Interaction(name="Art − Physics", outcome=missing),
        ),
    )


def test_groups_and_interactions_are_shown_with_adjusted_p_values(analysis: Analysis) -> None:
    moderated = replace(analysis, moderations=(moderation(analysis),))

    shown = section(compose_report(moderated, ReportContext(title="t", study=STUDY)), "moderators")

    groups, interactions = [each for each in shown.blocks if isinstance(each, Table)]
    assert groups.rows[0][0] == "Physics"
    assert groups.caption.endswith("1 rater without an answer")
    assert [(row[0], row[-1]) for row in interactions.rows] == [
        ("Law − Physics", ".040"),
        ("Art − Physics", "–"),
    ]
    assert "nobody answered" in words(shown)


def test_the_methods_and_the_console_name_the_moderators(analysis: Analysis) -> None:
    moderated = replace(analysis, moderations=(moderation(analysis),))

    document = compose_report(moderated, ReportContext(title="t", study=STUDY))
    lines = moderator_lines(moderated)

    assert "characteristics of the raters (field)" in words(section(document, "methods"))
    assert lines[0].startswith("Moderator field, Law − Physics: change of the difference")
    assert lines[0].endswith("Holm-adjusted p = .040")
    assert lines[1] == "Moderator field, Art − Physics: Not estimable, because nobody answered."
