from dataclasses import replace

from rater.analysis.primary import Analysis
from rater.report.context import (
    describe_cost_of_looks,
)
from tests.report.conftest import FIRST, STUDY


def test_only_interim_looks_inflate_the_type_i_error(analysis: Analysis) -> None:
    planned = analysis.planned
    assert "at most 8.3% instead of 5%" in describe_cost_of_looks(STUDY, planned)
    ten = tuple(replace(FIRST, number=look, n_answers=10 * look) for look in range(1, 11))
    assert "at most 19.3%" in describe_cost_of_looks(replace(STUDY, looks=ten), planned)
    after = replace(STUDY, looks=STUDY.looks[1:])
    assert "do not inflate the type I error if the plan is kept" in describe_cost_of_looks(after, planned)
