import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rater.errors import TableError
from rater.tables import Dialect, SourceTable, read_table
from rater.tables.separated_rows import QuoteError

DATA = Path(__file__).parent.parent / "data" / "tables"


HEAD = "rater,prompt,arm,answer,note\n"


ROWS = [f"r{n % 3},p{n % 4},{'ab'[n % 2]},{n % 5 + 1},ok\n" for n in range(24)]


def read(text: str, **dialect: object) -> SourceTable:
    return read_table(io.StringIO(text), Dialect(**dialect))  # type: ignore[arg-type] # each test's own


def test_a_file_without_quoting_is_read_whole_when_asked() -> None:
    table = read_table(DATA / "stray-quotes" / "stray.tsv", Dialect(has_quotes=False))

    assert len(table) == 96
    assert sum(str(note).startswith('"') for note in table.columns["note"]) == 2


def test_texts_of_several_lines_are_read_and_rows_named_by_their_first_line() -> None:
    table = read('prompt,arm,text\np1,a,"Dear aunt,\nI am well, thank you, bye"\n\np1,b,"one\r\ntwo"\n')

    assert table.columns["text"] == ["Dear aunt,\nI am well, thank you, bye", "one\r\ntwo"]
    assert [table.place(row) for row in range(2)] == ["line 2", "line 5"]


def test_empty_columns_at_the_end_are_ignored_and_reported() -> None:
    rows = "".join(row.replace("\n", ",, \n") for row in ROWS)

    for head in (HEAD, HEAD.replace("\n", ",,\n")):
        table = read(head + rows)

        assert list(table.columns) == ["rater", "prompt", "arm", "answer", "note"]
        assert table.ignored_columns == ("column 6", "column 7")
        assert not table.has_row_names


@pytest.mark.parametrize("name", [lambda n: f'"{n}"', lambda n: f'"row {n}"', str])
def test_row_names_of_r_are_no_column(name: object) -> None:
    assert callable(name)
    table = read(
        '"rater","prompt","arm","answer","note"\n'
        + "".join(f"{name(n)},{row}" for n, row in enumerate(ROWS, 1))
    )

    assert table.has_row_names
    assert table.columns["rater"][:3] == ["r0", "r1", "r2"]
    assert table.columns[""][0] in {"1", "row 1"}


def test_row_names_under_an_empty_header_are_no_column_either() -> None:
    table = read(
        '"",rater,prompt,arm,answer,note\n' + "".join(f'"{n}",{row}' for n, row in enumerate(ROWS, 1))
    )

    assert table.columns["rater"][0] == "r0"
    assert not table.has_row_names


def test_an_unquoted_comma_in_every_row_is_not_taken_for_row_names() -> None:
    head = "rater,prompt,arm,answer\n"
    for rows in (
        "".join(f"r{n % 3},p{n},GPT-4,t=0,3\n" for n in range(9)),  # the first column repeats
        "".join(f"r{n},p{n % 3},GPT-4, t=0,3\n" for n in range(9)),  # a blank after the comma
    ):
        with pytest.raises(TableError, match=":2 has 5 fields, but the header has 4"):
            read(head + rows)
    with pytest.raises(TableError, match=":2 has 5 fields, but the header has 4"):
        read("id,rater,arm,answer\n" + "".join(f"{n},r{n % 3},GPT-4,t=0,3\n" for n in range(1, 9)))


def test_rows_that_may_begin_with_names_or_end_in_nothing_are_refused() -> None:
    with pytest.raises(TableError, match="may be the row's name, or the last one"):
        read("order,answer,confidence\n" + "".join(f"{n},{n % 5},3,\n" for n in range(1, 9)))


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("start", ["", "\ufeff", "\n\n"])
def test_separators_and_line_ends_are_recognised(line_end: str, separator: str, start: str) -> None:
    text = f'{start}rater,"how happy; sad, or\tso | so",answer\nr1,"a\nb",3\nr2,"",4\n'
    text = text.replace(",", separator) if separator != "," else text

    table = read(text.replace("\n", line_end))

    assert table.columns["rater"] == ["r1", "r2"]
    assert table.columns["answer"] == ["3", "4"]
    assert table.decimal == ("," if separator == ";" else ".")


