"""Hook points and token positions of additions, and checks of prompt lengths."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError, nearest
from rater.steering.activations import read_activations
from rater.steering.bridge import model_name, n_layers, tokenize
from rater.steering.prompts import render, token_ids
from rater.steering.vectors import SteeringVector
from rater.study.additions import ActivationAddition, AnyAddition, RandomVector, XVector, hook_name
from rater.study.arms import Steered

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)


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


_ROUNDING = 0.02
"""How far a sum in bfloat16 may be off, as a share of it."""


def require_hook_point(model: TransformerBridge, at: int | str, field: str) -> None:
    """Refuse a layer or hook point that the model lacks, or a middle of a block that cannot be steered.

    Args:
        model: the bridge.
        at: the layer number or the name.
        field: where it is declared, such as ``additions[0].at``, for error messages.

    Raises:
        ModelError: it is one; the message says which exist.
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
        msg = f"{field} is {at!r}, which is no hook point of {model_name(model)}.{suggestion}"
        raise ModelError(msg)
    if hook_name(at).endswith(RESID_MID):
        _require_middle(model, hook_name(at), field)


def _require_middle(model: TransformerBridge, hook_point: str, field: str) -> None:
    """See that the MLP's output is added to what passes in the middle, as `positions.adders` needs it."""
    block = hook_point.removesuffix(RESID_MID)
    middle, made, end = (
        read_activations(model, tokenize(model, ""), block + each)
        for each in (RESID_MID, "hook_mlp_out", "hook_resid_post")
    )
    if (end - middle - made).norm() > _ROUNDING * end.norm():
        raise _no_middle(model, hook_point, field)


def _no_middle(model: TransformerBridge, at: int | str, field: str) -> ModelError:
    return ModelError(
        f"{field} is {at!r}, but blocks of {model_name(model)} have no middle from which the stream goes on, "
        "as where attention and MLP run side by side; valid: hook_resid_pre, hook_resid_post, hook_attn_out "
        "or hook_mlp_out."
    )


def require_residual(model: TransformerBridge, hook_point: str) -> None:
    """Read BOS there, since a vector that came ready-made was perhaps not read off this hook point.

    Raises:
        ModelError: nothing of the residual stream's shape passes there.
    """
    read_activations(model, tokenize(model, ""), hook_point)


def require_long_enough(
    tokenizer: "PreTrainedTokenizerBase", prompts: Sequence[str], arm: Steered, *, chat: bool, place: str
) -> None:
    """Refuse a prompt that lacks tokens that an arm adds to; vectors from files are looked at with the model.

    Args:
        tokenizer: the model's own.
        prompts: the study's.
        arm: whose additions are made to them.
        chat: whether prompts go through the chat template.
        place: where the arm is declared, such as ``arms[1]``.

    Raises:
        ModelError: one is too short; with both lengths.
    """
    needed = [_needed(tokenizer, addition) for addition in arm.additions]
    for number, prompt in enumerate(prompts):
        length = len(token_ids(tokenizer, render(tokenizer, prompt, arm, chat=chat)))
        for index, n_tokens in enumerate(needed):
            if n_tokens > length:
                msg = (
                    f"prompts[{number}] ({prompt!r}) is {length} tokens long with BOS, but "
                    f"{place}.additions[{index}] needs {n_tokens}; use a longer prompt or a shorter addition."
                )
                raise ModelError(msg)


def _needed(tokenizer: "PreTrainedTokenizerBase", addition: AnyAddition) -> int:
    """Count the tokens that a prompt must have, as far as they follow from the declaration."""
    if isinstance(addition, RandomVector):
        return max(_needed(tokenizer, each) for each in addition.likes)
    if addition.when != "prompt":
        return 0
    if isinstance(addition.position, tuple):
        return max(at + 1 if at >= 0 else -at for at in addition.position)
    if isinstance(addition, ActivationAddition) and addition.read == "each":
        return len(addition.tokens or token_ids(tokenizer, addition.prompt or ""))
    if isinstance(addition, XVector) and addition.read == "each":
        return max(len(token_ids(tokenizer, text)) for text in (addition.prompt1, addition.prompt2))
    return 1
