"""Read a table of ratings strictly into the tidy frame that every analysis takes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import pandas as pd

from rater.analysis.answer_values import EMPTY, AnswerRules, check_labels, parse_number
from rater.analysis.tidy_frame import FLAGS, NUMBERS, TEXTS, TidyFrame
from rater.analysis.wide_tables import ANSWER, FIELDS, add_items, hint_wide, to_long
from rater.errors import RaterError, TableError, nearest
from rater.names import normalise_name
from rater.tables import Dialect, SourceTable, read_table
from rater.tables.read import EncodingError
from rater.tables.separated_rows import QuoteError
from rater.tables.table import Decimal, cell_text, require_unique_columns
from rater.tables.write import restore_table

RatingsSource = str | Path | IO[str] | IO[bytes] | pd.DataFrame | SourceTable


@dataclass(frozen=True)
class Columns:
    """The columns of a table; None for a column that is found by its own name, if it exists."""

    rater: str = "rater"
    prompt: str = "prompt"
    arm: str = "arm"
    answer: str = "answer"
    item: str | None = None
    dimension: str | None = None

    def __post_init__(self) -> None:
        for name, column in vars(self).items():
            if not (isinstance(column, str) or (column is None and name in {"item", "dimension"})):
                msg = f"{name} is {column!r}; valid: the name of a column"
                raise RaterError(msg)

    def among(self, columns: Mapping[str, object]) -> dict[str, str]:
        """Return the columns to read, by what they are."""
        named = {name: normalise_name(column) for name, column in vars(self).items() if column is not None}
        return named | {name: name for name in ("item", "dimension") if name not in named and name in columns}


def read(  # noqa: PLR0913 (each argument is an option of the command, too)
    source: RatingsSource,
    *,
    rater: str = "rater",
    prompt: str = "prompt",
    arm: str = "arm",
    answer: str = "answer",
    item: str | None = None,
    dimension: str | None = None,
    wide: str | None = None,
    answer_columns: Sequence[str] | None = None,
    items: RatingsSource | None = None,
    labels: Sequence[str] = (),
    missing: Sequence[str | float] = (),
    drop_empty: bool = False,
    decimal: Decimal | None = None,
    quotes: bool = True,
    encoding: str | None = None,
) -> pd.DataFrame:
    """Read a table of ratings strictly: a file, an open one, or a DataFrame (docs/how-to/tables.md).

    Args:
        source: Text separated by commas, semicolons or tabs, JSON, JSON Lines, Parquet, or a DataFrame.
        rater: The column of raters.
        prompt: The column of prompts.
        arm: The column of arms.
        answer: The column of answers: numbers, numbers with a label ("5 – very happy"), or `labels`.
        item: The column of texts; by default ``item``, or else a prompt has one text in each arm.
        dimension: The column of dimensions; by default ``dimension``, or else there is one.
        wide: The names of a wide table's columns of answers: ``"{arm}"``, ``"{prompt}_{arm}"``, ``"{item}"``.
        answer_columns: A wide table's columns of answers; by default all that fit `wide`.
        items: A table with a row for each item: item, and what the ratings lack of prompt and arm.
        labels: The labels of the scale's points from the lowest, where answers are labels.
        missing: Codes for "no answer", in addition to empty cells, NA, N/A, NaN, null, None, "." and "-".
        drop_empty: Leave rows without an answer out instead of refusing them.
        decimal: The decimal sign; by default a comma where semicolons separate the columns, else a point.
        quotes: False for a file that is written without quoting.
        encoding: The file's encoding; by default UTF-8.

    Returns:
        The columns rater, item, prompt, arm, dimension (text) and answer (numbers), those of `NUMBERS`,
        `TEXTS` and `FLAGS` that there are, and the `ReadingNotes` as ``attrs["reading"]``.

    Raises:
        RaterError: If the file or a column does not exist, or a row cannot be read; with the row's line.
    """
    columns = Columns(rater, prompt, arm, answer, item, dimension)
    dialect = Dialect(decimal=_check_decimal(decimal), has_quotes=bool(quotes))
    table = load_table(source, dialect, encoding=encoding)
    if wide is not None or answer_columns is not None:
        table, columns = _melt(table, columns, wide or "{arm}", answer_columns)
    if items is not None:
        table = add_items(table, load_table(items, dialect, encoding=encoding), columns.item or "item")
    wanted = columns.among(table.columns)
    _check_columns(table, wanted)
    named = check_labels(labels) if labels else ()
    codes = [missing] if isinstance(missing, str | int | float) else missing
    texts = tuple(str(cell_text(code)) for code in codes)
    rules = AnswerRules(decimal=table.decimal, labels=named, missing=texts)
    return TidyFrame(table, wanted, rules).frame(drop_empty=drop_empty or bool(table.cells))


def load_table(
    source: RatingsSource, dialect: Dialect | None = None, *, encoding: str | None = None
) -> SourceTable:
    """Load a table from a file, an open one or a DataFrame.

    Raises:
        RaterError: If it is none of them, or cannot be read.
    """
    if isinstance(source, SourceTable):
        return source
    if isinstance(source, pd.DataFrame):
        return _table_of(source, dialect or Dialect())
    if not isinstance(source, str | Path) and not hasattr(source, "read"):
        msg = f"source is {type(source).__name__}; valid: the path of a file, an open file, or a DataFrame"
        raise RaterError(msg)
    if encoding is not None and not isinstance(encoding, str):
        msg = f"encoding is {encoding!r}; valid: a name such as utf-8 or cp1252"
        raise RaterError(msg)
    try:
        return restore_table(read_table(source, dialect, encoding=encoding))
    except QuoteError as error:
        msg = f"{error} If the file is written without quoting, read it with --no-quotes (quotes=False)."
        raise TableError(msg) from error
    except EncodingError as error:
        likely = error.likely
        msg = f"{error}, or give its encoding: --encoding {likely} (encoding={likely!r})"
        raise TableError(msg) from error


def _table_of(frame: pd.DataFrame, dialect: Dialect) -> SourceTable:
    names = require_unique_columns("the table", "in its header", [str(name) for name in frame.columns])
    return SourceTable(
        source="the table",
        file_format="data frame",
        columns={name: frame.iloc[:, index].astype(object).tolist() for index, name in enumerate(names)},
        positions=range(1, len(frame) + 1),
        unit="row",
        decimal=dialect.decimal or ".",
    )


def _check_decimal(decimal: Decimal | None) -> Decimal | None:
    if decimal not in {None, ".", ","}:
        msg = f"decimal is {decimal!r}; valid: '.' or ','"
        raise RaterError(msg)
    return decimal


def _melt(
    table: SourceTable, columns: Columns, pattern: str, answer_columns: Sequence[str] | None
) -> tuple[SourceTable, Columns]:
    """Turn a wide table into a long one, and name the columns that the names of its columns gave."""
    kept = {*columns.among(table.columns).values(), *NUMBERS, *TEXTS, *FLAGS}
    table = to_long(table, pattern, answer_columns, sorted(kept))
    given = {field: field for field in FIELDS if f"{{{field}}}" in pattern}
    return table, replace(columns, answer=ANSWER, **given)


def _check_columns(table: SourceTable, wanted: Mapping[str, str]) -> None:
    names = [name for name in table.columns if name]
    for name, column in wanted.items():
        if column not in table.columns:
            msg = f"There is no column {column!r} for the {name}." + nearest(column, names)
            msg += f" Name it: --{name} COL ({name}='COL')."
            numeric = _answer_like(table, wanted)
            if name in {"prompt", "arm", "answer"} and len(numeric) > 1:
                msg += hint_wide(numeric, has_prompt=wanted["prompt"] in table.columns)
            raise TableError(msg)
    repeated = [name for name, n in Counter(wanted.values()).items() if n > 1]
    if repeated:
        what = " and ".join(name for name, column in wanted.items() if column == repeated[0])
        msg = f"The column {repeated[0]!r} is given as {what}; each needs a column of its own."
        raise TableError(msg)


def _answer_like(table: SourceTable, wanted: Mapping[str, str]) -> list[str]:
    """List the columns that hold numbers and are not known as something else."""
    known = {*wanted.values(), *NUMBERS, *TEXTS, *FLAGS, ""}
    found = []
    for name, values in table.columns.items():
        texts = {
            text for text in map(cell_text, values[:1000]) if text and text.strip().casefold() not in EMPTY
        }
        if (
            name not in known
            and texts
            and all(parse_number(text, table.decimal) is not None for text in texts)
        ):
            found.append(name)
    return found
