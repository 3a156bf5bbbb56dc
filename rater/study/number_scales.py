"""Scales on which one text gets a number: points, a slider, or a typed number."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from rater.study.declaration import Label
from rater.study.scale import SECONDS_PER_NUMBER, Choice, NumberRange, StudyScale, Widget
from rater.study.typed_numbers import may_be_thousands, read_number


class Likert(StudyScale):
    """A row of points of which a rater chooses one; the end points are always labelled."""

    widget: ClassVar[Widget] = "points"

    kind: Literal["likert"] = "likert"
    points: Annotated[int, Field(ge=2, le=11)] = 5
    """Number of points. (rater)"""
    first: Annotated[int, Field(ge=-10, le=1)] = 1
    """Number of the first point: 1, 0, or below 0, such as −3 for seven points from −3 to 3. (rater)"""
    numbers: bool = True
    """Show the numbers of the points. (rater)"""
    low: Label
    """Label of the first point. (rater)"""
    high: Label
    """Label of the last point. (rater)"""
    labels: dict[int, Label] = Field(default_factory=dict)
    """Labels of points between the ends, by number. (rater)"""

    @model_validator(mode="after")
    def _labels_are_between_the_ends(self) -> Self:
        between = range(self.first + 1, self.last)
        outside = sorted(set(self.labels) - set(between))
        if outside:
            valid = f"points between the ends, {between[0]} to {between[-1]}" if between else "none"
            msg = f"labels has {outside[0]}; valid: {valid} (the ends are `low` and `high`)"
            raise ValueError(msg)
        return self

    @property
    def hides_numbers(self) -> bool:
        """True if raters see the points without their numbers."""
        return not self.numbers

    @property
    def last(self) -> int:
        """The number of the last point."""
        return self.first + self.points - 1

    @property
    def choices(self) -> Sequence[Choice]:
        """The points, in order; those without a label have an empty one."""
        labels = {**self.labels, self.first: self.low, self.last: self.high}
        # A minus sign is not a key, so that points of a scale with negative ones are chosen by their place.
        shift = 1 - self.first if self.first < 0 else 0
        return [
            Choice(point, labels.get(point, ""), str(point + shift))
            for point in range(self.first, self.last + 1)
        ]

    @property
    def levels(self) -> Sequence[Choice]:
        """The points, in order."""
        return self.choices

    def describe(self) -> str:
        """Return the number of points, the labels of the ends, and the numbers if they do not begin at 1."""
        numbers = "" if self.first == 1 else f", numbered {self._span}"
        hidden = "" if self.numbers else ", without numbers"
        return f"{self.points} points from “{self.low}” to “{self.high}”{numbers}{hidden}"

    def describe_values(self) -> str:
        """Return the points as numbers."""
        return f"points {self._span}"

    @property
    def _span(self) -> str:
        return f"{self.choices[0].number} to {self.choices[-1].number}"


class _Measured(StudyScale):
    """A scale of numbers between two bounds, in steps."""

    minimum: float = 0
    """Lowest answer. (rater)"""
    maximum: float = 100
    """Highest answer. (rater)"""
    step: Annotated[float, Field(gt=0)] = 1
    """Difference between neighbouring answers. (rater)"""

    @model_validator(mode="after")
    def _steps_reach_from_end_to_end(self) -> Self:
        if self.minimum >= self.maximum:
            msg = f"maximum is {self.maximum:g}, but must be more than minimum, {self.minimum:g}"
            raise ValueError(msg)
        if not self.number_range.is_on_step(self.maximum):
            msg = (
                f"step is {self.step:g}, which does not divide the range from {self.minimum:g} to "
                f"{self.maximum:g}; valid: a step that fits a whole number of times"
            )
            raise ValueError(msg)
        return self

    @property
    @abstractmethod
    def number_range(self) -> NumberRange:
        """The numbers that can be typed or moved to."""

    @property
    def lowest(self) -> float:
        """The lowest answer."""
        return self.minimum

    @property
    def highest(self) -> float:
        """The highest answer."""
        return self.maximum

    def is_valid(self, value: float) -> bool:
        """Return whether a value is within the bounds and on a step."""
        return self.number_range.holds(value)

    def parse(self, text: str) -> float | None:
        """Return the number that a text is; None where it is not an answer, or may be read as two numbers."""
        value = read_number(text)
        if value is None or not self.is_valid(value):
            return None
        return None if may_be_thousands(text) and not self.number_range.has_thousandths else value

    def describe_values(self) -> str:
        """Return the ends and the step."""
        return f"numbers from {self.number_range}"


class Slider(_Measured):
    """A line between two labelled ends; it has no value until a rater touches it."""

    widget: ClassVar[Widget] = "slider"

    kind: Literal["slider"] = "slider"
    low: Label
    """Label of the lowest value. (rater)"""
    high: Label
    """Label of the highest value. (rater)"""

    @property
    def number_range(self) -> NumberRange:
        """The numbers that the slider can be moved to."""
        return NumberRange(self.minimum, self.maximum, self.step, low=self.low, high=self.high)

    def describe(self) -> str:
        """Return the ends, the step and the labels of the ends."""
        return f"a slider, {self.number_range}, from “{self.low}” to “{self.high}”"


class Number(_Measured):
    """A number that a rater types."""

    widget: ClassVar[Widget] = "number"
    kind: Literal["number"] = "number"
    unit: Label | None = None
    """Unit, shown after the number. (rater)"""

    @property
    def seconds_per_answer(self) -> float:
        """The seconds that working out a number and typing it take."""
        return SECONDS_PER_NUMBER

    @property
    def number_range(self) -> NumberRange:
        """The numbers that can be typed."""
        return NumberRange(self.minimum, self.maximum, self.step, unit=self.unit or "")

    def describe(self) -> str:
        """Return the ends, the step and the unit."""
        return f"a number, {self.number_range} {self.unit or ''}".rstrip()
