import io
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from rater.analysis import analyze, plan_for, read
from rater.analysis.results import Result
from rater.errors import RaterError
from rater.study.scales import Likert

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


def test_exported_answers_are_read_back(load: Load) -> None:
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


CASES = Path(__file__).parent.parent / "data" / "tables"
CLEAN = CASES / "invisible-differences" / "clean.csv"


def estimate(frame: pd.DataFrame, points: int | None = None) -> tuple[float, float]:
    """Net superiority of the steered arm, and its p."""
    (found,) = analyze(frame, plan_for(frame, contrast=("steered", "base"), points=points)).dimensions
    assert isinstance(found.primary, Result)
    return round(found.primary.estimate, 3), round(found.primary.p, 4)


@pytest.mark.parametrize("name", ["clean.csv", "tab-quoted.csv", "trailing-space.csv"])
def test_the_arm_of_the_other_text_is_compared_as_the_arm_is(name: str) -> None:
    frame = read(CASES / "other-arm-not-stripped" / name)

    assert set(frame["other_arm"]) == set(frame["arm"]) == {"base", "steered"}
    for_steered = ((frame["answer"] > 0) == (frame["arm"] == "steered")) & (frame["answer"] != 0)
    assert (int(for_steered.sum()), int((frame["answer"] == 0).sum()), len(frame)) == (85, 28, 160)
    assert estimate(frame)[0] == pytest.approx(0.24, abs=0.005)


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


def test_an_arm_is_one_over_arm_other_arm_and_guess() -> None:
    text = "rater,prompt,arm,other_arm,guess,answer\nr,p,Cafe\u0301,b\u00a0,\u200bCafé,1\nr,p,b,Café ,B,-1\n"

    frame = read(small(text))

    assert (set(frame["arm"]), set(frame["other_arm"])) == ({"Café", "b"}, {"Café", "b"})
    assert frame["guess"].tolist() == ["Café", "B"]
    assert [each.names for each in frame.attrs["reading"].similar] == [("b", "B")]


@pytest.mark.parametrize(
    ("name", "options", "n"),
    [
        ("minus-99.csv", {"missing": ["-99"]}, 313),
        ("minus-99.csv", {"missing": [-99.0]}, 313),
        ("99.csv", {"missing": [99]}, 313),
        ("n-slash-a.csv", {}, 313),
    ],
)
def test_codes_for_no_answer_are_left_out(name: str, options: dict[str, list[str | float]], n: int) -> None:
    frame = read(CASES / "codes-for-missing" / name, drop_empty=True, **options)  # type: ignore[arg-type] # missing

    assert len(frame) == n
    (found,) = analyze(frame, plan_for(frame, contrast=("steered", "base"))).dimensions
    assert isinstance(found.primary, Result)
    assert found.primary.estimate == pytest.approx(0.41, abs=0.005)
    assert isinstance(found.other_score, Result)
    assert found.other_score.estimate == pytest.approx(0.71, abs=0.005)
    assert frame.attrs["reading"].n_without_answer == 7


@pytest.mark.parametrize(
    "code",
    ["", " ", "NA", " na ", "N/A", "n/a", "#N/A", "NaN", "null", "None", ".", "-", "–", "<NA>", "\u00a0NA"],
)
def test_common_spellings_of_no_answer_are_empty(code: str) -> None:
    text = SMALL + f"r2,p1,a,{code}\n"

    with pytest.raises(RaterError, match=r"in line 4 \(1 such in all\); remove rows without an answer"):
        read(small(text))
    notes = read(small(text), drop_empty=True).attrs["reading"]
    assert (notes.n_rows, notes.n_without_answer, notes.missing) == (3, 1, ((code.strip(), 1),))


def test_missing_value_codes_are_ignored_in_other_columns() -> None:
    frame = read(
        small("rater,prompt,arm,answer,position\n99,p,a,99,99\n99,p,b,3,98\n"), missing=[99], drop_empty=True
    )

    assert frame[["rater", "answer", "position"]].to_numpy().tolist() == [["99", 3.0, 98.0]]


def test_a_name_such_as_na_is_a_name_and_reported() -> None:
    frame = read(small("rater,prompt,arm,answer\nNA,p,a,3\nr,p,b,3\n"))

    assert frame["rater"].tolist() == ["NA", "r"]
    assert "1 row has the rater 'NA', which was read as a name" in frame.attrs["reading"].warnings[0]


