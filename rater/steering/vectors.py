"""Steering vectors as values, norm-matched random controls, and relative strength."""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (the name PyTorch's own documentation uses)
from jaxtyping import Float
from torch import Tensor, nn
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.activations import read_batch
from rater.steering.bridge import tokenize
from rater.study.additions import Position, When, require_position

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)


@dataclass(frozen=True, eq=False)
class SteeringVector:
    """What is added at one hook point, where in the sequence, and when.

    Vectors for the same hook point, place and time can be added and subtracted, any can be scaled, and equal
    ones are equal. From the front, vectors of unequal lengths are aligned at BOS.

    Raises:
        ModelError: the activations are no floating-point tensor of [pos, d_model], there are not as many as
            there are positions, or hook point, position or time is none.
    """

    hook_point: str
    """Its full name, such as "blocks.6.hook_resid_pre"."""
    activations: Float[Tensor, "pos d_model"]
    """What is added, the coefficient included."""
    position: Position = "front"
    """Where in the prompt: "front", "mid", "back", or a position for each (or for the only) activation."""
    when: When = "prompt"
    """"prompt"; or a single activation that is added to each token that is "generated", or to "all"."""

    def __post_init__(self) -> None:
        self._check_place()
        given: object = self.activations
        if not isinstance(given, Tensor) or not given.is_floating_point():
            kind = getattr(given, "dtype", type(given).__name__)
            msg = f"activations at {self.hook_point!r} are {kind}; valid: a tensor of floating-point numbers."
            raise ModelError(msg)
        shape = tuple(self.activations.shape)
        if len(shape) != 2 or not all(shape):
            msg = f"activations at {self.hook_point!r} have the shape {shape}; valid: [pos, d_model]."
            raise ModelError(msg)
        if self.when != "prompt" and len(self) > 1:
            msg = (
                f"when is {self.when!r}, but the vector at {self.hook_point!r} has {len(self)} positions; "
                "it needs one that fits every token: read='last' or read='mean'."
            )
            raise ModelError(msg)
        if not isinstance(self.position, str) and len(self) not in {1, len(self.position)}:
            msg = (
                f"position names {len(self.position)} tokens, but the vector at {self.hook_point!r} has "
                f"{len(self)} positions; name as many, or read one activation only."
            )
            raise ModelError(msg)

    def _check_place(self) -> None:
        if not isinstance(self.hook_point, str):
            msg = f"hook_point is {self.hook_point!r}; valid: a name such as 'blocks.6.hook_resid_pre'."
            raise ModelError(msg)
        try:
            position = require_position(self.position)
        except ValueError as error:
            msg = f"position is {self.position!r}; valid: {error}."
            raise ModelError(msg) from error
        object.__setattr__(self, "position", position)  # a list has become a tuple
        if self.when not in get_args(When):
            msg = f"when is {self.when!r}; valid: {', '.join(map(repr, get_args(When)))}."
            raise ModelError(msg)
        if self.when != "prompt" and self.position != "front":
            msg = (
                f"position is {self.position!r}, but it names tokens of the prompt and when is "
                f"{self.when!r}; valid: when='prompt', or no position."
            )
            raise ModelError(msg)

    def __len__(self) -> int:
        """Count the positions that have an activation of their own."""
        return len(self.activations)

    def norms(self) -> Float[Tensor, " pos"]:
        """Give the L2 norm at each position."""
        norms: Tensor = torch.linalg.vector_norm(self.activations, dim=-1)
        return norms

    def can_join(self, other: "SteeringVector") -> bool:
        """Say whether the sum of the two is one vector."""
        same = (self.hook_point, self.position, self.when) == (other.hook_point, other.position, other.when)
        aligned = self.position == "front" or len(self) == len(other)
        return same and aligned and self.activations.shape[1] == other.activations.shape[1]

    def __add__(self, other: object) -> "SteeringVector":
        if not isinstance(other, SteeringVector):
            return NotImplemented
        if not self.can_join(other):
            msg = f"{self!r} and {other!r} are not added in the same place, so they have no sum; list both."
            raise ModelError(msg)
        length = max(len(self), len(other))
        # What came from a file may lie on another device than what a model on a GPU computed.
        added = _lengthen(other, length).to(self.activations.device)
        return replace(self, activations=_lengthen(self, length) + added)

    def __sub__(self, other: object) -> "SteeringVector":
        return self + -other if isinstance(other, SteeringVector) else NotImplemented

    def __neg__(self) -> "SteeringVector":
        return replace(self, activations=-self.activations)

    def __mul__(self, coeff: float) -> "SteeringVector":
        if isinstance(coeff, SteeringVector):
            return NotImplemented
        return replace(self, activations=coeff * self.activations)

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> "SteeringVector":
        return self * (1 / divisor)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            isinstance(other, SteeringVector)
            and len(self) == len(other)
            and self.can_join(other)
            and torch.equal(self.activations, other.activations.to(self.activations.device))
        )

    def __hash__(self) -> int:
        # Not of the numbers: equal ones may be laid out, and so summed up, in another order.
        return hash((self.hook_point, self.position, self.when, self.activations.shape))

    def __repr__(self) -> str:
        return (
            f"SteeringVector({self.hook_point!r}, [{len(self)}, {self.activations.shape[1]}], "
            f"position={self.position!r}, when={self.when!r})"
        )


