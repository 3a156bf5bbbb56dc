from dataclasses import replace

import pytest

from rater.analysis.plan import Planned, Spent
from rater.analysis.primary import Analysis, analyze
from rater.report.compose import compose
from rater.report.context import (
    AmendmentText,
    Look,
    ReportContext,
    StudyFacts,
    TakenOut,
    describe_cost_of_looks,
)
from rater.report.document import Bullets, Document, Prose, Section, Table
from rater.report.sections.inputs import Findings
from rater.report.sections.integrity import list_checks, looks_section
from rater.study.analysis_plan import Exclusions
from tests.report.conftest import Made

FIRST = Look(number=1, at="2026-03-01 12:00 UTC", who="ada", why="curious", n_answers=20, is_interim=True)
STUDY = StudyFacts(
    name="a_study",
    study_hash="ab" * 32,
    commitment="cd" * 32,
    log_head="ef" * 32,
    looks=(FIRST, replace(FIRST, number=2, is_interim=False, n_answers=40)),
    n_planned_raters=6,
    n_started_raters=5,
    n_finished_raters=5,
    items_per_rater=8,
    n_texts=8,
    model="a model",
    sampling="temperature 1",
    arms=(),
)


def compose_report(analysis: Analysis, about: ReportContext) -> Document:
    return compose(Findings(analysis, about, {}), "0123")


def section(document: Document, anchor: str) -> Section:
    return next(each for each in document.sections if each.anchor == anchor)


def words(of: Section) -> str:
    said = []
    for block in of.blocks:
        if isinstance(block, Prose):
            said.append(block.text)
        elif isinstance(block, Bullets):
            said += block.items
    return "\n".join(said)


def test_what_failed_comes_before_what_passed(analysis: Analysis) -> None:
    document = compose_report(analysis, ReportContext(title="t", study=STUDY))

    said = words(section(document, "checks"))
    assert said.index("5 of 6 planned raters finished.") < said.index("Passed:")
    assert said.index("1 interim analysis by arm, 0 planned.") < said.index("Passed:")
    assert said.index("Passed:") < said.index("The key matches the commitment made at publication.")


@pytest.mark.parametrize(
    ("after_look", "when"), [(True, "after an analysis by arm"), (False, "before any analysis by arm")]
)
def test_deleted_raters_are_counted_in_checks_and_methods(
    analysis: Analysis,
    after_look: bool,  # noqa: FBT001 (pytest gives it by name)
    when: str,
) -> None:
    gone = TakenOut(at="2026-03-02 12:00 UTC", n_answers=8, after_look=after_look)
    about = ReportContext(title="t", study=replace(STUDY, taken_out=(gone, gone)))
    document = compose_report(analysis, about)

    says = f"2 raters with 16 answers were permanently deleted from the data, {when}"
    assert says in words(section(document, "checks"))
    assert says in words(section(document, "methods"))
    fails = [
        c for c in list_checks(Findings(analysis, about, {})) if c.message.startswith("2 raters with 16")
    ]
    assert [check.passed for check in fails] == [False if after_look else None]


def test_raters_added_after_a_look_are_a_failed_check(analysis: Analysis) -> None:
    added = AmendmentText(
        version=2,
        at="2026-03-02 12:00 UTC",
        who="ada",
        why="more",
        changes=("plan.raters",),
        n_raters_added=2,
        after_look=True,
    )
    late, early = (
        list_checks(
            Findings(
                analysis,
                ReportContext(
                    title="t", study=replace(STUDY, amendments=(replace(added, after_look=is_late),))
                ),
                {},
            )
        )
        for is_late in (True, False)
    )

    assert [c.passed for c in late if c.message.startswith("2 raters were added after an analysis")] == [
        False
    ]
    assert not [c for c in early if "were added after an analysis" in c.message]


def test_only_interim_looks_inflate_the_type_i_error(analysis: Analysis) -> None:
    planned = analysis.planned
    assert "at most 8.3% instead of 5%" in describe_cost_of_looks(STUDY, planned)
    ten = tuple(replace(FIRST, number=look, n_answers=10 * look) for look in range(1, 11))
    assert "at most 19.3%" in describe_cost_of_looks(replace(STUDY, looks=ten), planned)
    after = replace(STUDY, looks=STUDY.looks[1:])
    assert "do not inflate the type I error if the plan is kept" in describe_cost_of_looks(after, planned)


def test_masked_exports_are_counted_next_to_the_looks_and_fail_no_check(analysis: Analysis) -> None:
    study = replace(STUDY, n_masked_exports=3)
    findings = Findings(analysis, ReportContext(title="t", study=study), {})

    section = looks_section(findings)

    assert section is not None
    assert any("exported without arms 3 times" in str(block) for block in section.blocks)
    without = Findings(analysis, ReportContext(title="t", study=STUDY), {})
    assert list_checks(findings) == list_checks(without)


def test_looks_with_alpha_spending_do_not_fail_a_check(analysis: Analysis) -> None:
    spread = replace(analysis, planned=replace(analysis.planned, spent=Spent("pocock", 0.05, 0.5)))

    document = compose_report(spread, ReportContext(title="t", study=STUDY))

    assert "inflate" not in words(section(document, "looks"))
    assert "alpha spending (Pocock type)" in words(section(document, "looks"))
    checks = words(section(document, "checks"))
    assert checks.index("Passed:") < checks.index("with alpha spending over all of them")


def test_the_naive_test_comes_after_every_result_and_is_marked(analysis: Analysis) -> None:
    document = compose_report(analysis, ReportContext(title="t"))

    anchors = [each.anchor for each in document.sections]
    assert anchors[-4:] == ["naive", "methods", "provenance", "files"]
    assert "Mann–Whitney test on single answers" in words(section(document, "naive"))


