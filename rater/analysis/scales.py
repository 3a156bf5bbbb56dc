"""Say what answers a dimension can have, for studies of ours and for ratings from elsewhere."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rater.study.protocol import Dimension, Likert


@dataclass(frozen=True)
class Numbers:
    """Answers that are any numbers of a range, such as those of a slider, or of a scale that begins at 0."""

    low: float
    high: float


@dataclass(frozen=True)
class Rated:
    """A dimension of ratings from elsewhere, under whatever name it has there."""

    name: str
    question: str
    scale: Likert | Numbers


Judged: TypeAlias = Dimension | Rated
"""What raters judged."""


def points_of(judged: Judged) -> int | None:
    """Count the points of a dimension's scale, numbered from 1; None where it has none."""
    return judged.scale.points if isinstance(judged.scale, Likert) else None


def is_valid(answers: NDArray[np.float64], judged: Judged) -> NDArray[np.bool_]:
    """Say of each answer whether it can be one."""
    scale = judged.scale
    if isinstance(scale, Likert):
        return np.isin(answers, np.arange(1, scale.points + 1))
    return (answers >= scale.low) & (answers <= scale.high)


def valid_answers(judged: Judged) -> str:
    """Say in words which answers are valid."""
    scale = judged.scale
    if isinstance(scale, Likert):
        return f"points 1 to {scale.points}"
    return f"numbers from {scale.low:g} to {scale.high:g}"