def sum_up(vectors: list[SteeringVector]) -> tuple[SteeringVector, ...]:
    """Sum those that are added in the same place; the others stay apart, in the order of their first."""
    sums: list[SteeringVector] = []
    for vector in vectors:
        for index, total in enumerate(sums):
            if total.can_join(vector):
                sums[index] = total + vector
                break
        else:
            sums.append(vector)
    return tuple(sums)


def _lengthen(vector: SteeringVector, length: int) -> Float[Tensor, "pos d_model"]:
    return F.pad(vector.activations, (0, 0, 0, length - len(vector)))


def random_like(
    vectors: Sequence[SteeringVector], seed: int, dims: tuple[int, int] | None = None
) -> tuple[SteeringVector, ...]:
    """Draw a direction for each position of each vector, uniform on the sphere, with the norm found there.

    The numbers are Philox's, the same on every machine, and depend on the seed and the shapes alone.

    Args:
        vectors: whose norms, places and times are kept.
        seed: what the numbers are drawn from.
        dims: the dimensions in which the directions lie, (start, stop); None for all.
    """
    rng = np.random.Generator(np.random.Philox(seed))
    return tuple(_direction(vector, rng, dims) for vector in vectors)


def _direction(
    vector: SteeringVector, rng: np.random.Generator, dims: tuple[int, int] | None
) -> SteeringVector:
    drawn = rng.standard_normal(tuple(vector.activations.shape))
    if dims is not None:
        drawn[:, : dims[0]] = drawn[:, dims[1] :] = 0
    unit = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    norms = vector.norms()[:, None]
    return replace(vector, activations=norms * torch.from_numpy(unit).to(norms))


_NOTHING = "so that every text would be an unsteered one"


def tolerance(dtype: torch.dtype) -> float:
    """Return the share of its terms below which a difference is rounding noise."""
    return max(1e-6, torch.finfo(dtype).eps / 4)


def require_direction(terms: Sequence[SteeringVector], where: str) -> None:
    """Refuse an addition whose terms cancel at every position, or are zero there.

    Raises:
        ModelError: it is zero.
    """
    if _vanishes(terms):
        msg = f"{where} adds nothing: its direction is zero at every position, {_NOTHING}."
        raise ModelError(msg)


def require_sum(vectors: Sequence[SteeringVector], where: str) -> None:
    """Refuse additions that cancel; those with a coefficient of 0 are nothing by themselves, and allowed.

    Raises:
        ModelError: their sum is zero at every position.
    """
    if any(_largest(vector) > 0 for vector in vectors) and _vanishes(vectors):
        msg = f"{where} cancel each other at every position, {_NOTHING}."
        raise ModelError(msg)


def _vanishes(terms: Sequence[SteeringVector]) -> bool:
    largest = max(map(_largest, terms))
    dtype = terms[0].activations.dtype
    return all(_largest(vector) <= tolerance(dtype) * largest for vector in sum_up(list(terms)))


def _largest(vector: SteeringVector) -> float:
    return float(vector.norms().max())


_TEXTS = (
    "The committee met on Tuesday to discuss the new budget for the library and the swimming pool.",
    "I went up to my friend and said that I was sorry, but she did not want to hear it.",
    "Water boils at a lower temperature in the mountains because the air pressure is lower there.",
    "Once upon a time there was a fox who lived alone at the edge of a dark forest.",
    "You can pay by card or in cash; please keep your receipt until the end of your journey.",
)
_FIRST = 2  # BOS and often the token after it are attention sinks, many times as long as all others

_NORMS: "weakref.WeakKeyDictionary[nn.Module, dict[str, float]]" = weakref.WeakKeyDictionary()


def residual_norm(model: TransformerBridge, hook_point: str) -> float:
    """Give the median L2 norm of what passes a hook point, over the tokens of five plain English texts.

    BOS and the token after it are left out. A forward pass the first time, then remembered with the model.

    Raises:
        ModelError: nothing of the residual stream's shape passes there.
    """
    known = _NORMS.setdefault(model, {})
    if hook_point not in known:
        rows = read_batch(model, [tokenize(model, text) for text in _TEXTS], hook_point)
        norms = torch.cat([torch.linalg.vector_norm(row[_FIRST:], dim=-1) for row in rows])
        known[hook_point] = norms.median().item()
    return known[hook_point]


def coeff_for(
    model: TransformerBridge, directions: Sequence[SteeringVector], relative: float, where: str
) -> float:
    """Find the coefficient that makes directions at one hook point as long as a share of its residual norm.

    Meant is the longest activation, BOS left out where there are others: its own is an attention sink.

    Raises:
        ModelError: there is nothing to scale.
    """
    longest = max(_text_norm(vector) for vector in directions)
    if longest == 0:
        msg = f"{where} is zero at every text token, so no coeff gives it relative={relative}; use coeff."
        raise ModelError(msg)
    return relative * residual_norm(model, directions[0].hook_point) / longest


def relative_norm(model: TransformerBridge, vectors: Sequence[SteeringVector]) -> float:
    """Give the largest norm of an addition over text tokens, as a share of the residual norm there.

    It is what `relative` declares; 0 for no additions.
    """
    return max(
        (_text_norm(vector) / residual_norm(model, vector.hook_point) for vector in vectors), default=0
    )


def _text_norm(vector: SteeringVector) -> float:
    norms = vector.norms()
    return float(norms[1:].max() if len(norms) > 1 else norms.max())
