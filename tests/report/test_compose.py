from dataclasses import replace

from rater.analysis.primary import Analysis
from rater.report.context import (
    ReportContext,
)
from tests.report.conftest import FIRST, STUDY, compose_report, section, words


def test_what_failed_comes_before_what_passed(analysis: Analysis) -> None:
    document = compose_report(analysis, ReportContext(title="t", study=STUDY))

    said = words(section(document, "checks"))
    assert said.index("5 of 6 planned raters finished.") < said.index("Passed:")
    assert said.index("1 interim analysis by arm, 0 planned.") < said.index("Passed:")
    assert said.index("Passed:") < said.index("The key matches the commitment made at publication.")


def test_an_interim_look_is_announced_first(analysis: Analysis) -> None:
    document = compose_report(analysis, ReportContext(title="t", study=replace(STUDY, looks=(FIRST,))))

    assert (
        document.notice
        == "This is an interim look; data collection continues, and this is not the final result."
    )


def test_a_rehearsal_is_labelled_first_and_has_no_verification(analysis: Analysis) -> None:
    document = compose_report(
        analysis, ReportContext(title="t", label="Rehearsal", study=STUDY, is_rehearsal=True)
    )

    assert document.notice.startswith("This is a rehearsal.")
    provenance = section(document, "provenance")
    assert "rater verify" not in repr(provenance)
    assert "they do not verify the study itself" in words(provenance)
