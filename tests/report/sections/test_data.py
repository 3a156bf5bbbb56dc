from dataclasses import replace

from rater.analysis.findings import Finding
from rater.analysis.primary import Analysis
from rater.report.context import ReportContext
from rater.report.document import Bullets, Prose
from rater.report.sections.data import data_section, exclusions_section, first_warnings
from rater.report.sections.inputs import Findings
from tests.report.conftest import words


def test_without_criteria_the_section_states_that_all_answers_are_analysed(analysis: Analysis) -> None:
    section = exclusions_section(Findings(analysis, ReportContext(title="t"), {}))

    assert "No exclusion criteria were declared" in words(section)


def test_warnings_precede_notes_and_are_repeated_before_the_first_result(analysis: Analysis) -> None:
    warning, note = (
        Finding(level=level, code=f"a_{level}", message=f"This is a {level}.") for level in ("warn", "note")
    )
    diagnosis = replace(analysis.diagnosis, findings=(warning, note))

    section = data_section(diagnosis, is_external=True)
    first = first_warnings(diagnosis)

    assert section is not None
    text = words(section)
    assert text.index("This is a warn.") < text.index("This is a note.")
    assert first == [Prose("About the data:", is_warning=True), Bullets(["This is a warn."])]