def test_semicolons_come_with_decimal_commas_in_every_number() -> None:
    frame = read(CASES / "decimal-comma" / "semicolons-decimal-commas.csv")
    assert set(frame["answer"]) == {1.5, 2.5, 3.5, 4.5, 5.5}
    assert estimate(frame) == (0.403, 0.003)

    text = "\ufeffrater;prompt;arm;answer;position;shown_ms\r\nr;p;a;3,5;1,0;1234,5\r\nr;p;b;2;2;NA\r\n"
    frame = read(small(text))
    assert frame[["answer", "position"]].to_numpy().tolist() == [[3.5, 1.0], [2.0, 2.0]]
    assert frame["shown_ms"].iloc[0] == 1234.5


def test_decimal_commas_in_other_columns_are_read_when_asked_and_never_guessed() -> None:
    text = "rater\tprompt\tarm\tanswer\nr\tp\ta\t3,5\n"

    assert read(small(text), decimal=",")["answer"].tolist() == [3.5]
    with pytest.raises(RaterError, match="if the comma is its decimal sign, give --decimal ,"):
        read(small(text))
    with pytest.raises(RaterError, match=r"answer has both '3,5' and '1\.234'"):
        read(small("rater;prompt;arm;answer\nr;p;a;3,5\nr;p;b;1.234\n"))


@pytest.mark.parametrize(
    "answer", ["3-4", "1_000", "0x1", "1,000", "inf", "3 of 5", "५", "10 min", "1.2.3", "--3"]
)
def test_what_only_resembles_a_number_is_none(answer: str) -> None:
    with pytest.raises(RaterError, match="in line 4; it must be a number"):
        read(small(SMALL + f'r2,p1,a,"{answer}"\n'))


def test_answers_can_have_their_labels_behind_them() -> None:
    answers = [
        "1. Strongly disagree",
        "(2) so",
        "3: neither (really)",
        "4 (agree)",
        "5 – very happy",
        "5",
        "5 – Very happy",
    ]
    table = pd.DataFrame({"rater": "r", "prompt": "p", "arm": "a", "answer": answers})

    assert read(table)["answer"].tolist() == [1, 2, 3, 4, 5, 5, 5]
    with pytest.raises(RaterError, match="answer has 5 with two labels, 'very happy' and 'sad'"):
        read(pd.concat([table, table.tail(1).assign(answer="5 – sad")]))


def test_answers_can_be_labels_of_the_scale() -> None:
    table = small('rater,prompt,arm,answer\nr,p,a,Agree\nr,p,b," strongly\u00a0 disagree "\nr,q,a,neither\n')
    labels = ["strongly disagree", "disagree", "neither", "agree", "strongly agree"]

    frame = read(table, labels=labels)

    assert frame["answer"].tolist() == [4, 1, 3]
    assert plan_for(frame, contrast=("a", "b")).dimensions[0].scale == Likert(
        points=5, low="lowest", high="highest"
    )
    with pytest.raises(
        RaterError, match="answer is 'agreed' in line 2; it must be a number, or one of the labels"
    ):
        read(small("rater,prompt,arm,answer\nr,p,a,agreed\n"), labels=labels)
    with pytest.raises(RaterError, match="labels has 'agree' twice"):
        read(small(SMALL), labels=["agree", "Agree "])


def test_a_wide_table_is_recognised_and_the_message_can_be_followed() -> None:
    text = "rater,prompt,base,steered\nr,p,3,4\nr,q,,2\n"

    with pytest.raises(RaterError, match=r"looks wide: base, steered hold numbers.*--wide '\{arm\}'"):
        read(small(text))
    frame = read(small(text), wide="{arm}", answer_columns=["base", "steered"])

    assert frame[["prompt", "arm", "answer"]].to_numpy().tolist() == [
        ["p", "base", 3.0], ["p", "steered", 4.0], ["q", "steered", 2.0],
    ]  # fmt: skip
    notes = frame.attrs["reading"]
    assert (notes.n_rows, notes.n_without_answer, notes.answer_columns) == (4, 1, ("base", "steered"))


def test_the_columns_of_a_wide_table_can_name_prompt_and_arm() -> None:
    frame = read(
        small("who,p1_base,p1_steered,age\nr,3,4,30\ns,1,2,40\n"), rater="who", wide="{prompt}_{arm}"
    )

    assert frame[["rater", "prompt", "arm", "answer"]].to_numpy().tolist() == [
        ["r", "p1", "base", 3.0], ["r", "p1", "steered", 4.0],
        ["s", "p1", "base", 1.0], ["s", "p1", "steered", 2.0],
    ]  # fmt: skip


