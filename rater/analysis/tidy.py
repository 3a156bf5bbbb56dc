"""Read ratings from elsewhere into the tidy frame that every analysis takes."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd

from rater.analysis.reading_notes import ReadingNotes
from rater.errors import RaterError, nearest

NUMBERS = ("position", "shown_ms", "first_render_ms", "hidden_ms")
TEXTS = ("guess", "other_arm", "other_item")
FLAGS = ("is_repeat", "cannot_judge", "arm_is_left")
"""Columns that are read under these names where they are there: numbers, names, and yes or no."""
REPEAT_KEY = ("rater", "prompt", "arm", "item", "other_arm", "other_item", "dimension")
"""Answers that agree in all of these are repeats: items may be numbered within prompt and arm."""
EMPTY = frozenset({"", "NA", "NaN", "nan", "null", "None"})
"""How files write an answer that was not given."""


def read(
    source: str | Path | TextIO | pd.DataFrame,
    *,
    rater: str = "rater",
    prompt: str = "prompt",
    arm: str = "arm",
    answer: str = "answer",
    item: str | None = None,
    dimension: str | None = None,
    drop_empty: bool = False,
) -> pd.DataFrame:
    """Read a table with one row for each answer: a CSV file, an open one, or a DataFrame.

    Args:
        source: The table. A CSV has a header and is in UTF-8, with commas, semicolons or tabs.
        rater: The column that says who answered.
        prompt: The column that says what the text was an answer to.
        arm: The column that says what was done to the model.
        answer: The column with the answers, numbers.
        item: The column that says which text it was. Left out, it is ``item`` where there is such a column,
            and otherwise each prompt counts as having one text in each arm.
        dimension: The column that says what was judged. Left out, it is ``dimension`` where there is such a
            column, and otherwise all rows are of one dimension, named as the answers' column.
        drop_empty: Leave rows without an answer out instead of refusing them.

    Returns:
        The columns rater, item, prompt, arm, dimension (text) and answer (numbers), and those of `NUMBERS`,
        `TEXTS` and `FLAGS` that there are. Where an item has several answers of a rater, and positions say
        which came first, the later ones are marked as repeats.

    Raises:
        RaterError: If there is no such file or column, or a row lacks something or is no number; the row is
            named by its line, the header being line 1.
    """
    table = _load(source)
    wanted = {"rater": rater, "prompt": prompt, "arm": arm, "answer": answer}
    for name, column in {"item": item, "dimension": dimension}.items():
        if column is not None or name in table.columns:
            wanted[name] = column or name
    _check_columns(table, wanted)
    n_rows = len(table)
    table = _answered(table, answer, drop_empty=drop_empty)
    frame = pd.DataFrame(
        {name: _text(table[column], column) for name, column in wanted.items() if name != "answer"}
    )
    frame["answer"] = _numbers(table[answer], answer)
    if "item" not in frame.columns:
        frame["item"] = frame["prompt"] + " · " + frame["arm"]
    if "dimension" not in frame.columns:
        frame["dimension"] = answer
    _carry_along(frame, table)
    n_repeats = 0
    if "item" in wanted and "position" in frame.columns and "is_repeat" not in frame.columns:
        frame["is_repeat"] = _later(frame)
        n_repeats = int(frame["is_repeat"].sum())
    frame = frame.reset_index(drop=True)
    frame.attrs["reading"] = ReadingNotes(
        source="the table" if isinstance(source, pd.DataFrame) else str(source),
        n_rows=n_rows,
        n_without_answer=n_rows - len(frame),
        n_not_judged=int(frame["answer"].isna().sum()),
        n_repeats=n_repeats,
    )
    return frame


def _answered(table: pd.DataFrame, answer: str, *, drop_empty: bool) -> pd.DataFrame:
    """Keep the rows with an answer, or with a rater's word that there can be none."""
    answered = ~table[answer].isin(EMPTY)
    if "cannot_judge" in table.columns:
        answered |= _flags(table, "cannot_judge")
    if not answered.all() and not drop_empty:
        line, more = _first(~answered), int((~answered).sum())
        msg = (
            f"{answer} is empty in line {line} ({more} such in all); remove rows without an answer, "
            "or have them left out: drop_empty=True, or --drop-empty"
        )
        raise RaterError(msg)
    return table[answered]


