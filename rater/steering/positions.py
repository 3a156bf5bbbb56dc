"""Hook points and token positions of additions, and checks of prompt lengths."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError, nearest
from rater.steering.activations import read_activations
from rater.steering.bridge import model_name, n_layers, tokenize
from rater.steering.vectors import SteeringVector
from rater.study.additions import hook_name

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)


# The residual stream within a block, between attention and MLP.
RESID_MID = "hook_resid_mid"


class Touch(NamedTuple):
    """A token at which something was added."""

    row: int
    """Row of its batch, from 0."""
    position: int
    """Position in real tokens; BOS is 0."""
    hook_point: str
    """Full name of the hook point."""

    @property
    def layer(self) -> int | None:
        """Number of the block that the hook point belongs to; None outside the blocks."""
        match = re.match(r"blocks\.(\d+)\.", self.hook_point)
        return int(match[1]) if match else None


@dataclass(frozen=True, eq=False)
class Window:
    """The columns of some sequences that one forward pass runs through."""

    positions: Int[Tensor, "row col"]
    """Position of each column's token in its sequence, BOS being 0; −1 for padding."""
    prompt_lengths: tuple[int, ...]
    """Number of prompt tokens of each sequence, including BOS."""

    @classmethod
    def of_mask(cls, real: Bool[Tensor, "row pos"], n_new: int, prompt_lengths: Sequence[int]) -> "Window":
        """Return the last ``n_new`` columns of sequences; ``real`` is true for tokens and not for padding."""
        counted = torch.where(real, real.long().cumsum(-1) - 1, -1)
        return cls(counted[:, counted.shape[1] - n_new :], tuple(prompt_lengths))


def places(vector: SteeringVector, prompt_length: int) -> tuple[int, ...]:
    """Return the positions of a prompt that a vector is added to: one for each of its activations.

    "mid" and "back" are as in llm-steering: "mid" starts at half the prompt's length less half the vector's,
    both rounded down; "back" ends with the prompt.
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
    positions = places(vector, prompt_length)
    named = vector.position if isinstance(vector.position, tuple) else positions
    outside = [name for name, at in zip(named, positions, strict=True) if not 0 <= at < prompt_length]
    if outside or len(set(positions)) < len(positions):
        at = f"position {outside[0]}" if outside else f"the same position twice ({vector.position})"
        msg = (
            f"{place} is {prompt_length} tokens long with BOS, but an addition is made to it at {at}; "
            f"valid: different positions from 0 to {prompt_length - 1}, or from -{prompt_length} to -1."
        )
        raise ModelError(msg)


def select(vector: SteeringVector, window: Window, row: int) -> Int[Tensor, " col"]:
    """Return for each column of a row the index of the activation that is added there; −1 for none."""
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
    """Return the sum of each row's own vectors in a window, by hook point; zero sums are left out."""
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
    """List the tokens that `shift` changes, row by row."""
    return [
        Touch(row, position, vector.hook_point)
        for row, row_vectors in enumerate(vectors)
        for vector in row_vectors
        for position in window.positions[row][select(vector, window, row) >= 0].tolist()
    ]


def describe_touches(touched: Sequence[Touch]) -> str:
    """Describe changed tokens: "tokens 0–2 5 at blocks.6.hook_resid_pre"; an empty text for none."""
    by_point: dict[str, set[int]] = {}
    for touch in touched:
        by_point.setdefault(touch.hook_point, set()).add(touch.position)
    return ", ".join(f"tokens {_runs(sorted(at))} at {point}" for point, at in by_point.items())


