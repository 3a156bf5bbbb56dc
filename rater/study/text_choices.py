"""Scales on which a rater chooses among the texts of a trial."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from rater.study.declaration import InOrder, Label
from rater.study.scale import Choice, StudyScale, Widget


class Pairwise(StudyScale):
    """A choice between two texts that are shown together; an answer is negative for the left one."""

    widget: ClassVar[Widget] = "choices"
    answer_unit: ClassVar[str] = "degrees of preference"

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


def describe_preferences(strongest: int, *, allows_tie: bool) -> str:
    """Return the numbers that code a choice between two texts, in words."""
    tie = ", or 0 for neither" if allows_tie else ""
    return f"whole numbers from −{strongest} to {strongest}, above 0 for the first arm{tie}"
