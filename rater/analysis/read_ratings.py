"""Read a table of ratings strictly into the tidy frame that every analysis takes.

A wide table, with a column of answers for each arm or text, becomes one with a row for each answer.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, repeat
from pathlib import Path
from string import Formatter
from typing import IO

import pandas as pd

from rater.analysis.answer_kinds.kind import complete_table
from rater.analysis.answer_values import EMPTY, AnswerRules, check_labels, parse_number
from rater.analysis.tidy_frame import FLAGS, NUMBERS, TEXTS, TidyFrame
from rater.errors import RaterError, TableError, listed, nearest
from rater.name_lists import shell_argument
from rater.names import normalise_name
from rater.tables import Dialect, SourceTable, read_table
from rater.tables.read import EncodingError
from rater.tables.separated_rows import QuoteError
from rater.tables.table import Decimal, cell_text, require_unique_columns
from rater.tables.write import restore_table

_ANSWER = "answer"
_FIELDS = ("rater", "prompt", "arm", "item", "dimension")
"""Placeholders in the name of a column of answers."""
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
    """Read a table of ratings strictly: a file, an open one, or a DataFrame (docs/reference/tables.md).

    Args:
        source: Text separated by commas, semicolons or tabs, JSON, JSON Lines, Parquet, or a DataFrame.
        rater: The column of raters.
        prompt: The column of prompts.
        arm: The column of arms.
        answer: The column of answers: numbers, numbers with a label ("5 – very happy"), or `labels`. With
            columns ``chosen`` and ``target`` (labels) it can be left out: it is 1 where they are the same.
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
        table = _add_items(table, load_table(items, dialect, encoding=encoding), columns.item or "item")
    wanted = columns.among(table.columns)
    table = complete_table(table, wanted)
    _check_columns(table, wanted)
    named, codes = check_labels(labels) if labels else (), _codes(missing)
    rules = AnswerRules(decimal=table.decimal, labels=named, missing=codes)
    return TidyFrame(table, wanted, rules).frame(drop_empty=drop_empty or bool(table.cells))


def _codes(missing: Sequence[str | float]) -> tuple[str, ...]:
    """Return the codes for "no answer" as texts; a single code need not be in a list."""
    codes = [missing] if isinstance(missing, str | int | float) else missing
    return tuple(str(cell_text(code)) for code in codes)


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
    table = _to_long(table, pattern, answer_columns, sorted(kept))
    given = {field: field for field in _FIELDS if f"{{{field}}}" in pattern}
    return table, replace(columns, answer=_ANSWER, **given)


def _check_columns(table: SourceTable, wanted: Mapping[str, str]) -> None:
    names = [name for name in table.columns if name]
    for name, column in wanted.items():
        if column not in table.columns:
            msg = f"There is no column {column!r} for the {name}." + nearest(column, names)
            msg += f" Name it: --{name} COL ({name}='COL')."
            numeric = _answer_like(table, wanted)
            if name in {"prompt", "arm", "answer"} and len(numeric) > 1:
                msg += _hint_wide(numeric, has_prompt=wanted["prompt"] in table.columns)
            raise TableError(msg)
    repeated = [name for name, n in Counter(wanted.values()).items() if n > 1]
    if repeated:
        what = " and ".join(name for name, column in wanted.items() if column == repeated[0])
        msg = f"The column {repeated[0]!r} is given as {what}; each needs a column of its own."
        raise TableError(msg)


def _answer_like(table: SourceTable, wanted: Mapping[str, str]) -> list[str]:
    """List the columns that hold numbers and are not known as something else."""
    known = {*wanted.values(), *NUMBERS, *TEXTS, *FLAGS, ""}
    names = []
    for name, values in table.columns.items():
        texts = {
            text for text in map(cell_text, values[:1000]) if text and text.strip().casefold() not in EMPTY
        }
        if (
            name not in known
            and texts
            and all(parse_number(text, table.decimal) is not None for text in texts)
        ):
            names.append(name)
    return names


