"""Find the minimum of a function with an exact gradient, and the curvature there.

Quasi-Newton (BFGS) steps from a Hessian of gradient differences, then Newton steps with the Hessian at the
end. A variance component of 0 is a stationary point whether or not it is the best one, so an end that is no
minimum is left along the direction in which it curves down.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rater.analysis.ordinal.links import Floats

DIFFERENCE = 1e-4
"""The step of gradient differences: truncation and rounding are then both near 1e-8 of the curvature."""
LONGEST_STEP = 1.0
"""The most any parameter moves in one step; they are all on the scale of logits."""
MOST_STEPS = 200
ROUNDS = 4
ROUGH, FINE = 1e-7, 1e-12
"""Newton decrements (squared distance to the minimum, in standard errors) after BFGS, and at the end."""


class Evaluated(Protocol):
    """A value and its gradient."""

    @property
    def value(self) -> float:
        """The value."""

    @property
    def gradient(self) -> Floats:
        """The gradient."""


Function = Callable[[Floats], Evaluated]


@dataclass(frozen=True)
class Optimum:
    """Where a search ended."""

    point: Floats
    value: float
    gradient: Floats
    hessian: Floats
    is_minimum: bool
    """Whether the gradient is 0 there and the Hessian has no direction down."""


@dataclass(frozen=True)
class _Place:
    point: Floats
    value: float
    gradient: Floats


def minimise(function: Function, start: Floats, *, stop: Callable[[Floats], bool]) -> Optimum:
    """Minimise; ``stop`` says of a point that the search has run off and need not go on.

    Costs one gradient per parameter to start, some 10 to 40 for the way, and two per parameter at the end.
    """
    place = _at(function, start)
    hessian = _one_sided(function, place)
    for _ in range(ROUNDS):
        place = _descend(function, place, hessian, stop)
        hessian = differentiate_twice(function, place.point)
        curves, directions = np.linalg.eigh(hessian)
        if stop(place.point):
            break
        if curves[0] < -1e-6 * curves[-1]:
            place = _leave(function, place, directions[:, 0])
            continue
        decrement = _decrement(place, hessian)
        if decrement > FINE:
            place = _line(function, place, -_positive_solve(hessian, place.gradient)) or place
            decrement = _decrement(place, hessian)
        if decrement <= ROUGH:
            return Optimum(place.point, place.value, place.gradient, hessian, is_minimum=True)
    return Optimum(place.point, place.value, place.gradient, hessian, is_minimum=False)


def descend(function: Function, start: Floats, hessian: Floats, *, stop: Callable[[Floats], bool]) -> Floats:
    """Minimise by quasi-Newton steps alone, from a Hessian that is known roughly."""
    return _descend(function, _at(function, start), hessian, stop).point


def differentiate_twice(function: Function, point: Floats) -> Floats:
    """Compute the Hessian by central differences of the gradient: error of order 1e-8."""
    rows = [
        function(point + move).gradient - function(point - move).gradient
        for move in np.eye(point.size) * DIFFERENCE
    ]
    hessian = np.array(rows).reshape(point.size, point.size) / (2 * DIFFERENCE)
    return (hessian + hessian.T) / 2


def _at(function: Function, point: Floats) -> _Place:
    found = function(point)
    return _Place(point, found.value, found.gradient)


def _one_sided(function: Function, place: _Place) -> Floats:
    rows = [
        function(place.point + move).gradient - place.gradient
        for move in np.eye(place.point.size) * DIFFERENCE
    ]
    hessian = np.array(rows).reshape(place.point.size, place.point.size) / DIFFERENCE
    return (hessian + hessian.T) / 2


def _positive_inverse(hessian: Floats) -> Floats:
    """Invert with every curvature made positive, so that a step leads down whatever the point."""
    curves, directions = np.linalg.eigh(hessian)
    bent = np.maximum(np.abs(curves), 1e-6 * np.abs(curves).max(initial=1e-300))
    return np.asarray((directions / bent) @ directions.T)


def _positive_solve(hessian: Floats, gradient: Floats) -> Floats:
    return _positive_inverse(hessian) @ gradient


def _decrement(place: _Place, hessian: Floats) -> float:
    return float(place.gradient @ _positive_solve(hessian, place.gradient))


def _descend(function: Function, place: _Place, hessian: Floats, stop: Callable[[Floats], bool]) -> _Place:
    """Take BFGS steps until the decrement is small (Nocedal & Wright 2006, Numerical Optimization, 6.1)."""
    inverse = _positive_inverse(hessian)
    for _ in range(MOST_STEPS):
        step = -inverse @ place.gradient
        if -place.gradient @ step <= ROUGH or stop(place.point):
            break
        there = _line(function, place, step)
        if there is None:
            break
        moved, turned = there.point - place.point, there.gradient - place.gradient
        place = there
        product = moved @ turned
        if product > 1e-10 * np.linalg.norm(moved) * np.linalg.norm(turned):
            shift = np.eye(moved.size) - np.outer(moved, turned) / product
            inverse = shift @ inverse @ shift.T + np.outer(moved, moved) / product
    return place


def _line(function: Function, place: _Place, step: Floats) -> _Place | None:
    """Go along a step, shortened until the value falls enough; None where it never does."""
    step = step * min(1.0, LONGEST_STEP / max(np.abs(step).max(), 1e-300))
    promised = place.gradient @ step
    for halvings in range(30):
        there = _at(function, place.point + step / 2**halvings)
        enough = 1e-4 * promised / 2**halvings
        if there.value <= place.value + enough + 1e-12 * abs(place.value):
            return there
    return None


def _leave(function: Function, place: _Place, direction: Floats) -> _Place:
    """Leave a saddle along a direction that curves down, on the better side."""
    sides = [_at(function, place.point + length * direction) for length in (0.2, -0.2, 0.05, -0.05)]
    return min([place, *sides], key=lambda side: side.value)
