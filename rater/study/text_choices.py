"""Scales on which a rater chooses among the texts of a trial."""

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from rater.study.declaration import InOrder, Label
from rater.study.scale import AnswerScale, Choice, StudyScale, Widget


class Pairwise(StudyScale):
    """A choice between two texts that are shown together; an answer is negative for the left one."""

    widget: ClassVar[Widget] = "choices"
    answer_unit: ClassVar[str] = "degrees of preference"
    analysed_as: ClassVar[str] = "preferences"

    kind: Literal["pairwise"] = "pairwise"
    tie: Label | None = None
    """Label of the answer "neither"; None to require a choice. (rater)"""
    degrees: Annotated[tuple[Label, ...], Field(max_length=4), InOrder] = ()
    """Labels of degrees of preference, from weakest to strongest; empty for a plain choice. (rater)"""

    @property
    def n_texts(self) -> int:
        """Two texts are compared."""
        return 2

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


N_IN_TRIANGLE = 3
"""The number of texts in an odd-one-out trial."""
ABOVE_CHANCE = "proportion correct above chance"
"""The unit of the only score of odd-one-out trials."""


@dataclass(frozen=True)
class OddScore(AnswerScale):
    """The score of an odd-one-out trial: 1 if the text of the other arm was chosen, 0 otherwise."""

    answer_unit: ClassVar[str] = ABOVE_CHANCE
    analysed_as: ClassVar[str] = "odd_one_out"

    @property
    def n_texts(self) -> int:
        """Three texts are compared."""
        return N_IN_TRIANGLE

    @property
    def levels(self) -> Sequence[Choice]:
        """The two scores."""
        return [Choice(0, "another text", "0"), Choice(1, "the odd text", "1")]

    @property
    def lowest(self) -> float:
        """The score of any answer but the odd text."""
        return 0.0

    @property
    def highest(self) -> float:
        """The score of the odd text."""
        return 1.0

    @property
    def chance(self) -> float:
        """The probability of the odd text for raters who guess."""
        return 1 / N_IN_TRIANGLE

    def is_valid(self, value: float) -> bool:
        """Return whether a value is 0 or 1."""
        return value in (0, 1)

    def describe_values(self) -> str:
        """Return the meaning of the two scores."""
        return "1 if the odd text was chosen, 0 otherwise"


class OddOneOut(StudyScale):
    """A choice of the text that differs from two others, which are of one arm (triangle test).

    An answer is the place of the text chosen, from 1. Whether it is correct is known after unblinding only.
    """

    widget: ClassVar[Widget] = "choices"
    answer_unit: ClassVar[str] = ABOVE_CHANCE
    is_ordered: ClassVar[bool] = False
    has_odd_text: ClassVar[bool] = True

    kind: Literal["odd_one_out"] = "odd_one_out"

    @property
    def n_texts(self) -> int:
        """Three texts are compared."""
        return N_IN_TRIANGLE

    @property
    def chance(self) -> float:
        """The probability of the odd text for raters who guess."""
        return 1 / N_IN_TRIANGLE

    @property
    def choices(self) -> Sequence[Choice]:
        """The letters of the texts."""
        return [
            Choice(place, ascii_uppercase[place - 1], ascii_lowercase[place - 1])
            for place in range(1, N_IN_TRIANGLE + 1)
        ]

    @property
    def scored(self) -> OddScore:
        """The score that is analysed: whether the odd text was chosen."""
        return OddScore()

    def score(self, value: float, place: int) -> float:
        """Return whether the text in a place (from 0) was chosen: 1 or 0."""
        return float(value == place + 1)

    def name_value(self, value: float) -> str:
        """Return the letter of the text chosen."""
        return next((choice.label for choice in self.choices if choice.value == value), f"{value:g}")

    def describe_order(self) -> str:
        """Return that each text is in each place as often."""
        return "Two of the texts are of one arm and one is of another; each is in each place as often."

    def describe(self) -> str:
        """Return what is chosen."""
        return "a choice of the one of three texts that differs from the other two"

    def describe_values(self) -> str:
        """Return the places as numbers."""
        return "places 1 (A), 2 (B) and 3 (C) of the text chosen"


def describe_preferences(strongest: int, *, allows_tie: bool) -> str:
    """Return the numbers that code a choice between two texts, in words."""
    tie = ", or 0 for neither" if allows_tie else ""
    return f"whole numbers from −{strongest} to {strongest}, above 0 for the first arm{tie}"
