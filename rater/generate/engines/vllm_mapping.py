"""Map activation additions onto the outputs of vLLM's decoder layers, and refuse those that do not map.

vllm-lens changes what a decoder layer returns: the residual stream after the block. So layer n − 1 of vLLM
has the hook points `blocks.n.hook_resid_pre` (n ≥ 1) and `blocks.(n − 1).hook_resid_post`. Nothing here needs
vLLM.
"""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from rater.errors import ModelError
from rater.steering.positions import Window, shift
from rater.steering.vectors import SteeringVector
from rater.study.additions import hook_name
from rater.study.study import Study
from rater.study.study_checks import declared_hook_points

_STREAM = re.compile(r"blocks\.(\d+)\.hook_resid_(pre|post)")
# vLLM raises a smaller positive temperature to this.
_MIN_TEMPERATURE = 0.01


def require_mappable(study: Study) -> None:
    """Check that the vLLM engine can generate a study, from its declaration alone.

    The hook points of vector files are not known yet; `output_layer` checks them when the file is read.

    Raises:
        ModelError: an addition or a sampling parameter has no equivalent; with its place and the reason.
    """
    for place, at in declared_hook_points(study):
        output_layer(hook_name(at), place)
    temperature = study.sampling.temperature
    if 0 < temperature < _MIN_TEMPERATURE:
        msg = (
            f"sampling.temperature is {temperature}, but vLLM raises it to {_MIN_TEMPERATURE}; valid for the "
            f"engine vllm: 0, or {_MIN_TEMPERATURE} or more. Use it, or --engine torch."
        )
        raise ModelError(msg)


def output_layer(hook_point: str, place: str) -> int:
    """Return the number of the decoder layer whose output is the residual stream at a hook point.

    Args:
        hook_point: The full name, such as ``blocks.6.hook_resid_pre``.
        place: Where it is declared, for error messages.

    Raises:
        ModelError: no layer's output is; with the reason.
    """
    match = _STREAM.fullmatch(hook_point)
    layer = int(match[1]) - (match[2] == "pre") if match else -1
    if layer >= 0:
        return layer
    if match or hook_point == "hook_embed":
        reason = "it is before the first layer, and only outputs of layers can be changed there"
    else:
        reason = "it is within a block, and only outputs of whole layers can be changed there"
    msg = (
        f"{place} is {hook_point!r}, which the engine vllm cannot steer: {reason}. Valid: a layer from 1, "
        "'blocks.N.hook_resid_pre' with N from 1, or 'blocks.N.hook_resid_post'. Use it, or --engine torch."
    )
    raise ModelError(msg)


@dataclass(frozen=True, eq=False)
class LayerShift:
    """The sums that are added to one layer's output in one sequence."""

    layer: int
    prompt: Float[Tensor, "pos d_model"]
    """Added to the tokens of the prompt; zeros where nothing is."""
    after: Float[Tensor, " d_model"]
    """Added to each generated token."""


def layer_shifts(vectors: Sequence[SteeringVector], prompt_length: int) -> list[LayerShift]:
    """Return the sums of a row's vectors, by layer.

    Positions are those of the torch engine, since `rater.steering.positions.shift` computes both.

    Args:
        vectors: The vectors of a row, which fit its prompt (see `require_fit`).
        prompt_length: Number of tokens of the prompt, BOS included.
    """
    # One column more than the prompt has: that of a generated token.
    window = Window(torch.arange(prompt_length + 1)[None], (prompt_length,))
    own = [[vector.to("cpu") for vector in vectors]]
    sums: dict[int, Tensor] = {}
    for hook_point, columns in shift(own, window).items():
        layer = output_layer(hook_point, "A vector's hook_point")
        sums[layer] = sums.get(layer, torch.zeros_like(columns[0])) + columns[0]
    return [LayerShift(layer, total[:-1], total[-1]) for layer, total in sorted(sums.items())]


class HookContext(Protocol):
    """The part of vllm-lens' context that a hook reads."""

    saved: dict[str, Any]
    """Values of one hook and request, returned with its output."""


@dataclass(eq=False)
class AddShift:
    """A hook for vllm-lens: add a `LayerShift` to a request's tokens, and count the tokens in its context.

    vllm-lens passes the tokens of one step without their positions; those that version 1.3 computes for its
    own steering vectors count from the first token of each step, also while decoding. Without chunked prefill
    and a prefix cache, a step is either the whole sequence so far (a prefill, or one again after a
    preemption) or one generated token.
    """

    shift: LayerShift
    _moved: tuple[Tensor, Tensor] | None = field(default=None, repr=False)

    def __call__(self, ctx: HookContext, hidden: Float[Tensor, "pos d_model"]) -> Tensor | None:
        """Return the changed output of the layer; None where nothing is added.

        Raises:
            RuntimeError: the prompt was split into chunks. vllm-lens logs it and leaves the output as it is;
                then the counts are missing, which the engine checks.
        """
        if self._moved is None or self._moved[0].device != hidden.device:
            self._moved = self.shift.prompt.to(hidden), self.shift.after.to(hidden)
        prompt, after = self._moved
        is_prefill = len(hidden) > 1 or not ctx.saved
        n_prompt = len(prompt) if is_prefill else 0
        if len(hidden) < n_prompt:
            msg = f"{len(hidden)} tokens of a prompt of {n_prompt} came alone"
            raise RuntimeError(msg)
        if is_prefill:
            ctx.saved["n_prompt"] = n_prompt
        ctx.saved["n_generated"] = ctx.saved.get("n_generated", 0) + len(hidden) - n_prompt
        if not is_prefill and not self.shift.after.any():
            return None
        added = after.expand(len(hidden) - n_prompt, -1)
        return hidden + (torch.cat([prompt, added]) if is_prefill else added)


def require_steered(counts: Sequence[dict[str, int]], *, n_prompt: int, n_new: int, place: str) -> None:
    """Check the counts that the hooks of a finished request returned.

    Args:
        counts: The values that each layer's hook saved.
        n_prompt: The number of tokens of the prompt.
        n_new: The number of generated tokens; the last of them is not run through the model.
        place: Where the prompt is declared, for the error message.

    Raises:
        ModelError: a hook did not run at all tokens, so that the text is not one of the steered model.
    """
    if counts and all(
        each.get("n_prompt") == n_prompt and each.get("n_generated", -1) >= n_new - 1 for each in counts
    ):
        return
    msg = (
        f"{place}: vllm-lens added vectors at {counts} tokens instead of at {n_prompt} of the prompt and "
        f"{n_new - 1} generated ones, so that the completion is not a steered one. Nothing was saved for it. "
        "Use --engine torch, or the versions of vllm and vllm-lens that rater names."
    )
    raise ModelError(msg)