def test_a_table_with_a_column_per_item_is_refused_with_what_it_lacks() -> None:
    items = pd.DataFrame({"item": ["Q1", "Q2"], "prompt": ["p", "p"], "arm": ["a", "b"]})
    wide = 'ResponseId,Q1,Q2\nResponse ID,How happy?,And this?\n"{""ImportId"":""_recordId""}",x,y\nr,3,4\n'

    frame = read(small(wide), rater="ResponseId", wide="{item}", items=items, answer_columns=["Q1", "Q2"])

    assert frame[["rater", "item", "prompt", "arm", "answer"]].to_numpy().tolist() == [
        ["r", "Q1", "p", "a", 3.0], ["r", "Q2", "p", "b", 4.0],
    ]  # fmt: skip
    with pytest.raises(RaterError, match="has the item 'Q2', which is not in the table of items"):
        read(small(wide), rater="ResponseId", wide="{item}", items=items.head(1), answer_columns=["Q1", "Q2"])
    with pytest.raises(RaterError, match="has the item 'Q1', as has row 1"):
        read(small(wide), rater="ResponseId", wide="{item}", items=pd.concat([items, items]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"wide": "{foo}"}, r"wide is '\{foo\}'; valid: what the names"),
        ({"wide": "{arm}_{arm}"}, "valid: what the names"),
        ({"wide": "{prompt}_{arm}"}, "fits the pattern .* in several ways"),
        ({"wide": "{arm}!"}, "no column fits the pattern"),
        ({"answer_columns": ["p_1_b", "nope"]}, "has no column 'nope'"),
        ({"wide": "{item}", "answer_columns": ["note"]}, "note|There is no column"),
    ],
)
def test_a_wide_table_that_differs_from_its_pattern_is_refused(
    options: dict[str, object], message: str
) -> None:
    with pytest.raises(RaterError, match=message):
        read(small("rater,p_1_b,note\nr,3,x\n"), **options)  # type: ignore[arg-type] # each case gives its own


def test_a_place_is_the_line_where_the_row_begins() -> None:
    path = CASES / "line-numbers" / "two-line-prompts.csv"
    lines = path.read_text().splitlines()
    last = next(number for number, line in enumerate(lines, start=1) if "five" in line)

    with pytest.raises(RaterError, match=rf"answer is 'five' in line {last - 1};"):
        read(path)


@pytest.mark.parametrize("name", ["ratings.json", "ratings.jsonl", "pilot.tsv"])
def test_other_formats_give_the_same_analysis(name: str) -> None:
    assert estimate(read(CASES / "json-and-separators" / name)) == estimate(read(CLEAN))


@pytest.mark.parametrize("name", ["trailing-commas.csv", "shifted-and-valid.csv"])
def test_a_separator_at_the_end_of_each_row_shifts_nothing(name: str) -> None:
    frame = read(CASES / "row-longer-than-header" / name)

    assert frame["rater"].nunique() == 6
    assert set(frame["arm"]) == {"base", "steered"}
    assert len(frame.attrs["reading"].ignored_columns) == 1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            '"rater": "r", "prompt": ["x"], "arm": "a", "answer": 3',
            r"prompt is \['x'\] in row 2; it must be a single",
        ),
        ('"rater": "r", "prompt": "p", "answer": 3', "arm is empty in row 2"),
        ('"rater": "r", "prompt": "p", "arm": "a", "answers": 3', "answer is empty in row 2"),
        ('"rater": "r", "prompt": "p", "arm": "a", "answer": Infinity', "answer is 'inf' in row 2"),
        ('"rater": "r", "prompt": "p", "arm": "a", "answer": true', "answer is 'true' in row 2"),
    ],
)
def test_what_json_lacks_or_nests_is_refused_by_its_row(row: str, message: str) -> None:
    with pytest.raises(RaterError, match=message):
        read(small(f'[{{"rater": "r", "prompt": "p", "arm": "a", "answer": 3}}, {{{row}}}]'))


def test_nested_names_of_json_are_columns() -> None:
    text = '[{"rater": {"id": 7}, "prompt": "p", "arm": "a", "answer": 3.5, "position": null}]'

    frame = read(small(text), rater="rater.id")

    assert (frame["rater"].tolist(), frame["answer"].tolist()) == (["7"], [3.5])


