"""A canary: before a study, check that an engine really steers the rows that it should, and no others.

An engine that takes vectors and ignores them makes a study of unsteered texts, and no error: so did vllm-lens
with a model runner that it did not know (UKGovernmentBEIS/vllm-lens#28).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from rater.errors import ModelError
from rater.steering.vectors import SteeringVector

# In nats. Batches of other shapes change log-probabilities by less than 0.1, even in bfloat16; a vector 100
# times as long as the residual stream changes them by several.
MAX_UNCHANGED = 0.2
MIN_CHANGED = 0.5
# Longer than activations of any layer, whose norms are up to about 1,000 at the first token.
_NORM = 1e5


class TwoLogprobs(NamedTuple):
    """Log-probabilities of a fixed token, in nats."""

    first: float
    """Right after the prompt."""
    second: float
    """After the prompt and that token."""


Measure = Callable[[Sequence[tuple[SteeringVector, ...]]], Sequence[TwoLogprobs]]
"""Measures rows with one prompt and their vectors, all in one batch."""


def check_canary(measure: Measure, layers: Sequence[int], d_model: int) -> None:
    """Check an engine with large random vectors: at the prompt's last token, and at generated tokens.

    Costs a batch of one row, and one of three rows for each layer and one token more.

    Args:
        measure: Measures rows.
        layers: The layers to whose outputs the study adds.
        d_model: The width of the residual stream.

    Raises:
        ModelError: a row with a vector is as without, or a row without one is not.
    """
    (alone,) = measure([()])
    for layer in layers:
        direction = torch.randn(1, d_model, generator=torch.Generator().manual_seed(layer))
        hook_point = f"blocks.{layer}.hook_resid_post"
        large = direction * (_NORM / direction.norm())
        prompted = SteeringVector(hook_point, large, position="back")
        generated = SteeringVector(hook_point, large, when="generated")
        plain, steered, later = measure([(), (prompted,), (generated,)])
        unchanged = {
            "a row without a vector, next to steered ones": (alone.first, plain.first),
            "the second token of that row": (alone.second, plain.second),
            "the first token of a row that is steered at generated tokens": (alone.first, later.first),
        }
        changed = {
            "a row with a vector at its prompt": (alone.first, steered.first),
            "a row with a vector at generated tokens": (alone.second, later.second),
        }
        for what, (before, now) in unchanged.items():
            if not abs(now - before) <= MAX_UNCHANGED:
                raise _failed(layer, f"{what} changed", before, now)
        for what, (before, now) in changed.items():
            if abs(now - before) < MIN_CHANGED:
                raise _failed(layer, f"{what} did not change", before, now)


def _failed(layer: int, what: str, before: float, now: float) -> ModelError:
    return ModelError(
        f"The engine does not steer as it should, so nothing was generated: at layer {layer}, {what} "
        f"(log-probability {before:.3f}, then {now:.3f}). Use --engine torch, or the versions of vllm and "
        "vllm-lens that rater names."
    )
