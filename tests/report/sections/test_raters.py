from dataclasses import replace

from rater.analysis.characteristics import Characteristic
from rater.analysis.primary import Analysis
from rater.report.context import ReportContext
from rater.report.document import Table
from rater.report.sections.inputs import Findings
from rater.report.sections.raters import (
    agreement_section,
    course_section,
    power_section,
    raters_quality_section,
)
from tests.report.conftest import compose_report, words
from tests.report.conftest import section as section_of

FIELD = Characteristic(
    name="field",
    question="What do you study?",
    kind="choice",
    n_answered=4,
    n_declined=1,
    n_missing=0,
    counts=(("Physics", 3), ("Other", 1)),
)
AGE = Characteristic(
    name="age",
    question="How old are you?",
    kind="number",
    n_answered=4,
    n_declined=0,
    n_missing=1,
    mean=30.5,
    sd=9.26,
    median=30,
    lowest=20,
    highest=42,
)
JOB = Characteristic(name="job", question="Your job?", kind="text", n_answered=5, n_declined=0, n_missing=0)


def findings(analysis: Analysis) -> Findings:
    return Findings(analysis, ReportContext(title="t"), {})


def test_every_coefficient_of_agreement_is_in_the_table(analysis: Analysis) -> None:
    section = agreement_section(findings(analysis))

    (table,) = (block for block in section.blocks if isinstance(block, Table))
    names = " ".join(row[0] for row in table.rows)
    assert all(name in names for name in ("alpha", "AC2", "kappa"))
    assert "Shares of all answers: 1: " in words(section)


def test_each_rater_has_a_row_of_indicators(analysis: Analysis) -> None:
    section = raters_quality_section(findings(analysis))

    assert section is not None
    (table,) = (block for block in section.blocks if isinstance(block, Table))
    assert [row[0] for row in table.rows] == [f"r{n:04d}" for n in range(5)]
    assert "blind to the arms" in words(section)


def test_without_figures_and_without_a_curve_there_is_no_section(analysis: Analysis) -> None:
    assert course_section(findings(analysis)) is None
    assert power_section(findings(analysis)) is None


def test_characteristics_are_counts_shares_and_means(analysis: Analysis) -> None:
    described = replace(analysis, characteristics=(FIELD, AGE, JOB))

    shown = section_of(compose_report(described, ReportContext(title="t")), "characteristics")

    (table,) = [each for each in shown.blocks if isinstance(each, Table)]
    assert [tuple(row) for row in table.rows] == [
        ("What do you study?", "Physics", "3", "75%"),
        ("", "Other", "1", "25%"),
        ("", "declined", "1", "–"),
        ("How old are you?", "a number", "4", "30.50 (SD 9.26, median 30.00, from 20 to 42)"),
        ("", "not known", "1", "–"),
        ("Your job?", "a text", "5", "–"),
    ]


def test_a_study_without_questionnaire_has_no_such_section(analysis: Analysis) -> None:
    anchors = {each.anchor for each in compose_report(analysis, ReportContext(title="t")).sections}

    assert "characteristics" not in anchors