def test_without_a_primary_result_there_is_no_naive_p(make: Made, planned: Planned) -> None:
    frame = make(3, 3).drop(columns="guess")

    document = compose_report(analyze(frame[frame["arm"] == "steered"], planned), ReportContext(title="t"))

    assert document.answer.startswith("Not estimable on happiness, because")
    assert document.verdict == "not estimable"
    assert "naive" not in [each.anchor for each in document.sections]
    assert "The primary test is not available" in words(section(document, "checks"))


def test_equal_answers_have_an_exact_test_in_the_report(make: Made, planned: Planned) -> None:
    frame = make(3, 3).drop(columns="guess").assign(answer=3.0)

    document = compose_report(analyze(frame, replace(planned, sesoi=0.1)), ReportContext(title="t"))

    assert "exact sign-flip over 3 raters, p = 1" in document.answer
    assert document.verdict == "inconclusive"
    assert "Not estimable, because all" in words(section(document, "ordinal"))


def test_an_interim_look_is_announced_first(analysis: Analysis) -> None:
    document = compose_report(analysis, ReportContext(title="t", study=replace(STUDY, looks=(FIRST,))))

    assert (
        document.notice
        == "This is an interim look; data collection continues, and this is not the final result."
    )


def test_the_methods_name_test_software_and_references(analysis: Analysis) -> None:
    document = compose_report(analysis, ReportContext(title="t", study=STUDY))

    said = words(section(document, "methods"))
    assert "The primary estimand was the difference between “steered” and “unsteered” on happiness" in said
    assert "tested with a crossed random-effects t test on rater × prompt cell scores" in said
    assert "smallest effect size of interest of 0.2 in net superiority" in said
    assert "Clark 1973, J. Verbal Learn. Verbal Behav. 12:335–359" in said
    assert "Schuirmann 1987, J. Pharmacokinet. Biopharm. 15:657–680" in said
    assert "computed with rater " in said


def test_the_methods_state_the_exclusion_criteria(make: Made, planned: Planned) -> None:
    ruled = replace(planned, exclusions=Exclusions(min_median_seconds=0.001))
    document = compose_report(analyze(make(5, 4), ruled), ReportContext(title="t", study=STUDY))

    said = words(section(document, "methods"))
    assert "No rater was excluded by criteria" in said
    assert "a median time per trial below 0.001 s" in said


def test_the_methods_name_no_model_where_texts_come_from_files(analysis: Analysis) -> None:
    filed = replace(STUDY, model="", sampling="2 for each prompt and arm")
    document = compose_report(analysis, ReportContext(title="t", study=filed))

    said = words(section(document, "methods"))
    assert "Texts were taken from files (2 for each prompt and arm) for" in said
    assert "sampled" not in said


def test_every_amendment_is_listed_with_the_original_sample_size(analysis: Analysis) -> None:
    more = AmendmentText(
        version=2,
        at="2026-03-01 12:00 UTC",
        who="ada",
        why="Too few came.",
        changes=("instructions", "plan.raters"),
        n_raters_added=2,
    )
    amended = replace(STUDY, n_planned_raters=8, amendments=(more,))

    document = compose_report(analysis, ReportContext(title="t", study=amended))

    said = "the study was amended 1 time after publication (version 2: instructions, 2 raters more)"
    assert said in words(section(document, "checks")).lower()
    methods = words(section(document, "methods"))
    assert "sample size was 6 raters at publication and 8 after the amendments." in methods
    assert "2026-03-01 12:00 UTC: instructions, 2 raters more; reason: “Too few came.”" in methods
    table = section(document, "amendments").blocks[1]
    assert isinstance(table, Table)
    assert table.rows == [
        ("2", "2026-03-01 12:00 UTC", "ada", "Too few came.", "instructions, 2 raters more")
    ]
    plain = compose_report(analysis, ReportContext(title="t", study=STUDY))
    assert "amendments" not in [each.anchor for each in plain.sections]
    assert "The planned sample size was 6 raters." in words(section(plain, "methods"))


def test_the_methods_do_not_say_that_nobody_could_have_looked(analysis: Analysis) -> None:
    said = words(section(compose_report(analysis, ReportContext(title="t", study=STUDY)), "methods"))

    assert "Neither raters nor experimenters" not in said
    assert "Anyone with access to the sealed database could have looked up the arms" in said


def test_the_provenance_section_has_the_commands_for_verification(analysis: Analysis) -> None:
    document = compose_report(analysis, ReportContext(title="t", study=STUDY))

    commands = section(document, "provenance").blocks[-1]
    assert f"rater verify a_study --head {STUDY.log_head}" in commands.lines  # type: ignore[union-attr] # it ends so


def test_an_excluded_rater_is_not_a_failed_check(make: Made, planned: Planned) -> None:
    ruled = replace(planned, exclusions=Exclusions(min_median_seconds=5), n_raters=8)
    analysis = analyze(make(8, 6), ruled)

    said = words(section(compose_report(analysis, ReportContext(title="t")), "checks"))

    known = said.split("For information:")[1].split("Passed:")[0]
    assert analysis.exclusion is not None
    assert analysis.exclusion.raters
    assert "excluded by the declared criteria." in known


def test_a_rehearsal_is_labelled_first_and_has_no_verification(analysis: Analysis) -> None:
    document = compose_report(
        analysis, ReportContext(title="t", label="Rehearsal", study=STUDY, is_rehearsal=True)
    )

    assert document.notice.startswith("This is a rehearsal.")
    provenance = section(document, "provenance")
    assert "rater verify" not in repr(provenance)
    assert "they do not verify the study itself" in words(provenance)
