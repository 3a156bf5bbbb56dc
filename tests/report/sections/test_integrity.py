"""The checks say what the numbers show, and call nothing passed that they do not show."""

from dataclasses import replace

import pytest

from rater.analysis.agreement import Agreement
from rater.analysis.blinding import Blinding
from rater.analysis.plan import Planned, Spent
from rater.analysis.primary import Analysis, analyze
from rater.analysis.results import Estimate, Interval, NotEstimable, Result
from rater.report.context import (
    AmendmentText,
    ReportContext,
    StudyFacts,
    TakenOut,
)
from rater.report.document import Table
from rater.report.sections.inputs import Findings
from rater.report.sections.integrity import IntegrityCheck, list_checks, looks_section
from rater.study.analysis_plan import Exclusions
from rater.study.confounds import Confound
from tests.report.conftest import STUDY, Made, compose_report, section, words


def checks_with(analysis: Analysis, word: str) -> list[IntegrityCheck]:
    return [
        each for each in list_checks(Findings(analysis, ReportContext(title="t"), {})) if word in each.message
    ]


def guessing(analysis: Analysis, index: float, interval: Interval | None) -> Analysis:
    found = analysis.blinding
    assert isinstance(found, Blinding)
    assert isinstance(found.together, Result)
    together = replace(found.together, estimate=index, interval=interval)
    counts = (("steered", 4, 1, 0), ("unsteered", 3, 2, 1))
    return replace(analysis, blinding=replace(found, together=together, counts=counts))


@pytest.mark.parametrize(
    ("interval", "says"),
    [
        (
            Interval(-0.67, 1.40, 0.95),
            "guesses of the arm were not significantly more often right than wrong",
        ),
        (Interval(0.10, 0.62, 0.95), "guesses of the arm were more often right than wrong"),
        (Interval(-0.62, -0.10, 0.95), "guesses of the arm were more often wrong than right"),
    ],
)
def test_guesses_are_classified_by_their_interval(analysis: Analysis, interval: Interval, says: str) -> None:
    [check] = checks_with(guessing(analysis, 0.36, interval), "Bang")

    assert check.passed is None
    assert check.message.startswith(f"{says} (7 right, 3 wrong, 1 don't know); Bang's index is 0.36 (")


def test_guesses_without_an_interval_are_neither_blind_nor_not(analysis: Analysis) -> None:
    [check] = checks_with(guessing(analysis, 0.36, None), "Bang")

    assert check.passed is None
    assert "more often" not in check.message
    assert "without a confidence interval" in check.message


@pytest.mark.parametrize(
    ("alpha", "interval", "passed", "says"),
    [
        (
            0.09,
            Interval(-0.02, 0.2, 0.95),
            None,
            "agreement on single texts is not significantly above chance",
        ),
        (0.09, None, None, "agreement on single texts has no confidence interval"),
        (0.30, Interval(0.2, 0.4, 0.95), None, "agreement on single texts is below"),
        (0.70, Interval(0.6, 0.8, 0.95), True, "raters agree on single texts"),
    ],
)
def test_agreement_has_passed_where_it_reaches_a_published_threshold(
    analysis: Analysis,
    alpha: float,
    interval: Interval | None,
    passed: bool | None,  # noqa: FBT001 (pytest gives it by name)
    says: str,
) -> None:
    [check] = checks_with(agreeing(analysis, alpha, interval), "Krippendorff")

    assert check.passed is passed
    assert check.message.startswith(says)
    assert ("reduces power but does not invalidate" in check.message) == (passed is None)


def agreeing(analysis: Analysis, alpha: float, interval: Interval | None) -> Analysis:
    found = analysis.dimensions[0]
    agreement = found.details.agreement
    assert isinstance(agreement, Agreement)
    assert not isinstance(agreement.krippendorff_ordinal, NotEstimable)
    ordinal: Estimate = replace(agreement.krippendorff_ordinal, estimate=alpha, interval=interval)
    details = replace(found.details, agreement=replace(agreement, krippendorff_ordinal=ordinal))
    return replace(analysis, dimensions=(replace(found, details=details), *analysis.dimensions[1:]))


def facts(confounds: tuple[Confound, ...] | None, *declared: str) -> StudyFacts:
    return StudyFacts(
        name="s",
        study_hash="h",
        commitment="c",
        log_head="l",
        looks=(),
        n_planned_raters=1,
        n_started_raters=1,
        n_finished_raters=1,
        n_withdrawn_raters=0,
        items_per_rater=2,
        n_texts=4,
        model="m",
        sampling="",
        arms=(),
        confounds=confounds,
        declared_confounds=declared,
    )


def of_confounds(analysis: Analysis, study: StudyFacts) -> list[IntegrityCheck]:
    checks = list_checks(Findings(analysis, ReportContext(title="t", study=study), {}))
    return [each for each in checks if "confound" in each.message or "audit" in each.message]


LENGTH = Confound(
    cue="length in characters",
    first="steered",
    second="unsteered",
    auc=0.95,
    low=0.9,
    high=1.0,
    p=0.002,
    is_declared=False,
)


@pytest.mark.parametrize(
    ("changes", "passed"),
    [
        ({}, False),
        ({"is_declared": True}, None),
        ({"first": "unsteered", "second": "steered"}, False),
        ({"second": "prompted"}, None),
        ({"cue": "order of rows"}, None),
    ],
)
def test_a_confound_of_the_arms_compared_fails_where_the_study_file_did_not_declare_it(
    analysis: Analysis, changes: dict[str, object], *, passed: bool | None
) -> None:
    [check] = of_confounds(analysis, facts((replace(LENGTH, **changes),)))  # type: ignore[arg-type] # of each field's type

    assert check.passed is passed
    assert "AUC 0.95" in check.message
    assert "p = .002" in check.message


def test_an_audit_that_found_nothing_is_passed_and_no_audit_is_not_mentioned(analysis: Analysis) -> None:
    assert [each.passed for each in of_confounds(analysis, facts(()))] == [True]
    assert of_confounds(analysis, facts(None)) == []


def test_a_confound_that_was_declared_and_not_found_is_information(analysis: Analysis) -> None:
    checks = of_confounds(analysis, facts((), "digits", "repetition"))

    assert checks[-1].passed is None
    assert "digits, repetition" in checks[-1].message


@pytest.mark.parametrize(
    ("warning", "passed"),
    [
        (
            "4 of 184 answers do not enter the test, because the rater answered only one arm for the prompt",
            None,
        ),
        ("the variance between prompts was estimated as 0 and dropped", None),
        ("three raters are few", False),
    ],
)
def test_a_warning_that_most_studies_have_is_information_and_no_failed_check(
    analysis: Analysis,
    warning: str,
    passed: bool | None,  # noqa: FBT001 (pytest gives it by name)
) -> None:
    [first, *others] = analysis.dimensions
    assert isinstance(first.primary, Result)
    warned = replace(first, primary=replace(first.primary, warnings=(warning,)))

    [check] = checks_with(replace(analysis, dimensions=(warned, *others)), warning)

    assert check.passed is passed


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
