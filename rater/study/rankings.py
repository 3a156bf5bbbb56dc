"""Scales on which a rater puts the texts of a trial in order: the best and the worst, or all of them.

An answer is one number whose digits are places on the page (A is 1), from best to worst: 31 is "C is the
best, A the worst", and 231 is "B, then C, then A".
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from string import ascii_lowercase, ascii_uppercase
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from rater.study.declaration import Label
from rater.study.practice_and_checks import MAX_TEXTS
from rater.study.scale import SECONDS_PER_CHOICE, RangeScale, StudyScale, Widget

Response: TypeAlias = Literal["ranking", "best_worst"]
"""All texts in order, or the best and the worst of them."""

NTexts = Annotated[int, Field(ge=3, le=MAX_TEXTS)]


@dataclass(frozen=True)
class TextScores(RangeScale):
    """The score of one text in an answer about several: from −1 for the worst to 1 for the best.

    It is the share of the other texts below the text, minus the share above it. Of texts between the best and
    the worst, of which an answer gives no order, the score is 0.
    """

    answer_unit: ClassVar[str] = "score points"
    analysed_as: ClassVar[str] = "orders"

    response: Response
    n_together: int
    """The number of texts that a trial shows."""
    top: str
    bottom: str

    @property
    def n_compared(self) -> int:
        """The number of texts that a trial shows."""
        return self.n_together

    def describe_values(self) -> str:
        """Return the scores with the labels of the best and the worst."""
        ends = f"1 for the text chosen as “{self.top}” and −1 for “{self.bottom}”"
        if self.response == "best_worst":
            return f"best–worst scaling of {self.n_together} texts: {ends}, 0 for the others"
        return f"ranks of {self.n_together} texts: {ends}, evenly spaced between"


class _OrderedTexts(StudyScale):
    """A scale on which each rank is given to one of the texts of a trial."""

    widget: ClassVar[Widget] = "ranks"
    answer_unit: ClassVar[str] = "score points"
    response: ClassVar[Response]

    texts: NTexts
    """Number of texts that a trial shows, each of another arm, from 3 to 6. (rater)"""

    @property
    def n_texts(self) -> int:
        """The number of texts that a trial shows."""
        return self.texts

    @property
    @abstractmethod
    def ranks(self) -> Sequence[str]:
        """The labels of the ranks that are given, from best to worst."""

    @property
    @abstractmethod
    def _ends(self) -> tuple[str, str]:
        """The labels of the best and the worst."""

    @property
    def n_ranks(self) -> int:
        """The number of ranks that are given."""
        return len(self.ranks)

    @property
    def seconds_per_answer(self) -> float:
        """The seconds that an answer takes: one choice for each rank."""
        return SECONDS_PER_CHOICE * self.n_ranks

    @property
    def all_answers(self) -> Sequence[int]:
        """All valid answers, in order."""
        places = range(1, self.texts + 1)
        return [self.encode(order) for order in permutations(places, self.n_ranks)]

    @property
    def lowest(self) -> float:
        """The answer with the lowest number."""
        return self.encode(range(1, self.n_ranks + 1))

    @property
    def highest(self) -> float:
        """The answer with the highest number."""
        return self.encode(range(self.texts, self.texts - self.n_ranks, -1))

    def is_valid(self, value: float) -> bool:
        """Return whether a number gives each rank to another text."""
        return value == int(value) and self.places(value) is not None

    @staticmethod
    def encode(places: Sequence[int]) -> int:
        """Return the number of an answer from the places that get the ranks, from best to worst."""
        return int("".join(map(str, places)))

    def places(self, value: float) -> tuple[int, ...] | None:
        """Return the places that get the ranks, from best to worst; None if the number is not an answer."""
        digits = f"{value:.0f}"
        if len(digits) != self.n_ranks or not digits.isdecimal() or len(set(digits)) < len(digits):
            return None
        places = tuple(map(int, digits))
        return places if 1 <= min(places) <= max(places) <= self.texts else None

    def parse(self, text: str) -> float | None:
        """Return the answer that digits or letters name, such as 31 or CA; None if they do not."""
        digits = text.strip().lower().replace(" ", "")
        for place, letter in enumerate(ascii_lowercase[: self.texts], start=1):
            digits = digits.replace(letter, str(place))
        is_answer = digits.isascii() and digits.isdecimal() and self.places(float(digits)) is not None
        return float(digits) if is_answer and len(digits) == self.n_ranks else None

    def answer_from(self, order: Sequence[int]) -> float:
        """Return the answer of a rater with this order of texts: places from 0, from best to worst."""
        ends = [*order[: self.n_ranks - 1], order[-1]] if self.response == "best_worst" else order
        return float(self.encode([place + 1 for place in ends]))

    def rank(self, value: float, place: int) -> int | None:
        """Return the rank of the text in a place (from 0), from 1 for the best; None if it was given none.

        The worst of a best–worst answer has the last rank.
        """
        order = self.places(value) or ()
        if place + 1 not in order:
            return None
        at = order.index(place + 1)
        return self.texts if self.response == "best_worst" and at else at + 1

    def score(self, value: float, place: int) -> float:
        """Return the share of texts below the text in a place (from 0), minus the share above it."""
        rank = self.rank(value, place)
        return 0.0 if rank is None else (self.texts + 1 - 2 * rank) / (self.texts - 1)

    @property
    def scored(self) -> TextScores:
        """The scale of `score`."""
        return TextScores(-1.0, 1.0, self.response, self.texts, *self._ends)

    def name_order(self, value: float) -> str:
        """Return the letters of the texts, from best to worst."""
        return ", ".join(ascii_uppercase[place - 1] for place in self.places(value) or ())


class BestWorst(_OrderedTexts):
    """A choice of the best and of the worst of several texts (best–worst scaling)."""

    response: ClassVar[Response] = "best_worst"

    kind: Literal["best_worst"] = "best_worst"
    texts: NTexts = 4
    """Number of texts that a trial shows, each of another arm, from 3 to 6. (rater)"""
    best: Label
    """Label of the best text, such as "happiest". (rater)"""
    worst: Label
    """Label of the worst text, such as "least happy". (rater)"""

    @property
    def ranks(self) -> Sequence[str]:
        """The labels of the best and the worst."""
        return self._ends

    @property
    def _ends(self) -> tuple[str, str]:
        return self.best, self.worst

    def name_value(self, value: float) -> str:
        """Return the letter of the best and of the worst text, each with its label."""
        letters = self.name_order(value).split(", ")
        return ", ".join(f"{letter} {label}" for letter, label in zip(letters, self.ranks, strict=True))

    def describe(self) -> str:
        """Return the number of texts and the labels."""
        return f"best–worst scaling of {self.texts} texts, with “{self.best}” and “{self.worst}”"

    def describe_values(self) -> str:
        """Return the meaning of the two digits."""
        return (
            f"two digits, the places (1 to {self.texts}) of the text that is “{self.best}” and of the one "
            f"that is “{self.worst}”, such as {self.texts}1"
        )


class Ranking(_OrderedTexts):
    """An order of several texts, without ties."""

    response: ClassVar[Response] = "ranking"

    kind: Literal["ranking"] = "ranking"
    texts: NTexts = 3
    """Number of texts that a trial shows, each of another arm, from 3 to 6. (rater)"""
    top: Label
    """Label of the first rank, such as "happiest". (rater)"""
    bottom: Label
    """Label of the last rank, such as "least happy". (rater)"""

    @property
    def ranks(self) -> Sequence[str]:
        """The numbers of the ranks; the first and the last with their labels."""
        return (f"1 {self.top}", *map(str, range(2, self.texts)), f"{self.texts} {self.bottom}")

    @property
    def _ends(self) -> tuple[str, str]:
        return self.top, self.bottom

    def name_value(self, value: float) -> str:
        """Return the letters of the texts in order."""
        return self.name_order(value)

    def describe(self) -> str:
        """Return the number of texts and the labels of the first and the last."""
        return f"a ranking of {self.texts} texts, from “{self.top}” to “{self.bottom}”, without ties"

    def describe_values(self) -> str:
        """Return the meaning of the digits."""
        return (
            f"{self.texts} digits, the places (1 to {self.texts}) of the texts in order from “{self.top}” to "
            f"“{self.bottom}”, such as {self.encode(range(self.texts, 0, -1))}"
        )
