"""Principal axes of the activations of some texts."""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.activations import pool, read_batch
from rater.steering.bridge import tokenize
from rater.steering.positions import require_hook_point
from rater.study.additions import hook_name

AxisRead = Literal["last", "mean", "tokens"]


@dataclass(frozen=True, eq=False)
class Axes:
    """Principal axes of activations: their right singular vectors, the largest singular value first."""

    axes: Float[Tensor, "axis d_model"]
    """Unit vectors, orthogonal to each other; the mean activation has no negative part along any of them."""
    shares: Float[Tensor, " axis"]
    """The share of the sum of squares that is along each axis: of the variance, if it was centred."""
    centre: Float[Tensor, " d_model"]
    """The mean of the activations, whether or not it was subtracted."""


def principal_axes(
    model: TransformerBridge,
    texts: Sequence[str],
    at: int | str,
    *,
    read: AxisRead = "last",
    n: int = 10,
    centred: bool = False,
) -> Axes:
    """Return the first principal axes of the activations of some texts. Costs a forward pass per 16 texts.

    Without centring the first axis is close to the mean itself, and with every token read it is that of BOS,
    whose activations are a hundred times as long as others.

    Args:
        model: The bridge.
        texts: The texts.
        at: A hook point, or a layer number n for ``blocks.n.hook_resid_pre``.
        read: The activations that are read: of the last token of each text, the mean over its tokens after
            BOS, or of every token, BOS included.
        n: The maximum number of axes. There are no more than activations, or dimensions.
        centred: Whether the mean activation is subtracted first.

    Raises:
        ModelError: there are no texts, the model does not have the hook point, or an argument is not valid.
    """
    require_hook_point(model, at, "at")
    if isinstance(texts, str) or not texts or not all(isinstance(text, str) for text in texts):
        msg = f"texts is {texts!r}; valid: a list of one text or more."
        raise ModelError(msg)
    if read not in get_args(AxisRead) or n < 1:
        msg = f"read is {read!r} and n is {n}; valid: 'last', 'mean' or 'tokens', and at least 1."
        raise ModelError(msg)
    rows = read_batch(model, [tokenize(model, text) for text in texts], hook_name(at))
    activations = torch.cat([pool(row, read) for row in rows])
    centre = activations.mean(0)
    _, values, axes = torch.linalg.svd(activations - centre if centred else activations, full_matrices=False)
    squares = values.square()
    turned = torch.where((axes @ centre < 0)[:, None], -axes, axes)
    return Axes(turned[:n], (squares / squares.sum())[:n], centre)
