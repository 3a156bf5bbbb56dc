"""Items with fields, and templates that name fields, such as "How clearly is {concept} present?".

A rated text has fields: its prompt, its completion, and the fields of its item. Questions, their labels,
instructions, practice and attention checks are templates: a name of a field in braces is replaced by
the value that the text has. A literal brace is written twice.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Annotated, Any, Self, TypeAlias

from pydantic import AfterValidator, ConfigDict, model_validator

from rater.errors import listed
from rater.study.conversation import Transcript, Turn, n_replies, require_turns, with_prompt
from rater.study.declaration import Declaration, InOrder, Label, Text

PROMPT, COMPLETION = "prompt", "completion"
REFERENCE = "reference"
"""The field that holds the text of the reference arm, if the study has one."""
RESERVED = frozenset(
    {
        PROMPT, COMPLETION, "text", "rater", "item", "other_item", "arm", "other_arm", "arm_is_left", "dose",
        "dimension", "position", "place", "answer", "answer_text", "sample", "is_repeat", "cannot_judge",
        "not_applicable", "confidence",
        "comment", "guess", "n_revisions", "shown_ms", "first_render_ms", "hidden_ms", "answered_at",
        "first_answered_at", "n_characters", "n_tokens", "nll", "repetition", "mean_rating", "n_ratings",
        "mean_rating_kept", "n_ratings_kept", "chosen", "target", "options", "rank", "other_rank", "trial",
        "odd_place", "chosen_place",
    }
)  # fmt: skip
"""Names of the columns of ratings and texts, which the columns of fields must not repeat."""

_OTHER_TEXT = re.compile(r"other_(item|arm|rank)_\d+|arm_[1-9]")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def is_reserved(name: str) -> bool:
    """Return whether a name is that of a column of ratings or texts, and so of no field."""
    return name in RESERVED or _OTHER_TEXT.fullmatch(name) is not None


def _require_field_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        msg = "a field's name: a-z, 0-9 and _, starting with a letter, at most 40 characters"
        raise ValueError(msg)
    if is_reserved(name):
        msg = "another name; this one is a field of every text, or a column of the ratings"
        raise ValueError(msg)
    return name


FieldName = Annotated[str, AfterValidator(_require_field_name)]
Fields: TypeAlias = Mapping[str, str]
"""The values of a text's fields, by name."""


class Item(Declaration):
    """A prompt with fields of its own, which are given by name: ``Item(prompt="…", concept="weddings")``.

    Instead of a prompt it may have a conversation: ``Item(turns=(Turn("user", "…"), …))``. All items of a
    study have the same fields, and either all or none have turns.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[FieldName, Text]

    prompt: Text = ""
    """The prompt that the model continues; of a conversation, its transcript. (rater)"""
    turns: Annotated[tuple[Turn, ...], InOrder] = ()
    """The conversation that the model continues, instead of a prompt; it ends with a turn of the user.
    (rater)"""

    @model_validator(mode="before")
    @classmethod
    def _write_prompt(cls, given: Any) -> Any:
        return with_prompt(given)

    @model_validator(mode="after")
    def _turns_are_a_conversation(self) -> Self:
        require_turns(self.prompt, self.turns)
        return self

    @property
    def model_input(self) -> str:
        """The text that the model continues: the prompt; of a conversation, a `Transcript`."""
        return Transcript(self.prompt) if self.turns else self.prompt

    @property
    def n_replies(self) -> int:
        """The number of assistant turns that are generated if the whole conversation is."""
        return n_replies(self.turns)

    @property
    def fields(self) -> dict[str, str]:
        """The values of its own fields, without the prompt, in alphabetical order."""
        return dict(sorted(self.__pydantic_extra__.items()))


class ShownField(Declaration):
    """A field that raters see above each text."""

    name: FieldName
    """The field of the items. (rater)"""
    label: Label
    """Its label, shown before the value. (rater)"""
    is_text: bool = False
    """Show the value as a text to compare with: below its label, after the prompt, as the rated text is.
    (rater)"""


def write_fields(fields: Fields) -> str:
    """Write the values of fields as canonical JSON."""
    return json.dumps(dict(fields), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


# a few values are written for thousands of texts
@lru_cache(maxsize=10_000)
def read_fields(written: str) -> Fields:
    """Read the values of fields from canonical JSON."""
    return MappingProxyType(json.loads(written))


def names_in(template: str) -> frozenset[str]:
    """Return the names of the fields in a template.

    Raises:
        ValueError: If a brace is neither part of a field nor written twice.
    """
    names = set()
    for part in _PART.finditer(template):
        if part[0] in {"{", "}"}:
            msg = f"has a single {part[0]!r}; write {part[0] * 2!r} for a brace, or '{{prompt}}' for a field"
            raise ValueError(msg)
        if part[1] is not None:
            names.add(part[1])
    return frozenset(names)


def fill(template: str, fields: Fields) -> str:
    """Replace each field of a valid template by its value."""

    def value(part: re.Match[str]) -> str:
        return part[0][0] if part[1] is None else fields[part[1]]

    return _PART.sub(value, template)


def fill_all(value: Any, fields: Fields) -> Any:
    """Fill in every text of a value: a text itself, or those in a list or in the values of a dictionary."""
    if isinstance(value, str):
        return fill(value, fields)
    if isinstance(value, list | tuple):
        return tuple(fill_all(each, fields) for each in value)
    if isinstance(value, dict):
        return {name: fill_all(each, fields) for name, each in value.items()}
    return value


def templates_in(value: object, place: str) -> list[tuple[str, str]]:
    """List every text of a value with its place."""
    if isinstance(value, str):
        return [(place, value)]
    if isinstance(value, list | tuple):
        return [found for i, each in enumerate(value) for found in templates_in(each, f"{place}[{i}]")]
    if isinstance(value, dict):
        return [found for key, each in value.items() for found in templates_in(each, f"{place}[{key!r}]")]
    return []


def require_names(place: str, template: str, valid: Iterable[str]) -> frozenset[str]:
    """Return the names of the fields in a template, and refuse a name that is not valid.

    Raises:
        ValueError: If a field does not exist, or a brace is not valid; with the place and the valid fields.
    """
    known = sorted(valid)
    try:
        names = names_in(template)
    except ValueError as error:
        msg = f"{place} {error}"
        raise ValueError(msg) from error
    for name in sorted(names.difference(known)):
        there = f"valid: {listed(known)}" if known else "no field can be named here"
        msg = f"{place} names the field {{{name}}}; {there} (braces are written '{{{{' and '}}}}')"
        raise ValueError(msg)
    return names


def require_same_fields(items: Sequence[Item]) -> None:
    """Refuse items that have different fields.

    Raises:
        ValueError: If an item lacks a field of the first one, or has another one.
    """
    first = set(items[0].fields) if items else set()
    for index, item in enumerate(items):
        for name in sorted(first.symmetric_difference(item.fields)):
            lacking, having = (0, index) if name in item.fields else (index, 0)
            msg = (
                f"items[{lacking}] has no field {name!r}, but items[{having}] has it; give it to all or none"
            )
            raise ValueError(msg)
