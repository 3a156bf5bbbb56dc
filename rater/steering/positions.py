"""Find the tokens that a vector is added to, counting real tokens from BOS, and say which they were."""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.bridge import model_name
from rater.steering.vectors import SteeringVector

RESID_MID = "hook_resid_mid"
"""The residual stream within a block, between attention and MLP."""


class Touch(NamedTuple):
    """One place where something was added."""

    row: int
    """The row of its batch, from 0."""
    position: int
    """Counted in real tokens; BOS is 0."""
    hook_point: str
    """Its full name."""

    @property
    def layer(self) -> int | None:
        """The number of the block that the hook point belongs to; None outside the blocks."""
        found = re.match(r"blocks\.(\d+)\.", self.hook_point)
        return int(found[1]) if found else None


@dataclass(frozen=True, eq=False)
class Window:
    """The part of some sequences that one forward pass runs through."""

    positions: Int[Tensor, "row col"]
    """Which token of its sequence each column holds, BOS being 0; −1 where it is padding."""
    prompt_lengths: tuple[int, ...]
    """How many tokens of each sequence are its prompt, BOS included."""

    @classmethod
    def of_mask(cls, real: Bool[Tensor, "row pos"], n_new: int, prompt_lengths: Sequence[int]) -> "Window":
        """Take the last ``n_new`` columns of sequences in which ``real`` tells tokens from padding."""
        counted = torch.where(real, real.long().cumsum(-1) - 1, -1)
        return cls(counted[:, counted.shape[1] - n_new :], tuple(prompt_lengths))


