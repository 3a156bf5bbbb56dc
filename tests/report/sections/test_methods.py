from dataclasses import replace

from rater.analysis.plan import Planned
from rater.analysis.primary import Analysis, analyze
from rater.report.context import (
    ReportContext,
)
from rater.report.document import Bullets, Prose, Section
from rater.report.sections.methods import terms_section
from rater.study.analysis_plan import Exclusions
from tests.report.conftest import STUDY, Made, compose_report, section, words


def test_the_methods_name_test_software_and_references(analysis: Analysis) -> None:
    document = compose_report(analysis, ReportContext(title="t", study=STUDY))

    text = words(section(document, "methods"))
    assert "The primary estimand was the difference between “steered” and “unsteered” on happiness" in text
    assert "tested with a crossed random-effects t test on rater × prompt cell scores" in text
    assert "smallest effect size of interest of 0.2 in net superiority" in text
    assert "Clark 1973, J. Verbal Learn. Verbal Behav. 12:335–359" in text
    assert "Schuirmann 1987, J. Pharmacokinet. Biopharm. 15:657–680" in text
    assert "computed with rater " in text


def test_the_methods_state_the_exclusion_criteria(make: Made, planned: Planned) -> None:
    ruled = replace(planned, exclusions=Exclusions(min_median_seconds=0.001))
    document = compose_report(analyze(make(5, 4), ruled), ReportContext(title="t", study=STUDY))

    text = words(section(document, "methods"))
    assert "No rater was excluded by criteria" in text
    assert "a median time per trial below 0.001 s" in text


def test_the_methods_name_no_model_where_texts_come_from_files(analysis: Analysis) -> None:
    filed = replace(STUDY, model="", sampling="2 for each prompt and arm")
    document = compose_report(analysis, ReportContext(title="t", study=filed))

    text = words(section(document, "methods"))
    assert "Texts were taken from files (2 for each prompt and arm) for" in text
    assert "sampled" not in text


def test_raters_who_withdrew_are_counted_in_the_methods_and_next_to_the_sizes(analysis: Analysis) -> None:
    document = compose_report(analysis, ReportContext(title="t", study=replace(STUDY, n_withdrawn_raters=2)))

    text = words(section(document, "methods"))
    assert "2 raters withdrew, and their answers are not used" in text
    assert "without 2 who withdrew" in document.sizes


def test_the_methods_do_not_say_that_nobody_could_have_looked(analysis: Analysis) -> None:
    text = words(section(compose_report(analysis, ReportContext(title="t", study=STUDY)), "methods"))

    assert "Neither raters nor experimenters" not in text
    assert "Anyone with access to the sealed database could have looked up the arms" in text


def test_the_terms_that_a_report_uses_are_defined_in_it(analysis: Analysis) -> None:
    document = compose_report(analysis, ReportContext(title="t", study=STUDY))

    text = words(section(document, "terms"))
    assert "net superiority: The share of pairs of answers" in text
    assert "Krippendorff's alpha: A coefficient of agreement" in text
    assert "Bradley–Terry model" not in text  # nothing was compared in pairs
    assert "docs/" not in text


def test_words_of_rated_texts_and_prose_without_terms_define_nothing() -> None:
    assert terms_section([Section("checks", "Checks", [Prose("Everything passed.")])]) is None
    assert terms_section([Section("checks", "Checks", [Prose("Powerful odds.")])]) is None


def test_a_term_is_recognised_in_the_plural_and_with_another_hyphen() -> None:
    found = terms_section([Section("a", "A", [Bullets(["Confidence\u2013intervals, BLUPs"])])])

    assert found is not None
    assert [
        line.split(" (")[0].split(":")[0]
        for block in found.blocks
        if isinstance(block, Bullets)
        for line in block.items
    ] == [
        "BLUP",
        "confidence interval",
    ]