def _carry_along(frame: pd.DataFrame, table: pd.DataFrame) -> None:
    """Add the columns that are read under their own names, where the table has them."""
    for column in (*NUMBERS, *TEXTS, *FLAGS):
        if column in table.columns and not table[column].isin(EMPTY).all():
            frame[column] = _carry(table, column)


def _carry(table: pd.DataFrame, column: str) -> "pd.Series":
    if column in FLAGS:
        return pd.Series(_flags(table, column), index=table.index)
    of_text = table[column].where(~table[column].isin(EMPTY), None)
    return of_text if column in TEXTS else _numbers(of_text.fillna("nan"), column)


def _flags(table: pd.DataFrame, column: str) -> np.ndarray:
    """Read yes and no as files write them; nothing is no."""
    said = table[column].str.strip().str.lower()
    wrong = ~said.isin(["true", "false", "1", "0", ""])
    if wrong.any():
        msg = (
            f"{column} is {table[column][wrong].iloc[0]!r} in line {_first(wrong)}; it must be true or false"
        )
        raise RaterError(msg)
    return said.isin(["true", "1"]).to_numpy(dtype=np.bool_)


def _later(frame: pd.DataFrame) -> np.ndarray:
    """Mark each answer to a text that its rater has judged on that dimension before."""
    in_order = frame.sort_values("position", kind="stable")
    again = in_order.duplicated([name for name in REPEAT_KEY if name in frame])
    return again.reindex(frame.index).to_numpy(dtype=np.bool_)


def _load(source: str | Path | TextIO | pd.DataFrame) -> pd.DataFrame:
    """Read everything as text, so that a prompt named 007 or NA stays what it is."""
    if isinstance(source, pd.DataFrame):
        as_text = source.astype(object).where(source.notna(), "")
        return as_text.map(lambda value: value if isinstance(value, str) else f"{value}").reset_index(
            drop=True
        )
    try:
        separator = _separator(_header(source))
        return pd.read_csv(source, sep=separator, dtype=str, keep_default_na=False, skipinitialspace=True)
    except FileNotFoundError as error:
        msg = f"There is no file {source}; give a CSV with a row for each answer."
        raise RaterError(msg) from error
    except OSError as error:
        msg = f"{source} cannot be read: {error.strerror or error}; give a CSV with a row for each answer."
        raise RaterError(msg) from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        msg = f"{source} cannot be read as a CSV in UTF-8 with a header: {error}"
        raise RaterError(msg) from error


def _header(source: str | Path | TextIO) -> str:
    """Read the first line, and leave the source as it was."""
    if isinstance(source, str | Path):
        with Path(source).open(encoding="utf-8-sig") as file:
            return file.readline()
    if not source.seekable():
        return ""
    place = source.tell()
    header = source.readline()
    source.seek(place)
    return header


def _separator(header: str) -> str:
    """Say what stands between the columns: spreadsheets write semicolons where the comma is for decimals."""
    unquoted = re.sub(r'"[^"]*"', "", header)
    return max(",;\t", key=unquoted.count)


def _check_columns(table: pd.DataFrame, wanted: Mapping[str, str]) -> None:
    columns = [str(column) for column in table.columns]
    for name, column in wanted.items():
        if column not in columns:
            msg = f"There is no column {column!r} for the {name}." + nearest(column, columns)
            raise RaterError(f"{msg} Say which it is: {name}='…', or --{name} COL.")
        if columns.count(column) > 1:
            msg = f"The column {column!r} for the {name} is there twice; rename one of them."
            raise RaterError(msg)


def _text(column: "pd.Series[str]", name: str) -> "pd.Series[str]":
    stripped = column.str.strip()
    empty = stripped == ""
    if empty.any():
        msg = f"{name} is empty in line {_first(empty)}; every row needs one"
        raise RaterError(msg)
    return stripped


def _numbers(column: "pd.Series[str]", name: str) -> "pd.Series[float]":
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = (numbers.isna() & ~column.isin(EMPTY)) | np.isinf(numbers)
    if wrong.any():
        msg = f"{name} is {column[wrong].iloc[0]!r} in line {_first(wrong)}; it must be a number"
        raise RaterError(msg)
    return numbers.astype(np.float64)


def _first(rows: "pd.Series[bool]") -> int:
    """Name the first such row by its line in the file: the header is line 1."""
    return int(rows.index[rows][0]) + 2
