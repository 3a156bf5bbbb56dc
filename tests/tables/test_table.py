import io

import pytest

from rater.errors import TableError
from rater.tables import Dialect, SourceTable, read_table


def read(text: str, **dialect: object) -> SourceTable:
    return read_table(io.StringIO(text), Dialect(**dialect))  # type: ignore[arg-type] # each test's own


@pytest.mark.parametrize("twice", ["answer", " answer", "answer\u00a0", "\u200banswer", '"answer"'])
def test_a_column_that_is_there_twice_is_refused(twice: str) -> None:
    with pytest.raises(TableError, match=r"the column 'answer' is there twice \(columns 2 and 3, line 1\)"):
        read(f"rater,answer,{twice}\nr1,1,2\n")


def test_a_column_with_values_needs_a_name() -> None:
    with pytest.raises(TableError, match="column 2 has values and no name"):
        read("rater,,answer\nr1,x,2\n")
