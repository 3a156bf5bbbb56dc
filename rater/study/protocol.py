"""Declare what raters are shown: texts, dimensions and scales."""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

Text = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]


def _require_order(value: object) -> object:
    """Refuse a set, whose order changes and with it the study's hash, and a value without brackets."""
    if isinstance(value, list | tuple):
        return value
    raise PydanticCustomError("tuple_type", "a list, in brackets")


InOrder = BeforeValidator(_require_order)
"""Goes with a tuple field that is written as a list or a tuple, and nothing else."""


class Declaration(BaseModel):
    """A frozen part of a study that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def require_different(field: str, values: Iterable[str], hint: str) -> None:
    """Refuse a value that comes twice.

    Raises:
        ValueError: it does; pydantic gives the message a place.
    """
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        msg = f"{field} has {twice[0]!r} twice; {hint}"
        raise ValueError(msg)


class Likert(Declaration):
    """A row of points of which a rater chooses one; the end points are always labelled."""

    points: Annotated[int, Field(ge=2, le=11)] = 5
    """How many points the scale has, numbered from 1. (rater)"""
    low: Label
    """What point 1 means. (rater)"""
    high: Label
    """What the last point means. (rater)"""
    labels: dict[int, Label] = {}
    """What points between the ends mean, by number, where that is to be said. (rater)"""

    @model_validator(mode="after")
    def _labels_are_between_the_ends(self) -> Self:
        outside = sorted(set(self.labels) - set(range(2, self.points)))
        if outside:
            msg = (
                f"labels has {outside[0]}; valid: points between the ends, 2 to {self.points - 1} "
                "(the ends are `low` and `high`)"
            )
            raise ValueError(msg)
        return self

    def __hash__(self) -> int:
        return hash((self.points, self.low, self.high, *sorted(self.labels.items())))

    def label(self, point: int) -> str:
        """Say what a point means; empty where the study says nothing."""
        if point == 1:
            return self.low
        if point == self.points:
            return self.high
        return self.labels.get(point, "")


class Dimension(Declaration):
    """Something raters judge about each text: a question and its scale."""

    name: Name
    """The dimension's name in tables. (experimenter)"""
    question: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    """What is asked under each text. (rater)"""
    scale: Likert
    """How it can be answered. (rater)"""


class Protocol(Declaration):
    """Everything that raters are shown around the texts they rate; the web process knows no more of a study.

    Texts are Markdown.
    """

    title: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    """The study's title on its pages. (rater)"""
    consent: Text
    """What a rater agrees to: what is asked, how long, what is stored, whom to ask. (rater)"""
    instructions: Text
    """How to rate. (rater)"""
    thanks: Text = "Thank you. All your answers are saved; you can close this page."
    """What is said after the last text. (rater)"""
    dimensions: Annotated[tuple[Dimension, ...], Field(min_length=1), InOrder]
    """What raters judge, in the order asked. (rater)"""

    @model_validator(mode="after")
    def _dimensions_have_different_names(self) -> Self:
        names = (dimension.name for dimension in self.dimensions)
        require_different("dimensions", names, "give each its own name")
        return self
