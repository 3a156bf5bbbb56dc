"""Turn declared activation additions into the tensors that are added to a model's residual stream."""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 (the name PyTorch's own documentation uses)
from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError, nearest
from rater.steering.bridge import model_name, n_layers, tokenize
from rater.study.arms import ActivationAddition, XVector, hook_name


@dataclass(frozen=True, eq=False)
class SteeringVector:
    """What is added at one hook point, to the first positions of a prompt (BOS is position 0)."""

    hook_point: str
    activations: Float[Tensor, "pos d_model"]

    def norms(self) -> Float[Tensor, " pos"]:
        """Give the L2 norm at each position."""
        norms: Tensor = torch.linalg.vector_norm(self.activations, dim=-1)
        return norms

    def __len__(self) -> int:
        """Count the positions."""
        return len(self.activations)


def get_x_vector(  # noqa: PLR0917 (the seed system's signature)
    prompt1: str,
    prompt2: str,
    coeff: float,
    act_name: int | str,
    model: TransformerBridge | None = None,
    pad_method: str | None = None,
    custom_pad_id: int | None = None,
) -> tuple[ActivationAddition, ActivationAddition]:
    """Make the pair of additions whose sum is ``coeff`` × (activations of prompt1 − activations of prompt2).

    With ``pad_method="tokens_right"`` both prompts are tokenised (BOS first) and the shorter is padded on the
    right with ``custom_pad_id``, or with the model's pad token where that is None. The seed system took id 0
    for None, and asked for a pad token even when given another id; this does neither.

    Raises:
        ModelError: padding is asked for without a model, by another method, or without a pad token.
    """
    if pad_method is None:
        return (
            ActivationAddition(coeff=coeff, act_name=act_name, prompt=prompt1),
            ActivationAddition(coeff=-coeff, act_name=act_name, prompt=prompt2),
        )
    if pad_method != "tokens_right":
        msg = f"pad_method is {pad_method!r}, but additions can be padded by 'tokens_right' only, or by None."
        raise ModelError(msg)
    if model is None:
        msg = "model is None, but pad_method='tokens_right' needs the model whose tokenizer is meant."
        raise ModelError(msg)
    tokens1, tokens2 = _pad_right(
        tokenize(model, prompt1), tokenize(model, prompt2), _pad_token(model, custom_pad_id)
    )
    return (
        ActivationAddition(coeff=coeff, act_name=act_name, tokens=tokens1),
        ActivationAddition(coeff=-coeff, act_name=act_name, tokens=tokens2),
    )


def resolve(
    model: TransformerBridge,
    additions: Sequence[ActivationAddition | XVector],
    *,
    place: str = "additions",
) -> tuple[SteeringVector, ...]:
    """Compute the sum of the additions at each hook point: one forward pass for each prompt in them.

    Additions of different lengths are aligned at BOS; the sum is as long as the longest.

    Args:
        model: the model whose activations are taken, and that will be steered.
        additions: what an arm declares.
        place: where they are declared, such as ``arms[1].additions``, for error messages.

    Raises:
        ModelError: a layer or hook point that the model lacks or that is not of its residual width, a token
            that it lacks, an activation that is not a finite number.
    """
    sums: dict[str, Tensor] = {}
    for index, addition in enumerate(additions):
        where = f"{place}[{index}]"
        _check_hook_point(model, addition, where)
        for part in _parts(model, addition, where):
            activations = part.coeff * read_activations(model, _tokens(model, part, where), part.hook_point)
            _check_finite(activations, where)
            sums[part.hook_point] = _add(sums.get(part.hook_point), activations)
    return tuple(SteeringVector(hook_point, activations) for hook_point, activations in sums.items())


@torch.no_grad()
def read_activations(
    model: TransformerBridge, tokens: Sequence[int], hook_point: str
) -> Float[Tensor, "pos d_model"]:
    """Read what passes a hook point in one forward pass over the tokens, as float32.

    Raises:
        ModelError: nothing passes there, or something that is not of the residual stream's shape.
    """
    seen: list[Tensor] = []

    def read(activations: Tensor, hook: object) -> None:  # noqa: ARG001 (transformer_lens passes it by name)
        seen.append(activations.detach())

    try:
        with model.hooks(fwd_hooks=[(hook_point, read)]):
            model(torch.tensor([list(tokens)], device=model.cfg.device), return_type=None)
    except ValueError as error:  # a hook point that is switched off in the bridge
        msg = f"The hook point {hook_point!r} of {model_name(model)} cannot be used: {error}"
        raise ModelError(msg) from error
    expected = (1, len(tokens), model.cfg.d_model)
    shape = tuple(seen[0].shape) if seen else None
    if shape != expected:
        found = f"gives {shape}" if shape else "is never reached"
        msg = (
            f"The hook point {hook_point!r} of {model_name(model)} {found}, but additions need "
            f"[batch, pos, d_model] = {expected}, as hook_resid_pre, hook_resid_mid, hook_resid_post, "
            "hook_attn_out and hook_mlp_out give."
        )
        raise ModelError(msg)
    return seen[0][0].float()


def _parts(
    model: TransformerBridge, addition: ActivationAddition | XVector, where: str
) -> tuple[ActivationAddition, ...]:
    if isinstance(addition, ActivationAddition):
        return (addition,)
    method = None if addition.pad is None else "tokens_right"
    pad = addition.pad if isinstance(addition.pad, int) else None
    if addition.pad == "space":
        pad = _space_token(model, where)
    return get_x_vector(addition.prompt1, addition.prompt2, addition.coeff, addition.at, model, method, pad)


def _tokens(model: TransformerBridge, addition: ActivationAddition, where: str) -> list[int]:
    if addition.tokens is None:
        return tokenize(model, addition.prompt or "")
    size = int(model.cfg.d_vocab)
    for token in addition.tokens:
        if not 0 <= token < size:
            msg = f"{where} has the token {token}, but {model_name(model)} has tokens 0 to {size - 1}."
            raise ModelError(msg)
    return list(addition.tokens)


def _pad_right(tokens1: list[int], tokens2: list[int], pad: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    length = max(len(tokens1), len(tokens2))
    return (
        (*tokens1, *[pad] * (length - len(tokens1))),
        (*tokens2, *[pad] * (length - len(tokens2))),
    )


def _pad_token(model: TransformerBridge, custom_pad_id: int | None) -> int:
    pad = model.tokenizer.pad_token_id if custom_pad_id is None else custom_pad_id
    if pad is None:
        msg = (
            f"The tokenizer of {model_name(model)} has no pad token; say which with custom_pad_id (pad=...)."
        )
        raise ModelError(msg)
    return int(pad)


def _space_token(model: TransformerBridge, where: str) -> int:
    ids = model.tokenizer(" ", add_special_tokens=False)["input_ids"]
    if len(ids) != 1:
        msg = (
            f"{where}.pad is 'space', but a space is {len(ids)} tokens to {model_name(model)}; "
            "give the id of a token, 'model' or None."
        )
        raise ModelError(msg)
    return int(ids[0])


def _check_hook_point(model: TransformerBridge, addition: ActivationAddition | XVector, where: str) -> None:
    field = "at" if isinstance(addition, XVector) else "act_name"
    at = addition.at if isinstance(addition, XVector) else addition.act_name
    if isinstance(at, int) and at >= n_layers(model):
        msg = f"{where}.{field} is {at}, but {model_name(model)} has layers 0–{n_layers(model) - 1}."
        raise ModelError(msg)
    if hook_name(at) not in model.hook_dict:
        close = nearest(hook_name(at), model.hook_dict)
        suggestion = (
            close if close.startswith(" Did") else " Valid are names such as 'blocks.0.hook_resid_pre'."
        )
        msg = f"{where}.{field} is {at!r}, which is no hook point of {model_name(model)}.{suggestion}"
        raise ModelError(msg)


def _check_finite(activations: Tensor, where: str) -> None:
    if not bool(torch.isfinite(activations).all()):
        msg = f"{where} gives activations that are not finite numbers; use a smaller coeff or another dtype."
        raise ModelError(msg)


def _add(total: Tensor | None, activations: Tensor) -> Float[Tensor, "pos d_model"]:
    if total is None:
        return activations
    length = max(len(total), len(activations))
    padded = [_lengthen(each, length) for each in (total, activations)]
    return padded[0] + padded[1]


def _lengthen(activations: Tensor, length: int) -> Tensor:
    return F.pad(activations, (0, 0, 0, length - len(activations)))
