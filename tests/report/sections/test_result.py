from dataclasses import replace

from rater.analysis.plan import Planned
from rater.analysis.primary import Analysis, analyze
from rater.report.context import (
    ReportContext,
)
from tests.report.conftest import Made, compose_report, section, words


def test_the_naive_test_comes_after_every_result_and_is_marked(analysis: Analysis) -> None:
    document = compose_report(analysis, ReportContext(title="t"))

    anchors = [each.anchor for each in document.sections]
    assert anchors[-5:] == ["naive", "methods", "terms", "provenance", "files"]
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
