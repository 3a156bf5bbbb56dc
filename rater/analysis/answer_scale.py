"""The scales of ratings: those that a study declares, and those of external ratings."""

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rater.study.composite import CompositeScore
from rater.study.dimension import Dimension
from rater.study.scales import AnswerScale, RangeScale, describe_preferences


class Numbers(RangeScale):
    """External answers that are any numbers of a range: of a slider, or of a scale that begins at 0."""

    has_known_ends: ClassVar[bool] = False


ChoiceCoding: TypeAlias = Literal["signed", "1/0", "1/2"]
"""The coding of choices between two texts in a table: signed, as won and lost, or as first and second."""


@dataclass(frozen=True)
class Preferences(AnswerScale):
    """External choices between two texts: from −strongest (the other arm) over 0 to +strongest."""

    answer_unit: ClassVar[str] = "degrees of preference"
    analysed_as: ClassVar[str] = "preferences"

    strongest: int = 1
    coding: ChoiceCoding | None = None
    """The coding in the table; None if not specified, and then signed coding is assumed."""
    is_named: bool = False
    """True if the user named the strongest preference; otherwise it is taken from the answers."""

    @property
    def n_texts(self) -> int:
        """Two texts are compared."""
        return 2

    @property
    def allows_tie(self) -> bool:
        """True if 0 is an answer: always."""
        return True

    @property
    def lowest(self) -> float:
        """The strongest preference for the other arm."""
        return -float(self.strongest)

    @property
    def highest(self) -> float:
        """The strongest preference for the arm."""
        return float(self.strongest)

    def is_valid(self, value: float) -> bool:
        """Return whether a value is a whole number of degrees."""
        return abs(value) <= self.strongest and value == int(value)

    def describe_values(self) -> str:
        """Return the choices as numbers."""
        return describe_preferences(self.strongest, allows_tie=True)


@dataclass(frozen=True)
class Rated:
    """A dimension of external ratings, under the name that it has in their table."""

    name: str
    question: str
    scale: AnswerScale
    is_inferred: bool = False
    """True if the scale was taken from the answers, since the user did not name it."""


@dataclass(frozen=True)
class Scored:
    """A dimension of a study whose answers are analysed as scores: of orders of texts, or of correctness."""

    name: str
    question: str
    scale: AnswerScale


Judged: TypeAlias = Dimension | Rated | CompositeScore | Scored
"""A dimension that raters judged, or a score that combines several."""


def as_scored(judged: Judged) -> Judged:
    """Return what is analysed: whether the target or the odd text was chosen, or scores of ordered texts."""
    scored = judged.scale.scored
    if scored is judged.scale or not isinstance(judged, Dimension):
        return judged
    return Scored(judged.name, judged.question, scored)


def n_together(judged: Judged) -> int:
    """Return the number of texts that raters compared in one trial."""
    return judged.scale.scored.n_compared


def ends_of(judged: Judged) -> tuple[float, float]:
    """Return the lowest and the highest answer that is analysed."""
    scored = judged.scale.scored
    return float(scored.lowest), float(scored.highest)


def is_valid(answers: NDArray[np.float64], judged: Judged) -> NDArray[np.bool_]:
    """Return for each answer whether it is on the scale; a missing one is not."""
    # ratings take few distinct values, and the rule of a scale for one value is the only one
    values, inverse = np.unique(answers, return_inverse=True)
    valid = [bool(np.isfinite(value)) and judged.scale.is_valid(value) for value in values.tolist()]
    return np.asarray(valid, dtype=np.bool_)[inverse]
