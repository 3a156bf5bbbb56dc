import io
from pathlib import Path

import pandas as pd
import pytest

from rater.analysis import analyze, plan_for, read
from rater.analysis.results import Result

SMALL = "rater,prompt,arm,answer\nr1,p1,a,3\nr1,p1,b,2\n"


def small(text: str) -> io.StringIO:
    return io.StringIO(text)


def test_the_notes_count_rows_that_have_no_answer() -> None:
    notes = read(small(SMALL + "r2,p1,a,NA\n"), drop_empty=True).attrs["reading"]

    assert (notes.n_rows, notes.n_without_answer, notes.n_used) == (3, 1, 2)
    assert any("1 of 3 rows have no answer" in message for message in notes.messages)


CASES = Path(__file__).parent.parent / "data" / "tables"


CLEAN = CASES / "invisible-differences" / "clean.csv"


def estimate(frame: pd.DataFrame, points: int | None = None) -> tuple[float, float]:
    """Net superiority of the steered arm, and its p."""
    (found,) = analyze(frame, plan_for(frame, contrast=("steered", "base"), points=points)).dimensions
    assert isinstance(found.primary, Result)
    return round(found.primary.estimate, 3), round(found.primary.p, 4)


@pytest.mark.parametrize(("name", "column"), [("rater-nfc-nfd.csv", "rater"), ("prompt-nbsp.csv", "prompt")])
def test_names_that_look_the_same_are_one_and_reported(name: str, column: str) -> None:
    frame = read(CASES / "invisible-differences" / name)

    assert frame[["rater", "prompt"]].nunique().tolist() == [8, 10]
    assert estimate(frame) == estimate(read(CLEAN)) == (0.403, 0.003)
    merged = frame.attrs["reading"].merged
    assert {each.column for each in merged} == {column}
    assert len(merged[0].spellings) == 2


def test_names_that_differ_in_case_only_are_kept_apart_and_named() -> None:
    frame = read(CASES / "invisible-differences" / "rater-case.csv")

    assert frame["rater"].nunique() == 16
    assert "'r01' and 'R01' of rater differ only in letter case" in frame.attrs["reading"].warnings[0]


def test_a_name_such_as_na_is_a_name_and_reported() -> None:
    frame = read(small("rater,prompt,arm,answer\nNA,p,a,3\nr,p,b,3\n"))

    assert frame["rater"].tolist() == ["NA", "r"]
    assert "1 row has the rater 'NA', which was read as a name" in frame.attrs["reading"].warnings[0]
