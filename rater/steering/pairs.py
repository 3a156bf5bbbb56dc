"""Pairs of prompts whose activations are subtracted, and their padding to equal lengths."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.bridge import model_name, tokenize
from rater.steering.vectors import SteeringVector
from rater.study.additions import ActivationAddition, AnyAddition, XVector


class UnequalPairWarning(UserWarning):
    """The prompts of a pair differ in length: nothing is subtracted from the end of the longer one."""


def get_x_vector(  # noqa: PLR0917 (llm-steering's signature)
    prompt1: str,
    prompt2: str,
    coeff: float,
    act_name: int | str,
    model: TransformerBridge | None = None,
    pad_method: str | None = None,
    custom_pad_id: int | None = None,
) -> tuple[ActivationAddition, ActivationAddition]:
    """Return two additions whose sum is ``coeff`` × (activations of prompt1 − activations of prompt2).

    With ``pad_method="tokens_right"`` both prompts are tokenised (BOS first), and the shorter one is padded
    on the right with ``custom_pad_id``, or with the model's pad token if that is None. llm-steering uses id 0
    for None, and requires a pad token even with another id; this function does neither.

    Raises:
        ModelError: padding is requested without a model, with another method, or without a pad token.
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


def x_vector_tokens(
    model: TransformerBridge, addition: XVector, where: str
) -> tuple[Sequence[int], Sequence[int]]:
    """Return the tokens of an x-vector's two prompts, padded as declared where each token is read."""
    tokens1, tokens2 = tokenize(model, addition.prompt1), tokenize(model, addition.prompt2)
    if addition.pad is None or addition.read != "each":
        return tokens1, tokens2
    pad = addition.pad if isinstance(addition.pad, int) else None
    pad = space_token(model, where) if addition.pad == "space" else _pad_token(model, pad)
    check_tokens(model, [pad], where)
    return _pad_right(tokens1, tokens2, pad)


def warn_of_unequal_pairs(
    model: TransformerBridge, additions: Sequence[AnyAddition | SteeringVector], place: str
) -> None:
    """Warn of each x-vector, and each pair of opposite additions, whose prompts differ in length."""
    for index, addition in enumerate(additions):
        if isinstance(addition, XVector) and addition.pad is None and addition.read == "each":
            _warn_if_unequal(model, addition.prompt1, addition.prompt2, f"{place}[{index}]")
    for index, (first, second) in enumerate(pairwise(additions)):
        if (
            isinstance(first, ActivationAddition)
            and isinstance(second, ActivationAddition)
            and first.prompt is not None
            and second.prompt is not None
            and first.coeff is not None
            and second == replace(first, prompt=second.prompt, coeff=-first.coeff)
        ):
            _warn_if_unequal(model, first.prompt, second.prompt, f"{place}[{index}] and [{index + 1}]")


def _warn_if_unequal(model: TransformerBridge, prompt1: str, prompt2: str, where: str) -> None:
    lengths = [len(tokenize(model, prompt)) - 1 for prompt in (prompt1, prompt2)]
    if lengths[0] != lengths[1]:
        message = (
            f"{where} subtracts {prompt2!r} ({lengths[1]} tokens) from {prompt1!r} ({lengths[0]}) without "
            "padding, so that nothing is subtracted from the longer one's last tokens; pad='space' (or "
            "pad_method='tokens_right') evens them out."
        )
        warnings.warn(message, UnequalPairWarning, stacklevel=4)


def check_tokens(model: TransformerBridge, tokens: Sequence[int], where: str) -> None:
    """Check that the model has all token ids.

    Raises:
        ModelError: it does not.
    """
    size = int(model.cfg.d_vocab)
    for token in tokens:
        if not 0 <= token < size:
            msg = f"{where} has the token {token}, but {model_name(model)} has tokens 0 to {size - 1}."
            raise ModelError(msg)


def _pad_right(tokens1: list[int], tokens2: list[int], pad: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    length = max(len(tokens1), len(tokens2))
    return (
        (*tokens1, *[pad] * (length - len(tokens1))),
        (*tokens2, *[pad] * (length - len(tokens2))),
    )


def _pad_token(model: TransformerBridge, custom_pad_id: int | None) -> int:
    pad = model.tokenizer.pad_token_id if custom_pad_id is None else custom_pad_id
    if pad is None:
        msg = f"The tokenizer of {model_name(model)} has no pad token; set custom_pad_id (pad=...)."
        raise ModelError(msg)
    return int(pad)


def space_token(model: TransformerBridge, where: str) -> int:
    """Return the id of the token of a single space.

    Raises:
        ModelError: a space is not one token to the model.
    """
    ids = model.tokenizer(" ", add_special_tokens=False)["input_ids"]
    if len(ids) != 1:
        msg = (
            f"{where}.pad is 'space', but a space is {len(ids)} tokens to {model_name(model)}; "
            "give the id of a token, 'model' or None."
        )
        raise ModelError(msg)
    return int(ids[0])
