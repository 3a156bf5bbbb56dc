"""Write the reference pages from the code: studies' fields, commands, columns, and the libraries.

python tools/make_reference.py [FOLDER]    # `make reference`; a test compares the pages with the code
"""

import ast
import dataclasses
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from itertools import pairwise, zip_longest
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
from rater.store.rating.schema import RatingBase as Rating
from rater.store.sealed.schema import SealedBase as Sealed

_PACKAGE = Path(rater.__file__).parent
FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "docs" / "reference"
_NOT_DECLARED_HERE = "see its docstring"
_OTHERS = {int: "a whole number", tuple[int, ...]: "whole numbers in brackets", NoneType: "`None`"}
# The line below a field of a study file ends with the role that may see it; the page has no column for it.
_SEEN_BY = re.compile(r"\s*\((rater|experimenter|sealed)\)$")
_FIRST = ("Study", "Sampling", "Plan", "AnalysisPlan", "Dimension")


@dataclasses.dataclass(frozen=True)
class Library:
    """A package with public functions and classes, and the order in which its page shows them."""

    title: str
    package: str
    preface: tuple[str, ...]
    topics: dict[str, str]

    @property
    def modules(self) -> dict[str, str]:
        """The module of each public name."""
        stub = _PACKAGE / self.package / "__init__.pyi"
        return {
            exported.name: str(node.module)
            for node in ast.parse(stub.read_text(encoding="utf-8")).body
            if isinstance(node, ast.ImportFrom)
            for exported in node.names
        }


_STEERING = Library(
    "The steering library",
    "steering",
    (
        "Everything here is imported from `rater.steering`; see [the guide](../how-to/steering.md) for",
        "examples.",
        "Invalid arguments raise `rater.errors.ModelError`, whose message lists valid values.",
        "",
        "| type | meaning |",
        "| --- | --- |",
        "| `AnyAddition` | any of the additions that a study file can declare |",
        "| `Additions` | a list of those, or of steering vectors |",
        "| `Prompts` | a text, a list of texts, or token ids: a list, or a tensor or array of them |",
        "| `Position` | `'front'`, `'mid'`, `'back'`, or positions in brackets: 0 is BOS, -1 the last |",
        "| `When` | `'prompt'`, `'generated'` or `'all'` |",
        "| `ModelArm` | `Unsteered`, `Steered`, `Prompted` or `OtherModel`, [as in a study](study.md) |",
        "| `RepeatedSampling` | `Draws`, or a study's [`Sampling`](study.md#sampling) |",
        "| `Tensor[pos, d_model]` | a tensor of that shape |",
    ),
    {
        "Load and generate": "load_model generate Draws ArmCompletion Measurements Touch "
        "print_n_comparisons comparison_tables comparison_page",
        "Any use of the bridge": "steer Steering next_token_logprobs read_activations",
        "What is added": "XVector ActivationAddition DatasetVector VectorFile RandomVector get_x_vector "
        "resolve SteeringVector random_like sae_vector residual_norm principal_axes Axes UnequalPairWarning "
        "BosOnlyWarning",
        "What it does": "next_token_effect NextTokenEffect TokenChange focus Focus kl_divergence text_nll "
        "completion_nlls position_norms PositionNorm prompt_norms token_repetition count_words",
        "Each token of a text": "token_effects TokenEffect compare_with_prompting text_logprobs TextLogprobs "
        "choice_logprobs layer_predictions LayerPrediction",
        "Sweeps": "sweep all_settings place_additions SweepSetting SweepOutcome PromptOutcome SweepText",
        "Corpora": "corpus_effect TextEffect corpus_changes TextChange summarise_corpus CorpusOutcome",
        "Frames": "to_frame",
        "Files": "save_completions load_completions read_completions_header save_vectors load_vectors "
        "read_header",
    },
)
_MEASURE = Library(
    "The measuring library",
    "measure",
    (
        "Everything here is imported from `rater.measure`; see [the guide](../how-to/judge.md) for examples.",
        "Invalid arguments raise a `rater.errors.RaterError`, whose message lists valid values.",
    ),
    {
        "Measure": "measure",
        "Metrics": "text_metrics count_of classifier embedding_distance judge",
        "A metric of one's own": "Metric Shown Measured FunctionMetric TextMetric",
    },
)
_ANALYSIS = Library(
    "The analysis library",
    "analysis",
    (
        "Everything here is imported from `rater.analysis`; see [the guide](../how-to/analysis.md) for",
        "examples and [tables](tables.md) for the columns that are read. Invalid tables and arguments raise",
        "`rater.errors.RaterError`, whose message lists valid values.",
    ),
    {"Read a table": "read ReadingNotes", "Plan and test": "plan_for Planned analyze Analysis"},
)
_WORKSPACE = Library(
    "Workspace",
    "workspace",
    (
        "Everything here is imported from `rater.workspace`; see [the guide](../how-to/notebook.md) for",
        "examples.",
        "The methods are the commands of `rater`, for notebooks and scripts.",
    ),
    {"A workspace": "Workspace", "A result": "StudyAnalysis StudyExport"},
)


