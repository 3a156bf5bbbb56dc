"""Explain what is not valid in a declaration: the place, the value, and what is valid."""

import dataclasses
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

import rater
from rater.errors import nearest

_NO_TAGS: Mapping[str, str] = MappingProxyType({})
_VALID = {
    "bool_parsing": "True or False",
    "bool_type": "True or False",
    "control_character": "{reason}",
    "finite_number": "a finite number",
    "is_instance_of": "a list, in brackets: [x, y], or [x] for one",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "dict_type": "a dictionary",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "model_type": "a {class_name}(…)",
    "sequence_str": "a list, in brackets: [x, y], or [x] for one",
    "string_too_long": "a text of at most {max_length} characters",
    "string_too_short": "a text that is not empty",
    "string_type": "a text, in quotes",
    "string_unicode": "a text of whole Unicode characters",
    "too_long": "at most {max_length} of them",
    "too_short": "at least {min_length} of them",
    "tuple_type": "a list, in brackets: [x, y], or [x] for one",
    "value_error": "{error}",
}
"""The valid values, by pydantic's type of error; other types keep pydantic's message."""
_PATTERNS = {
    r"^[a-z0-9][a-z0-9_-]*$": "a-z, 0-9, _ and -, starting with a letter or digit, such as 'texts-2'",
    r"^[A-Za-z][A-Za-z0-9_]{0,63}$": "a letter, then letters, digits and _, such as 'PROLIFIC_PID'",
    r"^[\x21-\x7e]{1,64}$": "up to 64 letters, digits and signs of ASCII without a blank, such as 'C1A2B3C4'",
    r"^https://[^\s\"<>\\]{1,1000}$": (
        "an address that begins with https://, without blanks and quotes, such as "
        "'https://app.prolific.com/submissions/complete?cc=C1A2B3C4'"
    ),
    r"^#[0-9a-f]{6}$": "a colour as #rrggbb, such as '#1a4f8b'",
    r"^[0-9a-f]{64}$": (
        "64 digits and letters from a to f, as `sha256sum FILE` prints them, such as "
        "'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' of an empty file"
    ),
}
"""The valid values, by the pattern that a text must match."""


@cache
def declared_classes() -> dict[str, type]:
    """Return the classes of a study file, by name. Loads all of them."""
    return {name: declared for name in rater.__all__ if isinstance(declared := getattr(rater, name), type)}


def describe(error: ValidationError, title: str | None = None, *, tags: Mapping[str, str] = _NO_TAGS) -> str:
    """Return a failed validation as a message: the class, and a line for each problem.

    Args:
        error: The error.
        title: Name of the class; None for the one that the error has.
        tags: The class of each tag that pydantic adds to the place of a value, for the class that it chose.
    """
    name = title or error.title
    return "\n".join([f"{name} is not valid.", *(f"  {each}" for each in explain(error, name, tags=tags))])


def explain(
    error: ValidationError, title: str | None = None, *, tags: Mapping[str, str] = _NO_TAGS
) -> list[str]:
    """Return one line for each problem of a failed validation, in the order of the fields.

    The arguments are those of `describe`.
    """
    return [
        _problem(title or error.title, detail, tags)
        for detail in error.errors(include_url=False)
        # pydantic also reports a list as too short if only one of its elements is invalid
        if detail["type"] != "too_short" or len(detail["input"]) < detail["ctx"]["min_length"]
    ]


def _problem(title: str, detail: ErrorDetails, tags: Mapping[str, str]) -> str:
    place = _place(title, detail["loc"], tags)
    if detail["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
        chosen = [tags[str(part)] for part in detail["loc"] if part in tags]
        return f"Unknown field {place}.{_hint(str(detail['loc'][-1]), chosen[-1] if chosen else title)}"
    if detail["type"] in {"missing", "missing_argument"}:
        return f"{place} is missing."
    if detail["type"] == "unexpected_positional_argument":
        return f"{place} is given without its name; write {title}(…, {place}={_short(detail['input'])})."
    if detail["type"] == "value_error" and (not place or isinstance(detail["input"], BaseModel | Mapping)):
        return _sentence(": ".join(filter(None, [place, str(detail["ctx"]["error"])])))  # inconsistent fields
    if detail["type"] in {"too_short", "too_long"}:
        return f"{place} has {len(detail['input'])}; valid: {_sentence(_valid(detail))}"
    return f"{place} is {_short(detail['input'])}; valid: {_sentence(_valid(detail))}"


def _hint(name: str, home: str) -> str:
    """Return the field of the class with the nearest name, or the one other class that has this field."""
    owners = [other for other in declared_classes() if name in _fields(other)]
    if len(owners) != 1:
        return nearest(name, _fields(home))
    return f" It is a field of {owners[0]}; write {owners[0]}({name}=…)."


def _valid(detail: ErrorDetails) -> str:
    if detail["type"] == "string_pattern_mismatch":
        return _PATTERNS.get(detail["ctx"]["pattern"], detail["msg"])
    if detail["type"] not in _VALID:
        return detail["msg"]
    return _VALID[detail["type"]].format_map(detail.get("ctx", {}))


def _place(title: str, loc: tuple[int | str, ...], tags: Mapping[str, str]) -> str:
    """Return a place as a Python expression: ``arms[1].additions[0].coeff``."""
    fields = _fields(title)
    if loc and isinstance(loc[0], int) and loc[0] < len(fields):
        loc = (fields[loc[0]], *loc[1:])  # a positional argument of a dataclass
    parts = [part for part in loc if part not in tags]
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")


def _fields(title: str) -> list[str]:
    declared = declared_classes().get(title)
    if dataclasses.is_dataclass(declared):
        own = (
            declared.__annotations__
        )  # in the order of the source: positional ones first, inherited ones last
        fields = sorted(dataclasses.fields(declared), key=lambda each: (each.kw_only, each.name not in own))
        return [each.name for each in fields]
    return list(declared.model_fields) if declared and issubclass(declared, BaseModel) else []


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?")) else f"{text}."


def _short(value: object) -> str:
    text = repr(dict(value) if isinstance(value, Mapping) else value)
    return text if len(text) <= 80 else f"{text[:77]}..."
