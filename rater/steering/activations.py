"""Read activations of prompts and texts, and compute directions from contrasting sets of texts."""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

import contextlib
import inspect
import weakref
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformer_lens.hook_points import LensHandle
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.bridge import context_length, model_name

Read = Literal["each", "last", "mean", "tokens"]
_BATCH = 16
_BEING_READ: "weakref.WeakSet[nn.Module]" = weakref.WeakSet()


class _SeenError(Exception):
    """Ends a forward pass when the requested activations have been read."""


@torch.no_grad()
def read_activations(
    model: TransformerBridge, tokens: Sequence[int], hook_point: str
) -> Float[Tensor, "pos d_model"]:
    """Return the activations at a hook point as float32 [pos, d_model]. Costs one forward pass.

    Raises:
        ModelError: the hook point is not reached, or its activations do not have the residual stream's shape.
    """
    return read_batch(model, [tokens], hook_point)[0]


@torch.no_grad()
def read_batch(
    model: TransformerBridge, rows: Sequence[Sequence[int]], hook_point: str
) -> list[Float[Tensor, "pos d_model"]]:
    """Return the activations at a hook point for each row, as float32. Costs a forward pass per 16 rows.

    Raises:
        ModelError: the hook point is not reached, its activations do not have the residual stream's shape, or
            a row is longer than the model's context.
    """
    _check_lengths(model, rows)
    activations: list[Tensor] = []
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        padded = _pass(model, batch, hook_point)
        activations += [padded[index, : len(row)].float() for index, row in enumerate(batch)]
    return activations


def is_being_read(model: TransformerBridge) -> bool:
    """Return whether the current pass reads activations, so that it must not be steered itself."""
    return model in _BEING_READ


def is_hooked(model: TransformerBridge) -> bool:
    """Return whether a hook point has a hook that runs in forward passes, such as a user's own.

    The plain model that shares the weights has no hook points, so hooks do not reach it. The bridge's own
    permanent hooks, which OPT has, change nothing and do not count. Costs about a millisecond, so it is not
    called at every step of decoding.
    """
    return any(not _is_of_bridge(hook) for point in model.hook_dict.values() for hook in point.fwd_hooks)


def _is_of_bridge(hook: LensHandle) -> bool:
    return hook.is_permanent and str(getattr(hook.user_hook, "__module__", "")).startswith(
        "transformer_lens."
    )


def pool(activations: Float[Tensor, "pos d_model"], read: Read) -> Float[Tensor, "pos d_model"]:
    """Return each position's activation, the last one, or the mean over those after BOS, as [pos, d_model].

    The mean leaves BOS out unless it is the only token: BOS is an attention sink, with activations about a
    hundred times as long as those of other tokens, which would dominate the mean.
    """
    if read in {"each", "tokens"}:
        return activations
    if read == "last":
        return activations[-1:]
    return activations[min(1, len(activations) - 1) :].mean(0, keepdim=True)


def mean_difference(
    positive: Float[Tensor, "text d_model"], negative: Float[Tensor, "text d_model"]
) -> Float[Tensor, " d_model"]:
    """Return the mean of the positive texts minus the mean of the negative texts, as [1, d_model]."""
    return positive.mean(0) - negative.mean(0)


def principal_component(
    positive: Float[Tensor, "pair d_model"], negative: Float[Tensor, "pair d_model"]
) -> Float[Tensor, " d_model"]:
    """Return the first principal component of the pairs, scaled to the part of the mean difference along it.

    Each pair is centred on its own mean, which leaves ± half its difference, so the component is the first
    right singular vector of the differences. The differences themselves are not centred: that would remove
    the direction that all pairs share. The sign, which a component does not have, is that of the mean
    difference.
    """
    differences = positive - negative
    axis = torch.linalg.svd(differences, full_matrices=False).Vh[0]
    component: Tensor = (differences.mean(0) @ axis) * axis
    return component


def principal_axis(activations: Float[Tensor, "row d_model"]) -> Float[Tensor, " d_model"]:
    """Return the first right singular vector of uncentred activations, as long as these are on average.

    Its sign, which a singular vector does not have, is that of the mean activation along it.
    """
    axis = torch.linalg.svd(activations, full_matrices=False).Vh[0]
    norm = torch.linalg.vector_norm(activations, dim=-1).mean()
    turned: Tensor = norm * torch.sign(activations.mean(0) @ axis) * axis
    return turned


def last_logits_only(model: TransformerBridge, n: int = 1) -> dict[str, int]:
    """Return the arguments that limit the logits to the last n positions, if the model supports that.

    The logits of every position of a long prompt take more memory than the model.
    """
    accepted = inspect.signature(model.original_model.forward).parameters
    return {"logits_to_keep": n} if "logits_to_keep" in accepted else {}


def _pass(
    model: TransformerBridge, rows: Sequence[Sequence[int]], hook_point: str
) -> Float[Tensor, "row pos d_model"]:
    collected: list[Tensor] = []

    def collect(activations: Tensor, hook: object) -> None:  # noqa: ARG001 (transformer_lens passes it by name)
        collected.append(activations.detach())
        raise _SeenError

    width = max(len(row) for row in rows)
    # Padded on the right with any token: tokens do not attend to later ones.
    tokens = torch.tensor([[*row, *[row[0]] * (width - len(row))] for row in rows], device=model.cfg.device)
    _BEING_READ.add(model)
    try:
        # Blocks after the hook point do not need to run.
        with contextlib.suppress(_SeenError), model.hooks(fwd_hooks=[(hook_point, collect)]):
            model(tokens, return_type=None, **last_logits_only(model))
    except ValueError as error:  # a hook point that is disabled in the bridge
        msg = f"The hook point {hook_point!r} of {model_name(model)} cannot be used: {error}"
        raise ModelError(msg) from error
    finally:
        _BEING_READ.discard(model)
    expected = (len(rows), width, model.cfg.d_model)
    shape = tuple(collected[0].shape) if collected else None
    if shape != expected:
        problem = f"gives {shape}" if shape else "is never reached"
        msg = (
            f"The hook point {hook_point!r} of {model_name(model)} {problem}, but additions need "
            f"[batch, pos, d_model] = {expected}, as hook_resid_pre, hook_resid_mid, hook_resid_post, "
            "hook_attn_out and hook_mlp_out give."
        )
        raise ModelError(msg)
    return collected[0].to(model.cfg.device)  # where vectors are combined, whatever the layer's device


def _check_lengths(model: TransformerBridge, rows: Sequence[Sequence[int]]) -> None:
    longest, context = max(len(row) for row in rows), context_length(model)
    if longest > context:
        msg = (
            f"A text of an addition is {longest} tokens long with BOS, but the context of "
            f"{model_name(model)} is {context} tokens."
        )
        raise ModelError(msg)
