"""Check what a caller of `plan_for` gave, before anything is computed from it."""

from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import get_args

import pandas as pd

from rater.analysis.reading_notes import reading_of
from rater.errors import StudyError, nearest
from rater.names import normalise_name
from rater.study.analysis_plan import Scope, Score


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
