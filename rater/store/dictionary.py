"""Read what each column of a table means from the line that stands below it in the schema."""

import ast
import inspect
import re
import sys
from dataclasses import dataclass
from itertools import pairwise

_SEEN_BY = re.compile(r"\s*\((rater|experimenter|sealed)\)\s*$")


@dataclass(frozen=True)
class Meaning:
    """What a column means."""

    says: str
    """Meaning and unit."""
    seen_by: str
    """Who may see it: rater, experimenter, or sealed."""


def meanings_of(table: type) -> dict[str, Meaning]:
    """Read the meaning of each of a table's columns from the source of its class, base classes included."""
    found: dict[str, Meaning] = {}
    for cls in reversed(table.__mro__):
        if cls.__module__.startswith("rater.") and cls.__module__ in sys.modules:
            found |= _meanings_in(cls)
    return found


def _meanings_in(cls: type) -> dict[str, Meaning]:
    declared = ast.parse(inspect.getsource(sys.modules[cls.__module__]))
    bodies = [
        node.body for node in declared.body if isinstance(node, ast.ClassDef) and node.name == cls.__name__
    ]
    return {
        column.target.id: _read(line.value.value)
        for body in bodies
        for column, line in pairwise(body)
        if isinstance(column, ast.AnnAssign)
        and isinstance(column.target, ast.Name)
        and isinstance(line, ast.Expr)
        and isinstance(line.value, ast.Constant)
        and isinstance(line.value.value, str)
    }


def _read(text: str) -> Meaning:
    line = " ".join(text.split())
    seen_by = _SEEN_BY.search(line)
    return Meaning(_SEEN_BY.sub("", line), seen_by[1] if seen_by else "experimenter")
