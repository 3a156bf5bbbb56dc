"""Turn declared activation additions into the tensors that are added to a model's residual stream."""

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
    """A direction that was read off text is added at the front of the prompt, and so to BOS alone."""


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
    """Compute what is added at each hook point: a forward pass for each prompt, and for 16 texts of a set.

    Additions in the same place are summed; from the front they are aligned at BOS, and the sum is as long as
    the longest.

    Args:
        model: the model whose activations are taken, and that will be steered.
        additions: what an arm declares; vectors that are there already are taken as they are.
        place: where they are declared, such as ``arms[1].additions``, for error messages.

    Raises:
        ModelError: a layer or hook point that the model lacks or that is not of its residual width, a token
            or a dimension that it lacks, a file that is not for it, an activation that is no finite number;
            an addition, or all of them together, that is zero at every position.
    """
    require_additions(additions, place)
    if not isinstance(model, TransformerBridge):
        msg = f"model is a {type(model).__name__}; valid: a TransformerBridge, as load_model gives."
        raise ModelError(msg)
    warn_of_unequal_pairs(model, additions, place)
    for index, addition in enumerate(additions):
        _warn_if_bos_alone(addition, f"{place}[{index}]")
    made = [
        vector
        for index, addition in enumerate(additions)
        for vector in _vectors(model, addition, f"{place}[{index}]")
    ]
    require_sum(made, place)
    return sum_up(made)


def require_additions(additions: object, place: str) -> None:
    """Refuse what is no list of additions: one alone, or a pair that was not unpacked.

    Raises:
        ModelError: it is none.
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
    """Make the vectors of one addition, with its coefficient."""
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
    made = []
    for hook_point in dict.fromkeys(part.vector.hook_point for part in parts):
        here = [part for part in parts if part.vector.hook_point == hook_point]
        coeff = addition.coeff
        if addition.relative is not None:
            directions = sum_up([part.sign * part.vector for part in here])
            coeff = coeff_for(model, directions, addition.relative, where)
        made += [(part.sign * (coeff or 0.0)) * part.vector for part in here]
    for vector in made:
        _check_width(model, vector, where)
        _check_finite(vector, where)
    return sum_up(made)


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
    """Give the token ids whose activations are summed, each with its sign."""
    if isinstance(addition, ActivationAddition):
        return [(1, _tokens(model, addition, where))]
    tokens1, tokens2 = x_vector_tokens(model, addition, where)
    return [(1, tokens1), (-1, tokens2)]


def _direction(model: TransformerBridge, addition: DatasetVector, hook_point: str) -> Tensor:
    """Find a dataset's direction, as [1, d_model]."""
    sides = []
    for texts in (addition.positive, addition.negative):
        rows = read_batch(model, [tokenize(model, text) for text in texts], hook_point)
        sides.append(torch.cat([pool(row, addition.read) for row in rows]))  # [text, d_model]
    find = principal_component if addition.method == "pca" else mean_difference
    direction = find(*sides)
    longest = max(float(side.mean(0).norm()) for side in sides)
    if float(direction.norm()) <= tolerance(direction.dtype) * longest:
        direction = torch.zeros_like(direction)  # the same texts in another order leave rounding noise
    return direction[None]


def _from_file(model: TransformerBridge, addition: VectorFile, where: str) -> list[SteeringVector]:
    vectors = load_vectors(addition.path, model, sha256=addition.sha256, where=where)
    for vector in vectors:
        require_hook_point(model, vector.hook_point, where)
        require_residual(model, vector.hook_point)
    if addition.when is None and addition.position is None:
        return vectors
    # A position is one of the prompt's: alone it means the prompt, and another time means no position.
    when, position = addition.when or "prompt", addition.position or "front"
    return [replace(vector, when=when, position=position) for vector in vectors]


def _keep_dims(activations: Tensor, dims: tuple[int, int] | None) -> Tensor:
    if dims is None:
        return activations
    width = activations.shape[1]
    if dims[1] > width:
        msg = f"dims is {dims}, but the residual stream has {width}; valid: a stop up to {width}."
        raise ModelError(msg)
    kept = torch.zeros_like(activations)
    kept[:, dims[0] : dims[1]] = activations[:, dims[0] : dims[1]]
    return kept


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
