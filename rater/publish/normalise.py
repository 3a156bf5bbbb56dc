"""Normalise texts before they are shown, in every arm alike, so that form says less of how they were made."""

import re

_SENTENCE_END = re.compile(r"[.!?…。\uff01\uff1f]+[\"'”’»)\]]*(?=\s|$)")


def normalise(text: str, *, cut_unfinished_sentence: bool) -> str:
    """Cut trailing white space and, if the study says so, a last sentence that does not end.

    A text without the end of any sentence stays whole. NUL, which PostgreSQL cannot keep, becomes the
    replacement character.
    """
    clean = text.replace("\0", "\ufffd").rstrip()
    if not cut_unfinished_sentence:
        return clean
    ends = [match.end() for match in _SENTENCE_END.finditer(clean)]
    return clean[: ends[-1]] if ends else clean
