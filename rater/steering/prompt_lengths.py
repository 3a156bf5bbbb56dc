"""Check with the tokenizer alone, without torch, that prompts have the tokens that are added to."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rater.errors import ModelError
from rater.steering.prompts import render, token_ids
from rater.study.additions import ActivationAddition, AnyAddition, RandomVector, XVector
from rater.study.arms import Steered

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def require_long_enough(
    tokenizer: "PreTrainedTokenizerBase", prompts: Sequence[str], arm: Steered, *, chat: bool, place: str
) -> None:
    """Check that each prompt has the tokens that an arm adds to; files of vectors are checked with the model.

    Args:
        tokenizer: The model's tokenizer.
        prompts: The study's prompts.
        arm: The arm whose additions are made to them.
        chat: Whether prompts go through the chat template.
        place: Where the arm is declared, such as ``arms[1]``.

    Raises:
        ModelError: a prompt is too short; with both lengths.
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
    """Return the number of tokens that a prompt needs, as far as it follows from the declaration."""
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
