from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rater.analysis.plan import plan_of
from rater.analysis.primary import Analysis, analyze
from rater.report.console.secondary import odd_one_out_lines
from rater.report.context import ReportContext
from rater.report.document import Prose, Table
from rater.report.folder import write_report
from tests.analysis.test_odd_one_out import simulate, study
from tests.report.conftest import compose_report, section


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return simulate(study(), np.random.default_rng(1), d_prime=2.0)


@pytest.fixture(scope="module")
def analysed(frame: pd.DataFrame) -> Analysis:
    return analyze(frame, plan_of(study()))


def test_the_section_shows_contrasts_the_arm_of_the_odd_text_and_places(
    analysed: Analysis, frame: pd.DataFrame
) -> None:
    document = compose_report(analysed, ReportContext(title="t"))

    blocks = section(document, "odd-one-out").blocks
    contrasts, by_arm, places = (each for each in blocks if isinstance(each, Table))
    assert contrasts.rows[0][:3] == ("love – base", "160", f"{frame['answer'].sum():.0f}")
    assert [row[0] for row in by_arm.rows] == ["love (two of base)", "base (two of love)"]
    assert [row[0] for row in places.rows] == ["A", "B", "C"]
    prose = " ".join(each.text for each in blocks if isinstance(each, Prose))
    assert "Ennis 1993" in prose
    assert "1/3 is expected by guessing" in document.explanation
    assert "told “love” and “base” apart" in document.answer


def test_the_console_has_the_proportion_d_prime_and_asymmetry(analysed: Analysis) -> None:
    found, by_arm = odd_one_out_lines(analysed.dimensions[0])

    assert found.startswith("Odd text found, “love” and “base”: ")
    assert "against guessing (1/3); d' " in found
    assert by_arm.startswith("By the arm of the odd text: love ")


def test_the_whole_report_is_written(analysed: Analysis, frame: pd.DataFrame, tmp_path: Path) -> None:
    columns = {"chosen_place": ("the place chosen", "experimenter")}
    about = ReportContext(title="Odd one out", columns=columns)

    write_report(tmp_path / "report", analysed, frame, about, json_about={"study": "a study"})

    page = (tmp_path / "report" / "report.html").read_text("utf-8")
    assert "Odd texts found" in page
    assert '"odd_one_out"' in (tmp_path / "report" / "results.json").read_text("utf-8")
