"""The questionnaire: questions about the raters themselves, before or after the trials.

Each question can be declined. The answers are personal data: they are stored apart from the ratings, next to
the identifiers of recruitment platforms, and deleted with them.
"""

import json
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from rater.study import declaration
from rater.study.declaration import Declaration, InOrder, Label, Name, require_different
from rater.study.typed_numbers import may_be_thousands, read_number, write_number

QuestionKind = Literal["choice", "choices", "number", "text"]
When = Literal["before", "after"]
Given: TypeAlias = str | float | tuple[str, ...]
"""An answer: an option or a text, a number, or several options."""
MAX_TEXT = 200
"""Characters of a short text; longer ones are refused."""
MAX_NUMBER = 1e9


class Question(Declaration):
    """A question about the rater, which can be declined."""

    name: Name
    """Name of the question in tables. (experimenter)"""
    question: declaration.Question
    """The question. (rater)"""
    kind: QuestionKind = "choice"
    """Kind of answer: "choice" (one option), "choices" (several), "number" or "text". (rater)"""
    options: Annotated[tuple[Label, ...], Field(max_length=30), InOrder] = ()
    """Options of a choice. (rater)"""
    minimum: float = 0
    """Lowest number. (rater)"""
    maximum: Annotated[float, Field(le=MAX_NUMBER)] = 150
    """Highest number. (rater)"""
    unit: Label | None = None
    """Unit, shown after the number. (rater)"""
    when: When = "before"
    """Time of the question: "before" or "after" the trials. (rater)"""

    @model_validator(mode="after")
    def _options_fit_the_kind(self) -> Self:
        if self.has_options:
            if len(self.options) < 2:
                msg = f"options has {len(self.options)}; a question of kind {self.kind!r} needs at least 2"
                raise ValueError(msg)
            require_different("options", self.options, "give each option once")
        elif self.options:
            msg = f"options is given, but the kind is {self.kind!r}; valid: kind='choice' or 'choices'"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _numbers_fit_the_kind(self) -> Self:
        given = sorted({"minimum", "maximum", "unit"} & self.model_fields_set)
        changed = [name for name in given if getattr(self, name) != type(self).model_fields[name].default]
        if changed and self.kind != "number":
            msg = f"{changed[0]} is given, but the kind is {self.kind!r}; valid: kind='number'"
            raise ValueError(msg)
        if self.minimum >= self.maximum:
            msg = f"maximum is {self.maximum:g}, but must be more than minimum, {self.minimum:g}"
            raise ValueError(msg)
        return self

    @property
    def has_options(self) -> bool:
        """True if options are chosen."""
        return self.kind in {"choice", "choices"}

    def parse_typed(self, text: str) -> str | float | None:
        """Return a typed number or text; None if it is not valid."""
        text = " ".join(text.replace("\x00", "").split())
        if self.kind == "text":
            return text if 0 < len(text) <= MAX_TEXT else None
        value = read_number(text)
        if value is None or may_be_thousands(text):
            return None
        return value if self.minimum <= value <= self.maximum else None

    def describe(self) -> str:
        """Return the kind of answer in words, for the preregistration."""
        if self.has_options:
            several = "any of" if self.kind == "choices" else "one of"
            return f"{several} {', '.join(f'“{option}”' for option in self.options)}"
        if self.kind == "number":
            ends = f"{write_number(self.minimum)} to {write_number(self.maximum)}"
            return f"a number from {ends}{f' {self.unit}' if self.unit else ''}"
        return "a short text"


def write_given(given: Given | None) -> str | None:
    """Return an answer as JSON, as it is stored; None for a declined question."""
    return None if given is None else json.dumps(given, ensure_ascii=False)


def read_given(stored: str | None) -> Given | None:
    """Return a stored answer; None for a declined question."""
    if stored is None:
        return None
    given = json.loads(stored)
    return (
        tuple(map(str, given))
        if isinstance(given, list)
        else given
        if isinstance(given, str)
        else float(given)
    )


def name_given(given: Given | None) -> str:
    """Return an answer in words, for tables; empty for a declined question."""
    if given is None:
        return ""
    if isinstance(given, tuple):
        return "; ".join(given)
    return given if isinstance(given, str) else write_number(given)
