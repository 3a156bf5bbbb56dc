from rater.analysis.plan import Planned
from rater.analysis.primary import Analysis, analyze
from rater.report.context import ReportContext
from rater.report.document import Table
from rater.report.sections.inputs import Findings
from rater.report.sections.variability import reliability_section, spread_section
from tests.report.conftest import Made, words


def test_the_standard_deviations_of_both_arms_come_with_their_ratio(analysis: Analysis) -> None:
    section = spread_section(Findings(analysis, ReportContext(title="t"), {}))

    assert section is not None
    sds, ratio = (block for block in section.blocks if isinstance(block, Table))
    assert {row[0] for row in sds.rows} == {"steered", "unsteered"}
    assert ratio.rows[0][0] == "steered over unsteered"


def test_too_few_prompts_give_the_reason_and_no_prediction(analysis: Analysis) -> None:
    section = reliability_section(Findings(analysis, ReportContext(title="t"), {}))

    assert not any(isinstance(block, Table) for block in section.blocks)
    assert "A new prompt: " in words(section)


def test_differences_are_predicted_for_new_prompts_and_new_raters(make: Made, planned: Planned) -> None:
    analysis = analyze(make(8, 8), planned)

    section = reliability_section(Findings(analysis, ReportContext(title="t"), {}))

    (table,) = (block for block in section.blocks if isinstance(block, Table))
    assert [row[0] for row in table.rows] == ["prompts", "raters"]
    assert "95% of such studies" in words(section)
