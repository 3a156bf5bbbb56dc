import io
from collections.abc import Callable

import pandas as pd
import pytest

from rater.analysis import read
from rater.errors import RaterError

Load = Callable[[str], pd.DataFrame]


def small(text: str) -> io.StringIO:
    return io.StringIO(text)


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


def test_a_flag_that_is_neither_is_refused_with_its_line(load: Load) -> None:
    table = load("a").assign(is_repeat="no idea")

    with pytest.raises(RaterError, match="is_repeat is 'no idea' in row 1; it must be true or false"):
        read(table)


def test_an_arm_is_one_over_arm_other_arm_and_guess() -> None:
    text = "rater,prompt,arm,other_arm,guess,answer\nr,p,Cafe\u0301,b\u00a0,\u200bCafé,1\nr,p,b,Café ,B,-1\n"

    frame = read(small(text))

    assert (set(frame["arm"]), set(frame["other_arm"])) == ({"Café", "b"}, {"Café", "b"})
    assert frame["guess"].tolist() == ["Café", "B"]
    assert [each.names for each in frame.attrs["reading"].similar] == [("b", "B")]


@pytest.mark.parametrize(
    "text", ["a;b;c;d\nr1;p1;x;1.234\nr1;p1;y;12.500\n", "a,b,c,d\nr1,p1,x,1.234\nr1,p1,y,999\n"]
)
def test_a_point_that_may_separate_thousands_is_refused(text: str) -> None:
    with pytest.raises(RaterError, match=r"three digits after the point"):
        read(small(text), rater="a", prompt="b", arm="c", answer="d")


def test_names_as_bytes_are_read_as_text() -> None:
    rows = {"rater": [b"r1"] * 2, "prompt": ["p"] * 2, "arm": ["a", "b"], "answer": [1, 2]}

    assert set(read(pd.DataFrame(rows))["rater"]) == {"r1"}
    with pytest.raises(RaterError, match=r"must be a single value"):
        read(pd.DataFrame(rows | {"rater": [b"\xff"] * 2}))
