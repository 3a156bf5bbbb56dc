"""Check a study's hook points, layers and vector files without loading its model."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from rater.errors import StudyError, nearest
from rater.study.additions import AnyAddition, RandomVector, VectorFile
from rater.study.arms import Steered
from rater.study.study import Study

HOOKS = ("hook_resid_pre", "hook_resid_mid", "hook_resid_post", "hook_attn_out", "hook_mlp_out")
"""The hook points of a block at which the residual stream, or what is added to it, can be changed."""
_BLOCK = re.compile(r"blocks\.(\d+)\.(.*)", re.DOTALL)


def require_hook_points(study: Study, n_layers: int | None) -> None:
    """Refuse an addition at a hook point that no model has, or at a layer that this one lacks.

    Args:
        study: the study.
        n_layers: the number of the model's layers; None if it is not known yet.

    Raises:
        StudyError: with the addition's place and arm, and what is valid.
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
    """Refuse a vector file that is missing, or whose SHA-256 is not the declared one. Costs one read of each.

    Raises:
        StudyError: with the addition's place and arm, and what is valid.
    """
    for number, arm in enumerate(study.arms):
        for index, addition in enumerate(arm.additions if isinstance(arm, Steered) else ()):
            for file in _vector_files(addition):
                _require_vector_file(f"arms[{number}].additions[{index}].path (arm {arm.name!r})", file)


def _vector_files(addition: AnyAddition) -> list[VectorFile]:
    each = addition.likes if isinstance(addition, RandomVector) else (addition,)
    return [one for one in each if isinstance(one, VectorFile)]


def _require_vector_file(place: str, file: VectorFile) -> None:
    try:
        digest = hashlib.sha256(Path(file.path).read_bytes()).hexdigest()
    except OSError as error:
        msg = f"{place}: {file.path!r} cannot be read ({error.strerror}); valid: a file, from this folder"
        raise StudyError(msg) from error
    if file.sha256 is not None and digest != file.sha256:
        msg = f"{place}: {file.path!r} has the SHA-256 {digest}, but {file.sha256} is declared"
        raise StudyError(msg)


def _hook_points(addition: AnyAddition) -> Iterator[tuple[str, int | str]]:
    """Yield the field and value of each hook point that an addition names; a file names its own."""
    if isinstance(addition, RandomVector):
        for index, each in enumerate(addition.likes):
            place = f"like[{index}]" if isinstance(addition.like, tuple) else "like"
            yield from ((f"{place}.{field}", at) for field, at in _hook_points(each))
        return
    for field in ("at", "act_name"):
        at = getattr(addition, field, None)
        if at is not None:
            yield field, at
