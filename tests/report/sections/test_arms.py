from dataclasses import replace

import pytest

from rater.analysis.plan import Planned
from rater.analysis.primary import analyze
from rater.report.context import ReportContext
from rater.report.document import Table
from rater.report.sections.arms import contrasts_section, doses_section, ranking_section
from rater.report.sections.inputs import Findings
from tests.report.conftest import Made


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
