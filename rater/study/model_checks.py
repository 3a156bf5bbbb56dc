"""Check a study's hook points, layers, vector files and zero additions without loading its model."""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator
from pathlib import Path

from rater.errors import StudyError, nearest
from rater.study.additions import (
    ActivationAddition,
    AnyAddition,
    DatasetVector,
    RandomVector,
    VectorFile,
    XVector,
    hook_name,
)
from rater.study.arms import Steered
from rater.study.study import Study

HOOKS = ("hook_resid_pre", "hook_resid_mid", "hook_resid_post", "hook_attn_out", "hook_mlp_out")
"""The hook points of a block at which the residual stream, or an update to it, can be changed."""
_BLOCK = re.compile(r"blocks\.(\d+)\.(.*)", re.DOTALL)


def require_hook_points(study: Study, n_layers: int | None) -> None:
    """Refuse an addition at an unknown hook point, or at a layer that the model does not have.

    Args:
        study: The study.
        n_layers: The number of layers of the model; None if it is not known yet.

    Raises:
        StudyError: If a hook point is not valid; with the place, the arm, and what is valid.
    """
    for number, arm in enumerate(study.arms):
        for index, addition in enumerate(arm.additions if isinstance(arm, Steered) else ()):
            for field, at in _hook_points(addition):
                place = f"arms[{number}].additions[{index}].{field} (arm {arm.name!r}): {at!r}"
                _require_hook_point(place, at, n_layers, study.model)


def _require_hook_point(place: str, at: int | str, n_layers: int | None, model: str) -> None:
    block = None if isinstance(at, int) else _BLOCK.fullmatch(at)
    if isinstance(at, str) and at != "hook_embed" and (block is None or block[2] not in HOOKS):
        number = block[1] if block else "6"
        known = [f"blocks.{number}.{hook}" for hook in HOOKS]
        layers = " A layer number n means blocks.n.hook_resid_pre."
        msg = f"{place} is not a hook point.{nearest(at, known)}{layers}"
        raise StudyError(msg)
    layer = int(block[1]) if block else at
    if isinstance(layer, int) and n_layers is not None and layer >= n_layers:
        msg = f"{place} does not exist; {model} has layers 0 to {n_layers - 1}."
        raise StudyError(msg)


def require_vector_files(study: Study) -> None:
    """Refuse a vector file that is missing, or whose SHA-256 differs from the declared one. Reads each file.

    Raises:
        StudyError: If a file is not valid; with the place, the arm, and what is valid.
    """
    for number, arm in enumerate(study.arms):
        for index, addition in enumerate(arm.additions if isinstance(arm, Steered) else ()):
            for each in addition.likes if isinstance(addition, RandomVector) else (addition,):
                if isinstance(each, VectorFile):
                    _require_vector_file(f"arms[{number}].additions[{index}].path (arm {arm.name!r})", each)


def _require_vector_file(place: str, file: VectorFile) -> None:
    try:
        digest = hashlib.sha256(Path(file.path).read_bytes()).hexdigest()
    except OSError as error:
        msg = (
            f"{place}: {file.path!r} cannot be read ({error.strerror}); valid: a path from the current folder"
        )
        raise StudyError(msg) from error
    if file.sha256 is not None and digest != file.sha256:
        msg = f"{place}: {file.path!r} has the SHA-256 {digest}, but the study declares {file.sha256}"
        raise StudyError(msg)


def _hook_points(addition: AnyAddition) -> Iterator[tuple[str, int | str]]:
    """Yield the field and value of each hook point of an addition; a vector file has its own."""
    if isinstance(addition, RandomVector):
        for index, each in enumerate(addition.likes):
            place = f"like[{index}]" if isinstance(addition.like, tuple) else "like"
            yield from ((f"{place}.{field}", at) for field, at in _hook_points(each))
        return
    for field in ("at", "act_name"):
        at = getattr(addition, field, None)
        if at is not None:
            yield field, at


_NOTHING = "so its texts would equal unsteered ones"


def require_effects(study: Study) -> None:
    """Refuse an addition, or a sum of additions, that is zero at every position.

    `rater.steering.additions.resolve` refuses additions that are zero only for the activations of the model.

    Raises:
        StudyError: If an addition is zero; with the place and the arm.
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
    """Return the reason why the direction of an addition is zero for every model; empty if it need not be."""
    if isinstance(addition, XVector) and addition.prompt1 == addition.prompt2:
        return f"prompt1 and prompt2 are both {addition.prompt1!r}"
    if isinstance(addition, DatasetVector) and Counter(addition.positive) == Counter(addition.negative):
        return "positive and negative are the same texts"
    return ""


def strength_is_zero(addition: AnyAddition) -> bool:
    """Return whether the coefficient or relative strength of an addition is 0."""
    if isinstance(addition, RandomVector):
        return all(strength_is_zero(each) for each in addition.likes)
    return (addition.coeff if addition.relative is None else addition.relative) == 0


def _terms(addition: AnyAddition, place: str) -> Iterator[tuple[str, AnyAddition]]:
    """Yield an addition or, for a random one, the additions whose norms it matches."""
    if not isinstance(addition, RandomVector):
        yield place, addition
        return
    several = isinstance(addition.like, tuple)
    for index, each in enumerate(addition.likes):
        yield f"{place}.like" + (f"[{index}]" if several else ""), each


def _cancel(additions: tuple[AnyAddition, ...]) -> bool:
    """Return whether nonzero additions sum to zero."""
    if all(map(strength_is_zero, additions)):
        return False  # `remarks` warns about these
    totals: dict[Hashable, float] = defaultdict(float)
    for addition in additions:
        key, coefficient = _direction(addition)
        totals[key] += coefficient
    return all(total == 0 for total in totals.values())


def _direction(addition: AnyAddition) -> tuple[Hashable, float]:
    """Return a key of the direction and place of an addition, and its signed strength along it."""
    if isinstance(addition, RandomVector):
        return addition, 1.0  # a norm has no sign, so it never cancels
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
