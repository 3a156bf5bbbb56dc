"""Measure what a text looks like, its meaning aside."""

import re
import unicodedata
from collections.abc import Callable

from rater.study.confounds import TextCue

_FINAL = re.compile(r"[.!?\u2026\u3002\uff01\uff1f][\"'\u2019\u201d)\]]*\s*$")
"""A sentence's end, Chinese and Japanese full stops included, perhaps inside quotation marks or brackets."""
_LIST_LINE = re.compile(r"^[ \t]*(?:[-*+•·]|\d{1,3}[.)])[ \t]", re.MULTILINE)
_QUOTES = re.compile(r"[\"\u201c-\u201f\u00ab\u00bb\u2018]|(?<!\w)['\u2019]|['\u2019](?!\w)")
_MARKUP = re.compile(r"[*_#`~|<>\[\]{}]")
_WORD = re.compile(r"\w+")
_REPLACEMENT = "\ufffd"
_GRAM = 3


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _unprintable(text: str) -> float:
    return sum(
        not character.isprintable() or character == _REPLACEMENT or unicodedata.category(character) == "Zs"
        for character in text
        if character not in " \n\t"
    )


def _capitals(text: str) -> float:
    letters = [character for character in text if character.isalpha()]
    return sum(map(str.isupper, letters)) / len(letters) if letters else 0.0


def word_repetition(text: str) -> float:
    """Return the share of runs of three words that occurred before: 0 for none, near 1 for a loop."""
    words = _words(text)
    grams = list(zip(*(words[start:] for start in range(_GRAM)), strict=False))
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


FORMS: dict[TextCue, Callable[[str], float]] = {
    "length in characters": len,
    "length in words": lambda text: len(_words(text)),
    "white space in front": lambda text: len(text) - len(text.lstrip()),
    "white space behind": lambda text: len(text) - len(text.rstrip()),
    "unprintable or odd characters": _unprintable,
    "characters beyond ASCII": lambda text: sum(not character.isascii() for character in text),
    "cut off (no final punctuation)": lambda text: _FINAL.search(text) is None,
    "line breaks": lambda text: text.count("\n"),
    "lines of a list": lambda text: len(_LIST_LINE.findall(text)),
    "quotation marks": lambda text: len(_QUOTES.findall(text)),
    "Markdown and brackets": lambda text: len(_MARKUP.findall(text)),
    "digits": lambda text: sum(map(str.isdigit, text)),
    "share of capitals": _capitals,
    "repetition": word_repetition,
}
"""What is measured, by its name in the audit."""
