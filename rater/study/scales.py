"""Declare how a question can be answered: points, a slider, a number, or a choice between two texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isclose
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from rater.study.declaration import Declaration, InOrder, Label


@dataclass(frozen=True)
class Choice:
    """One of the answers that a rater can press."""

    value: int
    label: str


class Likert(Declaration):
    """A row of points of which a rater chooses one; the end points are always labelled."""

    kind: Literal["likert"] = "likert"
    points: Annotated[int, Field(ge=2, le=11)] = 5
    """How many points the scale has, numbered from 1. (rater)"""
    low: Label
    """What point 1 means. (rater)"""
    high: Label
    """What the last point means. (rater)"""
    labels: dict[int, Label] = Field(default_factory=dict)
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

    def label(self, point: int) -> str:
        """Say what a point means; empty where the study says nothing."""
        if point == 1:
            return self.low
        if point == self.points:
            return self.high
        return self.labels.get(point, "")

    @property
    def choices(self) -> Sequence[Choice]:
        """The points, in order."""
        return [Choice(point, self.label(point)) for point in range(1, self.points + 1)]

    @property
    def lowest(self) -> float:
        """The least answer."""
        return 1

    @property
    def highest(self) -> float:
        """The greatest answer."""
        return self.points

    def holds(self, value: float) -> bool:
        """Say whether a value is an answer on this scale."""
        return value == int(value) and 1 <= value <= self.points


class _Measured(Declaration):
    """A scale of numbers between two bounds, in steps."""

    minimum: float = 0
    """The least answer. (rater)"""
    maximum: float = 100
    """The greatest answer. (rater)"""
    step: Annotated[float, Field(gt=0)] = 1
    """What two neighbouring answers differ by. (rater)"""

    @model_validator(mode="after")
    def _steps_reach_from_end_to_end(self) -> Self:
        if self.minimum >= self.maximum:
            msg = f"maximum is {self.maximum:g}, but must be more than minimum, {self.minimum:g}"
            raise ValueError(msg)
        if not self._is_whole_steps(self.maximum):
            msg = (
                f"step is {self.step:g}, which does not lead from {self.minimum:g} to {self.maximum:g}; "
                "valid: a step that fits a whole number of times"
            )
            raise ValueError(msg)
        return self

    def _is_whole_steps(self, value: float) -> bool:
        n_steps = (value - self.minimum) / self.step
        return isclose(n_steps, round(n_steps), abs_tol=1e-6)

    @property
    def choices(self) -> Sequence[Choice]:
        """None: an answer is moved or typed, not pressed."""
        return []

    @property
    def lowest(self) -> float:
        """The least answer."""
        return self.minimum

    @property
    def highest(self) -> float:
        """The greatest answer."""
        return self.maximum

    def holds(self, value: float) -> bool:
        """Say whether a value is an answer on this scale."""
        return self.minimum <= value <= self.maximum and self._is_whole_steps(value)


class Slider(_Measured):
    """A line between two labelled ends; it has no value until a rater touches it."""

    kind: Literal["slider"] = "slider"
    low: Label
    """What the least value means. (rater)"""
    high: Label
    """What the greatest value means. (rater)"""


class Number(_Measured):
    """A number that a rater types."""

    kind: Literal["number"] = "number"
    unit: Label | None = None
    """What is counted or measured, written after the number. (rater)"""


class Pairwise(Declaration):
    """A choice between two texts that are shown together; an answer is negative for the left one."""

    kind: Literal["pairwise"] = "pairwise"
    tie: Label | None = None
    """What the choice of neither is called; without it there is no such choice. (rater)"""
    degrees: Annotated[tuple[Label, ...], Field(max_length=4), InOrder] = ()
    """How strongly one can be preferred, from weakest to strongest; without it just which. (rater)"""

    @property
    def strongest(self) -> int:
        """The number of degrees of preference, at least 1."""
        return max(1, len(self.degrees))

    @property
    def choices(self) -> Sequence[Choice]:
        """The choices from strongly left to strongly right."""
        sides = [(-1, "A"), (1, "B")]
        named = {
            sign * degree: f"{side}, {self.degrees[degree - 1]}" if self.degrees else side
            for sign, side in sides
            for degree in range(1, self.strongest + 1)
        }
        if self.tie is not None:
            named[0] = self.tie
        return [Choice(value, named[value]) for value in sorted(named)]

    @property
    def lowest(self) -> float:
        """The least answer: the left text, most strongly."""
        return -self.strongest

    @property
    def highest(self) -> float:
        """The greatest answer: the right text, most strongly."""
        return self.strongest

    def holds(self, value: float) -> bool:
        """Say whether a value is an answer on this scale."""
        return any(value == choice.value for choice in self.choices)


KINDS = frozenset({"likert", "slider", "number", "pairwise"})
"""What pydantic adds to a place in a study to say which kind of scale it took the value for."""


def _which_scale(value: object) -> str | None:
    kind = value.get("kind", "likert") if isinstance(value, dict) else getattr(value, "kind", None)
    return kind if kind in KINDS else None


Scale = Annotated[
    Annotated[Likert, Tag("likert")]
    | Annotated[Slider, Tag("slider")]
    | Annotated[Number, Tag("number")]
    | Annotated[Pairwise, Tag("pairwise")],
    Discriminator(
        _which_scale,
        custom_error_type="not_a_scale",
        custom_error_message="a Likert(…), Slider(…), Number(…) or Pairwise(…)",
    ),
]
