"""Answer scales: points, a slider, a typed number, or a choice between two texts.

Everything that depends on the kind of a scale is a method or an attribute of its class, so that a new kind is
one class here, one macro of the page templates and one function of the analysis.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import isclose
from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import Discriminator, Field, Tag, model_validator

from rater.study.declaration import Declaration, InOrder, Label
from rater.study.fields import Fields, fill_all
from rater.study.typed_numbers import may_be_thousands, read_number, write_number

Widget: TypeAlias = Literal["points", "choices", "slider", "number"]
"""The form control that shows a scale."""

# choosing an answer and continuing, and working out a number and typing it: our assumptions
SECONDS_PER_CHOICE = 4.0
SECONDS_PER_NUMBER = 10.0


@dataclass(frozen=True)
class Choice:
    """One of the answers that a rater can press."""

    value: int
    label: str
    key: str
    """The key that chooses it in a terminal."""

    @property
    def number(self) -> str:
        """The value as it is shown, with a minus sign."""
        return str(self.value).replace("-", "−")

    @property
    def numbered_label(self) -> str:
        """The value with its label, where it has one."""
        return f"{self.number} {self.label}".strip()


@dataclass(frozen=True)
class NumberRange:
    """The numbers that a rater can type or move to."""

    minimum: float
    maximum: float
    step: float
    low: str = ""
    """Label of the minimum."""
    high: str = ""
    """Label of the maximum."""
    unit: str = ""

    @property
    def is_whole(self) -> bool:
        """True if all of the numbers are whole."""
        return self.step == int(self.step) and self.minimum == int(self.minimum)

    def holds(self, value: float) -> bool:
        """Return whether a number is within the range and a whole number of steps from the minimum."""
        return self.minimum <= value <= self.maximum and self.is_on_step(value)

    def is_on_step(self, value: float) -> bool:
        """Return whether a number is a whole number of steps from the minimum."""
        n_steps = (value - self.minimum) / self.step
        return isclose(n_steps, round(n_steps), abs_tol=1e-6)

    @property
    def has_thousandths(self) -> bool:
        """True if some of the numbers have three decimal places or more."""
        return not all(
            isclose(100 * part, round(100 * part), abs_tol=1e-6) for part in (self.minimum, self.step)
        )

    def __str__(self) -> str:
        """The ends and the step, in words."""
        return f"{self.minimum:g} to {self.maximum:g} in steps of {self.step:g}"


class AnswerScale(ABC):
    """A scale of answers: one that a study declares, or one of external ratings."""

    n_texts: ClassVar[int] = 1
    """The number of texts that a trial shows and an answer compares."""
    answer_unit: ClassVar[str] = "scale points"
    """The unit of answers and of differences between them."""
    has_known_ends: ClassVar[bool] = True
    """True if the lowest and highest answers are those of the scale, False if they come from the ratings."""

    @property
    def levels(self) -> Sequence[Choice]:
        """The points of an ordinal scale, in order; none on another scale."""
        return []

    @property
    def strongest(self) -> int:
        """The number of degrees of preference; 1 on a scale that has none."""
        return 1

    @property
    def allows_tie(self) -> bool:
        """True if a rater who compares texts may prefer none of them."""
        return False

    @property
    @abstractmethod
    def lowest(self) -> float:
        """The lowest answer."""

    @property
    @abstractmethod
    def highest(self) -> float:
        """The highest answer."""

    @abstractmethod
    def is_valid(self, value: float) -> bool:
        """Return whether a value is an answer on this scale."""

    @abstractmethod
    def describe_values(self) -> str:
        """Return the valid answers as numbers, in words, for methods sections and errors."""


@dataclass(frozen=True)
class RangeScale(AnswerScale):
    """All numbers within a range: the scale of a table's answers, or of a computed score."""

    low: float
    high: float

    @property
    def lowest(self) -> float:
        """The lowest number of the range."""
        return self.low

    @property
    def highest(self) -> float:
        """The highest number of the range."""
        return self.high

    def is_valid(self, value: float) -> bool:
        """Return whether a value is within the range."""
        return self.low <= value <= self.high

    def describe_values(self) -> str:
        """Return the ends of the range."""
        return f"numbers from {self.low:g} to {self.high:g}"


