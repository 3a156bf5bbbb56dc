"""Say which hook points a model has, and refuse those at which nothing can be added rightly."""

import re

from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError, nearest
from rater.steering.activations import read_activations
from rater.steering.bridge import model_name, n_layers, tokenize
from rater.steering.positions import RESID_MID
from rater.study.places import hook_name

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
