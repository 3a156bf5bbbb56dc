"""Resolve declared activation additions into the vectors that are added to a model's residual stream."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.activations import (
    mean_difference,
    pool,
    principal_axis,
    principal_component,
    read_activations,
    read_batch,
)
from rater.steering.bridge import model_name, tokenize
from rater.steering.pairs import (
    UnequalPairWarning,
    check_tokens,
    get_x_vector,
    warn_of_unequal_pairs,
    x_vector_tokens,
)
from rater.steering.positions import require_hook_point, require_residual
from rater.steering.vector_files import load_vectors
from rater.steering.vectors import (
    SteeringVector,
    coeff_for,
    random_like,
    require_direction,
    require_sum,
    sum_up,
    tolerance,
)
from rater.study.additions import (
    ActivationAddition,
    AnyAddition,
    DatasetVector,
    RandomVector,
    VectorFile,
    XVector,
    hook_name,
)

__all__ = [
    "ActivationAddition",
    "BosOnlyWarning",
    "DatasetVector",
    "RandomVector",
    "SteeringVector",
    "UnequalPairWarning",
    "VectorFile",
    "XVector",
    "get_x_vector",
    "read_activations",
    "resolve",
]


class BosOnlyWarning(UserWarning):
    """An addition with one activation at the front of the prompt, which changes BOS alone."""


class _Part(NamedTuple):
    """A term of an addition: its activations before the coefficient, and its sign."""

    sign: int
    vector: SteeringVector


def resolve(
    model: TransformerBridge,
    additions: Sequence[AnyAddition | SteeringVector],
    *,
    place: str = "additions",
) -> tuple[SteeringVector, ...]:
    """Compute the vectors of some additions, one for each hook point, position and time.

    Costs a forward pass for each prompt, and one for each 16 texts of a dataset. Additions in the same place
    are summed. At the front they are aligned at BOS, and the sum is as long as the longest.

    Args:
        model: The model that provides the activations, and that will be steered.
        additions: Declared additions; steering vectors are used as they are.
        place: Where they are declared, such as ``arms[1].additions``, for error messages.

    Raises:
        ModelError: the model does not have the layer, hook point, residual width, token or dimension; a file
            is for another model; an activation is not finite; or an addition, or the sum of all, is zero at
            every position.
    """
    require_additions(additions, place)
    if not isinstance(model, TransformerBridge):
        msg = f"model is a {type(model).__name__}; valid: a TransformerBridge, as load_model gives."
        raise ModelError(msg)
    warn_of_unequal_pairs(model, additions, place)
    for index, addition in enumerate(additions):
        _warn_if_bos_alone(addition, f"{place}[{index}]")
    vectors = [
        vector
        for index, addition in enumerate(additions)
        for vector in _vectors(model, addition, f"{place}[{index}]")
    ]
    require_sum(vectors, place)
    return sum_up(vectors)


def require_additions(additions: object, place: str) -> None:
    """Check that a value is a list of additions, not a single one or a nested pair.

    Raises:
        ModelError: it is not.
    """
    if not isinstance(additions, list | tuple):
        msg = f"{place} is {additions!r}; valid: a list of additions, in brackets."
        raise ModelError(msg)
    for index, addition in enumerate(additions):
        if not isinstance(addition, AnyAddition | SteeringVector):
            cure = " (a pair is unpacked with *)" if isinstance(addition, list | tuple) else ""
            msg = (
                f"{place}[{index}] is {addition!r}; valid: an XVector, ActivationAddition, DatasetVector, "
                f"VectorFile, RandomVector or SteeringVector{cure}."
            )
            raise ModelError(msg)


def _vectors(
    model: TransformerBridge, addition: AnyAddition | SteeringVector, where: str
) -> tuple[SteeringVector, ...]:
    """Return the vectors of one addition, scaled by its coefficient."""
    if isinstance(addition, RandomVector):
        several = isinstance(addition.like, tuple)
        like = [
            vector
            for index, each in enumerate(addition.likes)
            for vector in _vectors(model, each, f"{where}.like" + (f"[{index}]" if several else ""))
        ]
        require_sum(like, f"{where}.like")
        return random_like(sum_up(like), addition.seed, addition.dims)
    if isinstance(addition, SteeringVector):
        require_hook_point(model, addition.hook_point, f"{where}.hook_point")
        require_residual(model, addition.hook_point)
        _check_width(model, addition, where)
        _check_finite(addition, where)
        return (addition,)
    parts = _parts(model, addition, where)
    require_direction([part.sign * part.vector for part in parts], where)
    vectors = []
    for hook_point in dict.fromkeys(part.vector.hook_point for part in parts):
        local = [part for part in parts if part.vector.hook_point == hook_point]
        coeff = addition.coeff
        if addition.relative is not None:
            directions = sum_up([part.sign * part.vector for part in local])
            coeff = coeff_for(model, directions, addition.relative, where)
        vectors += [(part.sign * (coeff or 0.0)) * part.vector for part in local]
    for vector in vectors:
        _check_width(model, vector, where)
        _check_finite(vector, where)
    return sum_up(vectors)


def _parts(
    model: TransformerBridge, addition: ActivationAddition | XVector | DatasetVector | VectorFile, where: str
) -> list[_Part]:
    if isinstance(addition, VectorFile):
        return [_Part(1, vector) for vector in _from_file(model, addition, where)]
    field = "act_name" if isinstance(addition, ActivationAddition) else "at"
    hook_point = hook_name(getattr(addition, field))
    require_hook_point(model, getattr(addition, field), f"{where}.{field}")
    if isinstance(addition, DatasetVector):
        terms = [(1, _direction(model, addition, hook_point))]
    else:
        texts = _texts(model, addition, where)
        terms = [
            (sign, pool(read_activations(model, tokens, hook_point), addition.read)) for sign, tokens in texts
        ]
    try:
        return [
            _Part(
                sign,
                SteeringVector(
                    hook_point,
                    _keep_dims(activations, addition.dims),
                    addition.position,
                    addition.when,
                ),
            )
            for sign, activations in terms
        ]
    except ModelError as error:
        msg = f"{where}: {error}"
        raise ModelError(msg) from error


def _warn_if_bos_alone(addition: AnyAddition | SteeringVector, where: str) -> None:
    is_one = isinstance(addition, DatasetVector) or getattr(addition, "read", "each") != "each"
    if is_one and (addition.position, addition.when) == ("front", "prompt"):  # type: ignore[union-attr] # has read
        message = (
            f"{where} is one activation at the front of the prompt, so that it changes BOS alone; "
            "position='back' changes the prompt's last token, when='all' every token (position=(0,) for BOS)."
        )
        warnings.warn(message, BosOnlyWarning, stacklevel=3)


def _texts(
    model: TransformerBridge, addition: ActivationAddition | XVector, where: str
) -> list[tuple[int, Sequence[int]]]:
    """Return the token ids whose activations are summed, each with its sign."""
    if isinstance(addition, ActivationAddition):
        return [(1, _tokens(model, addition, where))]
    tokens1, tokens2 = x_vector_tokens(model, addition, where)
    return [(1, tokens1), (-1, tokens2)]


def _direction(model: TransformerBridge, addition: DatasetVector, hook_point: str) -> Tensor:
    """Return a dataset's direction, as [1, d_model]."""
    sides = []
    for texts in filter(None, (addition.positive, addition.negative)):
        rows = read_batch(model, [tokenize(model, text) for text in texts], hook_point)
        sides.append(torch.cat([pool(row, addition.read) for row in rows]))  # [text or token, d_model]
    if addition.method == "axis":
        return principal_axis(sides[0])[None]
    find = principal_component if addition.method == "pca" else mean_difference
    direction = find(*sides)
    longest = max(float(side.mean(0).norm()) for side in sides)
    if float(direction.norm()) <= tolerance(direction.dtype) * longest:
        direction = torch.zeros_like(
            direction
        )  # equal sets of texts in another order differ by rounding only
    return direction[None]