def pages() -> dict[str, str]:
    """Return each page's name and text."""
    libraries = {
        f"{each.package}.md": _library(each) for each in (_STEERING, _MEASURE, _ANALYSIS, _WORKSPACE)
    }
    return {"study.md": _study(), "commands.md": _commands(), "data.md": _data(), **libraries}


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
    meanings, hints = _field_meanings(declared), get_type_hints(declared, include_extras=True)
    for field, default in _defaults(declared).items():
        if field == "kind":
            continue
        meaning = meanings.get(field, _NOT_DECLARED_HERE)
        yield f"| `{field}` | {default} | {_cell(meaning + _valid(hints.get(field)))} |"


def _field_meanings(declared: type) -> dict[str, str]:
    """Read the string literal below each field from the source of a class, base classes included.

    Python keeps no docstrings of attributes, so they are read from the source.
    """
    found: dict[str, str] = {}
    for cls in reversed(declared.__mro__):
        if cls.__module__.startswith("rater."):
            body = cast("ast.ClassDef", ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]).body
            found |= {
                field.target.id: _SEEN_BY.sub("", " ".join(below.value.value.split()))
                for field, below in pairwise(body)
                if isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
                and isinstance(below.value.value, str)
            }
    return found


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
    """Yield a section for each ready-made declaration, and for each function that makes some."""
    for name in sorted(rater.__all__):
        found = getattr(rater, name)
        if isinstance(found, BaseModel):
            values = "".join(f"    {field}={value!r},\n" for field, value in found)
            written = f"{type(found).__name__}(\n{values})".replace("'", '"')
            yield f"## {name}\n\n{_docstring_below(name, type(found))}\n\n```python\n{written}\n```\n"
        elif inspect.isfunction(found):
            empty = inspect.Parameter.empty
            parameters = [
                each.replace(annotation=empty) for each in inspect.signature(found).parameters.values()
            ]
            called = f"{name}{inspect.Signature(parameters)}"
            yield f"## {name}\n\n```text\n{called}\n```\n\n{_paragraphs(inspect.getdoc(found) or '')}\n"


def _docstring_below(name: str, kind: type) -> str:
    """Read the line below a constant, in the module of its class."""
    lines = ast.parse(inspect.getsource(sys.modules[kind.__module__])).body
    for line, below in pairwise(lines):
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == name:
            return str(ast.literal_eval(cast("ast.Expr", below).value))
    return _NOT_DECLARED_HERE


def _paragraphs(docstring: str) -> str:
    """Turn a docstring into Markdown: its arguments as a list, without what it raises."""
    text, _, example = docstring.partition("\nExample:\n")
    text = text.split("\nRaises:", maxsplit=1)[0].replace("``", "`")
    text = re.sub(r"\n(Yields|Returns):\n +", r"\n\1: ", text)
    described, _, arguments = text.partition("Args:\n")
    listed = re.sub(r"^ {4}(\w+): ", r"- `\1`: ", arguments, flags=re.MULTILINE)
    parts = [described.strip(), re.sub(r"^ +", "  ", listed, flags=re.MULTILINE).strip()]
    if example:
        code = textwrap.dedent(example).strip()
        parts.append(f"```python\n{re.sub(r'^>>> ', '', code, flags=re.MULTILINE)}\n```")
    return "\n\n".join(part for part in parts if part)


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
                lines.append(f"| `{column}` | {meaning.seen_by} | {_cell(meaning.description)} |")
            lines.append("")
    return "\n".join(lines)


def _library(library: Library) -> str:
    """Read a library's sources, as importing some of them takes torch."""
    lines, modules = [f"# {library.title}", "", *library.preface, ""], library.modules
    for topic, names in library.topics.items():
        lines += [f"## {topic}", ""]
        lines += [_entry(name, _source_of(name, library.package, modules[name])) for name in names.split()]
    return "\n".join(lines)


def _source_of(name: str, package: str, module: str) -> ast.ClassDef | ast.FunctionDef | None:
    """Find where a name is defined; None for what a study file declares, which has a page of its own."""
    if name in rater.__all__:
        return None
    path = _PACKAGE / package / f"{module.replace('.', '/')}.py"
    body = ast.parse(path.read_text(encoding="utf-8")).body
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            if isinstance(node, ast.ClassDef):
                _add_inherited(node, body, package)
            return node
    msg = f"{name} is not defined in {path}"
    raise LookupError(msg)


