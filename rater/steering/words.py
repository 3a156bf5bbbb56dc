"""Count the words of a text. Needs no torch."""

import re
from collections.abc import Collection


def count_words(text: str, words: Collection[str] | None = None, *, case_sensitive: bool = False) -> int:
    """Count the words of a text, or the occurrences of some words in it.

    An apostrophe is part of a word, so "bride's" is not "bride"; an underscore is not. llm-steering counts
    both the other way.

    Args:
        text: The text.
        words: The words that are counted; None for all.
        case_sensitive: Whether "Love" is another word than "love".
    """
    fold = str if case_sensitive else str.casefold
    in_text = re.findall(r"[^\W_]+(?:['’][^\W_]+)*", fold(text))
    if words is None:
        return len(in_text)
    wanted = {fold(word) for word in words}
    return sum(word in wanted for word in in_text)
