from dataclasses import replace

import pandas as pd

from rater.analysis.primary import Analysis
from rater.analysis.results import Result
from rater.report.document import Prose
from rater.report.sections.inputs import MAX_ROWS, analysed_rows, cut_rows, warnings_of
from tests.report.conftest import Made


def test_repeats_do_not_enter_the_tests(analysis: Analysis, make: Made) -> None:
    frame = make(5, 4)
    repeat = frame.iloc[[0]].assign(position=frame["position"].max() + 1)
    twice = pd.concat([frame, repeat], ignore_index=True).assign(is_repeat=[False] * len(frame) + [True])

    assert len(analysed_rows(analysis, twice)) == len(frame)


def test_a_warning_of_several_results_is_listed_once_after_the_first(analysis: Analysis) -> None:
    primary = analysis.dimensions[0].primary
    assert isinstance(primary, Result)
    warned = replace(primary, warnings=("few raters",))

    assert warnings_of([("one", warned), ("two", warned)]) == ["one: few raters"]


def test_a_long_table_is_truncated_with_the_number_of_rows_left_out() -> None:
    rows = [(str(n),) for n in range(MAX_ROWS + 3)]

    kept, remarks = cut_rows(rows)

    assert (len(kept), remarks) == (MAX_ROWS, [Prose("3 more rows are in results.json.")])
    assert cut_rows(rows[:3]) == (rows[:3], [])