def _add_inherited(node: ast.ClassDef, body: list[ast.stmt], package: str) -> None:
    """Add the members of base classes that the module imports from its own package, once each."""
    origins = {
        alias.name: str(each.module).removeprefix(f"rater.{package}.")
        for each in body
        if isinstance(each, ast.ImportFrom) and str(each.module).startswith(f"rater.{package}.")
        for alias in each.names
    }
    known = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
    for base in map(ast.unparse, node.bases):
        inherited = _source_of(base, package, origins[base]) if base in origins else None
        for member in inherited.body if isinstance(inherited, ast.ClassDef) else ():
            if isinstance(member, ast.FunctionDef) and member.name not in known:
                known.add(member.name)
                node.body.append(member)


def _entry(name: str, node: ast.ClassDef | ast.FunctionDef | None) -> str:
    if node is None:
        return f"### {name}\n\nAs in a study file: [its fields](study.md#{name.lower()}).\n"
    if isinstance(node, ast.FunctionDef):
        return _function("###", name, node)
    described = _paragraphs(ast.get_docstring(node) or "")
    rows = [f"| `{_cell(field)}` | {kind} | {_cell(meaning)} |" for field, kind, meaning in _members(node)]
    table = ["", "| field | type | meaning |", "| --- | --- | --- |", *rows, ""] if rows else [""]
    methods = [_function("####", f"{name}.{each.name}", each) for each in _long_methods(node)]
    return "\n".join([f"### {name}", "", described, *table, *methods])


def _function(heading: str, name: str, node: ast.FunctionDef) -> str:
    described = _paragraphs(ast.get_docstring(node) or "")
    return f"{heading} {name}\n\n```python\n{_signature(node)}\n```\n\n{described}\n"


def _long_methods(node: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    """List the methods whose docstrings have more than one line; the others have a row of the table."""
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and _is_method(member) and _is_long(member):
            yield member


def _is_method(member: ast.FunctionDef) -> bool:
    return not member.name.startswith("_") and not any(
        ast.unparse(each) == "property" for each in member.decorator_list
    )


def _is_long(member: ast.FunctionDef) -> bool:
    return "\n" in (ast.get_docstring(member) or "")


def _members(node: ast.ClassDef) -> Iterator[tuple[str, str, str]]:
    """List the fields and properties that can be read, each with its type and meaning."""
    for member, below in zip_longest(node.body, node.body[1:]):
        if isinstance(member, ast.AnnAssign):
            meaning = below.value if isinstance(below, ast.Expr) else None
            text = str(ast.literal_eval(meaning)) if meaning else ""
            yield ast.unparse(member.target), f"`{_cell(_hint(member.annotation))}`", text.replace("``", "`")
        elif isinstance(member, ast.FunctionDef) and not member.name.startswith("_"):
            if _is_method(member) and _is_long(member):
                continue
            called = f"{member.name}({_row_arguments(member)})" if _is_method(member) else member.name
            text = (ast.get_docstring(member) or "").split("\n")[0]
            yield called, f"`{_cell(_hint(member.returns))}`", text


def _row_arguments(node: ast.FunctionDef) -> str:
    return ", ".join(each for each in _arguments(node) if each not in {"self", "cls"})


def _signature(node: ast.FunctionDef) -> str:
    arguments = "".join(f"    {each},\n" for each in _arguments(node) if each not in {"self", "cls"})
    return f"{node.name}(\n{arguments}) -> {_hint(node.returns)}"


def _arguments(node: ast.FunctionDef) -> list[str]:
    given = node.args
    defaults = [None] * (len(given.args) - len(given.defaults)) + given.defaults
    named = [*zip(given.args, defaults, strict=True)]
    by_name = [*zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    star = ["*"] if by_name else []
    rest = [f"**{given.kwarg.arg}"] if given.kwarg else []
    return [_argument(*each) for each in named] + star + [_argument(*each) for each in by_name] + rest


def _argument(argument: ast.arg, default: ast.expr | None) -> str:
    hint = f": {_hint(argument.annotation)}" if argument.annotation else ""
    return f"{argument.arg}{hint}" + (f" = {ast.unparse(default)}" if default else "")


def _hint(annotation: ast.expr | None) -> str:
    """Return a type as written in the source, and a tensor by its shape only."""
    if isinstance(annotation, ast.Constant):
        return str(annotation.value)
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Annotated":
        return _hint(cast("ast.Tuple", annotation.slice).elts[0])
    text = ast.unparse(annotation) if annotation else "None"
    return re.sub(
        r"\w+\[Tensor, ' ?([\w. ]+)'\]", lambda found: f"Tensor[{', '.join(found[1].split())}]", text
    )


def _first_line(declared: type) -> str:
    return (declared.__doc__ or "").strip().split("\n")[0]


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(f"{text.rstrip()}\n", encoding="utf-8")
