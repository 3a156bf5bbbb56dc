"""Render prompts with the embedded model's own tokenizer and template."""

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given as examples
from hypothesis import strategies

from rater.embedded_model import EMBEDDED_MODEL, embedded_model_path
from rater.errors import ModelError
from rater.steering.prompts import TokenSpan, give, read_tokenizer, render, set_off, token_ids
from rater.study.arms import Prompted, Unsteered

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

pytestmark = pytest.mark.model

PROMPT = "I hate you because"
BOS = 1


@pytest.fixture(scope="module")
def tokenizer() -> "PreTrainedTokenizerBase":
    found = read_tokenizer("smollm2-135m-instruct")
    assert found is not None
    return found


@pytest.fixture(scope="module")
def automatic() -> "PreTrainedTokenizerBase":
    """The tokenizer as generation reads it, with the model."""
    from transformers import AutoTokenizer  # noqa: PLC0415 (takes seconds)

    found: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(embedded_model_path())
    return found


def test_the_check_reads_the_very_tokenizer_that_generation_uses(
    tokenizer: "PreTrainedTokenizerBase", automatic: "PreTrainedTokenizerBase"
) -> None:
    assert type(tokenizer) is type(automatic)
    assert tokenizer.backend_tokenizer.to_str() == automatic.backend_tokenizer.to_str()
    assert tokenizer.special_tokens_map == automatic.special_tokens_map
    assert tokenizer.chat_template == automatic.chat_template


@examples(text=strategies.text(strategies.characters(codec="utf-8")), chat=strategies.booleans())
def test_any_text_gives_the_tokens_that_generation_is_given(
    tokenizer: "PreTrainedTokenizerBase", automatic: "PreTrainedTokenizerBase", *, text: str, chat: bool
) -> None:
    shown, used = (
        give(each, text, Prompted(prefix="<|im_end|> "), chat=chat) for each in (tokenizer, automatic)
    )

    assert shown == used


def test_the_embedded_tokenizer_is_read_without_torch() -> None:
    code = (
        "import sys\nfrom rater.steering.prompts import read_tokenizer\n"
        f"print(read_tokenizer({EMBEDDED_MODEL!r}) is not None, 'torch' in sys.modules)"
    )

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout == "True False\n"


def test_a_plain_prompt_is_unchanged(tokenizer: "PreTrainedTokenizerBase") -> None:
    given = give(tokenizer, PROMPT, Unsteered(), chat=False)

    assert (given.text, given.ids, given.own) == (PROMPT, (BOS, 57, 13735, 346, 975), TokenSpan(1, 4))


def test_a_prefix_is_put_before_the_prompt(tokenizer: "PreTrainedTokenizerBase") -> None:
    given = give(tokenizer, PROMPT, Prompted(prefix="You are loved. "), chat=False)

    assert given.text == "You are loved. I hate you because"
    assert given.own is not None
    assert tokenizer.decode(list(given.ids[given.own.first : given.own.last + 1])) == " I hate you because"


def test_a_chat_has_the_templates_own_tokens_and_bos_once(tokenizer: "PreTrainedTokenizerBase") -> None:
    given = give(tokenizer, PROMPT, Unsteered(), chat=True)

    messages = [{"role": "user", "content": PROMPT}]
    templated = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    assert templated == list(given.ids)
    assert given.ids[:2] != (BOS, BOS)  # SmolLM2's BOS is <|im_start|>, with which its template begins
    assert given.own is not None
    assert tokenizer.decode(list(given.ids[given.own.first : given.own.last + 1])) == PROMPT


def test_a_system_prompt_takes_the_place_of_the_templates_own(tokenizer: "PreTrainedTokenizerBase") -> None:
    text = render(tokenizer, PROMPT, Prompted(system="Be kind.", prefix="Well: "), chat=True)

    assert text == (
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nWell: I hate you because<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_a_text_that_begins_with_bos_gets_no_second(tokenizer: "PreTrainedTokenizerBase") -> None:
    assert token_ids(tokenizer, "<|im_start|>user") == token_ids(tokenizer, "user") == [BOS, 4093]
    assert token_ids(tokenizer, "") == [BOS]


def test_a_tokenizer_without_a_template_cannot_chat() -> None:
    plain = read_tokenizer("smollm2-135m-instruct")
    assert plain is not None
    plain.chat_template = None

    with pytest.raises(ModelError, match="has no chat template, but chat is True; use a chat model, or"):
        render(plain, PROMPT, Unsteered(), chat=True)


def test_what_a_template_refuses_is_named() -> None:
    strict = read_tokenizer("smollm2-135m-instruct")
    assert strict is not None
    strict.chat_template = "{{ raise_exception('no system prompts here') }}"

    with pytest.raises(
        ModelError, match=r"refuses the prompt 'I hate you because': no system prompts here\."
    ):
        render(strict, PROMPT, Prompted(system="Be kind."), chat=True)


def test_a_model_that_is_not_here_has_no_tokenizer() -> None:
    assert read_tokenizer("nobody/nothing") is None


def test_a_reply_is_set_off_from_the_prompt_and_a_continuation_is_not() -> None:
    assert set_off(" you are", "I think", "I think", chat=False) == " you are"
    assert set_off(" \nYou are", "<user>Hi<assistant>", "Hi", chat=True) == "\n\nYou are"


def test_the_check_of_lengths_loads_no_torch() -> None:
    code = "import sys, rater.steering.prompts; print('torch' in sys.modules)"

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == "False"
