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
from tests.report.conftest import words


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
