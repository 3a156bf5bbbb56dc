"""Write the reference pages from the code: every field of a study, every command, every column.

python docs/make_reference.py [FOLDER]    # `make docs`; a test holds the pages against the code
"""

import ast
import dataclasses
import inspect
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, cast, get_args, get_origin, get_type_hints

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

import rater
from rater.cli import cli as command
from rater.store.dictionary import meanings_of
from rater.store.rating.schema import Base as Rating
from rater.store.sealed.schema import Base as Sealed

FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "reference"
_NOT_DECLARED_HERE = "see its docstring"
_OTHERS = {int: "a whole number", tuple[int, ...]: "whole numbers in brackets", NoneType: "`None`"}
_FIRST = ("Study", "Sampling", "Plan", "AnalysisPlan", "Dimension")


def pages() -> dict[str, str]:
    """Return each page's name and text."""
    return {"study.md": _study(), "commands.md": _commands(), "data.md": _data()}


def _study() -> str:
    names = [name for name in rater.__all__ if name[0].isupper() and not name.isupper()]
    exported = {name: getattr(rater, name) for name in names}
    order = sorted(exported, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name))
    sections = [_section(name, exported[name]) for name in order if isinstance(exported[name], type)]
    return "\n".join(
        [
            "# Fields of a study file",
            "",
            "Everything here is imported from `rater`.",
            "",
            *sections,
            *_others(),
        ]
    )


def _section(name: str, declared: type) -> str:
    lines = [f"## {name}", "", _first_line(declared), ""]
    rows = list(_fields(declared))
    if rows:
        lines += ["| field | default | meaning |", "| --- | --- | --- |", *rows, ""]
    return "\n".join(lines)


def _fields(declared: type) -> Iterator[str]:
    meanings, hints = meanings_of(declared), get_type_hints(declared, include_extras=True)
    for field, default in _defaults(declared).items():
        if field == "kind":
            continue
        says = meanings[field].says if field in meanings else _NOT_DECLARED_HERE
        yield f"| `{field}` | {default} | {_cell(says + _valid(hints.get(field)))} |"


def _valid(hint: object) -> str:
    """List the values that a field can have, where its type names some of them."""
    kinds = list(_alternatives(hint))
    if not any(get_origin(kind) is Literal for kind in kinds):
        return ""
    values = [f"`{value!r}`" for kind in kinds for value in get_args(kind) if get_origin(kind) is Literal]
    others = [_OTHERS[kind] for kind in kinds if kind in _OTHERS]
    return f" Valid: {', '.join(values + others)}."


def _alternatives(hint: object) -> Iterator[object]:
    if get_origin(hint) is Annotated:
        yield from _alternatives(get_args(hint)[0])
    elif get_origin(hint) in {Union, UnionType}:
        for part in get_args(hint):
            yield from _alternatives(part)
    else:
        yield hint


def _others() -> Iterator[str]:
    """Show what is no class: declarations that are ready-made, and functions that make some."""
    for name in sorted(rater.__all__):
        found = getattr(rater, name)
        if isinstance(found, BaseModel):
            written = repr(found).replace("'", '"')
            yield f"## {name}\n\n{_said_below(name, type(found))}\n\n```python\n{written}\n```\n"
        elif inspect.isfunction(found):
            empty = inspect.Parameter.empty
            parameters = [
                each.replace(annotation=empty) for each in inspect.signature(found).parameters.values()
            ]
            called = f"{name}{inspect.Signature(parameters)}"
            yield f"## {name}\n\n```text\n{called}\n```\n\n{_paragraphs(found)}\n"


def _said_below(name: str, kind: type) -> str:
    """Read the line below a constant, in the module of its class."""
    lines = ast.parse(inspect.getsource(sys.modules[kind.__module__])).body
    for line, below in pairwise(lines):
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == name:
            return str(ast.literal_eval(cast("ast.Expr", below).value))
    return _NOT_DECLARED_HERE


def _paragraphs(found: object) -> str:
    """Turn a docstring into Markdown: its arguments as a list, without what it raises."""
    text = (inspect.getdoc(found) or "").split("\nRaises:")[0].replace("``", "`")
    said, _, arguments = text.partition("Args:\n")
    listed = re.sub(r"^ {4}(\w+): ", r"- `\1`: ", arguments, flags=re.MULTILINE)
    return f"{said.strip()}\n\n{re.sub(r'^ +', '  ', listed, flags=re.MULTILINE).strip()}".strip()


def _defaults(declared: type) -> dict[str, str]:
    if issubclass(declared, BaseModel):
        return {name: _default_of(field) for name, field in declared.model_fields.items()}
    if dataclasses.is_dataclass(declared):
        return {
            field.name: "required" if field.default is dataclasses.MISSING else _shown(_plain(field.default))
            for field in dataclasses.fields(declared)
        }
    return {}


def _default_of(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return _shown(field.get_default(call_default_factory=True))


def _plain(default: object) -> object:
    if isinstance(default, FieldInfo):
        return None if default.default is PydanticUndefined else default.default
    return default


def _shown(value: object) -> str:
    if isinstance(value, BaseModel):
        return f"`{type(value).__name__}()`"
    return f"`{value!r}`" if len(repr(value)) <= 60 else "a text"


def _commands() -> str:
    lines = ["# Commands", ""]
    context = click.Context(command, info_name="rater")
    for name in command.list_commands(context):
        lines += _command(context, name, "##")
    return "\n".join(lines)


def _command(parent: click.Context, name: str, heading: str) -> list[str]:
    found = cast("click.Group", parent.command).commands[name]
    context = click.Context(found, info_name=name, parent=parent, max_content_width=100, terminal_width=100)
    lines = [f"{heading} {context.command_path}", "", "```text", found.get_help(context), "```", ""]
    if isinstance(found, click.Group):
        for verb in found.list_commands(context):
            lines += _command(context, verb, f"{heading}#")
    return lines


def _data() -> str:
    lines = ["# Data dictionary", "", "Every column of the two databases, and who may see it.", ""]
    for title, base in (("Rating database", Rating), ("Sealed database", Sealed)):
        lines += [f"## {title}", ""]
        for mapper in sorted(base.registry.mappers, key=lambda each: str(each.local_table)):
            lines += [f"### {mapper.local_table}", "", _first_line(mapper.class_), ""]
            lines += ["| column | seen by | meaning |", "| --- | --- | --- |"]
            for column, meaning in meanings_of(mapper.class_).items():
                lines.append(f"| `{column}` | {meaning.seen_by} | {_cell(meaning.says)} |")
            lines.append("")
    return "\n".join(lines)


def _first_line(declared: type) -> str:
    return (declared.__doc__ or "").strip().split("\n")[0]


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(f"{text.rstrip()}\n", encoding="utf-8")
