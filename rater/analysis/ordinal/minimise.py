"""Minimise a smooth function with an exact gradient, and compute its Hessian at the minimum.

The search is scipy's BFGS, in coordinates in which the Hessian is about the identity. For a negative
log-likelihood a unit of those coordinates is one standard error, so the squared length of the gradient is the
Newton decrement g'H⁻¹g: the squared distance to the minimum in standard errors (Boyd & Vandenberghe 2004,
Convex Optimization, section 9.5.1). One tolerance then suits every study, whatever its size.

A variance component of 0 is a stationary point even where it is not the maximum, and a quasi-Newton search
can end there. So the search checks the Hessian's eigenvalues, and leaves a saddle point along the direction
of negative curvature.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from rater.analysis.ordinal.links import Floats

# Half the width of the differences of gradients. Truncation (of order h²) and rounding (of order 1e-12 / h)
# are then both about 1e-8 of the curvature.
_DIFFERENCE = 1e-4
# The smallest curvature used to scale a search: the first step moves no parameter by more than about 1 logit.
_MIN_CURVATURE = 1.0
_MAX_ITERATIONS = 200
# Searches from one start; a second one follows a saddle point.
_MAX_ROUNDS = 4
# Newton decrements: at the end of a search, and after the last Newton step.
_COARSE, _FINE = 1e-7, 1e-12
# Below this share of the largest eigenvalue an eigenvalue is negative only by rounding.
_NEGATIVE = -1e-6
# The value where the function overflows, so that a line search turns back.
_OVERFLOW = 1e10


class Evaluation(Protocol):
    """A value and its gradient."""

    @property
    def value(self) -> float:
        """The value."""

    @property
    def gradient(self) -> Floats:
        """The gradient; (parameters,)."""


Function = Callable[[Floats], Evaluation]
Stop = Callable[[Floats], bool]


@dataclass(frozen=True)
class Optimum:
    """The point at which a search ended."""

    point: Floats
    """(parameters,)"""
    value: float
    gradient: Floats
    """(parameters,)"""
    hessian: Floats
    """(parameters, parameters)"""
    is_minimum: bool
    """True if the gradient is 0 and the Hessian has no negative eigenvalue."""


def remember(function: Function) -> Function:
    """Return the function with its results kept by point, since a search evaluates some points repeatedly."""
    results: dict[bytes, Evaluation] = {}

    def evaluate(point: Floats) -> Evaluation:
        key = point.tobytes()
        if key not in results:
            results[key] = function(point)
        return results[key]

    return evaluate


def minimise(function: Function, start: Floats, *, stop: Stop) -> Optimum:
    """Return a local minimum of a function.

    Costs one gradient per parameter to start, 10 to 40 for the search, and two per parameter at the end. The
    search ends without a minimum where the function or its gradient is not finite.

    Args:
        function: The function, with its gradient.
        start: (parameters,), where to begin.
        stop: Return whether a search has diverged, so that it ends.
    """
    function = remember(function)
    point, hessian = start, _one_sided_hessian(function, start)
    at = function(start)
    for _ in range(_MAX_ROUNDS):
        if not np.isfinite(hessian).all():
            break
        point = descend(function, point, hessian, stop=stop)
        at, hessian = function(point), central_hessian(function, point)
        if not np.isfinite(hessian).all():
            break
        curvatures, directions = np.linalg.eigh(hessian)
        if stop(point):
            break
        if curvatures[0] < _NEGATIVE * curvatures[-1]:
            # at a saddle: the lowest point on either side along the direction of negative curvature
            steps = [length * directions[:, 0] for length in (0.2, -0.2, 0.05, -0.05)]
            point = min(point, *(point + step for step in steps), key=lambda side: function(side).value)
            continue
        point = _polish(function, point, hessian)
        at = function(point)
        if _decrement(hessian, at.gradient) <= _COARSE:
            return Optimum(point, at.value, at.gradient, hessian, is_minimum=True)
    return Optimum(point, at.value, at.gradient, hessian, is_minimum=False)


def _polish(function: Function, point: Floats, hessian: Floats) -> Floats:
    """Return the end of one Newton step with the exact Hessian, if it is nearer to the minimum.

    Near the minimum the value changes by less than its rounding error, so its decrement judges the step.
    """
    gradient = function(point).gradient
    decrement = _decrement(hessian, gradient)
    if decrement <= _FINE:
        return point
    newton = point - _scaling(hessian) @ (_scaling(hessian).T @ gradient)
    # where the function is not finite, the comparison is false
    return newton if _decrement(hessian, function(newton).gradient) < decrement else point


def descend(function: Function, start: Floats, hessian: Floats, *, stop: Stop) -> Floats:
    """Return the end of a BFGS search, given a rough Hessian; it may be a saddle point.

    Reference: Nocedal & Wright 2006, Numerical Optimization, section 6.1. With x = start + R z and
    R = V |Λ|^(−1/2) from the eigenvalues Λ and eigenvectors V of the Hessian, the Hessian by z is R'HR ≈ I,
    which is where scipy's BFGS begins.
    """
    scaling = _scaling(hessian, _MIN_CURVATURE)

    def scaled(z: Floats) -> tuple[float, Floats]:
        # a long step can leave the range in which the function is defined; its value is then not finite
        with np.errstate(over="ignore", invalid="ignore"):
            there = function(start + scaling @ z)
        if not np.isfinite(there.value):
            return _OVERFLOW, np.zeros_like(z)
        return there.value, scaling.T @ there.gradient

    def stop_early(intermediate_result: OptimizeResult) -> None:
        if stop(start + scaling @ intermediate_result.x):
            raise StopIteration

    end = minimize(
        scaled,
        np.zeros_like(start),
        jac=True,
        method="BFGS",
        callback=stop_early,
        options={"gtol": np.sqrt(_COARSE), "norm": 2, "maxiter": _MAX_ITERATIONS},
    )
    return np.asarray(start + scaling @ end.x)


def central_hessian(function: Function, point: Floats) -> Floats:
    """Return the Hessian, by central differences of the gradient; its relative error is about 1e-8."""
    rows = [
        (function(point + step).gradient - function(point - step).gradient) / (2 * _DIFFERENCE)
        for step in np.eye(point.size) * _DIFFERENCE
    ]
    hessian = np.array(rows).reshape(point.size, point.size)
    return (hessian + hessian.T) / 2


def _one_sided_hessian(function: Function, point: Floats) -> Floats:
    here = function(point).gradient
    rows = [
        (function(point + step).gradient - here) / _DIFFERENCE for step in np.eye(point.size) * _DIFFERENCE
    ]
    hessian = np.array(rows).reshape(point.size, point.size)
    return (hessian + hessian.T) / 2


def _scaling(hessian: Floats, floor: float = 0.0) -> Floats:
    """Return R with RR' = |H|⁻¹, the inverse with every curvature made positive, so that steps lead down."""
    curvatures, directions = np.linalg.eigh(hessian)
    sizes = np.abs(curvatures)
    return np.asarray(directions / np.sqrt(np.maximum(sizes, max(floor, 1e-6 * sizes.max(initial=1e-300)))))


def _decrement(hessian: Floats, gradient: Floats) -> float:
    """Return the Newton decrement g'H⁻¹g."""
    return float(((_scaling(hessian).T @ gradient) ** 2).sum())
