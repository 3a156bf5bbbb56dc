from dataclasses import replace

from rater.analysis.characteristics import Characteristic
from rater.analysis.primary import Analysis
from rater.report.context import ReportContext
from rater.report.document import Table
from tests.report.conftest import compose_report, section

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


def test_characteristics_are_counts_shares_and_means(analysis: Analysis) -> None:
    described = replace(analysis, characteristics=(FIELD, AGE, JOB))

    shown = section(compose_report(described, ReportContext(title="t")), "characteristics")

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
