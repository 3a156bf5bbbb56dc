"""The base of all scales of answers: what the rest of the program asks of a scale.

Everything that depends on the kind of a scale is a method or an attribute of its class, so that a new kind is
one class, one macro of the page templates and one function of the analysis.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import isclose
from typing import ClassVar, Literal, Self, TypeAlias

from rater.study.declaration import Declaration
from rater.study.fields import Fields, fill_all
from rater.study.typed_numbers import write_number

Widget: TypeAlias = Literal["points", "choices", "labels", "slider", "number", "ranks"]
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

    answer_unit: ClassVar[str] = "scale points"
    """The unit of answers and of differences between them."""
    is_ordered: ClassVar[bool] = True
    """True if a higher answer means more; False for labels."""
    has_known_ends: ClassVar[bool] = True
    """True if the lowest and highest answers are those of the scale, False if they come from the ratings."""
    analysed_as: ClassVar[str] = "ratings"
    """The kind of answer in the analysis: the name of a module of `rater.analysis.answer_kinds`."""
    has_odd_text: ClassVar[bool] = False
    """True if one text of a trial is of one arm, and all others are of another arm."""

    @property
    def n_texts(self) -> int:
        """The number of texts that a trial shows and an answer compares."""
        return 1

    @property
    def n_compared(self) -> int:
        """The number of texts that raters compared in one trial; on a scale of scores, more than one text."""
        return self.n_texts

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
    def chance(self) -> float | None:
        """The probability of a correct answer by guessing; None where no answer is correct."""
        return None

    @property
    def scored(self) -> "AnswerScale":
        """The scale of what is analysed; another one where answers are correct or not, or orders of texts."""
        return self

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
    has_target: ClassVar[bool] = False
    """True if one of its labels is correct for each text: the target."""

    @property
    def seconds_per_answer(self) -> float:
        """The seconds that an answer takes."""
        return SECONDS_PER_CHOICE

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
    def ranks(self) -> Sequence[str]:
        """The labels of the ranks that are given to texts, from best to worst; none on another scale."""
        return []

    @property
    def target_labels(self) -> Sequence[str]:
        """The labels that can be the target of a text, in the order of the study; none on another scale."""
        return []

    @property
    def all_answers(self) -> Sequence[int]:
        """All answers where they can be pressed; none where a number is typed or moved."""
        return [choice.value for choice in self.choices]

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

    def rank(self, value: float, place: int) -> int | None:  # noqa: ARG002 (no text is ranked)
        """Return the rank that an answer gives to the text in a place (from 0), if it gives one."""
        return None

    def answer_from(self, order: Sequence[int]) -> float:
        """Return the answer of a rater who puts the texts in an order: places from 0, from best to worst.

        Raises:
            TypeError: If texts are not put in order on this scale.
        """
        msg = f"{type(self).__name__} does not put {len(order)} texts in order"
        raise TypeError(msg)

    def name_value(self, value: float) -> str:
        """Return an answer as raters are shown it again."""
        return write_number(value)

    def list_shown(self, rater: str) -> str | None:  # noqa: ARG002 (no labels)
        """Return the labels in the order in which a rater sees them, for tables; None on another scale."""
        return None

    def answer(self, label: str) -> tuple[float, float]:
        """Return a label as the only correct answer, for `accepted` of practice and attention checks.

        Raises:
            ValueError: If there is no such label.
        """
        msg = f"{label!r} is not an option; {type(self).__name__} has none"
        raise ValueError(msg)

    def shown_to(self, rater: str) -> Self:  # noqa: ARG002 (most scales are the same for all raters)
        """Return the scale as a rater sees it, whose answers may be in an order of their own."""
        return self

    def filled(self, fields: Fields) -> Self:
        """Return the scale with the fields of a text in its labels."""
        return self.model_copy(
            update=fill_all({name: value for name, value in self if name != "kind"}, fields)
        )

    def describe_order(self) -> str:
        """Return a sentence on what is shown in another order to each rater; empty if nothing is."""
        return ""

    @abstractmethod
    def describe(self) -> str:
        """Return the scale in words, with its labels, for the preregistration."""
