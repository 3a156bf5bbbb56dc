from dataclasses import replace

import pytest

from rater.analysis.plan import Planned
from rater.analysis.primary import Analysis, analyze
from rater.report.context import ReportContext
from rater.report.document import Table
from rater.report.sections.inputs import Findings
from rater.report.sections.secondary import (
    contrasts_section,
    doses_section,
    ranking_section,
    reliability_section,
    spread_section,
)
from tests.report.conftest import Made, words


@pytest.fixture(scope="module")
def three_arms(make: Made, planned: Planned) -> Findings:
    """Results on three doses, of which the highest is compared with the lowest."""
    doses = {"unsteered": 0.0, "weak": 1.0, "steered": 2.0}
    analysis = analyze(make(5, 4, ("unsteered", "weak", "steered")), replace(planned, doses=doses))
    return Findings(analysis, ReportContext(title="t"), {})


def test_every_further_contrast_is_in_the_table_of_its_family(three_arms: Findings) -> None:
    section = contrasts_section(three_arms)

    assert section is not None
    rows = [row for block in section.blocks if isinstance(block, Table) for row in block.rows]
    assert any("weak" in row[0] and "unsteered" in row[0] for row in rows)


def test_the_curve_has_a_row_for_each_dose_in_order(three_arms: Findings) -> None:
    section = doses_section(three_arms)

    assert section is not None
    trends, curve = (block for block in section.blocks if isinstance(block, Table))
    assert trends.caption == "Trends over doses"
    assert [row[0] for row in curve.rows] == ["0", "1", "2"]


def test_answers_about_single_texts_give_no_ranking(three_arms: Findings) -> None:
    assert ranking_section(three_arms) is None


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
