"""Say what answers a dimension can have, for studies of ours and for ratings from elsewhere."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rater.study.protocol import Dimension
from rater.study.scales import Likert, Number, Pairwise, Slider


@dataclass(frozen=True)
class Numbers:
    """Answers that are any numbers of a range, such as those of a slider, or of a scale that begins at 0."""

    low: float
    high: float


ChoiceCoding: TypeAlias = Literal["signed", "1/0", "1/2"]
"""How a table codes choices between two texts: with a sign, as won and lost, or as first and second."""


@dataclass(frozen=True)
class Preferences:
    """External choices between two texts: from −strongest (the other arm) over 0 to +strongest."""

    strongest: int = 1
    coding: ChoiceCoding | None = None
    """How the table writes them; None where nobody said so, and they are taken as signed."""
    is_named: bool = False
    """Whether somebody named the strongest preference; otherwise it is taken from the answers."""


@dataclass(frozen=True)
class Rated:
    """A dimension of ratings from elsewhere, under whatever name it has there."""

    name: str
    question: str
    scale: Likert | Numbers | Preferences
    is_inferred: bool = False
    """Whether the scale was taken from the answers, since nobody named it."""


Judged: TypeAlias = Dimension | Rated
"""What raters judged."""


def points_of(judged: Judged) -> int | None:
    """Count the points of a dimension's scale, numbered from 1; None where it has none."""
    return judged.scale.points if isinstance(judged.scale, Likert) else None


def is_pairwise(judged: Judged) -> bool:
    """Say whether raters chose between two texts."""
    return isinstance(judged.scale, Pairwise | Preferences)


def strongest_of(judged: Judged) -> int:
    """Count the degrees in which one text can be preferred; 1 on a scale that only says which."""
    return judged.scale.strongest if isinstance(judged.scale, Pairwise | Preferences) else 1


def ends_of(judged: Judged) -> tuple[float, float]:
    """Give the least and the greatest answer."""
    scale = judged.scale
    if isinstance(scale, Numbers):
        return scale.low, scale.high
    if isinstance(scale, Preferences):
        return -float(scale.strongest), float(scale.strongest)
    return float(scale.lowest), float(scale.highest)


def unit_of(judged: Judged) -> str:
    """Name what answers are counted in, for numbers in a sentence."""
    if is_pairwise(judged):
        return "degrees of preference"
    return "scale points"


def is_valid(answers: NDArray[np.float64], judged: Judged) -> NDArray[np.bool_]:
    """Say of each answer whether it can be one."""
    scale, (low, high) = judged.scale, ends_of(judged)
    within = (answers >= low) & (answers <= high)
    if isinstance(scale, Likert | Preferences):
        return np.asarray(within & (answers == np.rint(answers)), dtype=np.bool_)
    if isinstance(scale, Pairwise):
        can_tie = scale.tie is not None
        return np.asarray(within & (answers == np.rint(answers)) & (can_tie | (answers != 0)), dtype=np.bool_)
    if isinstance(scale, Slider | Number):
        steps = (answers - low) / scale.step
        return np.asarray(within & (np.abs(steps - np.rint(steps)) < 1e-6), dtype=np.bool_)
    return np.asarray(within, dtype=np.bool_)


def valid_answers(judged: Judged) -> str:
    """Say in words which answers are valid."""
    scale, (low, high) = judged.scale, ends_of(judged)
    if isinstance(scale, Likert):
        return f"points 1 to {scale.points}"
    if is_pairwise(judged):
        tie = "" if isinstance(scale, Pairwise) and scale.tie is None else ", or 0 for neither"
        return f"whole numbers from −{high:g} to {high:g}, above 0 for the first arm{tie}"
    steps = f" in steps of {scale.step:g}" if isinstance(scale, Slider | Number) else ""
    return f"numbers from {low:g} to {high:g}{steps}"
