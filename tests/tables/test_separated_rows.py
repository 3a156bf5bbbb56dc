import io
from pathlib import Path

import pytest
from hypothesis import strategies as st

from rater.errors import TableError
from rater.tables import Dialect, SourceTable, read_table
from rater.tables.separated_rows import QuoteError

DATA = Path(__file__).parent.parent / "data" / "tables"


HEAD = "rater,prompt,arm,answer,note\n"


ROWS = [f"r{n % 3},p{n % 4},{'ab'[n % 2]},{n % 5 + 1},ok\n" for n in range(24)]


def read(text: str, **dialect: object) -> SourceTable:
    return read_table(io.StringIO(text), Dialect(**dialect))  # type: ignore[arg-type] # each test's own


def with_row(number: int, row: str) -> str:
    """The table of `ROWS` with another row at a line; the header is line 1."""
    rows = list(ROWS)
    rows[number - 2] = row + "\n"
    return HEAD + "".join(rows)


@pytest.mark.parametrize("name", ["stray.tsv", "stray-semicolons.csv"])
def test_stray_quotes_are_refused_with_the_line_where_they_open(name: str) -> None:
    path = DATA / "stray-quotes" / name
    lines = path.read_text().splitlines()
    first = next(number for number, line in enumerate(lines, start=1) if '"' in line)

    with pytest.raises(QuoteError, match=rf"{name}:{first}: a quote opens a field"):
        read_table(path)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ('r1,p1,a,3,"great', 'r2,p2,b,3,fine"'),
        ('r1,"p1,a,3,ok', 'r2,p2",b,3,ok'),
        ('"r1,p1,a,3,ok', 'r2",p2,b,3,ok'),
        ('r1,p1,a,3,"great', 'r2,p2,b,3,"fine'),
        ('r1,p1,a,3,"great', 'r2,p2,b,3,5" wide'),
        ('r1,p1,a,3,"great', 'r2,p2,b,3,"a; b"'),
        ('r1,p1,a,"3,ok', 'r2,p2,b,3",ok'),
    ],
)
@pytest.mark.parametrize("distance", [1, 2, 9])
def test_two_stray_quotes_never_swallow_the_rows_between_them(
    separator: str, opening: str, closing: str, distance: int
) -> None:
    rows = list(ROWS)
    rows[5], rows[5 + distance] = f"{opening}\n", f"{closing}\n"
    text = (HEAD + "".join(rows)).replace(",", separator)

    with pytest.raises(TableError, match=r"the table:7[: ]"):
        read(text)


def test_a_quote_at_the_end_of_the_file_is_never_closed() -> None:
    with pytest.raises(QuoteError, match=r":7: a quote opens a field that is never closed"):
        read(with_row(7, 'r1,p1,a,3,"great'))


def test_backslashes_before_quotes_are_named() -> None:
    with pytest.raises(QuoteError, match="escaped with"):
        read(with_row(7, r'r1,p1,a,3,"so \"great\" it is"'))


def test_quotes_inside_a_field_are_text() -> None:
    table = read(with_row(7, 'r1,p1,a,3,a 5" screen'))

    assert table.columns["note"][5] == 'a 5" screen'


@pytest.mark.parametrize("line", [2, 14, 25])
@pytest.mark.parametrize(
    ("row", "n"), [("r1,p1,a,3,ok,", 6), ("r1,p1,a,3,well, ok", 6), ("r1,p1,a,3", 4), ("r1", 1)]
)
def test_a_row_of_another_length_is_refused_with_its_line(line: int, row: str, n: int) -> None:
    with pytest.raises(TableError, match=rf":{line} has {n} fields?, but the header has 5"):
        read(with_row(line, row))


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), max_size=12)


_NASTY = st.text('ab",;\t\n\r |\\', max_size=8)


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    width = draw(st.integers(2, 5))
    fields = st.lists(_TEXT | _NASTY, min_size=width, max_size=width)
    return [[f"c{n}" for n in range(width)], *draw(st.lists(fields, min_size=1, max_size=8))]
