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
from rater.steering.activations import is_hooked, read_batch
from rater.steering.bridge import tokenize
from rater.study.additions import Position, When, require_position

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)


@dataclass(frozen=True, eq=False)
class SteeringVector:
    """Activations that are added at one hook point, with their positions and time.

    Vectors for the same hook point, position and time can be added and subtracted; all can be scaled and
    compared. At the front, vectors of unequal lengths are aligned at BOS.

    The activations may be given as a NumPy array, or with a batch of one, [1, pos, d_model], as a cache of
    activations has them.

    Raises:
        ModelError: the activations are not a floating-point tensor of [pos, d_model], their number differs
            from that of the positions, or the hook point, position or time is invalid.
    """

    hook_point: str
    """Full name, such as "blocks.6.hook_resid_pre"."""
    activations: Float[Tensor, "pos d_model"]
    """Activations, including the coefficient."""
    position: Position = "front"
    """Position in the prompt: "front", "mid", "back", or one for each activation."""
    when: When = "prompt"
    """"prompt"; or, for a single activation, each token that is "generated", or "all" tokens."""

    def __post_init__(self) -> None:
        self._check_place()
        activations: object = self.activations
        if isinstance(activations, np.ndarray):
            activations = torch.tensor(activations)
        if isinstance(activations, Tensor) and activations.ndim == 3 and len(activations) == 1:
            activations = activations[0]
        object.__setattr__(self, "activations", activations)
        if not isinstance(activations, Tensor) or not activations.is_floating_point():
            kind = getattr(activations, "dtype", type(activations).__name__)
            msg = (
                f"activations at {self.hook_point!r} are {kind}; valid: a tensor of floating-point numbers, "
                "or an array."
            )
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
                f"{len(self)} positions; give one position for each, or read one activation only."
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
        """Return the number of positions with an activation of their own."""
        return len(self.activations)

    def to(self, device: torch.device | str) -> "SteeringVector":
        """Return the vector with its activations on a device."""
        return replace(self, activations=self.activations.to(device))

    def norms(self) -> Float[Tensor, " pos"]:
        """Return the L2 norm at each position."""
        norms: Tensor = torch.linalg.vector_norm(self.activations, dim=-1)
        return norms

    def can_join(self, other: "SteeringVector") -> bool:
        """Return whether the sum of the two is one vector."""
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
        # A vector from a file may be on another device than one that a model on a GPU computed.
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
        # Not from the numbers: sums of equal tensors may differ in the last bits with their memory layout.
        return hash((self.hook_point, self.position, self.when, self.activations.shape))

    def __repr__(self) -> str:
        return (
            f"SteeringVector({self.hook_point!r}, [{len(self)}, {self.activations.shape[1]}], "
            f"position={self.position!r}, when={self.when!r})"
        )


def sum_up(vectors: list[SteeringVector]) -> tuple[SteeringVector, ...]:
    """Sum vectors that are added in the same place; others stay separate, in the order of their first."""
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
    """Return random directions with the norms of some vectors, uniform on the sphere, at each position.

    The random numbers are Philox's, the same on every machine; they depend only on the seed and the shapes.

    Args:
        vectors: The vectors whose norms, positions and times are kept.
        seed: The seed of the random numbers.
        dims: The dimensions in which the directions lie, (start, stop); None for all.
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
    """Return the relative size below which a difference is rounding noise."""
    return max(1e-6, torch.finfo(dtype).eps / 4)


def require_direction(terms: Sequence[SteeringVector], where: str) -> None:
    """Check that the terms of an addition do not cancel at every position.

    Raises:
        ModelError: they do, or are all zero.
    """
    if _vanishes(terms):
        msg = f"{where} adds nothing: its direction is zero at every position, {_NOTHING}."
        raise ModelError(msg)


def require_sum(vectors: Sequence[SteeringVector], where: str) -> None:
    """Check that additions do not cancel each other. Those with a coefficient of 0 are allowed.

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
_FIRST = 2  # BOS, and often the token after it, are attention sinks with much larger norms

_NORMS: "weakref.WeakKeyDictionary[nn.Module, dict[str, float]]" = weakref.WeakKeyDictionary()


def residual_norm(model: TransformerBridge, hook_point: str) -> float:
    """Return the median L2 norm of the activations at a hook point, over the tokens of five sentences.

    BOS and the token after it are left out. Costs a forward pass the first time; the result is cached, unless
    the model has hooks of one's own, which may change it.

    Raises:
        ModelError: the activations do not have the residual stream's shape.
    """
    known = {} if is_hooked(model) else _NORMS.setdefault(model, {})
    if hook_point not in known:
        rows = read_batch(model, [tokenize(model, text) for text in _TEXTS], hook_point)
        norms = torch.cat([torch.linalg.vector_norm(row[_FIRST:], dim=-1) for row in rows])
        known[hook_point] = norms.median().item()
    return known[hook_point]


def coeff_for(
    model: TransformerBridge, directions: Sequence[SteeringVector], relative: float, where: str
) -> float:
    """Return the coefficient that gives directions at one hook point a norm relative to the residual norm.

    The norm is that of the longest activation, without BOS, which is an attention sink, if there are others.

    Raises:
        ModelError: all activations are zero.
    """
    longest = max(_text_norm(vector) for vector in directions)
    if longest == 0:
        msg = f"{where} is zero at every text token, so no coeff gives it relative={relative}; use coeff."
        raise ModelError(msg)
    return relative * residual_norm(model, directions[0].hook_point) / longest


def relative_norm(model: TransformerBridge, vectors: Sequence[SteeringVector]) -> float:
    """Return the largest norm of an addition over text tokens, relative to the residual norm; 0 for none.

    This is the quantity that `relative` declares.
    """
    return max(
        (_text_norm(vector) / residual_norm(model, vector.hook_point) for vector in vectors), default=0
    )


def _text_norm(vector: SteeringVector) -> float:
    norms = vector.norms()
    return float(norms[1:].max() if len(norms) > 1 else norms.max())
