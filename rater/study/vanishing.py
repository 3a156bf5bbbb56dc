"""Refuse steered arms that add nothing, as far as that is known without the model."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator

from rater.errors import StudyError
from rater.study.additions import (
    ActivationAddition,
    AnyAddition,
    DatasetVector,
    RandomVector,
    VectorFile,
    XVector,
)
from rater.study.arms import Steered
from rater.study.places import hook_name
from rater.study.study import Study

_NOTHING = "so that every text would be an unsteered one"


def require_effects(study: Study) -> None:
    """Refuse an addition, or a sum of additions, that is zero at every position.

    `rater.steering.additions.resolve` refuses those that only the model's activations show.

    Raises:
        StudyError: with the place and the arm.
    """
    for number, arm in enumerate(study.arms):
        if not isinstance(arm, Steered):
            continue
        place = f"arms[{number}].additions"
        for index, addition in enumerate(arm.additions):
            for where, each in _terms(addition, f"{place}[{index}]"):
                reason = why_zero(each)
                if reason:
                    msg = f"{where} (arm {arm.name!r}) adds nothing: {reason}, {_NOTHING}."
                    raise StudyError(msg)
        if _cancel(arm.additions):
            msg = f"{place} (arm {arm.name!r}) cancel each other at every position, {_NOTHING}."
            raise StudyError(msg)


def why_zero(addition: AnyAddition) -> str:
    """Return why an addition's direction is zero whatever the model; empty where it need not be."""
    if isinstance(addition, XVector) and addition.prompt1 == addition.prompt2:
        return f"prompt1 and prompt2 are both {addition.prompt1!r}"
    if isinstance(addition, DatasetVector) and Counter(addition.positive) == Counter(addition.negative):
        return "positive and negative are the same texts"
    return ""


def strength_is_zero(addition: AnyAddition) -> bool:
    """Return whether a coefficient or share of 0 makes an addition nothing."""
    if isinstance(addition, RandomVector):
        return all(strength_is_zero(each) for each in addition.likes)
    return (addition.coeff if addition.relative is None else addition.relative) == 0


def _terms(addition: AnyAddition, place: str) -> Iterator[tuple[str, AnyAddition]]:
    """Yield an addition, or those whose norms a random one has."""
    if not isinstance(addition, RandomVector):
        yield place, addition
        return
    several = isinstance(addition.like, tuple)
    for index, each in enumerate(addition.likes):
        yield f"{place}.like" + (f"[{index}]" if several else ""), each


def _cancel(additions: tuple[AnyAddition, ...]) -> bool:
    """Return whether additions that are not zero themselves sum to zero."""
    if all(map(strength_is_zero, additions)):
        return False  # which is warned of
    totals: dict[Hashable, float] = defaultdict(float)
    for addition in additions:
        key, coefficient = _direction(addition)
        totals[key] += coefficient
    return all(total == 0 for total in totals.values())


def _direction(addition: AnyAddition) -> tuple[Hashable, float]:
    """Return what names an addition's direction and place, and its signed strength along it."""
    if isinstance(addition, RandomVector):
        return addition, 1.0  # a norm has no sign: it cancels with nothing
    strength = (addition.coeff if addition.relative is None else addition.relative) or 0.0
    is_relative = addition.relative is not None
    if isinstance(addition, VectorFile):
        return ("file", addition.path, addition.position, addition.when, is_relative), strength
    where = (addition.position, addition.dims, addition.when, addition.read, is_relative)
    if isinstance(addition, ActivationAddition):
        source: Hashable = (addition.prompt, addition.tokens)
        return ("activations", source, hook_name(addition.act_name), *where), strength
    if isinstance(addition, XVector):
        pair: tuple[Hashable, Hashable] = (addition.prompt1, addition.prompt2)
        kind: tuple[Hashable, ...] = ("x", addition.pad)
    else:
        pair = (tuple(addition.positive), tuple(addition.negative))
        kind = ("dataset", addition.method)
    low, high = sorted(pair, key=repr)
    sign = 1.0 if pair == (low, high) else -1.0
    return (*kind, low, high, hook_name(addition.at), *where), sign * strength
