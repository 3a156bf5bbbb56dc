"""Reasoning in completions: the parts between ``<think>`` and ``</think>``.

Three cases need a rule. A part without an end, as at the limit of tokens, lasts to the end of the text. A
part without a beginning, because the chat template wrote ``<think>`` into the prompt, begins with the text.
Tags inside a part are text.
"""

import re
from typing import NamedTuple

_OPEN, _CLOSE = "<think>", "</think>"
_TAG = re.compile(rf"{re.escape(_OPEN)}|{re.escape(_CLOSE)}", re.IGNORECASE)


class Part(NamedTuple):
    """A part of a completion."""

    text: str
    is_reasoning: bool


def split_reasoning(text: str) -> tuple[Part, ...]:
    """Split a completion into parts, without the tags; parts without visible characters are left out."""
    parts: list[Part] = []
    begin, is_open, has_closed = 0, False, False
    for tag in _TAG.finditer(text):
        opens = tag.group().lower() == _OPEN
        if opens and not is_open:
            parts.append(Part(text[begin : tag.start()], is_reasoning=False))
            begin, is_open = tag.end(), True
        elif not opens and (is_open or not (parts or has_closed)):
            parts.append(Part(text[begin : tag.start()], is_reasoning=True))
            begin, is_open, has_closed = tag.end(), False, True
    parts.append(Part(text[begin:], is_reasoning=is_open))
    return tuple(part for part in parts if part.text.strip())


def without_reasoning(text: str) -> str:
    """Return a completion without its reasoning; white space at the beginning of the text is kept.

    It is empty if the text is nothing but reasoning.
    """
    parts = split_reasoning(text)
    if not any(part.is_reasoning for part in parts):
        return text
    answer = "\n\n".join(part.text.strip() for part in parts if not part.is_reasoning)
    return text[: len(text) - len(text.lstrip())] + answer if answer else ""


def has_reasoning(text: str) -> bool:
    """Return whether a completion has a reasoning part."""
    return any(part.is_reasoning for part in split_reasoning(text))
