"""Data dictionary: the description of each column of a table, and who may see its values.

A column's description is its SQL comment, so PostgreSQL shows it too. Who may see its values is in
SQLAlchemy's `info`. A test requires both for every column.
"""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy.orm import DeclarativeBase, MappedColumn, mapped_column

SeenBy = Literal["rater", "experimenter", "sealed"]


@dataclass(frozen=True)
class Meaning:
    """The meaning of a column."""

    description: str
    """Meaning and unit."""
    seen_by: SeenBy


def column(
    description: str, *arguments: Any, seen_by: SeenBy = "experimenter", **options: Any
) -> MappedColumn[Any]:
    """Declare a column with its meaning; all other arguments are those of `sqlalchemy.orm.mapped_column`."""
    return mapped_column(*arguments, comment=description, info={"seen_by": seen_by}, **options)


def meanings_of(table: type[DeclarativeBase]) -> dict[str, Meaning]:
    """Return the meaning of each column of a mapped class, in the order of the table's columns."""
    return {each.key: Meaning(each.comment or "", each.info["seen_by"]) for each in table.__table__.columns}
