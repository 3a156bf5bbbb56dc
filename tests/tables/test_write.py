import io
import math
import os
import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rater.tables import read_table
from rater.tables.write import (
    csv_cell,
    csv_lines,
    make_private,
    neutralize,
    order_columns,
    restore,
    restore_table,
    write_csv_file,
)

FORMULAS = [
    '=HYPERLINK("http://evil.example","x")',
    "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+9)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "  =1+1",
    "\u00a0=1+1",
    "\u200b=1+1",
    "\ufeff=1+1",
    "\uff1d1+1",  # full-width =
    "\uff0b1+1",  # full-width +
    "\uff0d1+1",  # full-width -
    "\uff20SUM(1)",  # full-width @
    "\ufe66HYPERLINK(1)",  # small =
    "\u22122+3",  # mathematical minus
    "- I liked the first one",
    "\tonly a tab",
    "'=1+1",  # would be read back as a formula
]
HARMLESS = [
    "",
    " ",
    "fine",
    "'tis",
    "a = b",
    "I'd say -1",
    "-1",
    "+3.5",
    "-0,5",
    "1e-5",
    "-.5",
    "\u00fcber",
    "=".join("ab"),
]


@pytest.mark.parametrize("text", FORMULAS)
def test_what_a_spreadsheet_would_run_is_written_as_text_and_read_back(text: str) -> None:
    written = neutralize(text)

    assert written == f"'{text}"
    assert restore(written) == text


@pytest.mark.parametrize("text", HARMLESS)
def test_other_texts_and_numbers_stay_as_they_are(text: str) -> None:
    assert neutralize(text) == text
    assert restore(text) == text


@given(st.text(st.sampled_from("'=+-@ \t\r\n\u200b\uff1d1a,."), max_size=6) | st.text())
def test_every_text_is_read_back_as_it_was(text: str) -> None:
    assert restore(neutralize(text)) == text


NOON = datetime(2026, 4, 1, 12, 0, 0, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, ""),
        (math.nan, ""),
        (pd.NA, ""),
        (pd.NaT, ""),
        (True, "True"),
        (0.0, "0"),
        (-0.0, "0"),
        (-3.0, "-3"),
        (-2.5, "-2.5"),
        (12, "12"),
        (pd.Series([7], dtype="Int64")[0], "7"),
        (NOON, "2026-04-01T12:00:00.250000Z"),
        (NOON.astimezone(timezone(timedelta(hours=5))), "2026-04-01T12:00:00.250000Z"),
        (NOON.replace(tzinfo=None), "2026-04-01T12:00:00.250000Z"),
        (pd.Timestamp(NOON), "2026-04-01T12:00:00.250000Z"),
        ("-3", "-3"),
        ("=1", "'=1"),
    ],
)
def test_each_kind_of_value_has_one_form(value: object, written: str) -> None:
    assert csv_cell(value) == written


def test_words_with_quotes_separators_line_ends_and_formulas_are_read_back_as_they_were() -> None:
    words = ['say "a", then b', "one\r\ntwo", "one\rtwo", "one\ntwo", "=1+1", "@ada", "'=1", "'tis; so"]
    written = "".join(csv_lines(("rater", "comment"), [(f"r{n}", text) for n, text in enumerate(words)]))

    table = restore_table(read_table(io.StringIO(written)))

    assert list(table.columns["comment"]) == words
    assert "\n'=1" not in written
    assert ",=1" not in written


def test_the_columns_of_ratings_come_first_and_others_by_name() -> None:
    assert order_columns(["b", "answer", "a", "rater"]) == ["rater", "answer", "a", "b"]


def test_a_file_can_be_read_by_its_owner_only_also_where_it_was_there_before(tmp_path: Path) -> None:
    before = tmp_path / "before.csv"
    before.write_text("what was there before, and is longer\n")
    before.chmod(0o644)

    for path in (before, tmp_path / "new.csv"):
        write_csv_file(path, ("a",), [(1,)])

        assert path.read_text() == "a\n1\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_pipe_keeps_its_rights(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o644)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    make_private(pipe)

    assert stat.S_IMODE(pipe.stat().st_mode) == 0o644
    os.close(reader)
