import io
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from rater.analysis import analyze, plan_for, read
from rater.analysis.results import Result
from rater.errors import RaterError

Load = Callable[[str], pd.DataFrame]
STATS = Path(__file__).parent.parent / "data" / "stats"
SMALL = "rater,prompt,arm,answer\nr1,p1,a,3\nr1,p1,b,2\n"


def small(text: str) -> io.StringIO:
    return io.StringIO(text)


def test_a_file_with_other_names_gives_the_analysis_of_r() -> None:
    frame = read(STATS / "data_a.csv", arm="condition", answer="rating")
    plan = plan_for(frame, contrast=("steered", "unsteered"), score="scale_points")

    (found,) = analyze(frame, plan).dimensions

    assert isinstance(found.primary, Result)
    assert found.primary.estimate == pytest.approx(0.769444, abs=1e-6)
    assert found.primary.standard_error == pytest.approx(0.141587, abs=1e-6)
    assert found.dimension.name == "rating"


def test_a_frame_is_read_like_a_file() -> None:
    path = STATS / "data_c.csv"

    from_file = read(path, arm="condition", answer="rating")
    from_frame = read(pd.read_csv(path), arm="condition", answer="rating")

    pd.testing.assert_frame_equal(from_file, from_frame)


def test_what_is_read_is_tidy() -> None:
    text = 'rater,prompt,arm,answer,position,guess,age\n7, "NA",a,3,1,b,44\n7,"NA",b,2.5,2,,44\n'

    frame = read(small(text))

    assert frame.fillna({"guess": ""}).to_dict("list") == {
        "rater": ["7", "7"],
        "prompt": ["NA", "NA"],
        "arm": ["a", "b"],
        "answer": [3.0, 2.5],
        "item": ["NA · a", "NA · b"],
        "dimension": ["answer", "answer"],
        "position": [1.0, 2.0],
        "guess": ["b", ""],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("who,prompt,arm,answer\nr,p,a,1\n", "There is no column 'rater' for the rater. Valid:"),
        ("rater,pronpt,arm,answer\nr,p,a,1\n", "no column 'prompt' for the prompt. Did you mean 'pronpt'?"),
        ("rater,prompt,arm,stars\nr,p,a,1\n", "Say which it is: --answer COL (answer='COL')."),
        (SMALL + "r2,p1,a,happy\n", "answer is 'happy' in line 4; it must be a number"),
        (SMALL + "r2,p1,a,inf\n", "answer is 'inf' in line 4"),
        (SMALL + "r2,p1,a,\nr2,p1,b,NA\n", "answer is empty in line 4 (2 such in all); remove rows"),
        (SMALL + "r2,p1,,3\n", "arm is empty in line 4; every row needs one"),
        (SMALL + "r2,p1,a,3,9,9\n", ":4 has 6 fields, but the header has 4"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(RaterError) as refused:
        read(small(text))

    assert message in str(refused.value)


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes("rater,prompt,arm,answer\nJosé,p,a,1\n".encode("latin-1"))

    with pytest.raises(RaterError, match=r"There is no file absent\.csv"):
        read("absent.csv")
    with pytest.raises(RaterError, match=r"latin\.csv:2 is not UTF-8 \(byte 0xe9\); save the file as UTF-8"):
        read(tmp_path / "latin.csv")
    with pytest.raises(RaterError, match=r"cannot be read: Is a directory; give a table"):
        read(tmp_path)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_columns_may_be_separated_as_spreadsheets_do(tmp_path: Path, separator: str) -> None:
    lines = [["rater", "prompt", "arm", "answer", '"a, b, c, d, e, f"'], ["r1", '"p, q; s"', "a", "3", "1"]]
    text = "".join(separator.join(line) + "\n" for line in lines)
    (tmp_path / "ratings.csv").write_text(f"\ufeff{text}", encoding="utf-8")

    (row,) = read(tmp_path / "ratings.csv").to_dict("records")

    assert (row["rater"], row["prompt"], row["arm"], row["answer"]) == ("r1", "p, q; s", "a", 3.0)
    assert read(small(text)).to_dict("records") == [row]


def test_rows_without_an_answer_can_be_left_out() -> None:
    frame = read(small(SMALL + "r2,p1,a,NA\n"), drop_empty=True)

    assert frame["answer"].tolist() == [3.0, 2.0]


def test_a_table_without_rows_is_refused() -> None:
    with pytest.raises(RaterError, match=r"has a header .* and no rows"):
        read(small("rater,prompt,arm,answer\n"))


def test_answers_from_a_slider_are_analysed(load: Load) -> None:
    frame = load("a").assign(answer=lambda rows: rows["answer"] * 20 - 0.5)

    (found,) = analyze(frame, plan_for(frame, contrast=("steered", "unsteered"))).dimensions

    assert isinstance(found.primary, Result)
    assert found.primary.estimate == pytest.approx(0.344444, abs=1e-6)
    assert found.arms[0].counts == ()
    assert found.arms[0].mean == pytest.approx(3.5555556 * 20 - 0.5)


def test_what_our_export_says_of_an_answer_comes_back(load: Load) -> None:
    frame = load("a").assign(
        position=lambda rows: rows.groupby("rater").cumcount() + 1,
        is_repeat=lambda rows: rows["position"] > 58,
        cannot_judge=lambda rows: rows["position"] == 3,
        answer=lambda rows: rows["answer"].where(rows["position"] != 3),
    )

    again = read(frame)

    for column in ("is_repeat", "cannot_judge", "position", "answer"):
        assert again[column].tolist() == pytest.approx(frame[column].tolist(), nan_ok=True)
    analysis = analyze(again, plan_for(again))
    assert analysis.n.answers == 12 * 57


def test_a_second_answer_to_a_text_is_a_repeat_where_positions_tell_which_is_second() -> None:
    rows = [("r1", "i1", 5, 2.0), ("r1", "i1", 1, 4.0), ("r1", "i2", 2, 3.0)]
    table = pd.DataFrame(rows, columns=["rater", "item", "position", "answer"]).assign(prompt="p", arm="a")

    assert read(table)["is_repeat"].tolist() == [True, False, False]
    assert "is_repeat" not in read(table.drop(columns="item")).columns


def test_texts_numbered_anew_in_each_prompt_and_arm_are_not_repeats() -> None:
    rows = [("p1", "a", 1), ("p1", "b", 2), ("p2", "a", 3), ("p2", "b", 4), ("p1", "a", 5)]
    table = pd.DataFrame(rows, columns=["prompt", "arm", "position"]).assign(rater="r", item="1", answer=2)

    frame = read(table)

    assert frame["is_repeat"].tolist() == [False, False, False, False, True]
    assert frame.attrs["reading"].n_repeats == 1


def test_the_notes_count_rows_that_have_no_answer() -> None:
    notes = read(small(SMALL + "r2,p1,a,NA\n"), drop_empty=True).attrs["reading"]

    assert (notes.n_rows, notes.n_without_answer, notes.n_used) == (3, 1, 2)
    assert any("1 of 3 rows have no answer" in message for message in notes.messages)


def test_a_column_without_a_value_is_as_good_as_none() -> None:
    rows = [("r1", "i1", 2.0), ("r1", "i1", 4.0), ("r1", "i2", 3.0)]
    table = pd.DataFrame(rows, columns=["rater", "item", "answer"]).assign(prompt="p", arm="a")

    frame = read(table.assign(position=None, comment=""))

    assert list(frame.columns) == ["rater", "prompt", "arm", "item", "answer", "dimension"]


def test_a_column_that_is_there_twice_is_refused() -> None:
    table = read(small(SMALL))

    with pytest.raises(RaterError, match=r"the column 'arm' is there twice .* rename one of them"):
        read(pd.concat([table, table[["arm"]]], axis=1))


def test_a_flag_that_is_neither_is_refused_with_its_line(load: Load) -> None:
    table = load("a").assign(is_repeat="no idea")

    with pytest.raises(RaterError, match="is_repeat is 'no idea' in row 1; it must be true or false"):
        read(table)
