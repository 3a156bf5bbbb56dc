"""Render prompts as the model reads them: with prefix, system prompt and chat template, as tokens.

Needs the tokenizer alone, no torch; so do the checks that prompts have the tokens that are added to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from rater.embedded_model import EMBEDDED_MODEL, embedded_model_path, quietly
from rater.errors import ModelError
from rater.study.additions import ActivationAddition, AnyAddition, RandomVector, XVector
from rater.study.arms import ModelArm, Prompted, Steered
from rater.study.conversation import Transcript, TurnText, insert_replies, read_transcript

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


_REASONING = "<think>"


@dataclass(frozen=True)
class RenderedPrompt:
    """A model's input for a prompt."""

    text: str
    """Text, including prefix, system prompt and template."""
    ids: tuple[int, ...]
    """Token ids, BOS first."""
    own: "TokenSpan | None"
    """The tokens of the study's prompt itself, or of the last turn of a conversation; None if the tokenizer
    cannot locate them."""


class TokenSpan(NamedTuple):
    """A range of token positions, from BOS = 0, both ends included."""

    first: int
    last: int


def render(tokenizer: "PreTrainedTokenizerBase", prompt: str, arm: ModelArm | None, *, chat: bool) -> str:
    """Return an arm's input for a prompt as text; positions of additions count in all of it, from BOS.

    Of a conversation, it ends before the first reply that is to be generated.

    Args:
        tokenizer: The model's tokenizer, whose chat template is used.
        prompt: The study's prompt, or the `Transcript` of a conversation.
        arm: The arm whose prefix and system prompt are added; None for none. A prefix comes before the first
            turn of the user.
        chat: Whether the prompt is a user's message, and the completion the model's reply.

    Raises:
        ModelError: the tokenizer has no chat template, or its template does not accept the messages.
    """
    prefix, system = (arm.prefix, arm.system) if isinstance(arm, Prompted) else ("", None)
    if not chat and system is None:
        return prefix + prompt
    if not getattr(tokenizer, "chat_template", None):
        msg = (
            f"The tokenizer of {tokenizer.name_or_path} has no chat template, but chat is True; use a chat "
            "model, or chat=False and, for a prompted arm, prefix."
        )
        raise ModelError(msg)
    messages = [] if system is None else [{"role": "system", "content": system}]
    for turn in _turns_of(prompt):
        before = prefix if turn.role == "user" else ""
        messages.append({"role": turn.role, "content": before + turn.text})
        prefix = "" if turn.role == "user" else prefix
    try:
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
    except Exception as error:  # the template is a program that the model's authors wrote
        msg = f"The chat template of {tokenizer.name_or_path} refuses the prompt {prompt!r}: {error}."
        raise ModelError(msg) from error


def _turns_of(prompt: str) -> list[TurnText]:
    if not isinstance(prompt, Transcript):
        return [TurnText("user", prompt)]
    return [turn for turn, _ in insert_replies(read_transcript(prompt), ())]


def token_ids(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    """Return the token ids of a text, BOS first; an empty text is BOS alone.

    A text that begins with BOS, as most chat templates do, gets no second one.
    """
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    bos = int(tokenizer.bos_token_id)
    return ids if ids[:1] == [bos] else [bos, *ids]


def new_text(tokenizer: "PreTrainedTokenizerBase", prompt_ids: Sequence[int], new_ids: Sequence[int]) -> str:
    """Return new tokens as text, decoded together with their prompt; see `bridge.to_text`."""

    def decode(ids: Sequence[int]) -> str:
        return str(tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))

    prompt, whole = decode(prompt_ids), decode([*prompt_ids, *new_ids])
    # A prompt that ends within a multi-byte character is not a prefix of the whole text.
    return whole.removeprefix(prompt) if whole.startswith(prompt) else decode(new_ids)


def require_bos(tokenizer: "PreTrainedTokenizerBase", model: str) -> None:
    """Check that a tokenizer has a BOS token. Qwen's has none: the experimenter has to choose one.

    Raises:
        ModelError: it has none; the message describes how to set one.
    """
    if tokenizer.bos_token_id is None:
        msg = (
            f"The tokenizer of {model} has no BOS token, from which positions of additions are counted. Give "
            "it one in a copy of the model's folder, and name the copy: set tokenizer.bos_token (for Qwen "
            "transformer_lens takes '<|endoftext|>'), then tokenizer.save_pretrained(folder)."
        )
        raise ModelError(msg)


def give(
    tokenizer: "PreTrainedTokenizerBase", prompt: str, arm: ModelArm | None, *, chat: bool
) -> RenderedPrompt:
    """Return an arm's input for a prompt.

    Raises:
        ModelError: as `render`; or the tokenizer has no BOS token.
    """
    require_bos(tokenizer, tokenizer.name_or_path)
    text = render(tokenizer, prompt, arm, chat=chat)
    ids = token_ids(tokenizer, text)
    own = _turns_of(prompt)[-1].text
    return RenderedPrompt(text, tuple(ids), _own(tokenizer, text, own, len(ids)))


def set_off(text: str, given: str, prompt: str, *, chat: bool) -> str:
    """Return a completion as it is stored.

    A chat model's reply is separated from the prompt above it, which it does not continue; a turn of a
    conversation needs no separation. Where the chat template begins the reasoning, the tag belongs to the
    reply.

    Args:
        text: The new tokens as text.
        given: The model's input, as `render` returns it.
        prompt: The study's prompt, or the `Transcript` of a conversation.
        chat: Whether the text is a model's reply.
    """
    if not chat:
        return text
    reply = f"{_REASONING}\n{text.lstrip()}" if given.rstrip().endswith(_REASONING) else text.lstrip()
    return reply if isinstance(prompt, Transcript) else f"\n\n{reply}"


def read_tokenizer(model: str) -> "PreTrainedTokenizerBase | None":
    """Return the tokenizer of a model on this disk; None without the model or transformers."""
    with quietly():
        try:
            if model == EMBEDDED_MODEL:
                return _read_embedded()
            from transformers import AutoTokenizer  # noqa: PLC0415 (takes seconds, and may not be installed)

            tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(model, local_files_only=True)
        except (ImportError, OSError, ValueError):
            return None
    return tokenizer


def _read_embedded() -> "PreTrainedTokenizerBase | None":
    """Read it with the class that `AutoTokenizer` would choose; choosing imports torch (3 s)."""
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415 (as above)

    path = embedded_model_path()
    return None if path is None else PreTrainedTokenizerFast.from_pretrained(path, local_files_only=True)


def _own(tokenizer: "PreTrainedTokenizerBase", text: str, prompt: str, n_tokens: int) -> TokenSpan | None:
    if not tokenizer.is_fast or prompt not in text:
        return None
    start = text.rindex(prompt)
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    n_before = n_tokens - len(offsets)  # BOS, where the text has none
    held = [at for at, (begin, end) in enumerate(offsets) if end > start and begin < start + len(prompt)]
    return TokenSpan(held[0] + n_before, held[-1] + n_before) if held else None


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