def _to_long(
    table: SourceTable, pattern: str, answer_columns: Sequence[str] | None, kept: Sequence[str]
) -> SourceTable:
    """Return a table with a row for each cell of the answers' columns, row by row.

    Args:
        table: The wide table.
        pattern: What the columns' names are, such as ``{arm}`` or ``{prompt}_{arm}``.
        answer_columns: The columns of answers; left out, all that fit the pattern and are not kept.
        kept: Columns that are not answers.

    Raises:
        RaterError: If the pattern is not valid, or a column is not there or does not fit it in one way.
    """
    fields = _fields(pattern)
    if isinstance(answer_columns, str):
        answer_columns = [answer_columns]
    named = [normalise_name(name) for name in answer_columns or ()]
    for name in named:
        table.column(name)
    kept = [name for name in kept if name not in named]
    chosen = named or [name for name in table.columns if name and name not in kept and _match(pattern, name)]
    if len(set(chosen)) < max(len(chosen), 1):
        msg = (
            f"no column fits the pattern {pattern!r}" if not chosen else "a column of answers is named twice"
        )
        raise RaterError(f"{msg}; the columns: {listed(table.columns)}")
    values = [_parts(pattern, name) for name in chosen]
    n = len(table)
    columns: dict[str, Sequence[object]] = {
        name: list(chain.from_iterable(repeat(value, len(chosen)) for value in column))
        for name, column in table.columns.items()
        if name not in chosen and name != _ANSWER
    }
    columns |= {field: [parts[field] for parts in values] * n for field in fields}
    cells = zip(*(table.columns[name] for name in chosen), strict=True)
    columns[_ANSWER] = list(chain.from_iterable(cells))
    positions = list(chain.from_iterable(repeat(position, len(chosen)) for position in table.positions))
    return replace(table, columns=columns, positions=positions, cells=tuple(chosen) * n)


def _add_items(table: SourceTable, items: SourceTable, item: str) -> SourceTable:
    """Add the columns of a table of items to each row's item, such as its prompt and arm.

    Raises:
        TableError: If an item is there twice, one of the ratings is not there, or both tables have a
            column and differ in it.
    """
    rows: dict[str, int] = {}
    for row, value in enumerate(items.column("item")):
        name = normalise_name(cell_text(value) or "")
        if name in rows:
            msg = f"{items.where(row)} has the item {name!r}, as has {items.place(rows[name])}; remove one"
            raise TableError(msg)
        rows[name] = row
    chosen = []
    for row, value in enumerate(table.column(item)):
        found = rows.get(normalise_name(cell_text(value) or ""))
        if found is None:
            msg = f"{table.where(row)} has the item {str(value)!r}, which is not in the table of items"
            if table.cells:
                msg += "; if that column has no answers, name those that have: --answer-columns"
            raise TableError(msg)
        chosen.append(found)
    for name in sorted({"prompt", "arm"} & set(items.columns) & set(table.columns)):
        _require_same(table, [items.columns[name][row] for row in chosen], name)
    added = {
        name: [column[row] for row in chosen]
        for name, column in items.columns.items()
        if name and name not in table.columns
    }
    return replace(table, columns={**table.columns, **added})


def _require_same(table: SourceTable, of_items: Sequence[object], name: str) -> None:
    for row, (own, other) in enumerate(zip(table.columns[name], of_items, strict=True)):
        if normalise_name(cell_text(own) or "") != normalise_name(cell_text(other) or ""):
            msg = (
                f"{table.where(row)} has the {name} {own!r}, but the table of items has {other!r} for its "
                "item; correct one, or leave the column out of one table"
            )
            raise TableError(msg)


def _hint_wide(columns: Sequence[str], *, has_prompt: bool) -> str:
    """Return how to read a table that seems to have these columns of answers."""
    pattern = "{arm}" if has_prompt else "{prompt}_{arm}"
    return (
        f" The table looks wide: {listed(columns)} hold numbers. To read them as answers, describe their "
        f"names, such as --wide '{pattern}' --answer-columns {shell_argument(columns[:20])} "
        f"(wide={pattern!r}, answer_columns=[…]); or --wide '{{item}}' --items FILE with the columns item, "
        "prompt and arm."
    )


def _fields(pattern: object) -> list[str]:
    try:
        fields = (
            []
            if not isinstance(pattern, str)
            else [name for _, name, _, _ in Formatter().parse(pattern) if name is not None]
        )
    except ValueError:
        fields = []
    if not fields or not set(fields) <= set(_FIELDS) or len(set(fields)) < len(fields):
        msg = (
            f"wide is {pattern!r}; valid: what the names of the answers' columns are, from "
            f"{', '.join(f'{{{name}}}' for name in _FIELDS)}, such as '{{arm}}' or '{{prompt}}_{{arm}}'"
        )
        raise RaterError(msg)
    return fields


def _match(pattern: str, name: str, *, is_greedy: bool = False) -> dict[str, str] | None:
    parts = [
        re.escape(text) + ("" if field is None else f"(?P<{field}>.+{'' if is_greedy else '?'})")
        for text, field, _, _ in Formatter().parse(normalise_name(pattern))
    ]
    match = re.fullmatch("".join(parts), name)
    return None if match is None else match.groupdict()


def _parts(pattern: str, name: str) -> dict[str, str]:
    parts = _match(pattern, name)
    if parts is None:
        msg = f"the column {name!r} does not fit the pattern {pattern!r}; valid: columns whose names do"
        raise RaterError(msg)
    if parts != _match(pattern, name, is_greedy=True):
        msg = f"the column {name!r} fits the pattern {pattern!r} in several ways; rename the columns"
        raise RaterError(msg)
    return parts