def test_a_header_with_many_commas_does_not_hide_tabs() -> None:
    table = read("rater\tHappy, sad, angry, or calm, was it?\tanswer\nr1\tyes\t3\nr2\tno\t4\n")

    assert table.columns["answer"] == ["3", "4"]


def test_a_text_whose_last_line_has_as_many_commas_as_a_row_is_a_text() -> None:
    texts = ["Dear aunt,\nwell, so long", "one\ntwo, three", "a, b\nc, d, e, f, g\nh"]
    rows = "".join(f'r1,"{text}",a,3,ok\n' for text in texts)

    assert len(read(HEAD + rows)) == 3


def test_the_separator_that_excel_is_told_is_no_row() -> None:
    table = read("sep=;\r\nrater;answer\r\nr1;3,5\r\n")

    assert (table.columns["answer"], table.place(0)) == (["3,5"], "line 3")


def test_the_rows_below_the_header_of_qualtrics_are_no_answers() -> None:
    ids = '"{""ImportId"":""_recordId""}","{""ImportId"":""QID1""}"\n'

    table = read(f'ResponseId,Q1\nResponse ID,"How happy?\nVery?"\n{ids}R_1,3\nR_2,4\n')

    assert (table.columns["Q1"], table.n_header_rows, table.place(0)) == (["3", "4"], 2, "line 5")


@pytest.mark.parametrize(
    ("text", "message"), [("", "is empty"), (" \n\n", "is empty"), ("a,b\n", "and no rows")]
)
def test_a_table_needs_a_header_and_rows(text: str, message: str) -> None:
    with pytest.raises(TableError, match=message):
        read(text)


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), max_size=12)


_NASTY = st.text('ab",;\t\n\r |\\', max_size=8)


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    width = draw(st.integers(2, 5))
    fields = st.lists(_TEXT | _NASTY, min_size=width, max_size=width)
    return [[f"c{n}" for n in range(width)], *draw(st.lists(fields, min_size=1, max_size=8))]


@given(
    rows=tables(),
    separator=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_what_csv_writes_in_any_dialect_comes_back(
    rows: list[list[str]], separator: str, quoting: int, line_end: str
) -> None:
    """A field with a line that looks like a row may be refused, but is never read as anything else."""
    if quoting == csv.QUOTE_MINIMAL:
        quoting = csv.QUOTE_MINIMAL if line_end == "\r\n" else csv.QUOTE_ALL  # else csv leaves "\r" bare
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=separator, quoting=quoting, lineterminator=line_end).writerows(rows)  # type: ignore[arg-type] # one of csv's constants
    lines = [field for row in rows for field in row if separator in field and {"\n", "\r"} & set(field)]
    table = read_unless_refused(written.getvalue())
    if table is None:
        assert lines
    else:
        names, *rest = rows
        assert [list(row) for row in zip(*(table.columns[name] for name in names), strict=True)] == rest


def read_unless_refused(text: str) -> SourceTable | None:
    try:
        return read_table(io.StringIO(text, newline=""), Dialect(skips_blanks=False))
    except QuoteError:
        return None


@pytest.mark.parametrize(
    "rows",
    [
        ['r0;p0;b;1;"', 'r1;p1;a;2;so so"', "r2;p2;b;3;great"],
        ["r0;p0;a;1;ok", 'r1;p1;b";"2;so so', "r2;p2;b;3;ok", 'r3;p3;a;4";ok'],
        ["r0;p0;a;1;", 'r1;"p1;b;2;fine', 'r2";p2;b;3;ok'],
        ['r0;p0;a;1;"', "r1;p1;b;2;great", 'r2;p2;b;3";so so'],
    ],
)
def test_stray_quotes_in_a_table_of_few_rows_are_refused_too(rows: list[str]) -> None:
    with pytest.raises(TableError, match=r":[234][: ]"):
        read("\n".join([HEAD.strip().replace(",", ";"), *rows]))