class StudyScale(Declaration, AnswerScale):
    """A scale that raters answer on."""

    widget: ClassVar[Widget]
    seconds_per_answer: ClassVar[float] = SECONDS_PER_CHOICE

    @property
    def hides_numbers(self) -> bool:
        """True if raters see the answers that can be pressed without their numbers."""
        return False

    @property
    def choices(self) -> Sequence[Choice]:
        """The answers that can be pressed, in order; none where a number is typed or moved."""
        return []

    @property
    def number_range(self) -> NumberRange | None:
        """The numbers that can be typed or moved to; None where answers are pressed."""
        return None

    @property
    def lowest(self) -> float:
        """The lowest answer."""
        return self.choices[0].value

    @property
    def highest(self) -> float:
        """The highest answer."""
        return self.choices[-1].value

    def is_valid(self, value: float) -> bool:
        """Return whether a value is an answer on this scale."""
        return any(value == choice.value for choice in self.choices)

    def parse(self, text: str) -> float | None:
        """Return the answer that a form sends or a rater types; None where it is not a valid one."""
        return next((choice.value for choice in self.choices if str(choice.value) == text), None)

    def score(self, value: float, place: int) -> float:  # noqa: ARG002 (one text has one place)
        """Return what an answer is for one of the texts shown, by its place from 0."""
        return value

    def name_value(self, value: float) -> str:
        """Return an answer as raters are shown it again."""
        return write_number(value)

    def filled(self, fields: Fields) -> Self:
        """Return the scale with the fields of a text in its labels."""
        return self.model_copy(
            update=fill_all({name: value for name, value in self if name != "kind"}, fields)
        )

    @abstractmethod
    def describe(self) -> str:
        """Return the scale in words, with its labels, for the preregistration."""


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
    seconds_per_answer: ClassVar[float] = SECONDS_PER_NUMBER

    kind: Literal["number"] = "number"
    unit: Label | None = None
    """Unit, shown after the number. (rater)"""

    @property
    def number_range(self) -> NumberRange:
        """The numbers that can be typed."""
        return NumberRange(self.minimum, self.maximum, self.step, unit=self.unit or "")

    def describe(self) -> str:
        """Return the ends, the step and the unit."""
        return f"a number, {self.number_range} {self.unit or ''}".rstrip()


class Pairwise(StudyScale):
    """A choice between two texts that are shown together; an answer is negative for the left one."""

    widget: ClassVar[Widget] = "choices"
    n_texts: ClassVar[int] = 2
    answer_unit: ClassVar[str] = "degrees of preference"

    kind: Literal["pairwise"] = "pairwise"
    tie: Label | None = None
    """Label of the answer "neither"; None to require a choice. (rater)"""
    degrees: Annotated[tuple[Label, ...], Field(max_length=4), InOrder] = ()
    """Labels of degrees of preference, from weakest to strongest; empty for a plain choice. (rater)"""

    @property
    def strongest(self) -> int:
        """The number of degrees of preference, at least 1."""
        return max(1, len(self.degrees))

    @property
    def allows_tie(self) -> bool:
        """True if a rater may prefer neither text."""
        return self.tie is not None

    @property
    def choices(self) -> Sequence[Choice]:
        """The choices from strongly left to strongly right."""
        labels = {} if self.tie is None else {0: self.tie}
        for sign, side in ((-1, "A"), (1, "B")):
            for degree in range(1, self.strongest + 1):
                labels[sign * degree] = f"{side}, {self.degrees[degree - 1]}" if self.degrees else side
        keys = [str(place) for place in range(1, len(labels) + 1)]
        if not self.degrees:
            keys = ["a", "b"] if self.tie is None else ["a", "=", "b"]
        return [Choice(value, labels[value], key) for value, key in zip(sorted(labels), keys, strict=True)]

    def score(self, value: float, place: int) -> float:
        """Return the preference for the text in a place: above 0 if it was preferred."""
        return value if place else -value

    def name_value(self, value: float) -> str:
        """Return the label of a choice."""
        return next((choice.label for choice in self.choices if choice.value == value), f"{value:g}")

    def describe(self) -> str:
        """Return the labels of the choices."""
        return "a choice of " + ", ".join(f"“{choice.label}”" for choice in self.choices)

    def describe_values(self) -> str:
        """Return the choices as numbers."""
        return describe_preferences(self.strongest, allows_tie=self.allows_tie)


def describe_preferences(strongest: int, *, allows_tie: bool) -> str:
    """Return the numbers that code a choice between two texts, in words."""
    tie = ", or 0 for neither" if allows_tie else ""
    return f"whole numbers from −{strongest} to {strongest}, above 0 for the first arm{tie}"


_CLASSES: tuple[type[StudyScale], ...] = (Likert, Slider, Number, Pairwise)
CLASS_NAMES: dict[str, str] = {each.model_fields["kind"].default: each.__name__ for each in _CLASSES}
"""The class of each kind of scale. Pydantic adds the kind to the place of a value in a study."""


def _which_scale(value: object) -> str | None:
    kind = value.get("kind", "likert") if isinstance(value, dict) else getattr(value, "kind", None)
    return kind if kind in CLASS_NAMES else None


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
