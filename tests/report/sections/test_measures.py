"""Hold the section of metrics to its tables."""

from dataclasses import replace

import numpy as np
import pandas as pd

from rater.analysis.measures import MetricComparison
from rater.analysis.primary import Analysis
from rater.report.context import ReportContext
from rater.report.document import Section, Table
from tests.analysis.test_measures import compared, texts
from tests.report.conftest import STUDY, compose_report, section, words


def shown(analysis: Analysis, *metrics: MetricComparison) -> Section:
    report = compose_report(replace(analysis, metrics=metrics), ReportContext(title="t", study=STUDY))
    return section(report, "metrics")


def tables(found: Section) -> dict[str, Table]:
    return {each.caption: each for each in found.blocks if isinstance(each, Table)}


def judge() -> MetricComparison:
    values = np.clip(np.rint(texts()["quality"]), 1, 5)
    return compared(pd.Series(values).where(np.arange(len(values)) != 3), dimension="happiness")


def test_failures_are_the_first_table_and_the_raters_the_first_row(analysis: Analysis) -> None:
    found = tables(shown(analysis, judge()))

    assert next(iter(found)) == "Values, and texts without one"
    assert found["Values, and texts without one"].rows[0][:3] == ("judge", "1", "47")
    difference = found["Difference between the arms: steered minus unsteered"]
    assert [row[0] for row in difference.rows] == ["raters, happiness", "judge"]


def test_a_judge_has_base_rates_and_errors_by_arm(analysis: Analysis) -> None:
    found = tables(shown(analysis, judge()))

    assert [row[0] for row in found["judge: shares of each answer"].rows] == list("12345")
    errors = found["Error by arm, in the raters’ points"].rows
    assert [row[0] for row in errors] == ["judge, steered", "judge, plain", "judge, difference"]


def test_a_metric_in_other_units_has_no_agreement(analysis: Analysis) -> None:
    found = shown(analysis, compared(1000 * texts()["quality"]))

    assert "Agreement of a judge with the raters" not in tables(found)
    assert "Exploratory: no metric is part of the planned analysis" in words(found)


def test_a_report_without_metrics_has_no_section(analysis: Analysis) -> None:
    report = compose_report(analysis, ReportContext(title="t", study=STUDY))

    assert "metrics" not in {each.anchor for each in report.sections}
