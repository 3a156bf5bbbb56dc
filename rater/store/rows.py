"""Read and write whole rows of one study, for an archive: every column as JSON can hold it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from sqlalchemy import ColumnElement, Table, func, insert, select, text
from sqlalchemy.orm import Session

from rater.store.engine import UtcDateTime

Value: TypeAlias = "str | int | float | bool | list[int] | dict[str, str] | None"
Row: TypeAlias = dict[str, Value]

_BATCH = 1_000


def read_rows(session: Session, table: Table, where: ColumnElement[bool]) -> Iterator[Row]:
    """Read a table's rows in the order in which the database keeps them. Costs one query."""
    place = "ctid" if session.get_bind().dialect.name == "postgresql" else "rowid"
    query = select(table).where(where).order_by(text(f"{table.name}.{place}"))
    for row in session.execute(query.execution_options(yield_per=_BATCH)).mappings():
        yield {name: _written(value) for name, value in row.items()}


def insert_rows(session: Session, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows as they were read. Costs an insert for each 1,000."""
    for start in range(0, len(rows), _BATCH):
        session.execute(insert(table), [_read(table, row) for row in rows[start : start + _BATCH]])


def continue_numbering(session: Session, table: Table) -> None:
    """Let PostgreSQL give the next row a number after those that were inserted with theirs."""
    if session.get_bind().dialect.name != "postgresql" or table.autoincrement_column is None:
        return
    column = table.autoincrement_column
    sequence = func.pg_get_serial_sequence(table.name, column.name)
    session.execute(select(func.setval(sequence, select(func.max(column)).scalar_subquery())))


def _written(value: object) -> Value:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    assert value is None or isinstance(value, str | int | float | bool | list | dict), value  # noqa: S101 (the schema's own types)
    return value


def _read(table: Table, row: Mapping[str, object]) -> dict[str, object]:
    return {
        name: datetime.fromisoformat(value)
        if isinstance(table.c[name].type, UtcDateTime) and isinstance(value, str)
        else value
        for name, value in row.items()
    }
