from dataclasses import replace
from pathlib import Path

from rater.analysis import read
from rater.analysis.external_plan import plan_for
from rater.analysis.plan import Planned
from rater.analysis.primary import Analysis, analyze
from rater.report.context import ReportContext
from rater.report.document import Table
from tests.report.conftest import Made, compose_report, section, words

CONCEPTS = Path(__file__).resolve().parents[2] / "data" / "concepts"


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


def test_concepts_are_listed_with_the_primary_test_without_each() -> None:
    frame = read(CONCEPTS / "nested_unequal.csv")

    document = compose_report(analyze(frame, plan_for(frame)), ReportContext(title="t"))

    found = section(document, "by-concept")
    by_concept, without = (block for block in found.blocks if isinstance(block, Table))
    assert "Prompts are nested in concepts" in words(found)
    assert "Leaving out one concept at a time" in words(found)
    assert by_concept.rows[0][0] == "c03"  # the largest difference
    assert without.caption == "The primary test without one concept (sensitivity analysis)"
    assert [row[0] for row in without.rows] == ["c01", "c02", "c03", "c04", "c05"]
    assert "9 raters × 5 concepts, 16 prompts" in document.answer


def test_without_concepts_there_is_no_section_on_them(analysis: Analysis) -> None:
    document = compose_report(analysis, ReportContext(title="t"))

    assert "by-concept" not in [each.anchor for each in document.sections]
