"""Declare several arms from one: a series of doses, and the random control that a reviewer asks for."""

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite

from rater.study.additions import AnyAddition, RandomVector
from rater.study.arms import Steered


def strength(addition: AnyAddition) -> float:
    """Give an addition's coefficient, or its share of the residual norm where it declares `relative`."""
    if isinstance(addition, RandomVector):
        return max(map(strength, addition.likes), key=abs)
    return (addition.coeff if addition.relative is None else addition.relative) or 0.0


def scaled(addition: AnyAddition, factor: float) -> AnyAddition:
    """Multiply an addition's coefficient, or what it declares as `relative`."""
    if isinstance(addition, RandomVector):
        likes = tuple(scaled(each, factor) for each in addition.likes)
        return replace(addition, like=likes if isinstance(addition.like, tuple) else likes[0])  # type: ignore[arg-type] # of the kinds that they were
    if addition.relative is not None:
        return replace(addition, relative=factor * addition.relative)
    return replace(addition, coeff=factor * (addition.coeff or 0.0))


def dose_series(
    additions: AnyAddition | Sequence[AnyAddition], doses: Sequence[float], *, name: str = "dose"
) -> tuple[Steered, ...]:
    """Declare an arm for each dose: ``arms=(Unsteered(), *dose_series(love, doses=(2, 4, 8)))``.

    A dose is the coefficient (or the `relative`); of several additions it is the largest one's, and the
    others follow in proportion. Each arm knows its `dose`, and the unsteered arm's is 0, so that the analysis
    can look for a trend over them.

    Args:
        additions: what is added, at any strength but 0.
        doses: what its strength is in each arm; 0 is the unsteered arm's.
        name: how the arms' names begin; dose 2.5 is called ``dose-2_5``, dose −3 ``dose-minus3``.

    Raises:
        ValueError: a dose is no finite number, is 0 or comes twice, or there is nothing to scale.
    """
    listed = tuple(additions) if isinstance(additions, Sequence) else (additions,)
    _require_doses(doses)
    largest = max((strength(each) for each in listed), key=abs, default=0.0)
    if largest == 0:
        msg = "additions have strength 0, so that no dose can be made of them; give them a coeff such as 1"
        raise ValueError(msg)
    return tuple(
        Steered(
            name=f"{name}-{_spelt(dose)}",
            additions=tuple(scaled(each, dose / largest) for each in listed),
            dose=float(dose),
        )
        for dose in doses
    )


def random_control(arm: Steered, *, seed: int = 0, name: str | None = None) -> Steered:
    """Declare the control for a steered arm: a random direction, as long at each position as the arm's sum.

    What it does to the text, any push of that size does; what the arm does beyond it is the direction's.

    Args:
        arm: the arm that is controlled for.
        seed: what the direction is drawn from; another one for each further control.
        name: the control's name, by default the arm's with ``-random`` after it.

    Raises:
        ValueError: the arm is a random control itself.
    """
    likes = [each for each in arm.additions if not isinstance(each, RandomVector)]
    if len(likes) < len(arm.additions):
        msg = f"arm {arm.name!r} adds a random direction itself, so that a control of it says nothing"
        raise ValueError(msg)
    by_dims: dict[object, list[AnyAddition]] = {}
    for each in likes:
        by_dims.setdefault(getattr(each, "dims", None), []).append(each)
    vectors = tuple(
        RandomVector(same[0] if len(same) == 1 else tuple(same), seed=seed + number)  # type: ignore[arg-type] # none is random
        for number, same in enumerate(by_dims.values())
    )
    return Steered(name=name or f"{arm.name}-random", additions=vectors)


def _require_doses(doses: Sequence[float]) -> None:
    for dose in doses:
        if isinstance(dose, bool) or not isfinite(dose):
            msg = f"doses has {dose!r}; valid: finite numbers"
            raise ValueError(msg)
    if not doses or 0 in doses or len(set(doses)) < len(doses):
        msg = (
            f"doses is {tuple(doses)!r}; valid: numbers that differ, none of them 0 (the unsteered arm is "
            "dose 0)"
        )
        raise ValueError(msg)


def _spelt(dose: float) -> str:
    """Write a dose as arms are named: a-z, 0-9, _ and -."""
    return f"{dose:g}".replace("-", "minus").replace("+", "").replace(".", "_")
