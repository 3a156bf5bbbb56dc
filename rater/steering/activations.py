"""Read activations off a model: of one prompt, of many texts, and the directions that tell texts apart."""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

import contextlib
import inspect
import weakref
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.bridge import context_length, model_name

Read = Literal["each", "last", "mean"]
_BATCH = 16
_BEING_READ: "weakref.WeakSet[nn.Module]" = weakref.WeakSet()


class _SeenError(Exception):
    """Ends a forward pass once what was wanted of it has been read."""


@torch.no_grad()
def read_activations(
    model: TransformerBridge, tokens: Sequence[int], hook_point: str
) -> Float[Tensor, "pos d_model"]:
    """Read what passes a hook point in one forward pass over the tokens, as float32.

    Raises:
        ModelError: nothing passes there, or something that is not of the residual stream's shape.
    """
    return read_batch(model, [tokens], hook_point)[0]


@torch.no_grad()
def read_batch(
    model: TransformerBridge, rows: Sequence[Sequence[int]], hook_point: str
) -> list[Float[Tensor, "pos d_model"]]:
    """Read what passes a hook point at the tokens of each row, as float32: a forward pass for 16 rows.

    Raises:
        ModelError: nothing passes there, something that is not of the residual stream's shape, or a row is
            longer than the model's context.
    """
    _check_lengths(model, rows)
    read: list[Tensor] = []
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        seen = _pass(model, batch, hook_point)
        read += [seen[index, : len(row)].float() for index, row in enumerate(batch)]
    return read


def is_being_read(model: TransformerBridge) -> bool:
    """Tell whether a pass only reads what is added or measured, so that it must not be steered itself."""
    return model in _BEING_READ


def pool(activations: Float[Tensor, "pos d_model"], read: Read) -> Float[Tensor, "pos d_model"]:
    """Keep each position, the last one, or the mean over those after BOS (of BOS, where it is alone).

    BOS is left out of the mean since it carries an attention sink: activations some hundred times as long as
    a text token's, which would drown them.
    """
    if read == "each":
        return activations
    if read == "last":
        return activations[-1:]
    return activations[min(1, len(activations) - 1) :].mean(0, keepdim=True)


def mean_difference(
    positive: Float[Tensor, "text d_model"], negative: Float[Tensor, "text d_model"]
) -> Float[Tensor, " d_model"]:
    """Subtract the mean over the negative texts from the mean over the positive ones."""
    return positive.mean(0) - negative.mean(0)


def principal_component(
    positive: Float[Tensor, "pair d_model"], negative: Float[Tensor, "pair d_model"]
) -> Float[Tensor, " d_model"]:
    """Find the main axis of pairs, each about its own middle, and give the mean difference's part along it.

    A pair about its middle is ± half its difference, so the axis is the first right singular vector of the
    differences, not centred: centring them would take away the very direction that all pairs share. The
    product with the mean difference fixes the sign that a component lacks.
    """
    differences = positive - negative
    axis = torch.linalg.svd(differences, full_matrices=False).Vh[0]
    component: Tensor = (differences.mean(0) @ axis) * axis
    return component


def last_logits_only(model: TransformerBridge, n: int = 1) -> dict[str, int]:
    """Give the arguments that limit the logits to the last columns, where the model can.

    Those of every position of a long prompt would take more memory than the model.
    """
    accepted = inspect.signature(model.original_model.forward).parameters
    return {"logits_to_keep": n} if "logits_to_keep" in accepted else {}


def _pass(
    model: TransformerBridge, rows: Sequence[Sequence[int]], hook_point: str
) -> Float[Tensor, "row pos d_model"]:
    seen: list[Tensor] = []

    def read(activations: Tensor, hook: object) -> None:  # noqa: ARG001 (transformer_lens passes it by name)
        seen.append(activations.detach())
        raise _SeenError

    width = max(len(row) for row in rows)
    # Padded on the right with any token: no real token attends to what comes after it.
    tokens = torch.tensor([[*row, *[row[0]] * (width - len(row))] for row in rows], device=model.cfg.device)
    _BEING_READ.add(model)
    try:
        # The blocks behind the hook point need not run.
        with contextlib.suppress(_SeenError), model.hooks(fwd_hooks=[(hook_point, read)]):
            model(tokens, return_type=None, **last_logits_only(model))
    except ValueError as error:  # a hook point that is switched off in the bridge
        msg = f"The hook point {hook_point!r} of {model_name(model)} cannot be used: {error}"
        raise ModelError(msg) from error
    finally:
        _BEING_READ.discard(model)
    expected = (len(rows), width, model.cfg.d_model)
    shape = tuple(seen[0].shape) if seen else None
    if shape != expected:
        found = f"gives {shape}" if shape else "is never reached"
        msg = (
            f"The hook point {hook_point!r} of {model_name(model)} {found}, but additions need "
            f"[batch, pos, d_model] = {expected}, as hook_resid_pre, hook_resid_mid, hook_resid_post, "
            "hook_attn_out and hook_mlp_out give."
        )
        raise ModelError(msg)
    return seen[0]


def _check_lengths(model: TransformerBridge, rows: Sequence[Sequence[int]]) -> None:
    longest, context = max(len(row) for row in rows), context_length(model)
    if longest > context:
        msg = (
            f"A text of an addition is {longest} tokens long with BOS, but the context of "
            f"{model_name(model)} is {context} tokens."
        )
        raise ModelError(msg)
