"""Turn a wide table, with a column of answers for each arm or text, into one with a row for each answer."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, repeat
from string import Formatter

from rater.errors import RaterError, TableError, listed
from rater.name_lists import shell_argument
from rater.names import normalise_name
from rater.tables import SourceTable
from rater.tables.table import cell_text

ANSWER = "answer"
FIELDS = ("rater", "prompt", "arm", "item", "dimension")
"""Placeholders in the name of a column of answers."""


def to_long(
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
        if name not in chosen and name != ANSWER
    }
    columns |= {field: [parts[field] for parts in values] * n for field in fields}
    cells = zip(*(table.columns[name] for name in chosen), strict=True)
    columns[ANSWER] = list(chain.from_iterable(cells))
    positions = list(chain.from_iterable(repeat(position, len(chosen)) for position in table.positions))
    return replace(table, columns=columns, positions=positions, cells=tuple(chosen) * n)


def add_items(table: SourceTable, items: SourceTable, item: str) -> SourceTable:
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


def hint_wide(columns: Sequence[str], *, has_prompt: bool) -> str:
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
    if not fields or not set(fields) <= set(FIELDS) or len(set(fields)) < len(fields):
        msg = (
            f"wide is {pattern!r}; valid: what the names of the answers' columns are, from "
            f"{', '.join(f'{{{name}}}' for name in FIELDS)}, such as '{{arm}}' or '{{prompt}}_{{arm}}'"
        )
        raise RaterError(msg)
    return fields


def _match(pattern: str, name: str, *, is_greedy: bool = False) -> dict[str, str] | None:
    parts = [
        re.escape(text) + ("" if field is None else f"(?P<{field}>.+{'' if is_greedy else '?'})")
        for text, field, _, _ in Formatter().parse(normalise_name(pattern))
    ]
    found = re.fullmatch("".join(parts), name)
    return None if found is None else found.groupdict()


def _parts(pattern: str, name: str) -> dict[str, str]:
    parts = _match(pattern, name)
    if parts is None:
        msg = f"the column {name!r} does not fit the pattern {pattern!r}; valid: columns whose names do"
        raise RaterError(msg)
    if parts != _match(pattern, name, is_greedy=True):
        msg = f"the column {name!r} fits the pattern {pattern!r} in several ways; rename the columns"
        raise RaterError(msg)
    return parts
