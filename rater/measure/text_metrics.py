r"""Metrics of a text's form: length, repetition, variety of words, and readability.

Readability is by two formulas that need no dictionary of syllables. Both were fitted to American school
texts, so that they mean a school grade in English prose alone; in other languages they only order texts by
the lengths of their words and sentences.

Automated readability index (Smith & Senter 1967, AMRL-TR-66-220): :math:`4.71\, c/w + 0.5\, w/s - 21.43`.
Coleman–Liau index (Coleman & Liau 1975, J. Appl. Psychol. 60:283): :math:`5.88\, c/w - 29.6\, s/w - 15.8`.
Here c is the number of letters and digits, w of words, and s of sentences.
"""

import re
import zlib
from collections.abc import Callable, Collection, Iterable
from typing import ClassVar

from rater.errors import StudyError
from rater.measure.metric import TextMetric
from rater.steering.words import count_words

NO_WORDS = "the text has no words"
_TOO_SHORT = "the text has fewer than three words"
# as `rater.steering.words.count_words` counts them
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s|$)|[。\uff01\uff1f]")
_GRAM = 3


class WordCount(TextMetric):
    """The occurrences of some words in a text."""

    kind: ClassVar[str] = "words"


def count_of(words: Collection[str], *, case_sensitive: bool = False) -> TextMetric:
    """Return a metric that counts the occurrences of some words in a text.

    An apostrophe is part of a word, so that "bride's" is not "bride".

    Args:
        words: The words, each of letters and digits.
        case_sensitive: Whether "Love" is another word than "love".

    Raises:
        StudyError: there are no words, or one of them is not a single word.
    """
    counted = sorted(set(words))
    wrong = [word for word in counted if not _WORD.fullmatch(word)]
    if wrong or not counted:
        what = f"has {wrong[0]!r}" if wrong else "is empty"
        msg = f"The list of words {what}; valid: single words, such as love and joy"
        raise StudyError(msg)
    settings = {"words": counted, "case_sensitive": case_sensitive}
    return WordCount(
        lambda text: float(count_words(text, counted, case_sensitive=case_sensitive)),
        "count",
        settings,
        description=f"occurrences of {', '.join(counted)}",
    )


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return _WORD.findall(text.casefold())


def _count_sentences(text: str) -> int:
    """Count sentences by their ends; a rest without an end is one."""
    ends = list(_SENTENCE_END.finditer(text))
    rest = text[ends[-1].end() :] if ends else text
    return len(ends) + bool(_WORD.search(rest))


def _repeated_trigrams(text: str) -> float | str:
    words = words_of(text)
    grams = list(zip(*(words[start:] for start in range(_GRAM)), strict=False))
    return 1 - len(set(grams)) / len(grams) if grams else _TOO_SHORT


def _distinct_words(text: str) -> float | str:
    words = words_of(text)
    return len(set(words)) / len(words) if words else NO_WORDS


def _compression(text: str) -> float | str:
    raw = text.encode()
    return len(zlib.compress(raw, 9)) / len(raw) if raw else "the text is empty"


def _ari(text: str) -> float | str:
    characters, words, sentences = _sizes(text)
    return 4.71 * characters / words + 0.5 * words / sentences - 21.43 if words else NO_WORDS


def _coleman_liau(text: str) -> float | str:
    characters, words, sentences = _sizes(text)
    return 5.88 * characters / words - 29.6 * sentences / words - 15.8 if words else NO_WORDS


def _sizes(text: str) -> tuple[int, int, int]:
    return sum(map(str.isalnum, text)), count_words(text), _count_sentences(text)


_FUNCTIONS: dict[str, Callable[[str], float | str]] = {
    "words": lambda text: float(count_words(text)),
    "characters": lambda text: float(len(text)),
    "sentences": lambda text: float(_count_sentences(text)),
    "repeated_trigrams": _repeated_trigrams,
    "distinct_words": _distinct_words,
    "compression": _compression,
    "readability_ari": _ari,
    "readability_coleman_liau": _coleman_liau,
}
TEXT_METRICS = {
    "words": "number of words",
    "characters": "number of characters",
    "sentences": "number of sentences",
    "repeated_trigrams": "share of runs of three words that occurred before",
    "distinct_words": "different words divided by words",
    "compression": "size after zlib compression divided by size, low for repetitive texts",
    "readability_ari": "automated readability index, a school grade in English",
    "readability_coleman_liau": "Coleman–Liau index, a school grade in English",
}
"""The metrics of form, and what each value is."""


def text_metrics(names: Iterable[str] = tuple(TEXT_METRICS)) -> dict[str, TextMetric]:
    """Return metrics of form by name: all of them, or some.

    Raises:
        StudyError: a name is unknown.
    """
    chosen = list(names)
    for name in chosen:
        if name not in _FUNCTIONS:
            msg = f"Unknown text metric {name!r}; valid: {', '.join(_FUNCTIONS)}"
            raise StudyError(msg)
    return {name: TextMetric(_FUNCTIONS[name], name, description=TEXT_METRICS[name]) for name in chosen}
