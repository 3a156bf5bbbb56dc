"""Refuse directions that are zero at every position, and additions that cancel each other."""

from collections.abc import Sequence

import torch

from rater.errors import ModelError
from rater.steering.vectors import SteeringVector, sum_up

_NOTHING = "so that every text would be an unsteered one"


def tolerance(dtype: torch.dtype) -> float:
    """Return the share of its terms below which a difference is rounding noise."""
    return max(1e-6, torch.finfo(dtype).eps / 4)


def require_direction(terms: Sequence[SteeringVector], where: str) -> None:
    """Refuse an addition whose terms cancel at every position, or are zero there.

    Raises:
        ModelError: it is zero.
    """
    if _vanishes(terms):
        msg = f"{where} adds nothing: its direction is zero at every position, {_NOTHING}."
        raise ModelError(msg)


def require_sum(vectors: Sequence[SteeringVector], where: str) -> None:
    """Refuse additions that cancel; those with a coefficient of 0 are nothing by themselves, and allowed.

    Raises:
        ModelError: their sum is zero at every position.
    """
    if any(_largest(vector) > 0 for vector in vectors) and _vanishes(vectors):
        msg = f"{where} cancel each other at every position, {_NOTHING}."
        raise ModelError(msg)


def _vanishes(terms: Sequence[SteeringVector]) -> bool:
    largest = max(map(_largest, terms))
    dtype = terms[0].activations.dtype
    return all(_largest(vector) <= tolerance(dtype) * largest for vector in sum_up(list(terms)))


def _largest(vector: SteeringVector) -> float:
    return float(vector.norms().max())
