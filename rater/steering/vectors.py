"""Hold what is added to the residual stream at one hook point, as a value that can be computed with."""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

from dataclasses import dataclass, replace
from typing import get_args

import torch
import torch.nn.functional as F  # noqa: N812 (the name PyTorch's own documentation uses)
from jaxtyping import Float
from torch import Tensor

from rater.errors import ModelError
from rater.study.places import Position, When, require_position


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