def _runs(numbers: Sequence[int]) -> str:
    """Shorten 0, 1, 2, 5 to "0–2 5"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return " ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


@contextmanager
def adding(
    model: TransformerBridge, vectors: Sequence[Sequence[SteeringVector]], window: Window
) -> Iterator[None]:
    """Add each row's own vectors in the one forward pass that runs inside.

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
    """Return the hooks for cached steps in which each row takes one generated token; often there are none.

    They are valid for one composition of the batch. With hooks, a step has to go through the bridge, inside
    ``model.hooks(fwd_hooks=…)``; without, it can use the faster plain model.

    Args:
        vectors: The vectors of each row, in the order of the batch.
        device: The model's device.
    """
    lasting = [[vector for vector in row_vectors if vector.when != "prompt"] for row_vectors in vectors]
    generated = Window(torch.zeros(len(vectors), 1, dtype=torch.long, device=device), (0,) * len(vectors))
    shifts = shift(lasting, generated)
    return adders(shifts, shifts, set())


def require_reached(model: TransformerBridge, missed: Set[str]) -> None:
    """Check that a forward pass reached all hook points of its additions.

    Raises:
        ModelError: it did not, so that nothing was added there.
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
    """Return hooks that add the current values of ``shifts`` at their hook points, and record that they ran.

    At ``hook_resid_mid`` a bridge passes the MLP's copy of the residual stream, before its norm. What is
    added there is therefore added again at the end of the block; otherwise the stream itself would lack it.
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
        # Not in place: at layer 0 the residual stream is the embedding's output, which may be shared.
        return activations + total.to(activations)

    return add


# Rounding error of a sum in bfloat16, relative to it.
_ROUNDING = 0.02


def require_hook_point(model: TransformerBridge, at: int | str, field: str) -> None:
    """Check that a model has a layer or hook point, and that additions there reach the residual stream.

    Args:
        model: The bridge.
        at: The layer number or the hook point's name.
        field: Where it is declared, such as ``additions[0].at``, for error messages.

    Raises:
        ModelError: it does not; the message lists the valid ones.
    """
    layer = re.fullmatch(r"blocks\.(\d+)\..*", hook_name(at))
    if layer and int(layer[1]) >= n_layers(model):
        msg = f"{field} is {at!r}, but {model_name(model)} has layers 0–{n_layers(model) - 1}."
        raise ModelError(msg)
    if hook_name(at) not in model.hook_dict:
        if layer and hook_name(at).endswith(RESID_MID):
            raise _no_middle(model, at, field)
        close = nearest(hook_name(at), model.hook_dict)
        named = (
            f" Valid: a layer from 0 to {n_layers(model) - 1}, or 'blocks.N.' with such a number N and "
            "hook_resid_pre, hook_resid_mid, hook_resid_post, hook_attn_out or hook_mlp_out after it."
        )
        suggestion = close if close.startswith(" Did") else named
        msg = f"{field} is {at!r}, which is not a hook point of {model_name(model)}.{suggestion}"
        raise ModelError(msg)
    if hook_name(at).endswith(RESID_MID):
        _require_middle(model, hook_name(at), field)


def _require_middle(model: TransformerBridge, hook_point: str, field: str) -> None:
    """Check that the block adds the MLP's output to the middle, as `positions.adders` assumes."""
    block = hook_point.removesuffix(RESID_MID)
    middle, made, end = (
        read_activations(model, tokenize(model, ""), block + each)
        for each in (RESID_MID, "hook_mlp_out", "hook_resid_post")
    )
    if (end - middle - made).norm() > _ROUNDING * end.norm():
        raise _no_middle(model, hook_point, field)


def _no_middle(model: TransformerBridge, at: int | str, field: str) -> ModelError:
    return ModelError(
        f"{field} is {at!r}, but blocks of {model_name(model)} have no middle that the stream passes, "
        "as where attention and MLP run in parallel; valid: hook_resid_pre, hook_resid_post, hook_attn_out "
        "or hook_mlp_out."
    )


def require_residual(model: TransformerBridge, hook_point: str) -> None:
    """Check that a hook point has the residual stream's shape, by a pass over BOS.

    Needed for a vector from a file, which may have been computed at another hook point.

    Raises:
        ModelError: it does not.
    """
    read_activations(model, tokenize(model, ""), hook_point)
