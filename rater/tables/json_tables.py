"""Read JSON and JSON Lines as tables: an object for each row, or a list of values for each column."""

import json
from collections.abc import Mapping, Sequence

from rater.errors import TableError
from rater.tables.table import SourceTable, require_unique_columns

_ROW = '{"prompt": "…", "arm": "…", …}'


class _RepeatedKeyError(ValueError):
    """An object has a key twice."""


def read_json_lines(source: str, text: str) -> SourceTable:
    """Read a text with a JSON object in each line; blank lines are ignored.

    Raises:
        TableError: If a line is not a JSON object, or has a key twice; with the line.
    """
    records, positions = [], []
    # By line feeds alone: splitlines would also split at characters that JSON allows inside a text.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            records.append(_require_object(f"{source}:{number}", _parse(f"{source}:{number}", line)))
            positions.append(number)
    return _table(source, "JSON Lines", records, positions, is_by_line=True)


def read_json(source: str, text: str) -> SourceTable:
    """Read a JSON document that is a table.

    Valid are a list of objects, an object with such a list under one of its keys, and columns: an object of
    lists of one length, of objects with the same keys (as pandas writes them), or of "columns" and "data".

    Raises:
        TableError: If it is none of these, or an object has a key twice.
    """
    document = _parse(source, text)
    records = _records(document)
    if records is None:
        msg = f"{source} is JSON, but not a table; valid: a list with an object for each row, [{_ROW}, …]"
        raise TableError(msg)
    rows = [_require_object(f"{source}, row {number}", row) for number, row in enumerate(records, start=1)]
    return _table(source, "JSON", rows, list(range(1, len(rows) + 1)), is_by_line=False)


def looks_like_lines(text: str) -> bool:
    """Return whether the first line of a text is a JSON object by itself, and another one follows."""
    first, _, rest = text.strip().partition("\n")
    try:
        return isinstance(json.loads(first), dict) and bool(rest.strip())
    except (ValueError, RecursionError):
        return False


def _parse(where: str, text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_object)
    except _RepeatedKeyError as error:
        msg = f"{where} has the key {str(error)!r} twice in one object; rename one of them"
        raise TableError(msg) from error
    except (ValueError, RecursionError) as error:
        reason = (
            f"{error.msg}, line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "too deep"
        )
        reason = reason.removesuffix(", line 1")
        msg = f"{where} is not JSON ({reason}); valid: {_ROW}"
        raise TableError(msg) from error


def _object(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        raise _RepeatedKeyError(next(key for key in keys if keys.count(key) > 1))
    return found


def _require_object(where: str, row: object) -> Mapping[str, object]:
    if not isinstance(row, dict):
        msg = f"{where} is not a JSON object; valid: {_ROW}"
        raise TableError(msg)
    if any(isinstance(value, dict) for value in row.values()):
        return dict(_flat(row, ""))
    return row


def _flat(row: Mapping[str, object], prefix: str) -> list[tuple[str, object]]:
    """List values by their path, with points between the keys: ``rater.id``."""
    pairs = []
    for key, value in row.items():
        name = f"{prefix}{key}"
        pairs += _flat(value, f"{name}.") if isinstance(value, dict) and value else [(name, value)]
    return pairs


def _records(document: object) -> Sequence[object] | None:
    """Return the rows of a document; None if it is not a table."""
    if isinstance(document, list):
        return document
    if not isinstance(document, dict) or not document:
        return None
    if isinstance(document.get("columns"), list) and isinstance(document.get("data"), list):
        return _rows_of_values(document["columns"], document["data"])
    lists = [value for value in document.values() if isinstance(value, list)]
    tables = [value for value in lists if value and all(isinstance(row, dict) for row in value)]
    if tables:
        return tables[0] if len(tables) == 1 else None
    return _rows_of_columns(document)


def _rows_of_columns(document: Mapping[str, object]) -> Sequence[object] | None:
    """Convert columns, as lists of one length or objects with the same keys, to rows."""
    lists = [value for value in document.values() if isinstance(value, list)]
    if len(lists) == len(document) and len({len(value) for value in lists}) == 1:
        return [dict(zip(document, row, strict=True)) for row in zip(*lists, strict=True)]
    columns = {name: value for name, value in document.items() if isinstance(value, dict) and value}
    keys = [list(value) for value in columns.values()]
    if len(columns) == len(document) and all(each == keys[0] for each in keys):
        return [{name: value[key] for name, value in columns.items()} for key in keys[0]]
    return None


def _rows_of_values(columns: Sequence[object], data: Sequence[object]) -> Sequence[object] | None:
    names = [str(column) for column in columns]
    if len(set(names)) < len(names):
        return None
    if not all(isinstance(row, list) and len(row) == len(names) for row in data):
        return None
    return [dict(zip(names, row, strict=True)) for row in data if isinstance(row, list)]


def _table(
    source: str,
    file_format: str,
    records: Sequence[Mapping[str, object]],
    positions: Sequence[int],
    *,
    is_by_line: bool,
) -> SourceTable:
    columns: dict[str, list[object]] = {}
    for index, record in enumerate(records):
        for key, value in record.items():
            column = columns.get(key)
            if column is None:
                columns[key] = column = [None] * index
            column.append(value)
        if len(record) != len(columns):
            for column in columns.values():
                if len(column) == index:
                    column.append(None)
    if not columns:
        what = "has rows without any value" if records else "is empty"
        msg = f"{source} {what}; a table has a row for each answer or text"
        raise TableError(msg)
    names = require_unique_columns(source, "in its objects", list(columns))
    return SourceTable(
        source=source,
        file_format=file_format,
        columns=dict(zip(names, columns.values(), strict=True)),
        positions=positions,
        unit="line" if is_by_line else "row",
    )
