"""Check what a caller of `plan_for` gave, before anything is computed from it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import get_args

import pandas as pd

from rater.analysis.reading_notes import reading_of
from rater.errors import StudyError, nearest
from rater.names import normalise_name
from rater.study.analysis_plan import Scope, Score


def require_limits(limits: object) -> None:
    """Refuse ends of a scale that are not two numbers, the lower one first.

    Raises:
        StudyError: If they are not.
    """
    if limits is None:
        return
    given = list(limits) if isinstance(limits, Sequence) and not isinstance(limits, str) else []
    is_pair = len(given) == 2 and all(isinstance(each, Real) for each in given)
    if not is_pair or not given[0] < given[1] or not all(map(math.isfinite, given)):
        shown = " to ".join(f"{each:g}" for each in given) if is_pair else repr(limits)
        msg = f"limits is {shown}; valid: two numbers, the lower one first"
        raise StudyError(msg)


def require_choice_options(
    *, are_choices: Sequence[bool], points: object, limits: tuple[float, float] | None, coding: object
) -> None:
    """Refuse options that do not fit the kind of the dimensions: choices between two texts, or ratings.

    Raises:
        StudyError: If an option would have no effect, or would not be that of a scale.
    """
    if coding is not None and not any(are_choices):
        msg = f"choices is {coding!r}, but no answer is a choice between texts: there is no column other_arm"
        raise StudyError(msg)
    if not are_choices or not all(are_choices):
        return
    if points is not None:
        msg = f"points is {points}, but all answers are choices between texts; give limits, such as -3 to 3"
        raise StudyError(msg)
    if limits is not None and (limits[0] != -limits[1] or limits[1] != round(limits[1])):
        msg = (
            f"limits is {limits[0]:g} to {limits[1]:g}, but all answers are choices between texts; valid: "
            "a whole number and its negative, such as -3 to 3"
        )
        raise StudyError(msg)


def require_options(*, points: object, sesoi: object, scope: object, score: object) -> None:
    """Refuse options that are not of their kind.

    Raises:
        StudyError: If one is not; names the valid values.
    """
    if points is not None and (isinstance(points, bool) or not isinstance(points, Integral)):
        msg = f"points is {points!r}; valid: a whole number, or None"
        raise StudyError(msg)
    if sesoi is not None and (isinstance(sesoi, bool) or not isinstance(sesoi, Real)):
        msg = f"sesoi is {sesoi!r}; valid: a number above 0, or None"
        raise StudyError(msg)
    for name, value, valid in (("scope", scope, get_args(Scope)), ("score", score, get_args(Score))):
        if value not in valid:
            msg = f"{name} is {value!r}; valid: {', '.join(map(repr, valid))}"
            raise StudyError(msg)


def points_of_labels(frame: pd.DataFrame) -> int | None:
    """Return the number of points of a frame whose answers were read by their labels; else None."""
    notes = reading_of(frame)
    return len(notes.labels) or None if notes is not None else None


def match_contrast(contrast: object, arms: Iterable[str]) -> tuple[str, str]:
    """Return the two arms of a frame that a contrast names.

    Raises:
        StudyError: If it does not name two arms that have answers.
    """
    if not isinstance(contrast, tuple | list) or len(contrast) != 2:
        msg = f"contrast is {contrast!r}; valid: two arms, the first minus the second"
        raise StudyError(msg)
    first, second = (_match(str(arm), "contrast", arms) for arm in contrast)
    return first, second


def match_doses(doses: Mapping[str, float] | None, arms: Iterable[str]) -> dict[str, float]:
    """Return doses under the names of the frame's arms.

    Raises:
        StudyError: If they are not numbers by arm, or name an arm without answers.
    """
    if doses is not None and not isinstance(doses, Mapping):
        msg = f"doses is {doses!r}; valid: the dose of each arm that has one, {{'arm': 1.5}}"
        raise StudyError(msg)
    matched: dict[str, float] = {}
    for arm, dose in (doses or {}).items():
        if isinstance(dose, bool) or not isinstance(dose, Real):
            msg = f"doses[{arm!r}] is {dose!r}; valid: a number"
            raise StudyError(msg)
        matched[_match(str(arm), "doses", arms)] = float(dose)
    return matched


def _match(name: str, field: str, arms: Iterable[str]) -> str:
    known = {normalise_name(arm): arm for arm in arms}
    if normalise_name(name) not in known:
        msg = f"{field} names the arm {name!r}, which has no answers.{nearest(name, known)}"
        raise StudyError(msg)
    return known[normalise_name(name)]