def test_names_in_frames_of_any_type_are_the_names_in_files(tmp_path: Path) -> None:
    frame = read(CLEAN)
    frame.attrs.clear()
    odd = frame.assign(
        rater=pd.Categorical(frame["rater"], categories=sorted(set(frame["rater"]), reverse=True)),
        answer=frame["answer"].astype("int8"),
        prompt=frame["prompt"].astype("string"),
    )
    odd.to_parquet(tmp_path / "odd.parquet")

    pd.testing.assert_frame_equal(read(odd), frame, check_like=True)
    pd.testing.assert_frame_equal(read(tmp_path / "odd.parquet"), frame, check_like=True)


def test_a_list_of_columns_in_a_message_is_short() -> None:
    wide = ",".join(f"question number {n} of the long questionnaire" for n in range(500))

    with pytest.raises(RaterError) as refused:
        read(small(f"who,{wide}\nr{',3' * 500}\n"))

    assert len(str(refused.value)) < 4000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": None}, "source is NoneType; valid: the path of a file"),
        ({"answer": 3}, "answer is 3; valid: the name of a column"),
        ({"item": "prompt"}, "is given as prompt and item"),
        ({"labels": "a,b"}, "labels is 'a,b'; valid: a list"),
        ({"labels": ["a"]}, "labels has 1; valid: 2 to 11"),
        ({"decimal": "x"}, "decimal is 'x'; valid"),
        ({"wide": 3}, "wide is 3; valid"),
        ({"encoding": 3}, "encoding is 3; valid"),
    ],
)
def test_an_argument_that_is_not_valid_is_refused_in_words(options: dict[str, object], message: str) -> None:
    with pytest.raises(RaterError, match=message):
        read(**{"source": small(SMALL), **options})  # type: ignore[arg-type] # what a notebook may hold


def test_a_frame_that_was_not_read_is_refused_with_what_to_do() -> None:
    raw = pd.read_csv(small(SMALL))

    with pytest.raises(RaterError, match=r"rater\.analysis\.read"):
        plan_for(raw)
    with pytest.raises(RaterError, match=r"rater\.analysis\.read"):
        analyze(raw, plan_for(read(raw), contrast=("a", "b")))


def test_a_label_with_two_numbers_is_refused() -> None:
    table = small("rater,prompt,arm,answer\nr1,p1,a,1 - good\nr1,p1,b,4 - Good\n")

    with pytest.raises(RaterError, match=r"the label 'Good' for 1 and for 4"):
        read(table)


@pytest.mark.parametrize(
    "text", ["a;b;c;d\nr1;p1;x;1.234\nr1;p1;y;12.500\n", "a,b,c,d\nr1,p1,x,1.234\nr1,p1,y,999\n"]
)
def test_a_point_that_may_separate_thousands_is_refused(text: str) -> None:
    with pytest.raises(RaterError, match=r"three digits after the point"):
        read(small(text), rater="a", prompt="b", arm="c", answer="d")


def test_ratings_and_items_that_differ_in_the_arm_are_refused() -> None:
    table = small("rater,item,prompt,arm,answer\nr1,i1,p1,a,3\n")

    with pytest.raises(RaterError, match=r"has the arm 'a', but the table of items has 'b'"):
        read(table, items=small("item,prompt,arm\ni1,p1,b\n"))


def test_a_word_as_a_choice_is_refused_with_what_a_choice_is() -> None:
    table = small("rater,prompt,arm,other_arm,answer\nr1,p1,a,b,left\n")

    with pytest.raises(RaterError, match=r"1 for the text of the column arm, -1 for that of other_arm"):
        read(table)


def test_names_as_bytes_are_read_as_text() -> None:
    rows = {"rater": [b"r1"] * 2, "prompt": ["p"] * 2, "arm": ["a", "b"], "answer": [1, 2]}

    assert set(read(pd.DataFrame(rows))["rater"]) == {"r1"}
    with pytest.raises(RaterError, match=r"must be a single value"):
        read(pd.DataFrame(rows | {"rater": [b"\xff"] * 2}))


def test_the_encoding_that_is_advised_for_utf_16_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text(SMALL, encoding="utf-16")

    with pytest.raises(RaterError, match=r"encoding='utf-16'"):
        read(path)
    assert len(read(path, encoding="utf-16")) == 2