def _from_file(model: TransformerBridge, addition: VectorFile, where: str) -> list[SteeringVector]:
    vectors = load_vectors(addition.path, model, sha256=addition.sha256, where=where)
    for vector in vectors:
        require_hook_point(model, vector.hook_point, where)
        require_residual(model, vector.hook_point)
    if addition.when is None and addition.position is None:
        return vectors
    # Positions are those of the prompt: one that is given alone implies the prompt, and another time has
    # none.
    when, position = addition.when or "prompt", addition.position or "front"
    return [replace(vector, when=when, position=position) for vector in vectors]


def _keep_dims(activations: Tensor, dims: tuple[int, int] | None) -> Tensor:
    if dims is None:
        return activations
    width = activations.shape[1]
    if dims[1] > width:
        msg = f"dims is {dims}, but the residual stream has {width}; valid: a stop up to {width}."
        raise ModelError(msg)
    masked = torch.zeros_like(activations)
    masked[:, dims[0] : dims[1]] = activations[:, dims[0] : dims[1]]
    return masked


def _tokens(model: TransformerBridge, addition: ActivationAddition, where: str) -> list[int]:
    if addition.tokens is None:
        return tokenize(model, addition.prompt or "")
    check_tokens(model, addition.tokens, where)
    return list(addition.tokens)


def _check_width(model: TransformerBridge, vector: SteeringVector, where: str) -> None:
    width = int(model.cfg.d_model)
    if vector.activations.shape[1] != width:
        msg = (
            f"{where} has {vector.activations.shape[1]} dimensions, but the residual stream of "
            f"{model_name(model)} has {width}."
        )
        raise ModelError(msg)


def _check_finite(vector: SteeringVector, where: str) -> None:
    if not bool(torch.isfinite(vector.activations).all()):
        msg = f"{where} gives activations that are not finite numbers; use a smaller coeff or another dtype."
        raise ModelError(msg)