def places(vector: SteeringVector, prompt_length: int) -> tuple[int, ...]:
    """Name the tokens of a prompt that a vector is added to: as many as it has positions, or as it names.

    "mid" and "back" are the seed system's: the middle starts at half the prompt's length less half the
    vector's, both rounded down, and the back ends with the prompt.
    """
    length = len(vector)
    if isinstance(vector.position, tuple):
        return tuple(at if at >= 0 else prompt_length + at for at in vector.position)
    start = {"front": 0, "mid": prompt_length // 2 - length // 2, "back": prompt_length - length}
    return tuple(range(start[vector.position], start[vector.position] + length))


def require_fit(vector: SteeringVector, prompt_length: int, place: str) -> None:
    """Check that a prompt has the tokens that a vector is added to.

    Raises:
        ModelError: it is too short, or a token is named twice; with both lengths.
    """
    if vector.when != "prompt":
        return
    if len(vector) > prompt_length:
        msg = (
            f"{place} is {prompt_length} tokens long with BOS, but an addition made to it is {len(vector)}; "
            "use a longer prompt or a shorter addition."
        )
        raise ModelError(msg)
    found = places(vector, prompt_length)
    named = vector.position if isinstance(vector.position, tuple) else found
    outside = [name for name, at in zip(named, found, strict=True) if not 0 <= at < prompt_length]
    if outside or len(set(found)) < len(found):
        at = f"position {outside[0]}" if outside else f"the same position twice ({vector.position})"
        msg = (
            f"{place} is {prompt_length} tokens long with BOS, but an addition is made to it at {at}; "
            f"valid: different positions from 0 to {prompt_length - 1}, or from -{prompt_length} to -1."
        )
        raise ModelError(msg)


def select(vector: SteeringVector, window: Window, row: int) -> Int[Tensor, " col"]:
    """Give, for each column of a row, the index of the activation that is added there; −1 for none."""
    positions, length = window.positions[row], window.prompt_lengths[row]
    if vector.when == "all":
        return torch.where(positions >= 0, 0, -1)
    if vector.when == "generated":
        return torch.where(positions >= length, 0, -1)
    targets = torch.tensor(places(vector, length), device=positions.device)
    hits = positions[:, None] == targets  # [col, target]
    index = hits.int().argmax(-1) if len(vector) > 1 else torch.zeros_like(positions)
    return torch.where(hits.any(-1), index, -1)


def shift(
    vectors: Sequence[Sequence[SteeringVector]], window: Window
) -> dict[str, Float[Tensor, "row col d_model"]]:
    """Add up what each row's own vectors add in a window; a hook point where that is nothing is left out."""
    shifts: dict[str, Tensor] = {}
    for row, row_vectors in enumerate(vectors):
        for vector in row_vectors:
            chosen = select(vector, window, row)
            columns = (chosen >= 0).nonzero()[:, 0]
            if len(columns):
                activations = vector.activations.to(window.positions.device)
                shape = (*window.positions.shape, activations.shape[1])
                total = shifts.setdefault(vector.hook_point, activations.new_zeros(shape))
                total[row, columns] += activations[chosen[columns]]
    return shifts


def touches(vectors: Sequence[Sequence[SteeringVector]], window: Window) -> list[Touch]:
    """List what `shift` changes, row by row."""
    return [
        Touch(row, position, vector.hook_point)
        for row, row_vectors in enumerate(vectors)
        for vector in row_vectors
        for position in window.positions[row][select(vector, window, row) >= 0].tolist()
    ]


@contextmanager
def adding(
    model: TransformerBridge, vectors: Sequence[Sequence[SteeringVector]], window: Window
) -> Iterator[None]:
    """Add to each row what its own vectors say, in the one forward pass that runs inside.

    Raises:
        ModelError: the pass did not reach a hook point, so that nothing was added there.
    """
    shifts, fired = shift(vectors, window), set[str]()
    with model.hooks(fwd_hooks=adders(shifts, shifts, fired)):
        yield
    require_reached(model, shifts.keys() - fired)


def decode_hooks(
    vectors: Sequence[Sequence[SteeringVector]], device: torch.device
) -> list[tuple[str, Callable[..., Tensor]]]:
    """Make the hooks for cached steps in which each row takes one generated token; often there are none.

    They hold as long as the same rows stand in the batch. Where there are any, a step has to go through the
    bridge, inside ``model.hooks(fwd_hooks=…)``; where there are none, through the faster plain model.

    Args:
        vectors: what is added to each row, in the order of the batch.
        device: where the model runs.
    """
    lasting = [[vector for vector in row_vectors if vector.when != "prompt"] for row_vectors in vectors]
    generated = Window(torch.zeros(len(vectors), 1, dtype=torch.long, device=device), (0,) * len(vectors))
    shifts = shift(lasting, generated)
    return adders(shifts, shifts, set())


def require_reached(model: TransformerBridge, missed: Set[str]) -> None:
    """Refuse hook points that a forward pass did not reach, so that nothing was added there.

    Raises:
        ModelError: there are any.
    """
    if missed:
        msg = (
            f"The hook point {min(missed)!r} of {model_name(model)} is not reached when the model runs, so "
            "nothing was added there; valid are those that are, such as 'blocks.0.hook_resid_pre'."
        )
        raise ModelError(msg)


def adders(
    hook_points: Iterable[str], shifts: Mapping[str, Float[Tensor, "row col d_model"]], fired: set[str]
) -> list[tuple[str, Callable[..., Tensor]]]:
    """Make hooks that add what ``shifts`` holds for their hook points by then, and note that they did.

    What passes ``hook_resid_mid`` in a bridge is the MLP's copy of the residual stream, before its norm. So
    what is added there is added once more where the block ends, or the stream itself would go without it.
    """
    hooks = []
    for hook_point in hook_points:
        hooks.append((hook_point, _adder(hook_point, shifts, fired)))
        if hook_point.endswith(RESID_MID):
            end_of_block = hook_point.removesuffix(RESID_MID) + "hook_resid_post"
            hooks.append((end_of_block, _adder(hook_point, shifts, fired)))
    return hooks


def _adder(
    hook_point: str, shifts: Mapping[str, Float[Tensor, "row col d_model"]], fired: set[str]
) -> Callable[..., Tensor]:
    def add(activations: Tensor, hook: object) -> Tensor:  # noqa: ARG001 (transformer_lens passes it by name)
        total = shifts.get(hook_point)
        if total is None:
            return activations
        if activations.shape != total.shape:
            msg = (
                f"What passes the hook point {hook_point!r} has the shape {tuple(activations.shape)}, but "
                f"what is added has {tuple(total.shape)}; valid: a hook point of [batch, pos, d_model]."
            )
            raise ModelError(msg)
        fired.add(hook_point)
        # Not in place: at layer 0 the residual stream is the embedding's own output, which may be shared.
        return activations + total.to(activations)

    return add
