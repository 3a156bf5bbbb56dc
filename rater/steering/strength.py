"""Measure additions against the residual stream, since raw coefficients mean nothing across models."""

import weakref
from collections.abc import Sequence

import torch
from torch import nn
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.activations import read_batch
from rater.steering.bridge import tokenize
from rater.steering.vectors import SteeringVector

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
